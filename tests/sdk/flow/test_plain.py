from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.sdk.flow.plain import MAX_DEPTH, MAX_FIELDS, MAX_ITEMS, MAX_TEXT_CHARS, plain, plain_fields, text


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("never")


def test_plain_fields_stay_as_they_are() -> None:
    fields = {"text": "a", "number": 1, "ratio": 0.5, "yes": True, "none": None, "big": -(2**63)}
    assert plain_fields(fields) is fields


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (2**63, str(2**63)),
        (-(2**63) - 1, str(-(2**63) - 1)),
        ("grün", "grün"),
        ("\ud800x", "?x"),
        ("a" * 10_000, "a" * MAX_TEXT_CHARS),
        (b"\x00\xff", "00ff"),
        ((1, (2, {3})), [1, [2, [3]]]),
        ({1: {"a": Unprintable()}}, {"1": {"a": "<unprintable Unprintable>"}}),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.longdouble(1.5), "1.5"),
        (1j, "1j"),
        ([0] * 1000, [0] * MAX_ITEMS),
    ],
)
def test_the_rest_becomes_plain(given_value: Any, expected: Any) -> None:
    assert plain_fields({"field": given_value}) == {"field": expected}
    assert type(plain(given_value)) is type(expected)


def test_what_contains_itself_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    found = plain(endless)
    for _ in range(MAX_DEPTH):
        (found,) = found
    assert found == "[[...]]"


def test_there_are_bounds_on_fields_and_keys_become_text() -> None:
    assert len(plain_fields({f"f{number}": number for number in range(1000)})) == MAX_FIELDS
    assert plain_fields({"schlüssel\ud800": 1}) == {"schlüssel?": 1}


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.binary(), st.lists, max_leaves=5
        ),
    )
)
def test_whatever_comes_out_can_be_encoded(fields: dict[str, Any]) -> None:
    msgspec.json.encode(plain_fields(fields))


def test_text_of_text_subclasses_is_plain() -> None:
    class Word(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "other"

    assert text(Word("word")) == "word"
    assert type(text(Word("word"))) is str
