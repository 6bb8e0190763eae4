import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.store import thrift
from firstlight.store.thrift import Struct

NUMBERS = st.integers(-(2**63), 2**63 - 1)
STRUCTS = st.recursive(
    st.dictionaries(st.integers(1, 15), NUMBERS | st.binary(max_size=200)),
    lambda inner: st.dictionaries(st.integers(1, 15), NUMBERS | st.binary(max_size=20) | inner),
    max_leaves=20,
)


def encoded(struct: Struct) -> bytes:
    fields: list[tuple[int, int, int | bytes]] = []
    for number, value in sorted(struct.items()):
        if isinstance(value, dict):
            fields.append((number, thrift.STRUCT, encoded(value)))
        else:
            fields.append((number, thrift.I64 if isinstance(value, int) else thrift.BINARY, value))
    return thrift.write_struct(fields)


@given(STRUCTS)
def test_a_struct_comes_back(struct: Struct) -> None:
    data = encoded(struct)
    assert thrift.read_struct(data + b"more", 0) == (struct, len(data))


def test_bytes_are_those_of_the_specification() -> None:
    # zigzag and varint as in the specification; a field's step and type share a byte
    assert thrift.write_int(0) == b"\x00"
    assert thrift.write_int(-1) == b"\x01"
    assert thrift.write_int(1) == b"\x02"
    assert thrift.write_varint(50399) == b"\xdf\x89\x03"
    assert thrift.write_struct([(1, thrift.I32, 1), (3, thrift.BINARY, b"ab")]) == b"\x15\x02\x28\x02ab\x00"
    assert thrift.write_list(thrift.I32, [b"\x02"]) == b"\x15\x02"
    assert thrift.write_list(thrift.I32, [b"\x02"] * 20) == b"\xf5\x14" + b"\x02" * 20


def test_a_field_far_behind_the_last_one_has_its_number_in_full() -> None:
    assert thrift.read_struct(b"\x15\x02\x05\xc8\x01\x04\x00", 0) == ({1: 1, 100: 2}, 7)


def test_truth_values_and_bytes_are_read() -> None:
    assert thrift.read_struct(b"\x11\x12\x13\x07\x00", 0) == ({1: 1, 2: 0, 3: 7}, 5)


@pytest.mark.parametrize("data", [b"", b"\x15", b"\x15\x80", b"\x18\x05"])
def test_an_end_in_the_middle_is_an_error(data: bytes) -> None:
    with pytest.raises(IndexError):
        thrift.read_struct(data, 0)


def test_a_list_is_not_expected() -> None:
    with pytest.raises(ValueError, match="not expected"):
        thrift.read_struct(b"\x19\x15\x02\x00", 0)
