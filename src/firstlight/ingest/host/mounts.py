"""Which mounts are worth measuring and cannot block."""

import os
import re
from collections.abc import Iterator

MAX_MOUNTS = 64
_ALWAYS_FULL = frozenset({"squashfs", "erofs", "cramfs", "iso9660", "udf", "romfs"})
_LOCAL_WITHOUT_DEVICE = frozenset({"zfs"})
_ROOT_ONLY = frozenset({"overlay", "tmpfs"})
_MAY_BLOCK = frozenset({"fuseblk", "ocfs2", "gfs2"})
_ESCAPE = re.compile(rb"\\([0-7]{3})")


def local_mounts(table: bytes, filesystems: bytes) -> Iterator[str]:
    """Yield mount points, the shortest of each device, at most ``MAX_MOUNTS``.

    Only types that need a block device count, as network and pseudo file systems do not, so that asking for their
    size cannot hang on a server that is gone.  Images that are full by nature and user-space file systems are left
    out too; a container's root is let in.

    Args:
        table: ``/proc/self/mounts``.
        filesystems: ``/proc/filesystems``.
    """
    on_device = {line.strip().decode() for line in filesystems.splitlines() if not line.startswith(b"nodev")}
    wanted = (on_device | _LOCAL_WITHOUT_DEVICE) - _ALWAYS_FULL - _MAY_BLOCK
    shortest: dict[bytes, str] = {}
    for line in table.splitlines():
        device, point, kind = line.split()[:3]
        mount = os.fsdecode(_ESCAPE.sub(_octal, point))
        known = shortest.get(device)
        if known is not None and len(known) <= len(mount):
            continue
        name = kind.decode()
        is_wanted = name in wanted or (name in _ROOT_ONLY and mount == "/")
        if is_wanted and os.path.isdir(mount):  # containers mount single files from the host's disk
            shortest[device] = mount
    yield from sorted(shortest.values())[:MAX_MOUNTS]


def _octal(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 8) & 0xFF])
