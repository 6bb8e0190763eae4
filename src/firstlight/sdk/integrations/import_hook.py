"""Does something to a module when the program imports it, and costs nothing where it never does."""

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from importlib.abc import Loader

Apply = Callable[[ModuleType], None]
Report = Callable[[str, Exception], None]


class ImportHook:
    """Stands before Python's own finders and waits for modules.

    Args:
        report: hears which module could not be treated, and why; the import itself succeeds.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._waiting: dict[str, Apply] = {}

    def when_imported(self, name: str, apply: Apply) -> None:
        """Call ``apply`` with the module ``name`` once it is loaded; at once when it is already."""
        module = sys.modules.get(name)
        if module is not None:
            self.treat(module, apply)
            return
        self._waiting[name] = apply
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec that the other finders have for a module that is waited for, None for all others."""
        del path, target
        # Taken out while the others look, so that we are not asked again.
        apply = self._waiting.pop(name, None)
        if apply is None:
            return None
        spec = find_spec(name)
        if spec is None or not hasattr(spec.loader, "exec_module"):
            self._waiting[name] = apply
            return None
        assert spec.loader is not None
        spec.loader = cast("Loader", _Treating(spec.loader, self, apply))
        return spec

    def treat(self, module: ModuleType, apply: Apply) -> None:
        """Call ``apply``; report what it raises."""
        try:
            apply(module)
        except Exception as error:  # noqa: BLE001
            # The module works without us, whatever we did not foresee in this version of it.
            self._report(module.__name__, error)


class _Treating:
    """Loads as another loader does and leaves no trace of itself in the module."""

    def __init__(self, inner: "Loader", hook: ImportHook, apply: Apply) -> None:
        self._inner = inner
        self._hook = hook
        self._apply = apply

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return what the other loader makes."""
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then treat it."""
        module.__loader__ = self._inner
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        self._inner.exec_module(module)
        self._hook.treat(module, self._apply)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
