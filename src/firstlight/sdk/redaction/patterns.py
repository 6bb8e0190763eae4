"""What secrets look like inside text.

Each family has a *hint*, which is searched in the bytes of many records at once and must cost next to nothing where
there is no secret, and exact patterns for the single text.  ``re`` finds one literal byte quickly, alternatives
slowly; so a hint begins with the rarest byte of its formats and looks behind for the rest.

No pattern repeats something unbounded inside something unbounded, so each takes time in proportion to its text.
"""

import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass

from firstlight.sdk.redaction.cards import is_card, is_iban

Check = Callable[[str], bool]
Hint = Callable[[bytes], object]
_SPLIT_NUMBER = 14
"""Digits of the shortest card number."""
_OPAQUE_CHARS = 8
_WORD_CHARS = 24
_PLAIN_WORD = re.compile(
    r"(?i)(?:any|bytes|empty|expired|failed|false|incorrect|invalid|is|missing|must|none|not|null|optional|required|str"
    r"|string|true|undefined|unset|wrong)[.!?:]?"
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One form of secret.

    Attributes:
        kind: what is counted and shown in its place.
        regex: its last group that takes part is the secret; without groups all of it is.
        check: whether what was found is one.
    """

    kind: str
    regex: re.Pattern[str]
    check: Check | None = None

    def secret_group(self, match: re.Match[str]) -> int:
        """Return the number of the group that is the secret."""
        return max((group for group in range(1, len(match.groups()) + 1) if match[group] is not None), default=0)


@dataclass(frozen=True, slots=True)
class Family:
    """Patterns with a hint in common.

    Attributes:
        needle: bytes that must be there.
        hint: search that must find something true, too; in MessagePack or in UTF-8.
        patterns: the exact forms, in the order they are tried.
    """

    needle: bytes
    hint: Hint | None
    patterns: tuple[Pattern, ...]

    def hinted(self, raw: bytes) -> bool:
        """Return whether one of the patterns may be in ``raw``."""
        return self.needle in raw and (self.hint is None or bool(self.hint(raw)))


def _pattern(kind: str, regex: str, check: Check | None = None) -> Pattern:
    return Pattern(kind, re.compile(regex), check)


def _is_opaque(value: str) -> bool:
    """Tell a made-up value from a word: it has a digit, or is longer than words are."""
    return len(value) >= _OPAQUE_CHARS and (len(value) > _WORD_CHARS or any(map(str.isdecimal, value)))


def _is_no_plain_word(value: str) -> bool:
    return _PLAIN_WORD.fullmatch(value) is None


def _is_basic(value: str) -> bool:
    """Tell ``user:password`` in base 64 (RFC 7617) from a word after "basic"."""
    try:
        return b":" in b64decode(value + "=" * (-len(value) % 4), validate=True)
    except ValueError:
        return False


def _is_mixed(value: str) -> bool:
    return any(map(str.isdecimal, value)) and any(map(str.isalpha, value))


_VALUE = r"""(?:\\?"([^"\r\n]+)|\\?'([^'\r\n]+)|([^\s"'\\,;&<>)\]}][^\s"',;&<>)\]}]*))"""
_IS = r"""\\?["']?\]?[ \t]{0,3}(?:=>|:=|[=:])[ \t]{0,3}"""
_NAME_ENDS = (
    "(?:ord|swd|pwd|ken|ret|key|Key|kie|ORD|SWD|PWD|KEN|RET|KEY|KIE)",
    "(?:[Pp]hrase|ession|nature|zation|PHRASE|ESSION|NATURE|ZATION)",
)
"""Last letters of the names below, by width because what looks behind must know how far."""
_GAPS = tuple("." * chars for chars in range(1, 7))
_ASSIGNED = (
    _pattern(
        "authorization",
        r"(?i)authorization" + _IS + r"""(?:\\?["'])?(?:(?:digest|aws4-hmac-sha256)\b([^\r\n]+)|"""
        r"""(?:bearer|basic|token|negotiate|apikey)\s{1,4}([^\s"',;\\]+)|([^\s"',;\\]+))""",
        _is_no_plain_word,
    ),
    _pattern("cookie", r"(?i)cookie" + _IS + r"""(?:\\?["'])?([^\r\n"']+)""", lambda value: "=" in value),
    _pattern("password", r"(?i)(?:password|passwd|passphrase|pwd)" + _IS + _VALUE, _is_no_plain_word),
    _pattern("token", r"(?i)(?:token|session|signature)" + _IS + _VALUE, _is_opaque),
    _pattern("secret", r"(?i)secret" + _IS + _VALUE, _is_opaque),
    _pattern(
        "key",
        r"(?i)(?:access|account|api|auth|client|encryption|master|private|secret|shared|signing)[_-]?key"
        + _IS
        + _VALUE,
        _is_opaque,
    ),
)


def _assigned(mark: str) -> Family:
    """Return the family of ``name=secret`` or ``"name": "secret"``, whose hint looks for ends of names at the mark."""
    near = "|".join(f"(?<={end}{mark})" for end in _NAME_ENDS)
    far = "|".join(f"(?<={end}{gap}{mark})" for gap in _GAPS for end in _NAME_ENDS)
    hint = rf"""(?s){mark}(?:{near}|(?<=[ \t"'\]]{mark})(?:{far}))"""
    return Family(mark.encode(), re.compile(hint.encode()).search, _ASSIGNED)


_CARD = _pattern(
    "card",
    r"(?<![0-9A-Za-z.])(?:[0-9]{14,19}|[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{2,7}|"
    r"[0-9]{4}[ -][0-9]{6}[ -][0-9]{4,5})(?![0-9A-Za-z])",
    is_card,
)
_CLASSES = bytes(ord("0") if byte in b"0123456789 -" else ord("x") for byte in range(256))
_CARD_RUN = b"0" * _SPLIT_NUMBER
_CARD_INTEGER = re.compile(b"\xcf(?:\x00(?:\x00[\x1b-\x24]|\x01|[\x07-\x18])|[\x45-\x5f])")
"""How MessagePack begins an integer that lies where card numbers lie; times in ms, us and ns lie elsewhere."""


def _card_hint(raw: bytes) -> bool:
    """Return whether ``raw``, in MessagePack or UTF-8, may hold the number of a card, as text or as an integer."""
    return _CARD_RUN in raw.translate(_CLASSES) or (b"\xcf" in raw and _CARD_INTEGER.search(raw) is not None)


EMAIL = Family(
    b"@",
    None,
    (_pattern("email", r"(?<![A-Za-z0-9_.+%-])[A-Za-z0-9_.+%-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,63}"),),
)
FAMILIES = (
    _assigned("="),
    _assigned(":"),
    Family(b"earer ", None, (_pattern("token", r"(?i)\bbearer\s{1,4}([A-Za-z0-9._~+/=-]+)", _is_opaque),)),
    Family(
        b"B",
        re.compile(b"B(?:EARER |asic |ASIC )").search,
        (
            _pattern("token", r"BEARER\s{1,4}([A-Za-z0-9._~+/=-]+)", _is_opaque),
            _pattern("authorization", r"(?i)\bbasic\s{1,4}([A-Za-z0-9+/]{6,}={0,2})", _is_basic),
        ),
    ),
    Family(
        b"J",
        re.compile(b"J(?<=eyJ)").search,
        (_pattern("jwt", r"eyJ[\w-]{8,}+(?:\.[\w-]*+){0,4}", lambda value: "." in value),),
    ),
    Family(
        b"I",
        re.compile(b"I(?:(?<=A[KSB]I)A|(?<=AI)za)").search,
        (
            _pattern("aws_key", r"A[KSB]IA[A-Z2-7]{16}"),
            _pattern("google_key", r"AIza[\w-]{35}"),
        ),
    ),
    Family(
        b"_",
        re.compile(b"_(?:(?<=(?:gh[pousr]|npm|pat|hca|hpa|hss|_v1)_)|(?<=(?:live|test|hsec)_)|(?<=hf_))").search,
        (
            _pattern("github_token", r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,}"),
            _pattern("stripe_key", r"[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/]{16,}"),
            _pattern("npm_token", r"npm_[A-Za-z0-9]{30,}"),
            _pattern("huggingface_token", r"hf_[A-Za-z0-9]{30,}"),
            _pattern("digitalocean_token", r"do[opr]_v1_[a-f0-9]{64}"),
            _pattern("shopify_token", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
        ),
    ),
    Family(
        b"-",
        re.compile(b"-(?:(?<=glpat-)|(?<=(?:xox[a-z]|xapp|pypi|CSPX|----)-)|(?<=sk-))").search,
        (
            _pattern("gitlab_token", r"glpat-[\w-]{20,}"),
            _pattern("slack_token", r"xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}"),
            _pattern("ai_key", r"(?<![A-Za-z0-9])sk-[\w-]{20,}", _is_mixed),
            _pattern("pypi_token", r"pypi-[\w-]{50,}"),
            _pattern("google_key", r"GOCSPX-[\w-]{20,}"),
            _pattern(
                "private_key",
                r"(?s)-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY.{0,12}-----.*?(?:-----END [A-Z0-9 ]{0,30}-----|\Z)",
            ),
        ),
    ),
    Family(b"G", re.compile(rb"G(?<=SG)\.").search, (_pattern("sendgrid_key", r"SG\.[\w-]{16,}\.[\w-]{16,}"),)),
    Family(
        b"@",
        re.compile(rb"://[^\s/@]{1,1280}@").search,
        (_pattern("password", r"://[^\s/@:]{0,256}:([^\s/@]{1,1024})@"),),
    ),
)
CARDS = Family(b"", _card_hint, (_CARD,))
IBANS = Family(
    b"",
    None,
    (
        _pattern(
            "iban",
            r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])",
            is_iban,
        ),
    ),
)
