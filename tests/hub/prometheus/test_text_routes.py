from tests.hub.prometheus.asking import answer, data


def test_an_expression_is_laid_out(url):
    assert data(url, "format_query", query="sum(rate(a[5m]))by(b)") == "sum by (b) (rate(a[5m]))"
    assert data(url, "format_query", "POST", query="1+1") == "1 + 1"


def test_an_expression_is_taken_apart(url):
    assert data(url, "parse_query", query="a offset 1m") == {
        "type": "vectorSelector",
        "name": "a",
        "matchers": [{"name": "__name__", "type": "=", "value": "a"}],
        "offset": 60_000,
        "startOrEnd": None,
        "timestamp": None,
    }


def test_what_is_no_expression_is_refused(url):
    for path in ("format_query", "parse_query"):
        status, told = answer(url, path, query="sum(")
        assert (status, told["errorType"]) == (400, "bad_data")
        assert told["error"].startswith('invalid parameter "query": 1:5: parse error')
