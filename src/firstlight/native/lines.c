/* Columns of events as JSON Lines: the twin of firstlight.codecs.jsonl. */

#include "json.h"

/* What is the same for all lines of one call. */
typedef struct {
    PyObject *columns;
    PyObject *heads, *second, *tick_key, *encode;
    const char *session, *process, *service;
    Py_ssize_t session_size, process_size, service_size;
    int has_start;
    long long start_ms;
} Shared;

static int
put_encoded(Out *out, PyObject *value, Shared *shared)
{
    PyObject *bytes = PyObject_CallOneArg(shared->encode, value);
    if (bytes == NULL)
        return -1;
    char *content;
    Py_ssize_t size;
    int failed = PyBytes_AsStringAndSize(bytes, &content, &size) < 0 || put_bytes(out, content, size) < 0;
    Py_DECREF(bytes);
    return failed ? -1 : 0;
}

static int
put_value(Out *out, PyObject *value, Shared *shared)
{
    int fate = put_scalar(out, value);
    return fate == NOT_MINE ? put_encoded(out, value, shared) : fate;
}

/* Write a dict of plain scalars but for the key `without`, if that is not NULL. */
static int
put_plain_fields(Out *out, PyObject *fields, PyObject *without)
{
    PyObject *key, *value;
    const char *comma = "{,";
    for (Py_ssize_t at = 0; PyDict_Next(fields, &at, &key, &value);) {
        if (!PyUnicode_CheckExact(key))
            return NOT_MINE;
        if (without != NULL && PyUnicode_Compare(key, without) == 0)
            continue;
        int fate = put_bytes(out, comma, 1);
        if (fate || (fate = put_str(out, key)) || (fate = PUT(out, ":")) || (fate = put_scalar(out, value)))
            return fate;
        comma = ",";
    }
    return *comma == '{' ? PUT(out, "{}") : PUT(out, "}");
}

static int
put_any_fields(Out *out, PyObject *fields, PyObject *without, Shared *shared)
{
    if (without == NULL)
        return put_encoded(out, fields, shared);
    PyObject *rest = PyDict_Copy(fields);
    int fate = rest == NULL || PyDict_DelItem(rest, without) < 0 ? -1 : put_encoded(out, rest, shared);
    Py_XDECREF(rest);
    return fate;
}

static int
put_fields(Out *out, PyObject *fields, PyObject *without, Shared *shared)
{
    Py_ssize_t before = written(out);
    int fate = PyDict_CheckExact(fields) ? put_plain_fields(out, fields, without) : NOT_MINE;
    if (fate != NOT_MINE)
        return fate;
    out->at = PyBytes_AS_STRING(out->bytes) + before;
    return put_any_fields(out, fields, without, shared);
}

/* What neighbouring lines share, and what it was made of. */
typedef struct {
    PyObject *name, *place; /* borrowed from the columns */
    PyObject *head;
    long long second, time_ms;
    long long thread_id;
    int is_begun;
    char date[24];
    Py_ssize_t date_size;
    Out opening, closing;
    Py_ssize_t session_at; /* in the opening */
} Now;

#define NS_PER_MS 1000000
#define MS_PER_S 1000
#define MOST_START_MS 1000000000000000

static long long
floored(long long number, long long by)
{
    return number / by - (number % by < 0);
}

static int
turn_to_head(Now *now, PyObject *place, PyObject *name, Shared *shared)
{
    PyObject *key = PyTuple_Pack(2, place, name);
    PyObject *head = key == NULL ? NULL : PyObject_GetItem(shared->heads, key);
    Py_XDECREF(key);
    Py_XSETREF(now->head, head);
    now->name = name;
    now->place = place;
    if (head != NULL && !PyBytes_Check(head))
        return refuse("a head is bytes");
    return head == NULL ? -1 : 0;
}

static int
turn_to_second(Now *now, long long second, Shared *shared)
{
    PyObject *number = PyLong_FromLongLong(second);
    PyObject *date = number == NULL ? NULL : PyObject_CallOneArg(shared->second, number);
    Py_ssize_t size = 0;
    const char *text = date == NULL ? NULL : PyUnicode_AsUTF8AndSize(date, &size);
    int fate = text == NULL ? -1 : size > (Py_ssize_t)sizeof now->date ? refuse("a second has 19 characters") : 0;
    if (fate == 0) {
        memcpy(now->date, text, (size_t)size);
        now->date_size = size;
        now->second = second;
    }
    Py_XDECREF(number);
    Py_XDECREF(date);
    return fate;
}

/* Write three digits. */
static int
put_thousandths(Out *out, long long number)
{
    char text[3];
    digits_before(text + 3, (unsigned long long)number, 3);
    return put_bytes(out, text, 3);
}

