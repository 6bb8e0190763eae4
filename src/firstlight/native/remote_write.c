/* The samples of known series in a remote write request: the twin of firstlight.codecs.remote_write_usual. */

#include <string.h>

#include "compiled.h"

enum { SERIES = 0x0A, METADATA = 0x1A, LABEL = 0x0A, SAMPLE = 0x12, VALUE = 0x09, TIME = 0x10 };
enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };
enum { FINE = 0, ODD = 1, BROKEN = -1 };

#define NS_PER_MS 1000000
#define TIME_MAX_MS (INT64_MAX / NS_PER_MS)

typedef const unsigned char *Place;

/* One row: what three columns hold at it. */
typedef struct {
    int64_t id, time_ns;
    uint64_t value_bits;
} Row;

typedef struct {
    Row *rows;
    size_t count, room;
} Rows;

static int
add_row(Rows *rows, Row row)
{
    if (rows->count == rows->room) {
        size_t room = rows->room ? 2 * rows->room : 1024;
        Row *grown = PyMem_Realloc(rows->rows, room * sizeof(Row));
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        rows->rows = grown;
        rows->room = room;
    }
    rows->rows[rows->count++] = row;
    return 0;
}

/* Read a number of at most nine bytes; longer ones, which are negative or nonsense, are left to Python. */
static int
number(Place *at, Place end, uint64_t *found)
{
    *found = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        if (*at >= end)
            return BROKEN;
        unsigned char byte = *(*at)++;
        *found |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return FINE;
    }
    return ODD;
}

/* Read a tag and go behind its field, whose content begins at `start`. */
static int
field(Place *at, Place end, uint64_t *tag, Place *start)
{
    uint64_t size;
    int fate = number(at, end, tag);
    if (fate)
        return fate;
    if (*tag < 8 || *tag > UINT32_MAX)
        return BROKEN;
    *start = *at;
    switch (*tag & 7) {
    case VARINT:
        return number(at, end, &size);
    case LENGTH:
        if ((fate = number(at, end, &size)))
            return fate;
        *start = *at;
        break;
    case FIXED64:
        size = 8;
        break;
    case FIXED32:
        size = 4;
        break;
    default:
        return BROKEN;
    }
    if (size > (uint64_t)(end - *at))
        return BROKEN;
    *at += size;
    return FINE;
}

static int
read_sample(Place at, Place end, Row *row)
{
    row->time_ns = 0;
    row->value_bits = 0;
    while (at < end) {
        uint64_t tag, time_ms;
        Place start;
        int fate = field(&at, end, &tag, &start);
        if (fate)
            return fate;
        if (tag == VALUE) {
            row->value_bits = 0;
            for (int byte = 0; byte < 8; byte++)
                row->value_bits |= (uint64_t)start[byte] << 8 * byte;
        }
        else if (tag == TIME) {
            if ((fate = number(&start, end, &time_ms)))
                return fate;
            if (time_ms > TIME_MAX_MS)
                return ODD;
            row->time_ns = (int64_t)time_ms * NS_PER_MS;
        }
    }
    return FINE;
}

/* Add the samples of one series; ODD when it is not known, or has none or anything else. */
static int
read_series(Place at, Place end, PyObject *ids, PyObject *used, Rows *rows)
{
    uint64_t tag;
    Place start, labels = at;
    int fate;
    while (at < end && *at == LABEL)
        if ((fate = field(&at, end, &tag, &start)))
            return fate;
    if (at == end)
        return ODD;
    PyObject *key = PyBytes_FromStringAndSize((const char *)labels, at - labels);
    if (key == NULL)
        return -1;
    PyObject *id = PyDict_GetItemWithError(ids, key);
    Py_DECREF(key);
    if (id == NULL)
        return PyErr_Occurred() ? -1 : ODD;
    Row row = {.id = PyLong_AsLongLong(id)};
    if (row.id == -1 && PyErr_Occurred())
        return -1;
    while (at < end) {
        if ((fate = field(&at, end, &tag, &start)))
            return fate;
        if (tag != SAMPLE)
            return ODD;
        if ((fate = read_sample(start, at, &row)))
            return fate;
        if (add_row(rows, row) < 0)
            return -1;
    }
    return PyList_Append(used, id) < 0 ? -1 : FINE;
}

static int
note(PyObject *list, Py_ssize_t start, Py_ssize_t stop)
{
    PyObject *place = Py_BuildValue("nn", start, stop);
    int failed = place == NULL || PyList_Append(list, place) < 0;
    Py_XDECREF(place);
    return failed ? -1 : 0;
}

static int
read_request(Place body, Place end, PyObject *ids, PyObject *lists[3], Rows *rows)
{
    for (Place at = body, start; at < end;) {
        uint64_t tag;
        if (field(&at, end, &tag, &start) != FINE)
            return refuse("a field of the request is broken");
        if (tag == SERIES) {
            size_t before = rows->count;
            int fate = read_series(start, at, ids, lists[0], rows);
            if (PyErr_Occurred())
                return -1;
            if (fate != FINE) {
                /* Whoever reads it field by field says what is wrong with it, if anything is. */
                rows->count = before;
                if (note(lists[1], start - body, at - body) < 0)
                    return -1;
            }
        }
        else if (tag == METADATA && note(lists[2], start - body, at - body) < 0)
            return -1;
    }
    return 0;
}

/* Return the three columns as the raw bytes of native 64-bit numbers. */
static PyObject *
columns_of(const Rows *rows, PyObject *lists[3])
{
    PyObject *columns[3] = {NULL, NULL, NULL}, *found = NULL;
    Py_ssize_t size = (Py_ssize_t)(rows->count * sizeof(int64_t));
    for (int column = 0; column < 3; column++)
        if ((columns[column] = PyBytes_FromStringAndSize(NULL, size)) == NULL)
            goto done;
    char *ids = PyBytes_AS_STRING(columns[0]), *times = PyBytes_AS_STRING(columns[1]);
    char *values = PyBytes_AS_STRING(columns[2]);
    for (size_t row = 0; row < rows->count; row++) {
        memcpy(ids + row * sizeof(int64_t), &rows->rows[row].id, sizeof(int64_t));
        memcpy(times + row * sizeof(int64_t), &rows->rows[row].time_ns, sizeof(int64_t));
        memcpy(values + row * sizeof(uint64_t), &rows->rows[row].value_bits, sizeof(uint64_t));
    }
    found = PyTuple_Pack(6, columns[0], columns[1], columns[2], lists[0], lists[1], lists[2]);
done:
    for (int column = 0; column < 3; column++)
        Py_XDECREF(columns[column]);
    return found;
}

const char firstlight_written_doc[] = "written(body, ids, /)\n--\n\n"
    "Return the samples of known series in a remote write request, and where the rest lies; see loops.py.";

PyObject *
firstlight_written(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *body, *ids, *found = NULL, *lists[3] = {NULL, NULL, NULL};
    Rows rows = {NULL, 0, 0};
    if (!PyArg_ParseTuple(arguments, "SO!", &body, &PyDict_Type, &ids))
        return NULL;
    for (int list = 0; list < 3; list++)
        if ((lists[list] = PyList_New(0)) == NULL)
            goto done;
    Place start = (Place)PyBytes_AS_STRING(body);
    if (read_request(start, start + PyBytes_GET_SIZE(body), ids, lists, &rows) == 0)
        found = columns_of(&rows, lists);
done:
    for (int list = 0; list < 3; list++)
        Py_XDECREF(lists[list]);
    PyMem_Free(rows.rows);
    return found;
}
