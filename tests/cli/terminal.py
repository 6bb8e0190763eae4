"""A command line on a terminal of a given width."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios


def on_terminal(*arguments: str, columns: int, env: dict[str, str]) -> tuple[int, str]:
    """Run a command line on a pseudo-terminal and return its exit code and what was on the screen."""
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        command = [sys.executable, "-m", "firstlight", *arguments]
        with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.STDOUT, env=env) as process:
            os.close(theirs)
            theirs = -1
            screen = b"".join(iter(lambda: _read(ours), b""))
            return process.wait(), screen.decode().replace("\r\n", "\n")
    finally:
        os.close(ours)
        if theirs >= 0:
            os.close(theirs)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says so when the other side is closed
        return b""
