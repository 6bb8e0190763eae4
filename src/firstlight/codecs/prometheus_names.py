"""Names that Prometheus allows, made from names that anybody may have given.

The name stays the source's: no unit is added to it.  What a metric may not have becomes an underscore, and the type has
its suffix: ``_total`` for counters, ``_info`` for facts.  Two metrics that would come out alike but differ in type are
told apart by the type's name.
"""

import re
from collections.abc import Iterable

from firstlight.codecs.openmetrics import SUFFIXES
from firstlight.codecs.prometheus_text import Labels, legal_name

_ILLEGAL = re.compile(r"[^a-zA-Z0-9_]")
_RESERVED = re.compile(r"^__+")
_OWN_SUFFIX = {"counter": "_total", "info": "_info"}


def family_name(name: str, type_name: str) -> str:
    """Return the legal name of a metric without the suffix that its type will add."""
    return legal_name(name).removesuffix(_OWN_SUFFIX.get(type_name, "")) or "_"


def label_name(name: str) -> str:
    """Return ``name`` as a label may be called.

    A leading digit gets ``key_`` before it, as OpenTelemetry has it.  Of leading underscores one is left.
    """
    legal = _RESERVED.sub("_", _ILLEGAL.sub("_", name))
    return f"key_{legal}" if not legal or legal[0].isdigit() else legal


def legal_labels(pairs: Iterable[tuple[str, str]]) -> Labels:
    """Return ``pairs`` sorted by legal names; values whose names come out alike are joined with ``;``."""
    joined: dict[str, str] = {}
    for name, value in sorted(pairs):
        legal = label_name(name)
        joined[legal] = f"{joined[legal]};{value}" if legal in joined else value
    return tuple(sorted(joined.items()))


def family_names(metrics: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the name of the family of each ``(name, type)``, the same for the same metrics in whatever order.

    No family's samples are called like another's.
    """
    taken: set[str] = set()
    names: dict[tuple[str, str], str] = {}
    made: dict[tuple[str, str], str] = {}
    for name, type_name in sorted(set(metrics)):
        wanted = (family_name(name, type_name), type_name)
        if wanted not in made:
            made[wanted] = _free(*wanted, taken)
        names[name, type_name] = made[wanted]
    return names


def _free(wanted: str, type_name: str, taken: set[str]) -> str:
    family, number = wanted, 1
    while True:
        samples = {family, *(family + suffix for suffix in SUFFIXES[type_name])}
        if samples.isdisjoint(taken):
            taken |= samples
            return family
        family = f"{wanted}_{type_name}" if number == 1 else f"{wanted}_{type_name}_{number}"
        number += 1