static int
put_uptime(Out *out, long long time_ms, Shared *shared)
{
    if (!shared->has_start)
        return PUT(out, "null");
    long long uptime_ms = time_ms - shared->start_ms;
    long long size_ms = uptime_ms < 0 ? -uptime_ms : uptime_ms;
    if ((uptime_ms < 0 && PUT(out, "-") < 0) || put_whole(out, size_ms / MS_PER_S) < 0 || PUT(out, ".") < 0)
        return -1;
    return put_thousandths(out, size_ms % MS_PER_S);
}

static int
reopen(Now *now, Shared *shared)
{
    Out *out = &now->opening;
    Py_ssize_t before = PyBytes_GET_SIZE(now->head);
    long long rest_ms = now->time_ms - now->second * MS_PER_S;
    out->at = PyBytes_AS_STRING(out->bytes);
    if (PUT(out, "{\"timestamp\":\"") < 0 || put_bytes(out, now->date, now->date_size) < 0 || PUT(out, ".") < 0 ||
        put_thousandths(out, rest_ms) < 0 || PUT(out, "Z\",\"level\":") < 0 ||
        put_bytes(out, PyBytes_AS_STRING(now->head), before) < 0)
        return -1;
    now->session_at = written(out);
    return put_bytes(out, shared->session, shared->session_size) < 0 ? -1 : PUT(out, ",\"data\":");
}

static int
reclose(Now *now, Shared *shared)
{
    Out *out = &now->closing;
    out->at = PyBytes_AS_STRING(out->bytes);
    if (PUT(out, ",\"metadata\":") < 0 || put_bytes(out, shared->process, shared->process_size) < 0 ||
        put_whole(out, now->thread_id) < 0 || PUT(out, ",\"uptime_seconds\":") < 0 ||
        put_uptime(out, now->time_ms, shared) < 0)
        return -1;
    return put_bytes(out, shared->service, shared->service_size);
}

/* As in firstlight.model.EventColumns. */
enum { E_TIMES, E_PLACES, E_NAMES, E_ATTRIBUTES, E_THREADS, E_BODIES, E_TRACES, E_SPANS, E_COLUMNS };

/* PyLong_AsLongLong takes twice as long. */
static int
whole_number(PyObject *integer, long long *into)
{
    int overflow;
    *into = PyLong_AsLongLongAndOverflow(integer, &overflow);
    if (overflow)
        PyErr_SetString(PyExc_OverflowError, "an integer has more than 64 bits");
    return overflow || (*into == -1 && PyErr_Occurred()) ? -1 : 0;
}

/* Write anew what this line does not share with the one before. */
static int
turn_to(Now *now, PyObject **cells, Shared *shared)
{
    long long time_ns, thread_id;
    if (whole_number(cells[E_TIMES], &time_ns) < 0 || whole_number(cells[E_THREADS], &thread_id) < 0)
        return -1;
    long long time_ms = floored(time_ns, NS_PER_MS), second = floored(time_ms, MS_PER_S);
    int is_other_moment = !now->is_begun || time_ms != now->time_ms || thread_id != now->thread_id;
    int is_other_event = cells[E_NAMES] != now->name || cells[E_PLACES] != now->place;
    if (!is_other_moment && !is_other_event)
        return 0;
    if ((!now->is_begun || second != now->second) && turn_to_second(now, second, shared) < 0)
        return -1;
    if (is_other_event && turn_to_head(now, cells[E_PLACES], cells[E_NAMES], shared) < 0)
        return -1;
    now->time_ms = time_ms;
    now->thread_id = thread_id;
    now->is_begun = 1;
    return reopen(now, shared) < 0 || (is_other_moment && reclose(now, shared) < 0) ? -1 : 0;
}

static int
put_opening(Out *out, Now *now, PyObject *tick, Shared *shared)
{
    const char *opening = PyBytes_AS_STRING(now->opening.bytes);
    Py_ssize_t size = written(&now->opening);
    if (tick == NULL)
        return put_bytes(out, opening, size);
    if (put_bytes(out, opening, now->session_at) < 0 || PUT(out, ",\"tick_id\":") < 0 ||
        put_value(out, tick, shared) < 0)
        return -1;
    return put_bytes(out, opening + now->session_at, size - now->session_at);
}

static int
put_data(Out *out, Now *now, PyObject *fields, Shared *shared)
{
    if (!PyDict_Check(fields)) {
        PyErr_SetString(PyExc_TypeError, "attributes are a dict");
        return -1;
    }
    PyObject *tick = PyDict_GetItemWithError(fields, shared->tick_key);
    if (tick == NULL && PyErr_Occurred())
        return -1;
    Py_XINCREF(tick);
    int fate = put_opening(out, now, tick, shared);
    if (fate == 0)
        fate = put_fields(out, fields, tick == NULL ? NULL : shared->tick_key, shared);
    Py_XDECREF(tick);
    return fate;
}

