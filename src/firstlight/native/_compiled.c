/* The two loops of the recorder's background path that run for every event and every field.

   Each does what the Python beside its caller does, to the byte; a test holds the two together.  Rules of this file:
   while a dict is walked no Python code can run, so no other thread can change it; whatever must outlive a call into
   Python is held by a reference of our own, or by a tuple, which nobody can change. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef Py_GIL_DISABLED
#error "walking the host's dicts is safe under the interpreter lock only; without it Firstlight runs in Python"
#endif

/* ---------------------------------------------------------------------------------------------------------------------
   Columns of events: firstlight.sdk.flow.columns
   ------------------------------------------------------------------------------------------------------------------ */

enum { TIMES, PLACES, NAMES, FIELDS, THREADS, SPANS, COLUMNS };

#define SEEN 64

/* What is being made of many records. */
typedef struct {
    PyObject *columns[COLUMNS];
    PyObject *keys;   /* a set */
    PyObject *words;  /* a set: the names */
    PyObject *values; /* a list: what may be secret */
    int has_spans;
    /* The site of the last record; its neighbours mostly have the same. */
    PyObject *site, *place, *declared, *name;
    Py_ssize_t long_chars, most_chars;
    long long big;
} Look;

static int
refuse(const char *why)
{
    PyErr_SetString(PyExc_ValueError, why);
    return -1;
}

/* Let the attribute `name` of `object` take the place of what `into` holds. */
static int
fetch(PyObject **into, PyObject *object, const char *name)
{
    PyObject *found = PyObject_GetAttrString(object, name);
    if (found == NULL)
        return -1;
    Py_XSETREF(*into, found);
    return 0;
}

static int
turn_to_site(Look *look, PyObject *site)
{
    Py_CLEAR(look->site);
    if (fetch(&look->place, site, "place") < 0 || fetch(&look->declared, site, "fields") < 0 ||
        fetch(&look->name, site, "name") < 0)
        return -1;
    look->site = Py_NewRef(site);
    return 0;
}

/* Return the fields of a declared event, whose values begin with the fifth of `record`. */
static PyObject *
zipped(PyObject *names, PyObject *record)
{
    Py_ssize_t n = PyTuple_GET_SIZE(record) - 4;
    if (!PyTuple_CheckExact(names) || PyTuple_GET_SIZE(names) != n) {
        refuse("a declared event has other fields");
        return NULL;
    }
    PyObject *fields = PyDict_New();
    for (Py_ssize_t i = 0; fields != NULL && i < n; i++) {
        if (PyDict_SetItem(fields, PyTuple_GET_ITEM(names, i), PyTuple_GET_ITEM(record, i + 4)) < 0)
            Py_CLEAR(fields);
    }
    return fields;
}

static void
put(Look *look, int column, Py_ssize_t row, PyObject *item)
{
    PyTuple_SET_ITEM(look->columns[column], row, Py_NewRef(item));
}

static int
take_event(Look *look, Py_ssize_t row, PyObject *record)
{
    if (look->declared == Py_None) {
        if (PyTuple_GET_SIZE(record) != 6 || !PyDict_CheckExact(PyTuple_GET_ITEM(record, 5)))
            return refuse("an event has a name and a dict");
        put(look, NAMES, row, PyTuple_GET_ITEM(record, 4));
        put(look, FIELDS, row, PyTuple_GET_ITEM(record, 5));
        return 0;
    }
    PyObject *fields = zipped(look->declared, record);
    if (fields == NULL)
        return -1;
    put(look, NAMES, row, look->name);
    PyTuple_SET_ITEM(look->columns[FIELDS], row, fields);
    return 0;
}

static int
take_apart(Look *look, Py_ssize_t row, PyObject *record)
{
    if (!PyTuple_CheckExact(record) || PyTuple_GET_SIZE(record) < 4)
        return refuse("an event is a tuple");
    PyObject *site = PyTuple_GET_ITEM(record, 1), *span = PyTuple_GET_ITEM(record, 2);
    if (site != look->site && turn_to_site(look, site) < 0)
        return -1;
    look->has_spans |= span != Py_None;
    put(look, TIMES, row, PyTuple_GET_ITEM(record, 0));
    put(look, PLACES, row, look->place);
    put(look, SPANS, row, span);
    put(look, THREADS, row, PyTuple_GET_ITEM(record, 3));
    return take_event(look, row, record);
}

