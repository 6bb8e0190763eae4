import pytest

from firstlight.app.settings import HubSettings, Settings
from firstlight.hub.guard import SECURITY_HEADERS, Access, cookie_value
from tests.hub.serving import Client, hub, logs

TOKEN = "a-long-enough-secret"


@pytest.mark.parametrize("path", ["/livez", "/", "/api/status", "/nope"])
def test_every_answer_carries_the_security_headers(client: Client, path) -> None:
    answer = client.get(path)
    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert answer.headers["cache-control"]
    assert "server" not in answer.headers


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_local_names_are_accepted(client: Client, host) -> None:
    assert client.get("/livez", host=f"{host}:{client.port}").status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4318", "127.0.0.1.evil.example", "", "[::1"])
def test_a_name_that_was_pointed_here_is_refused(client: Client, host) -> None:
    answer = client.get("/api/status", host=host)
    assert (answer.status, answer.code) == (403, "FOREIGN_HOST")


def test_another_sites_page_is_refused(client: Client) -> None:
    own = f"http://127.0.0.1:{client.port}"
    assert client.get("/api/status", origin=own).status == 200
    assert client.get("/api/status", origin="https://evil.example").code == "FOREIGN_ORIGIN"
    assert client.get("/api/status", origin="null").code == "FOREIGN_ORIGIN"
    cross = {"sec-fetch-site": "cross-site"}
    assert client.get("/api/status", **cross, **{"sec-fetch-mode": "no-cors"}).status == 403
    assert client.get("/", **cross, **{"sec-fetch-mode": "navigate"}).status == 200  # a link from elsewhere


def test_a_further_name_can_be_allowed() -> None:
    access = Access(Settings(hub=HubSettings(allowed_hosts=("telescope.lan",))))
    assert access.refusal({"host": "telescope.lan:4318"}, "/") is None
    assert access.refusal({"host": "other.lan:4318"}, "/") is not None


def test_a_hub_for_the_network_takes_any_name_but_not_without_its_token() -> None:
    access = Access(Settings(hub=HubSettings(host="0.0.0.0", token=TOKEN)))
    known = {"host": "telescope.lan", "authorization": f"Bearer {TOKEN}"}
    assert access.refusal(known, "/api/status") is None
    refusal = access.refusal({"host": "telescope.lan"}, "/api/status")
    assert refusal is not None
    assert refusal.status == 401


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    with hub(tmp_path_factory.mktemp("closed"), hub__token=TOKEN) as running:
        yield running


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong-token-here", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \u00e9"],
)
def test_without_the_token_nothing_is_told(closed: Client, authorization) -> None:
    answer = closed.get("/api/status", authorization=authorization)
    assert (answer.status, answer.code) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_with_the_token_everything_is(closed: Client) -> None:
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert closed.get("/api/status", **bearer).status == 200
    assert closed.send_logs(logs(1), **bearer).status == 200
    shown = {setting["path"]: setting["value"] for setting in closed.get("/api/config", **bearer).json["settings"]}
    assert TOKEN not in str(shown)
    assert shown["hub.token"]


def test_otlp_without_the_token_is_refused_as_otlp(closed: Client) -> None:
    answer = closed.send_logs(logs(1))
    assert (answer.status, answer.headers["content-type"]) == (401, "application/x-protobuf")


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_need_no_token(closed: Client, path) -> None:
    assert closed.get(path).status == 200


def test_a_browser_signs_in_once(closed: Client) -> None:
    sent_away = closed.get("/", accept="text/html")
    assert (sent_away.status, sent_away.headers["location"]) == (303, "/sign-in")
    assert b'name="token"' in closed.get("/sign-in").body
    form = {"content-type": "application/x-www-form-urlencoded"}
    wrong = closed.ask("POST", "/sign-in", "token=wrong", form)
    assert (wrong.status, "set-cookie" in wrong.headers) == (401, False)
    right = closed.ask("POST", "/sign-in", f"token={TOKEN}", form)
    assert (right.status, right.headers["location"]) == (303, "/")
    cookie = right.headers["set-cookie"]
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert closed.get("/", cookie=cookie.partition(";")[0]).status == 200
    assert closed.get("/", cookie=f"firstlight={cookie_value('another-secret')}").status == 401


def test_what_is_asked_is_counted_by_route_and_not_by_address(client: Client) -> None:
    for number in range(5):
        client.get(f"/no/such/{number}")
    client.ask("PROPFIND", "/livez")
    text = client.get("/metrics").body.decode()
    assert 'firstlight_http_requests_total{method="GET",route="unmatched",status="404"} ' in text
    assert 'method="other"' in text
    assert "PROPFIND" not in text
    assert "/no/such" not in text
    assert 'firstlight_http_request_seconds_bucket{le="+Inf",route="/livez"}' in text


def test_head_is_get_without_the_body(client: Client) -> None:
    answer = client.ask("HEAD", "/livez")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "2")
