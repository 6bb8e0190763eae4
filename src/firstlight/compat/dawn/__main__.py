"""``python -m firstlight.compat.dawn CONFIG.json`` writes the file of settings that stands for it.

``firstlight run --telemetry-config`` takes what it writes.
"""

import json
import sys

from firstlight.compat.dawn.configuration import settings_of
from firstlight.errors import ConfigError

USAGE = 2


def main(arguments: list[str]) -> int:
    """Write the settings; return the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m firstlight.compat.dawn CONFIG.json > firstlight.json\n")
        return USAGE
    try:
        settings = settings_of(arguments[0])
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    sys.stdout.write(json.dumps(settings, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