/* Return whether UTF-8 can carry `text`, which is whether no half of a surrogate pair is in it, and it is short enough. */
static int
is_sound(PyObject *text, Py_ssize_t most_chars)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(text);
    if (n > most_chars)
        return 0;
    if (PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND)
        return 1;
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_UCS4 character = PyUnicode_READ_CHAR(text, i);
        if (0xD800 <= character && character <= 0xDFFF)
            return 0;
    }
    return 1;
}

/* Return whether `object` is a str and can be read directly. */
static int
is_text(PyObject *object)
{
#if PY_VERSION_HEX < 0x030C0000
    return PyUnicode_CheckExact(object) && PyUnicode_READY(object) == 0;
#else
    return PyUnicode_CheckExact(object);
#endif
}

static int
look_at_value(Look *look, PyObject *value)
{
    if (PyUnicode_CheckExact(value)) {
        if (!is_text(value) || !is_sound(value, look->most_chars))
            return refuse("a text is too long or has no UTF-8");
        if (PyUnicode_GET_LENGTH(value) < look->long_chars && PyUnicode_IS_ASCII(value))
            return 0;
        return PyList_Append(look->values, value);
    }
    if (PyLong_CheckExact(value)) {
        int overflow;
        long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (overflow)
            return refuse("an integer has more than 64 bits");
        return -look->big < number && number < look->big ? 0 : PyList_Append(look->values, value);
    }
    if (PyFloat_CheckExact(value) || PyBool_Check(value) || value == Py_None)
        return 0;
    return refuse("a value is no plain scalar");
}

/* Add `text` to `set`, unless it was one of the last ones that were added. */
static int
add_text(PyObject *set, PyObject **seen, PyObject *text)
{
    PyObject **slot = &seen[((size_t)text / 16) % SEEN];
    if (*slot == text)
        return 0;
    if (!is_text(text))
        return refuse("a name is no text");
    *slot = text;
    return PySet_Add(set, text);
}

/* Look through names and fields.  Nothing here runs Python code, so what is seen by its address is still there. */
static int
look_through(Look *look)
{
    PyObject *names = look->columns[NAMES], *rows = look->columns[FIELDS];
    PyObject *seen_keys[SEEN] = {NULL}, *seen_names[SEEN] = {NULL};
    PyObject *key, *value;
    for (Py_ssize_t row = 0; row < PyTuple_GET_SIZE(rows); row++) {
        if (add_text(look->words, seen_names, PyTuple_GET_ITEM(names, row)) < 0)
            return -1;
        for (Py_ssize_t at = 0; PyDict_Next(PyTuple_GET_ITEM(rows, row), &at, &key, &value);) {
            if (add_text(look->keys, seen_keys, key) < 0 || look_at_value(look, value) < 0)
                return -1;
        }
    }
    return 0;
}

static int
take_all_apart(Look *look, PyObject *records)
{
    Py_ssize_t n = PyTuple_GET_SIZE(records);
    look->keys = PySet_New(NULL);
    look->words = PySet_New(NULL);
    look->values = PyList_New(0);
    if (look->keys == NULL || look->words == NULL || look->values == NULL)
        return -1;
    for (int column = 0; column < COLUMNS; column++) {
        if ((look->columns[column] = PyTuple_New(n)) == NULL)
            return -1;
    }
    for (Py_ssize_t row = 0; row < n; row++) {
        if (take_apart(look, row, PyTuple_GET_ITEM(records, row)) < 0)
            return -1;
    }
    return look_through(look);
}

static void
let_go(Look *look)
{
    for (int column = 0; column < COLUMNS; column++)
        Py_CLEAR(look->columns[column]);
    Py_CLEAR(look->keys);
    Py_CLEAR(look->words);
    Py_CLEAR(look->values);
    Py_CLEAR(look->site);
    Py_CLEAR(look->place);
    Py_CLEAR(look->declared);
    Py_CLEAR(look->name);
}

PyDoc_STRVAR(columns_doc, "columns(records, long_chars, big, most_chars, /)\n--\n\n"
                          "Return the columns of events and what of them could be secret; see loops.py.");

