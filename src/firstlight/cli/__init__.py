"""The terminal: ``firstlight NOUN``, one file per noun."""

import sys

_NEEDS_HUB = 'firstlight: the commands need more than the bare package; try: pip install "firstlight[hub]"'
_USAGE = 2


def main() -> int:
    """Run the command line of this process and return its exit code (see :mod:`firstlight.cli.exits`)."""
    try:
        from firstlight.cli.application import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "firstlight":
            raise
        sys.stderr.write(f"{_NEEDS_HUB}\n")
        return _USAGE
    return run(sys.argv[1:])
