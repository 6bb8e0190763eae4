/* Events of the front as columns, and what of them may be secret: the twin of firstlight.sdk.flow.columns. */

#include "compiled.h"

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

const char firstlight_columns_doc[] = "columns(records, long_chars, big, most_chars, /)\n--\n\n"
    "Return the columns of events and what of them could be secret; see loops.py.";

PyObject *
firstlight_columns(PyObject *Py_UNUSED(module), PyObject *arguments)
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
