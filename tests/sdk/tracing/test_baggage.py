import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.sdk.tracing.baggage import (
    MAX_BYTES,
    MAX_MEMBERS,
    Member,
    baggage,
    carry,
    get_baggage,
    parse_baggage,
    set_baggage,
    write_baggage,
)


@pytest.fixture(autouse=True)
def _own_baggage():
    before = carry({})
    yield
    carry(before)


def test_members_values_and_properties_are_read() -> None:
    # Examples of the W3C document.
    header = "key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue"
    assert parse_baggage(header) == {
        "key1": Member("value1", "property1;property2"),
        "key2": Member("value2"),
        "key3": Member("value3", "propertyKey=propertyValue"),
    }
    assert parse_baggage("serverNode=DF%2028,userId=Am%C3%A9lie") == {
        "serverNode": Member("DF 28"),
        "userId": Member("Am\u00e9lie"),
    }


@pytest.mark.parametrize("bad", ["", "novalue", "=v", "a b=c", 'k="quoted"', "k=a b", "k=\u00e4", "\x00=1", "k=\\"])
def test_a_malformed_member_is_left_out_and_the_others_stay(bad: str) -> None:
    assert parse_baggage(f"first=1,{bad},last=2") == {"first": Member("1"), "last": Member("2")}


def test_bytes_that_are_no_text_become_replacement_characters() -> None:
    assert parse_baggage("k=%FF")["k"].value == "\ufffd"


def test_the_limits_hold_when_reading_and_when_writing() -> None:
    many = ",".join(f"k{n}=v" for n in range(MAX_MEMBERS + 50))
    assert len(parse_baggage(many)) == MAX_MEMBERS
    long = f"a={'x' * (MAX_BYTES - 4)},b=1,c=2"
    assert set(parse_baggage(long)) == {"a"}
    assert len(write_baggage({f"k{n}": Member("v" * 100) for n in range(500)})) <= MAX_BYTES
    assert write_baggage({"a": Member("x" * (MAX_BYTES - 2))}) == "a=" + "x" * (MAX_BYTES - 2)
    assert write_baggage({"a": Member("x" * (MAX_BYTES - 1)), "b": Member("1")}) == "b=1"


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z0-9_\-.]+", fullmatch=True), st.text(st.characters(codec="utf-8")), max_size=5
    )
)
def test_what_is_written_reads_the_same(values: dict[str, str]) -> None:
    members = {name: Member(value) for name, value in values.items()}
    written = write_baggage(members)
    assert written.isascii()
    if len(written) < MAX_BYTES / 2:
        assert parse_baggage(written) == members


def test_baggage_is_set_taken_away_and_belongs_to_its_context() -> None:
    set_baggage("tenant", "acme")

    async def elsewhere() -> str | None:
        set_baggage("tenant", "other")
        return get_baggage("tenant")

    assert asyncio.run(elsewhere()) == "other"
    assert get_baggage("tenant") == "acme"
    set_baggage("tenant", None)
    assert (get_baggage("tenant"), baggage()) == (None, {})
    with pytest.raises(ValueError, match="cannot name"):
        set_baggage("a name", "x")
