"""Names that old readers can take: what is no ASCII word is written as a number.

Source: "values" escaping of https://github.com/prometheus/proposals/blob/main/proposals/2023-08-21-utf8.md.
"""

import re

_PREFIX = "U__"
_ESCAPED = re.compile(r"_(?:(_)|([0-9a-fA-F]{1,6})_)")
_MOST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def unescaped(name: str) -> str:
    """Return what ``U__a_2e_b`` stands for (``a.b``); a name that is not escaped, or wrongly, as it is."""
    if not name.startswith(_PREFIX):
        return name
    rest, pieces, at = name.removeprefix(_PREFIX), list[str](), 0
    while (underscore := rest.find("_", at)) >= 0:
        found = _ESCAPED.match(rest, underscore)
        code = ord("_") if found and found[1] else int(found[2], 16) if found else _MOST + 1
        if found is None or code > _MOST or code in _SURROGATES:
            return name
        pieces += rest[at:underscore], chr(code)
        at = found.end()
    return "".join([*pieces, rest[at:]])
