"""Which names of fields say that the value is secret."""

import re
from collections.abc import Sequence, Set
from typing import Any

MAX_NAMES = 4096
_CONTAINERS = frozenset({dict, list})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET = re.compile(
    "password|passwd|passphrase|pwd|secrets?|credentials?|authorization|cookies?|csrf|xsrf|csrftoken|jwt|otp|cvv|cvc|ssn"
    "|apikey|accesskey|privatekey|secretkey|jsessionid|phpsessid|sessionid|sessid"
)
_LAST = re.compile("token|session")
"""Secret at the end of a name: ``access_token`` and ``session`` are, ``token_count`` and ``session_id`` are not."""
_KEY_OF = re.compile("access|account|api|auth|client|encryption|master|private|secret|shared|signing|ssh|storage")
"""What makes a ``key`` at the end of a name secret; ``public_key``, ``partition_key`` and ``key`` alone stay."""
_FIGURE = re.compile(
    "age|attempts|bits|bytes|changed|chars|count|created|enabled|expired|expires|expiry|kind|len|length|max|min|missing"
    "|name|ok|present|required|reset|seconds|size|status|strength|total|ttl|type|updated|valid|version"
)
"""What a name that ends so tells *about* a secret, such as ``password_length``."""
_QUESTION = re.compile("has|is|max|min|n|need|needs|no|num|use|uses")


def is_sensitive(name: str) -> bool:
    """Return whether the whole value of a field called ``name`` is to be hidden.

    Names are read by their words, whatever joins them: ``X-Api-Key``, ``apiKey``, ``http.request.header.cookie``.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or _FIGURE.fullmatch(words[-1]) or _QUESTION.fullmatch(words[0]):
        return False
    if _LAST.fullmatch(words[-1]) or any(map(_SECRET.fullmatch, words)):
        return True
    return words[-1] == "key" and any(map(_KEY_OF.fullmatch, words))


class SensitiveNames:
    """Verdicts on names of fields, kept because names repeat.

    Args:
        more: further sensitive names, in any case.
        allowed: names that are never sensitive, as they are written.
    """

    def __init__(self, more: Set[str] = frozenset(), allowed: Set[str] = frozenset()) -> None:
        self._more = frozenset(name.lower() for name in more)
        self._allowed = allowed
        self._clean: set[str] = set()
        self._sensitive: set[str] = set()

    def show(self, names: Set[str]) -> bool:
        """Return whether one of ``names`` is sensitive."""
        return any(map(self.is_sensitive, names - self._clean))

    def show_inside(self, values: Sequence[Any]) -> bool:
        """Return whether a dict among ``values``, or inside one of them, has a sensitive name."""
        waiting = [value for value in values if type(value) in _CONTAINERS]
        while waiting:
            inside = waiting.pop()
            if type(inside) is dict:
                if self.show(inside.keys()):
                    return True
                inside = inside.values()
            waiting += [value for value in inside if type(value) in _CONTAINERS]
        return False

    def is_sensitive(self, name: str) -> bool:
        """Return the verdict on one name."""
        if name in self._clean:
            return False
        if name in self._sensitive:
            return True
        if len(self._clean) + len(self._sensitive) >= MAX_NAMES:
            self._clean.clear()
            self._sensitive.clear()
        verdict = name not in self._allowed and (name.lower() in self._more or is_sensitive(name))
        (self._sensitive if verdict else self._clean).add(name)
        return verdict
