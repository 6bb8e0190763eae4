/* The two loops of the recorder's background path that run for every event and every field, and the one that reads
   remote write, which runs for every sample.

   Each does what the Python beside its caller does, to the byte; a test holds the two together.  Rules: while a dict is
   walked no Python code can run, so no other thread can change it; whatever must outlive a call into Python is held by a
   reference of our own, or by a tuple, which nobody can change. */

#ifndef FIRSTLIGHT_COMPILED_H
#define FIRSTLIGHT_COMPILED_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#ifdef Py_GIL_DISABLED
#error "walking the host's dicts is safe under the interpreter lock only; without it Firstlight runs in Python"
#endif

/* In columns.c, lines.c and remote_write.c: the functions of the module, and what they are, in loops.py. */
PyObject *firstlight_columns(PyObject *module, PyObject *arguments);
PyObject *firstlight_event_lines(PyObject *module, PyObject *arguments);
PyObject *firstlight_written(PyObject *module, PyObject *arguments);
extern const char firstlight_columns_doc[], firstlight_event_lines_doc[], firstlight_written_doc[];

static inline int
refuse(const char *why)
{
    PyErr_SetString(PyExc_ValueError, why);
    return -1;
}

#endif
