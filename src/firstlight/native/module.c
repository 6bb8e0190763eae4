/* The module. */

#include "compiled.h"

static PyMethodDef methods[] = {
    {"columns", firstlight_columns, METH_VARARGS, firstlight_columns_doc},
    {"event_lines", firstlight_event_lines, METH_VARARGS, firstlight_event_lines_doc},
    {"written", firstlight_written, METH_VARARGS, firstlight_written_doc},
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
    .m_doc = "The compiled loops.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__compiled(void)
{
    return PyModuleDef_Init(&definition);
}
