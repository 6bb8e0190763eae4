"""Compiles the recorder's loops into the source tree, from where the wheel takes them; without a compiler it is pure.

``HATCH_BUILD_NO_HOOKS=true`` leaves them out.
"""

import os
import shlex
import subprocess
import sysconfig
from itertools import chain
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("src", "firstlight", "native")


class CompiledLoops(BuildHookInterface[Any]):
    """Runs for wheels and for editable installs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the interface
        """Compile for the interpreter that builds, or say why not."""
        target = Path(self.root, FOLDER, "_compiled" + str(sysconfig.get_config_var("EXT_SUFFIX")))
        try:
            compile_to(target, sorted(Path(self.root, FOLDER).glob("*.c")))
        except (OSError, subprocess.CalledProcessError) as error:
            target.unlink(missing_ok=True)
            # Recording costs more without them, and works.
            self.app.display_warning(f"Firstlight is built without its loops in C: {why(error)}")
        else:
            build_data["artifacts"].append(f"/{target.relative_to(self.root).as_posix()}")
            build_data["pure_python"] = False
            build_data["infer_tag"] = True


def compile_to(target: Path, sources: list[Path]) -> None:
    """Compile ``sources`` as the interpreter itself was.

    Raises:
        OSError: there is no compiler.
        subprocess.CalledProcessError: it does not succeed.
    """
    link, *more = [shlex.split(sysconfig.get_config_var(name) or "") for name in ("LDSHARED", "CFLAGS", "CCSHARED")]
    if not link:
        raise FileNotFoundError("this Python does not say what compiles its extensions")
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    command = [*link, *chain(*more), f"-I{sysconfig.get_path('include')}", *sources, "-o", str(fresh)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
        # Programs that have the old one open keep it.
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def why(error: Exception) -> str:
    """Return one line."""
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    lines = [line for line in said.splitlines() if "error" in line] or said.splitlines() or [str(error)]
    return lines[0]
