"""What the process was started with, for the faces, which do not read it themselves."""

import os


def environment() -> dict[str, str]:
    """Return a copy of the environment variables."""
    return dict(os.environ)