static PyObject *
columns(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Look look = {0};
    PyObject *given, *found = NULL;
    if (!PyArg_ParseTuple(arguments, "OnLn", &given, &look.long_chars, &look.big, &look.most_chars))
        return NULL;
    PyObject *records = PySequence_Tuple(given);
    if (records != NULL && take_all_apart(&look, records) == 0) {
        PyObject **made = look.columns;
        found = PyTuple_Pack(9, made[TIMES], made[PLACES], made[NAMES], made[FIELDS], made[THREADS],
                             look.has_spans ? made[SPANS] : Py_None, look.keys, look.words, look.values);
    }
    let_go(&look);
    Py_XDECREF(records);
    return found;
}

/* ---------------------------------------------------------------------------------------------------------------------
   JSON Lines of events: firstlight.codecs.jsonl
   ------------------------------------------------------------------------------------------------------------------ */

/* Bytes that grow. */
typedef struct {
    PyObject *bytes;
    char *at, *end;
} Out;

/* What a writer says of a value that it leaves to msgspec. */
#define NOT_MINE 1

#define MOST_DIGITS 20

static Py_ssize_t
written(Out *out)
{
    return out->at - PyBytes_AS_STRING(out->bytes);
}

static int
begin(Out *out, Py_ssize_t size)
{
    out->bytes = PyBytes_FromStringAndSize(NULL, size);
    if (out->bytes == NULL)
        return -1;
    out->at = PyBytes_AS_STRING(out->bytes);
    out->end = out->at + size;
    return 0;
}

static int
grow(Out *out, Py_ssize_t more)
{
    Py_ssize_t used = written(out), size = PyBytes_GET_SIZE(out->bytes);
    if (more > PY_SSIZE_T_MAX / 2 - size) {
        PyErr_NoMemory();
        return -1;
    }
    size += size / 2 + more;
    if (_PyBytes_Resize(&out->bytes, size) < 0)
        return -1;
    out->at = PyBytes_AS_STRING(out->bytes) + used;
    out->end = PyBytes_AS_STRING(out->bytes) + size;
    return 0;
}

/* End with what is written.

   A little too much stays allocated: giving it back makes the C library ask the system for fresh pages at each batch,
   and their first use costs as much as all the rest of writing. */
static int
finish(Out *out)
{
    Py_ssize_t used = written(out);
    if (used < PyBytes_GET_SIZE(out->bytes) / 4 * 3)
        return _PyBytes_Resize(&out->bytes, used);
    Py_SET_SIZE(out->bytes, used);
    *out->at = '\0';
    return 0;
}

static inline int
put_bytes(Out *out, const char *bytes, Py_ssize_t size)
{
    if (out->end - out->at < size && grow(out, size) < 0)
        return -1;
    memcpy(out->at, bytes, (size_t)size);
    out->at += size;
    return 0;
}

#define PUT(out, literal) put_bytes(out, literal, sizeof(literal) - 1)

static int
put_escaped(Out *out, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    static const char letters[] = "btn\0fr"; /* from 8 on; JSON has none for 11 */
    char code[6] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
    Py_ssize_t size = 6;
    if (byte == '"' || byte == '\\') {
        code[1] = (char)byte;
        size = 2;
    }
    else if (8 <= byte && byte <= 13 && byte != 11) {
        code[1] = letters[byte - 8];
        size = 2;
    }
    return put_bytes(out, code, size);
}

#define EACH_BYTE(value) (0x0101010101010101ULL * (value))

/* Return whether one of eight bytes must be escaped: a byte below b borrows in x - b, and has not bit 7 itself. */
static int
has_unclean(const char *eight)
{
    uint64_t bytes, quotes, slashes;
    memcpy(&bytes, eight, sizeof bytes);
    quotes = bytes ^ EACH_BYTE('"');
    slashes = bytes ^ EACH_BYTE('\\');
    uint64_t borrowed = ((bytes - EACH_BYTE(' ')) & ~bytes) | ((quotes - EACH_BYTE(1)) & ~quotes) |
                        ((slashes - EACH_BYTE(1)) & ~slashes);
    return (borrowed & EACH_BYTE(0x80)) != 0;
}

static const char *
first_unclean(const char *text, const char *end)
{
    while (end - text >= 8 && !has_unclean(text))
        text += 8;
    while (text < end && (unsigned char)*text >= ' ' && *text != '"' && *text != '\\')
        text++;
    return text;
}

