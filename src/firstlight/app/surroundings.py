"""What the process was started with, for the faces, which do not read it themselves."""

import os
from collections.abc import Mapping

from firstlight.app.launch import BOOTSTRAP


def environment() -> dict[str, str]:
    """Return a copy of the environment variables."""
    return dict(os.environ)


def is_launched(environ: Mapping[str, str]) -> bool:
    """Return whether ``firstlight run`` started this, and so said where records go, if only to the usual hub."""
    return str(BOOTSTRAP) in environ.get("PYTHONPATH", "").split(os.pathsep)
