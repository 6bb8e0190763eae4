"""Compressed bodies: whole, in pieces, broken and hostile."""

import gzip
import tracemalloc
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import DecodeError, PayloadTooLarge
from firstlight.ingest.inflate import STEP_BYTES, inflate

COMPRESSORS = {"gzip": gzip.compress, "deflate": zlib.compress, "": bytes}


@pytest.mark.parametrize("encoding", COMPRESSORS)
@given(body=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=5), repeat=st.sampled_from([1, 5000]))
@settings(max_examples=25, deadline=None)
def test_any_chunks_give_the_body(encoding, body, cuts, repeat):
    packed = COMPRESSORS[encoding](body * repeat)
    edges = [0, *sorted(cuts), len(packed)]
    chunks = [packed[low:high] for low, high in pairwise(edges)]
    assert b"".join(inflate(chunks, encoding, 2_000_000)) == body * repeat


def test_gzip_members_one_after_the_other():
    packed = gzip.compress(b"one") + gzip.compress(b"two")
    assert b"".join(inflate([packed[:30], packed[30:]], "gzip", 10)) == b"onetwo"


@pytest.mark.parametrize("packed", [gzip.compress(b"x" * 99)[:-9], b"plain", b""])
def test_what_is_not_gzip_is_refused(packed):
    with pytest.raises(DecodeError):
        list(inflate([packed], "gzip", 1000))


def test_unknown_encoding():
    with pytest.raises(DecodeError, match="br"):
        list(inflate([b"x"], "br", 1000))


def test_the_limit_is_on_what_comes_out():
    assert b"".join(inflate([gzip.compress(b"x" * 1000)], "gzip", 1000)) == b"x" * 1000
    with pytest.raises(PayloadTooLarge):
        list(inflate([gzip.compress(b"x" * 1001)], "gzip", 1000))
    with pytest.raises(PayloadTooLarge):
        list(inflate([b"x" * 600, b"x" * 600], "", 1000))


def test_a_bomb_costs_a_step_beyond_the_limit():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    megabyte = bytes(2**20)
    bomb = b"".join([*(packer.compress(megabyte) for _ in range(64)), packer.flush()])
    limit_bytes = 2**20
    kept = []
    tracemalloc.start()
    with pytest.raises(PayloadTooLarge):
        kept.extend(inflate([bomb], "gzip", limit_bytes))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < limit_bytes + 3 * STEP_BYTES
