"""Numbers of payment cards (ISO/IEC 7812: issuer ranges, lengths; Luhn's check digit) and of accounts."""

import re
from typing import NamedTuple


class _Issuer(NamedTuple):
    first: str
    last: str
    lengths: frozenset[int]


def _issuer(first: str, last: str, *lengths: int) -> _Issuer:
    return _Issuer(first, last, frozenset(lengths))


# Lengths of 17 and 18 digits are allowed to some issuers and used by none, but many made-up ids have them.
_ISSUERS = (
    _issuer("4", "4", 16, 19),  # Visa; its 13 digits are long gone, and milliseconds since the epoch have 13
    _issuer("51", "55", 16),  # Mastercard
    _issuer("2221", "2720", 16),  # Mastercard
    _issuer("34", "34", 15),  # American Express
    _issuer("37", "37", 15),
    _issuer("300", "305", 14),  # Diners Club
    _issuer("36", "36", 14, 16, 19),
    _issuer("38", "39", 14, 16, 19),
    _issuer("3528", "3589", 16, 19),  # JCB
    _issuer("6011", "6011", 16, 19),  # Discover
    _issuer("644", "649", 16, 19),
    _issuer("65", "65", 16, 19),
    _issuer("62", "62", 16, 19),  # UnionPay
    _issuer("5018", "5018", 14, 16, 19),  # Maestro
    _issuer("5020", "5020", 14, 16, 19),
    _issuer("5038", "5038", 14, 16, 19),
    _issuer("5893", "5893", 14, 16, 19),
    _issuer("6304", "6304", 14, 16, 19),
    _issuer("6759", "6759", 14, 16, 19),
    _issuer("6761", "6763", 14, 16, 19),
)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_NOT_DIGITS = re.compile(r"\D+")


def is_card(text: str) -> bool:
    """Return whether ``text``, spaces and dashes left out, can be the number of a card."""
    digits = _NOT_DIGITS.sub("", text)
    return any(_fits(issuer, digits) for issuer in _ISSUERS) and luhn(digits)


def is_iban(text: str) -> bool:
    """Return whether the check digits of an account number are right (ISO 13616: 1 modulo 97)."""
    plain = text.replace(" ", "")
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def luhn(digits: str) -> bool:
    """Return whether the last of ``digits`` is the check digit of the others."""
    numbers = [ord(digit) - ord("0") for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(_DOUBLED[number] for number in numbers[1::2])) % 10 == 0


def _fits(issuer: _Issuer, digits: str) -> bool:
    return len(digits) in issuer.lengths and issuer.first <= digits[: len(issuer.first)] <= issuer.last
