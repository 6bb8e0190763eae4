"""Whether an event of a stream has the text that is looked for; what is stored already the lake looks through."""

import json
import re
from functools import cache
from typing import TYPE_CHECKING

from firstlight.cli.source import EventFilter

if TYPE_CHECKING:
    from firstlight.cli.wire import Event

_WORDS = re.compile(r"\w+")


def has_text(event: "Event", wanted: EventFilter) -> bool:
    """Return whether name, body or attributes of ``event`` have what ``wanted`` looks for."""
    attributes = json.dumps(event.attributes, ensure_ascii=False, separators=(",", ":"))
    texts = event.name, event.body or "", attributes
    patterns = _patterns(wanted.search, wanted.words, wanted.ignore_case)
    return all(any(pattern.search(text) for text in texts) for pattern in patterns)


@cache
def _patterns(text: str, words: bool, ignore_case: bool) -> tuple[re.Pattern[str], ...]:
    flags = re.IGNORECASE if ignore_case else re.NOFLAG
    if words:
        return tuple(re.compile(rf"(?<!\w){word}(?!\w)", flags) for word in _WORDS.findall(text))
    return (re.compile(re.escape(text), flags),)