/* Write a key and `text`, unless that is empty. */
static int
put_pair(Out *out, const char *key, Py_ssize_t size, PyObject *text, Shared *shared)
{
    int is_there = PyUnicode_CheckExact(text) ? PyUnicode_GET_LENGTH(text) > 0 : PyObject_IsTrue(text);
    if (is_there <= 0)
        return is_there;
    return put_bytes(out, key, size) < 0 ? -1 : put_value(out, text, shared);
}

#define PUT_PAIR(out, key, text, shared) put_pair(out, ",\"" key "\":", sizeof(key) + 3, text, shared)

static int
put_line(Out *out, Now *now, PyObject **cells, Shared *shared)
{
    if (turn_to(now, cells, shared) < 0 || put_data(out, now, cells[E_ATTRIBUTES], shared) < 0 ||
        put_bytes(out, PyBytes_AS_STRING(now->closing.bytes), written(&now->closing)) < 0 ||
        PUT_PAIR(out, "message", cells[E_BODIES], shared) < 0 ||
        PUT_PAIR(out, "trace_id", cells[E_TRACES], shared) < 0 ||
        PUT_PAIR(out, "span_id", cells[E_SPANS], shared) < 0)
        return -1;
    return PUT(out, "}\n");
}

#define FIRST_BYTES 4096
#define SAMPLE_ROWS 16
#define MOST_ROOM_BYTES (4 * 1024 * 1024)

/* Make room for `rows` more lines like those that are there: growing step by step would cost more than writing. */
static int
make_room(Out *out, Py_ssize_t rows)
{
    Py_ssize_t line_bytes = written(out) / SAMPLE_ROWS + 1;
    Py_ssize_t wanted = rows < MOST_ROOM_BYTES / line_bytes ? rows * line_bytes : MOST_ROOM_BYTES;
    wanted += wanted / 8;
    return out->end - out->at < wanted ? grow(out, wanted) : 0;
}

static int
put_lines(Out *out, Now *now, PyObject **columns, Shared *shared)
{
    PyObject *cells[E_COLUMNS];
    Py_ssize_t rows = PyTuple_GET_SIZE(columns[0]);
    for (Py_ssize_t row = 0; row < rows; row++) {
        if (row == SAMPLE_ROWS && make_room(out, rows - row) < 0)
            return -1;
        for (int column = 0; column < E_COLUMNS; column++)
            cells[column] = PyTuple_GET_ITEM(columns[column], row);
        if (put_line(out, now, cells, shared) < 0)
            return -1;
    }
    return finish(out);
}

/* Make tuples of the columns, which nobody can change while we read them. */
static int
freeze(PyObject **into, PyObject *columns)
{
    if (PyTuple_GET_SIZE(columns) != E_COLUMNS)
        return refuse("events have eight columns");
    for (int column = 0; column < E_COLUMNS; column++) {
        into[column] = PySequence_Tuple(PyTuple_GET_ITEM(columns, column));
        if (into[column] == NULL)
            return -1;
        if (PyTuple_GET_SIZE(into[column]) != PyTuple_GET_SIZE(into[0]))
            return refuse("columns are of one length");
    }
    return 0;
}

static PyObject *
lines_of(Shared *shared)
{
    Out out = {0};
    Now now = {0};
    PyObject *columns[E_COLUMNS] = {NULL};
    int fate = freeze(columns, shared->columns);
    if (fate == 0 && (begin(&now.opening, FIRST_BYTES) < 0 || begin(&now.closing, FIRST_BYTES) < 0 ||
                      begin(&out, FIRST_BYTES) < 0 || put_lines(&out, &now, columns, shared) < 0))
        fate = -1;
    if (fate < 0)
        Py_CLEAR(out.bytes);
    Py_XDECREF(now.opening.bytes);
    Py_XDECREF(now.closing.bytes);
    Py_XDECREF(now.head);
    for (int column = 0; column < E_COLUMNS; column++)
        Py_XDECREF(columns[column]);
    return out.bytes;
}

const char firstlight_event_lines_doc[] = "event_lines(columns, heads, sender, second, tick_key, encode, /)\n--\n\n"
    "Return one line of JSON for each event; see loops.py.";

PyObject *
firstlight_event_lines(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Shared shared = {0};
    PyObject *start_ms;
    if (!PyArg_ParseTuple(arguments, "O!O(y#y#Oy#)OUO", &PyTuple_Type, &shared.columns, &shared.heads, &shared.session,
                          &shared.session_size, &shared.process, &shared.process_size, &start_ms, &shared.service,
                          &shared.service_size, &shared.second, &shared.tick_key, &shared.encode))
        return NULL;
    shared.has_start = start_ms != Py_None;
    if (shared.has_start && whole_number(start_ms, &shared.start_ms) < 0)
        return NULL;
    if (shared.start_ms > MOST_START_MS || shared.start_ms < -MOST_START_MS) {
        PyErr_SetString(PyExc_OverflowError, "the process began too far away");
        return NULL;
    }
    return lines_of(&shared);
}
