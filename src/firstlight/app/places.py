"""Where files of a person's own lie, by the XDG Base Directory specification."""

import os
from collections.abc import Mapping
from pathlib import Path


def history_file(environ: Mapping[str, str] | None = None) -> Path:
    """Return the file that keeps the lines typed into ``firstlight shell``."""
    environment = os.environ if environ is None else environ
    state = environment.get("XDG_STATE_HOME") or Path(environment.get("HOME") or Path.home(), ".local", "state")
    return Path(state, "firstlight", "shell_history")
