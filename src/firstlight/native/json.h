/* JSON as msgspec writes it, into bytes that grow. */

#ifndef FIRSTLIGHT_JSON_H
#define FIRSTLIGHT_JSON_H

#include "compiled.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Bytes that grow. */
typedef struct {
    PyObject *bytes;
    char *at, *end;
} Out;

/* What a writer says of a value that it leaves to msgspec. */
#define NOT_MINE 1

#define MOST_DIGITS 20

static inline Py_ssize_t
written(Out *out)
{
    return out->at - PyBytes_AS_STRING(out->bytes);
}

static inline int
begin(Out *out, Py_ssize_t size)
{
    out->bytes = PyBytes_FromStringAndSize(NULL, size);
    if (out->bytes == NULL)
        return -1;
    out->at = PyBytes_AS_STRING(out->bytes);
    out->end = out->at + size;
    return 0;
}

static inline int
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
static inline int
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

static inline int
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
static inline int
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

static inline const char *
first_unclean(const char *text, const char *end)
{
    while (end - text >= 8 && !has_unclean(text))
        text += 8;
    while (text < end && (unsigned char)*text >= ' ' && *text != '"' && *text != '\\')
        text++;
    return text;
}

static inline int
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

static inline int
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
static inline char *
digits_before(char *end, unsigned long long number, int at_least)
{
    for (; number || at_least > 0; number /= 10, at_least--)
        *--end = (char)('0' + number % 10);
    return end;
}

static inline int
put_whole(Out *out, long long number)
{
    char text[MOST_DIGITS + 1], *end = text + sizeof text;
    unsigned long long size = number < 0 ? 0 - (unsigned long long)number : (unsigned long long)number;
    char *from = digits_before(end, size, 1);
    if (number < 0)
        *--from = '-';
    return put_bytes(out, from, end - from);
}

static inline int
put_integer(Out *out, PyObject *integer)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(integer, &overflow);
    return overflow ? NOT_MINE : put_whole(out, number);
}

/* Write a number of at most six decimals and fifteen digits in all, as nearly all are.

   Two decimals of at most fifteen digits are never the same double, so one that gives this double back is the shortest
   that does.  Below 1e-5 msgspec writes exponents. */
static inline int
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

static inline int
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

#endif