static int
put_text(Out *out, const char *text, Py_ssize_t size)
{
    const char *end = text + size, *clean;
    if (PUT(out, "\"") < 0)
        return -1;
    for (; (clean = first_unclean(text, end)) < end; text = clean + 1) {
        if (put_bytes(out, text, clean - text) < 0 || put_escaped(out, (unsigned char)*clean) < 0)
            return -1;
    }
    return put_bytes(out, text, end - text) < 0 ? -1 : PUT(out, "\"");
}

static int
put_str(Out *out, PyObject *text)
{
    Py_ssize_t size;
    const char *bytes = PyUnicode_AsUTF8AndSize(text, &size);
    if (bytes == NULL) {
        PyErr_Clear();
        return NOT_MINE; /* and msgspec says what is wrong with it */
    }
    return put_text(out, bytes, size);
}

/* Write the digits of `number` so that they end before `end`; return where they begin. */
static char *
digits_before(char *end, unsigned long long number, int at_least)
{
    for (; number || at_least > 0; number /= 10, at_least--)
        *--end = (char)('0' + number % 10);
    return end;
}

static int
put_whole(Out *out, long long number)
{
    char text[MOST_DIGITS + 1], *end = text + sizeof text;
    unsigned long long size = number < 0 ? 0 - (unsigned long long)number : (unsigned long long)number;
    char *from = digits_before(end, size, 1);
    if (number < 0)
        *--from = '-';
    return put_bytes(out, from, end - from);
}

static int
put_integer(Out *out, PyObject *integer)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(integer, &overflow);
    return overflow ? NOT_MINE : put_whole(out, number);
}

/* Write a number of at most six decimals and fifteen digits in all, as nearly all are.

   Two decimals of at most fifteen digits are never the same double, so one that gives this double back is the shortest
   that does.  Below 1e-5 msgspec writes exponents. */
static int
put_float(Out *out, double number)
{
    double size = fabs(number);
    if (!((size >= 1e-5 && size < 1e9) || size == 0))
        return NOT_MINE;
    unsigned long long millionths = (unsigned long long)(size * 1e6 + 0.5);
    if ((double)millionths / 1e6 != size)
        return NOT_MINE;
    char text[MOST_DIGITS + 2], *end = text + sizeof text;
    char *point = digits_before(end, millionths % 1000000, 6);
    while (end > point + 1 && end[-1] == '0')
        end--;
    *--point = '.';
    char *from = digits_before(point, millionths / 1000000, 1);
    if (signbit(number))
        *--from = '-';
    return put_bytes(out, from, end - from);
}

static int
put_scalar(Out *out, PyObject *value)
{
    if (PyUnicode_CheckExact(value))
        return put_str(out, value);
    if (PyLong_CheckExact(value))
        return put_integer(out, value);
    if (PyFloat_CheckExact(value))
        return put_float(out, PyFloat_AS_DOUBLE(value));
    if (value == Py_None)
        return PUT(out, "null");
    if (PyBool_Check(value))
        return value == Py_True ? PUT(out, "true") : PUT(out, "false");
    return NOT_MINE;
}

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

/* Make room for `rows` more lines like those that are there: growing step by step would cost more than writing. */
static int
make_room(Out *out, Py_ssize_t rows)
{
    Py_ssize_t line_bytes = written(out) / SAMPLE_ROWS + 1;
    Py_ssize_t wanted = rows < PY_SSIZE_T_MAX / 2 / line_bytes ? rows * line_bytes : 0;
    return out->end - out->at < wanted + wanted / 8 ? grow(out, wanted + wanted / 8) : 0;
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

PyDoc_STRVAR(event_lines_doc, "event_lines(columns, heads, sender, second, tick_key, encode, /)\n--\n\n"
                              "Return one line of JSON for each event; see loops.py.");

static PyObject *
event_lines(PyObject *Py_UNUSED(module), PyObject *arguments)
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

/* ------------------------------------------------------------------------------------------------------------------ */

static PyMethodDef methods[] = {
    {"columns", columns, METH_VARARGS, columns_doc},
    {"event_lines", event_lines, METH_VARARGS, event_lines_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "firstlight.native._compiled",
    .m_doc = "The compiled loops of the recorder's background path.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__compiled(void)
{
    return PyModuleDef_Init(&definition);
}
