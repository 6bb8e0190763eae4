import pytest

from firstlight.query.promql.language.quoting import is_text, quoted, unquoted


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"a"', "a"),
        ("`a\\n`", "a\\n"),
        (r'"a\n\t\\\""', 'a\n\t\\"'),
        (r"'\''", "'"),
        (r'"\x41\u00e9\U0001F600\101"', "Aé😀A"),
        (r'"\xc3\xa9"', "é"),
    ],
)
def test_go_s_escapes_are_read(written: str, meant: str) -> None:
    assert unquoted(written) == meant


@pytest.mark.parametrize("written", [r'"\q"', r'"\x4"', r'"\u12"', r'"\'"', r"'\"'"])
def test_other_escapes_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match="invalid"):
        unquoted(written)


@pytest.mark.parametrize("text", ["", "plain", 'a"b\\c\n', "é😀", "\x00\x7f"])
def test_what_is_quoted_comes_back(text: str) -> None:
    assert unquoted(quoted(text)) == text


def test_bytes_that_are_no_text_are_told() -> None:
    bad = unquoted(r'"\xff"')
    assert not is_text(bad)
    assert quoted(bad) == r'"\xff"'
    assert is_text("é")
