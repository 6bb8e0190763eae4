import pytest

from tests.hub.serving import Client


def test_the_page_and_its_files_are_served_with_their_types(client: Client) -> None:
    page = client.get("/")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert client.get("/static/app.js").headers["content-type"] == "text/javascript; charset=utf-8"


def test_a_fresh_copy_is_not_sent_again(client: Client) -> None:
    first = client.get("/static/app.js")
    again = client.get("/static/app.js", **{"if-none-match": first.headers["etag"]})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert first.headers["cache-control"] == "no-cache"
    assert client.get("/static/app.js", **{"if-none-match": '"other"'}).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "../server.py",
        "..%2fserver.py",
        "%2e%2e/server.py",
        "vendor/../../server.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "a%00b",
        "x" * 5000,
        "vendor",
        "",
    ],
)
def test_nothing_outside_is_served(client: Client, path) -> None:
    answer = client.get(f"/static/{path}")
    assert (answer.status, answer.code) == (404, "NOT_FOUND")
