import logging

import msgspec
import pytest
from litestar.exceptions import NotFoundException

from firstlight.errors import (
    DecodeError,
    NotReachable,
    Overloaded,
    PayloadTooLarge,
    QueryError,
    StorageError,
    StorageFull,
    UsageError,
)
from firstlight.hub.failures import Failure, encode
from tests.hub.serving import JSON, Client


@pytest.mark.parametrize(
    ("problem", "status", "code", "retry_after"),
    [
        (UsageError("x"), 400, "BAD_REQUEST", None),
        (QueryError("x"), 400, "BAD_QUERY", None),
        (DecodeError("x"), 400, "BAD_PAYLOAD", None),
        (PayloadTooLarge("x"), 413, "TOO_LARGE", None),
        (Overloaded("x", 0.2), 429, "OVERLOADED", "1"),
        (StorageFull("x", 4.5), 503, "STORAGE_FULL", "5"),
        (NotReachable("x"), 503, "UNAVAILABLE", "1"),
        (StorageError("x"), 500, "STORAGE_FAILED", None),
        (NotFoundException("x"), 404, "NOT_FOUND", None),
    ],
)
def test_an_error_of_ours_has_its_status(client: Client, monkeypatch, problem, status, code, retry_after) -> None:
    def fail():
        raise problem

    monkeypatch.setattr(client.server.platform.resolved.__class__, "shown", lambda _: fail())
    answer = client.get("/api/config")
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (status, code, retry_after)


def test_a_fault_is_counted_and_logged_under_the_number_that_is_told(client: Client, monkeypatch, caplog) -> None:
    def fail(_):
        raise ZeroDivisionError("a secret detail")

    before = client.server.platform.metrics.faults.total()
    monkeypatch.setattr(client.server.platform.resolved.__class__, "shown", fail)
    with caplog.at_level(logging.ERROR, "firstlight.hub"):
        answer = client.get("/api/config")
    assert (answer.status, answer.code) == (500, "INTERNAL")
    assert b"secret" not in answer.body
    number = answer.json["error"]["message"].split()[-1]
    assert any(number in record.getMessage() and record.exc_info for record in caplog.records)
    assert client.server.platform.metrics.faults.total() == before + 1


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "NOT_FOUND"),
        ("GET", "/static/nothing.js", 404, "NOT_FOUND"),
        ("POST", "/livez", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/sql", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/api/stream", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_a_wrong_address_or_method_is_told_in_json(client: Client, method, path, status, code) -> None:
    answer = client.ask(method, path)
    assert (answer.status, answer.code, answer.headers["content-type"]) == (status, code, JSON)
    if status == 405:
        assert answer.headers["allow"]


def test_otlp_errors_have_two_forms() -> None:
    failure = Failure(429, "OVERLOADED", "later")
    body, media_type = encode(failure, "/v1/traces", "application/json; charset=utf-8")
    assert (msgspec.json.decode(body), media_type) == ({"code": 8, "message": "later"}, JSON)
    body, media_type = encode(failure, "/v1/traces", "application/x-protobuf")
    assert (body, media_type) == (b"\x08\x08\x12\x05later", "application/x-protobuf")
