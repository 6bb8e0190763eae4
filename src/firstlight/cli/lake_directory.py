"""Which data directory a command about a lake means."""

from pathlib import Path

from firstlight.cli.options import Wanted
from firstlight.errors import NotReachable, UsageError


def directory_of(wanted: Wanted, *, must_exist: bool = True) -> Path:
    """Return the directory of ``--data``, else the usual one.

    Raises:
        UsageError: a hub's address was given.
        NotReachable: there is no such directory.
    """
    if wanted.url is not None:
        raise UsageError("this works on a data directory, also while a hub writes to it; name it with --data")
    from firstlight.app.settings import load

    directory = wanted.data if wanted.data is not None else load().settings.data_path
    if must_exist and not directory.is_dir():
        raise NotReachable(f"there is no data directory {directory}; name one with --data")
    return directory
