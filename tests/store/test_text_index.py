import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.store.text_index import Builder, TextIndex

BLOCK_ROWS = 4
LETTERS = st.sampled_from('abcABC Kks\u017fssé日本語\n0\u212a{"_-\x00☃')
TEXTS = st.lists(st.text(LETTERS, max_size=12), min_size=1, max_size=40)


def index_of(texts: list[str]) -> TextIndex:
    builder = Builder(BLOCK_ROWS)
    builder.add(pa.chunked_array([pa.array(texts, pa.string())]))
    return builder.index()


def blocks_with(texts: list[str], needle: str) -> set[int]:
    return {i // BLOCK_ROWS for i, text in enumerate(texts) if needle in text}


@given(TEXTS, st.data())
def test_a_block_with_the_text_is_a_candidate(texts: list[str], data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(texts))
    begin = data.draw(st.integers(0, len(text)))
    needle = text[begin : data.draw(st.integers(begin, len(text)))]
    found = set(np.flatnonzero(index_of(texts).candidates(needle)).tolist())
    assert blocks_with(texts, needle) <= found


@given(TEXTS, st.text(LETTERS, min_size=1, max_size=6))
def test_so_it_is_when_case_is_ignored(texts: list[str], needle: str) -> None:
    folded = [text.casefold() for text in texts]
    found = set(np.flatnonzero(index_of(texts).candidates(needle, ignore_case=True)).tolist())
    assert blocks_with(folded, needle.casefold()) <= found


def test_blocks_without_the_text_are_ruled_out() -> None:
    texts = [f"request {i} served" for i in range(40)]
    texts[17] += " (Xid 79)"
    index = index_of(texts)
    assert np.flatnonzero(index.candidates("Xid 79")).tolist() == [4]
    assert np.flatnonzero(index.candidates("xID", ignore_case=True)).tolist() == [4]
    assert index.candidates("served").all()
    assert not index.candidates("nowhere").any()
    assert index.candidates("Xi").all(), "shorter than a trigram"


def test_pieces_are_blocks_of_their_own() -> None:
    builder = Builder(BLOCK_ROWS)
    for texts in (["aaa"] * 5, ["bbb"] * 2, ["ccc"]):
        builder.add(pa.chunked_array([pa.array(texts)]))
    index = builder.index()
    assert index.candidates("aaa").tolist() == [True, True, False, False]
    assert index.candidates("bbb").tolist() == [False, False, True, False]


def test_a_column_without_text_has_no_candidates() -> None:
    assert index_of([""] * 9).candidates("abc").tolist() == [False] * 3
    builder = Builder(BLOCK_ROWS)
    builder.add(pa.chunked_array([pa.array([None, "abc", None], pa.string())]))
    assert builder.index().candidates("abc").tolist() == [True]


@pytest.mark.parametrize("blocks", [8, 80])
def test_text_of_every_kind_keeps_within_bounds(blocks: int) -> None:
    rng = np.random.default_rng(1)
    rows, block_rows = blocks * 64, 64
    texts = [bytes(rng.integers(32, 127, 400, np.uint8)).decode() for _ in range(rows)]
    builder = Builder(block_rows)
    builder.add(pa.chunked_array([pa.array(texts)]))
    index = builder.index()
    assert index.bits.nbytes <= 2 * rows + len(index.grams)
    for row in (0, rows // 2, rows - 1):
        assert index.candidates(texts[row][100:110])[row // block_rows]
