"""What is sent twice under one number is stored once: by a living hub, after a restart, after sealing."""

from pathlib import Path

from firstlight.store.layout import Layout
from firstlight.store.seal import Sealer
from firstlight.store.turn import turn
from tests.hub.serving import Client, hub, logs

NUMBER = {"firstlight-delivery": "00112233445566ff-7"}


def rows(client: Client) -> int:
    return int(client.sql("SELECT count(*) FROM events WHERE service = 'demo'").json["rows"][0][0])


def seal(path: Path) -> None:
    """Seal what is finished, in turn with the hub's own maintenance."""
    with turn(Layout(path)):
        Sealer(Layout(path)).seal()


def test_a_living_hub_knows_what_it_has(tmp_path: Path) -> None:
    with hub(tmp_path) as client:
        for _ in range(2):
            assert client.send_logs(logs(3), **NUMBER).status == 200
        assert rows(client) == 3
        older = {"firstlight-delivery": "00112233445566ff-6"}
        assert client.send_logs(logs(3, text="older"), **older).status == 200
        assert rows(client) == 3
        assert client.send_logs(logs(2), **{"firstlight-delivery": "00112233445566ff-8"}).status == 200
        assert client.send_logs(logs(1), **{"firstlight-delivery": "ff112233445566ff-1"}).status == 200
        assert rows(client) == 6


def test_bodies_without_a_number_are_each_stored(tmp_path: Path) -> None:
    with hub(tmp_path) as client:
        for _ in range(2):
            assert client.send_logs(logs(3)).status == 200
        assert client.send_logs(logs(3), **{"firstlight-delivery": "anything"}).status == 200
        assert rows(client) == 9


def test_the_next_hub_knows_it_too_sealed_or_not(tmp_path: Path) -> None:
    for is_sealed in (False, True):
        with hub(tmp_path) as client:
            assert client.send_logs(logs(3), **NUMBER).status == 200
            assert rows(client) == 3
        if is_sealed:
            seal(tmp_path)
    with hub(tmp_path) as client:
        assert client.send_logs(logs(3), **NUMBER).status == 200
        assert client.send_logs(logs(3), **{"firstlight-delivery": "00112233445566ff-1"}).status == 200
        assert rows(client) == 3


def test_what_a_living_hub_sealed_is_known_to_the_next(tmp_path: Path) -> None:
    with hub(tmp_path) as client:
        assert client.send_logs(logs(3), **NUMBER).status == 200
        wal = client.server.platform.store._wal
        with wal._write_lock:
            wal._rotate()
        for number in range(300):
            assert client.send_logs(logs(1, service="other", text=str(number))).status == 200
        seal(tmp_path)
    with hub(tmp_path) as client:
        assert client.send_logs(logs(3), **NUMBER).status == 200
        assert rows(client) == 3
