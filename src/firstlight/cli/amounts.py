"""Amounts as people read them."""

_STEP = 1024
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def bytes_text(size_bytes: float) -> str:
    """Return a size such as ``3.4 MiB``."""
    value, power = float(size_bytes), 0
    while value >= _STEP and power < len(_UNITS) - 1:
        value /= _STEP
        power += 1
    return f"{value:.{min(power, 1)}f} {_UNITS[power]}"
