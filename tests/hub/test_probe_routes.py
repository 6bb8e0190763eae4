from firstlight.codecs import prometheus_text
from firstlight.errors import StorageFull
from tests.hub.serving import Client, hub, logs


def test_a_serving_hub_is_alive_and_ready(client: Client) -> None:
    assert client.get("/livez").body == b"ok"
    assert client.get("/readyz").json == {"ready": True}


def test_metrics_read_back_as_prometheus_text(client: Client) -> None:
    client.send_logs(logs(1))
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in prometheus_text.decode(answer.body)}
    assert families["firstlight_ingested_rows_total"].type == "counter"
    assert families["firstlight_http_request_seconds"].type == "histogram"
    assert families["process_resident_memory_bytes"].samples[0].value > 10_000_000
    assert families["firstlight_wal_bytes"].samples[0].value > 0
    assert all(family.help for family in families.values())


class FullStore:
    """A store without room."""

    def append(self, batches: object, batch_id: bytes = b"") -> None:
        raise StorageFull("the disk is full")

    def was_recovered(self, batch_id: bytes) -> bool:
        return False


def test_readiness_says_what_is_wrong_and_liveness_does_not_care(tmp_path) -> None:
    with hub(tmp_path) as client:
        client.server.platform.intake.store = FullStore()
        assert client.send_logs(logs(1)).status == 503
        answer = client.get("/readyz")
        assert (answer.status, answer.json) == (503, {"ready": False, "reasons": ["the disk is full"]})
        assert client.get("/livez").status == 200
