"""The real programs that our output is held against."""

import os
import shutil
from pathlib import Path

import pytest

VARIABLE = "FIRSTLIGHT_PEERS"
# Read here, because the tests hide such variables from what they start.
_FOLDER = os.environ.get(VARIABLE)


def peer(name: str) -> Path:
    """Return the path of a program below the folder that FIRSTLIGHT_PEERS names, or on the path; without it skip."""
    found = shutil.which(name, path=f"{_FOLDER}/usr/bin") if _FOLDER else shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}; install it or name a folder with usr/bin/{name} in {VARIABLE}")
    return Path(found)
