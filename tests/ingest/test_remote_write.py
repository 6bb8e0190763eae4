import cramjam
import pytest

from bench.remote_write_messages import request, series
from firstlight.errors import Overloaded, StorageError, StorageFull
from firstlight.ingest.remote_write import RemoteWriteReceiver, not_taken

_UP = {"__name__": "up", "job": "a"}
_TYPE = "application/x-protobuf"


class Store:
    def __init__(self, problem=None, recovered=False, refused=()):
        self.problem, self.recovered, self.refused = problem, recovered, refused
        self.kept = []

    def append(self, batches, batch_id=b""):
        if self.problem is not None:
            raise self.problem
        self.kept.append((batches, batch_id))

    def was_recovered(self, batch_id):
        return self.recovered

    def refusals(self, ids):
        return {one: "no room" for one in ids if self.refused and self.kept[-1][0][0].series[one].name in self.refused}


def body(*made):
    return bytes(cramjam.snappy.compress_raw(request(*made).SerializeToString()))


def handle(store, content, sender=""):
    receiver = RemoteWriteReceiver(store, store.refusals, 1 << 20)
    return receiver.handle(_TYPE, "snappy", content, sender)


def test_a_request_is_stored_under_its_digest_and_sender():
    store, content = Store(), body(series(_UP, (1, 2.0)))
    for _ in range(2):
        reply = handle(store, content, "Prometheus/3.5.3")
        assert (reply.status, reply.text, reply.rejected) == (204, "", 0)
        assert reply.bytes == len(cramjam.snappy.decompress_raw(content))
    ((first, one), (_, other)) = store.kept
    assert one == other
    assert len(one) == 16
    assert (first[0].resource.service, list(first[0].samples.values)) == ("Prometheus", [2.0])


def test_what_a_killed_hub_had_stored_is_not_stored_again():
    store = Store(recovered=True)
    assert handle(store, body(series(_UP, (1, 2.0)))).status == 204
    assert store.kept == []


def test_a_request_without_rows_is_fine_and_stores_nothing():
    store = Store()
    assert handle(store, body()).status == 204
    assert store.kept == []


def test_series_without_room_are_named():
    store = Store(refused={"down"})
    reply = handle(store, body(series(_UP, (1, 2.0)), series({"__name__": "down"}, (1, 2.0), (2, 3.0))))
    assert (reply.status, reply.rejected) == (400, 2)
    assert reply.text == "2 of it cannot be kept (no room); all else is kept"


@pytest.mark.parametrize(
    ("problem", "status", "wait_s"),
    [(Overloaded("busy", 2.0), 429, 2.0), (StorageFull("full", 3.0), 503, 3.0), (StorageError("broken"), 503, 5.0)],
)
def test_a_store_that_cannot_keep_it_now_is_told_apart(problem, status, wait_s):
    reply = handle(Store(problem), body(series(_UP, (1, 2.0))))
    assert (reply.status, reply.retry_after_s, reply.text) == (status, wait_s, str(problem))


@pytest.mark.parametrize(
    ("content_type", "encoding", "is_taken"),
    [
        (_TYPE, "snappy", True),
        ("", "", True),
        ("Application/X-Protobuf; proto=prometheus.WriteRequest", "Snappy", True),
        (f"{_TYPE};charset=utf-8", "snappy", True),
        (f"{_TYPE};proto=io.prometheus.write.v2.Request", "snappy", False),
        ("application/json", "snappy", False),
        (_TYPE, "gzip", False),
    ],
)
def test_other_types_and_encodings_are_not_taken(content_type, encoding, is_taken):
    assert (not_taken(content_type, encoding) == "") == is_taken
