import gzip
import threading
from collections import deque

import pytest

from firstlight.app import deliveries
from firstlight.app.deliveries import Deliveries
from firstlight.app.self_metrics import SelfMetrics
from firstlight.errors import DecodeError, Overloaded, PayloadTooLarge


class Door:
    """Notes what comes in and how many are inside at once."""

    def __init__(self):
        self.seen = []
        self.inside = self.most_inside = 0
        self.lock = threading.Lock()

    def handle(self, signal, content_type, body, now_ns, delivery=b""):
        with self.lock:
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
        threading.Event().wait(0.002)
        with self.lock:
            self.inside -= 1
        self.seen.append((signal, content_type, body, now_ns))
        return "reply"


@pytest.fixture
def door():
    return Door()


def make(door, limit_bytes=10_000) -> Deliveries:
    return Deliveries(door, SelfMetrics(), limit_bytes, lambda: 42)


@pytest.mark.parametrize(("encoding", "encode"), [("", bytes), ("identity", bytes), ("gzip", gzip.compress)])
def test_a_body_is_handed_over_inflated_and_its_chunks_are_let_go(door, encoding, encode) -> None:
    body = encode(b"0123456789" * 100)
    chunks = deque(body[start : start + 7] for start in range(0, len(body), 7))
    taken = make(door)
    assert taken.take("logs", "application/json", encoding, chunks) == "reply"
    assert door.seen == [("logs", "application/json", b"0123456789" * 100, 42)]
    assert not chunks


@pytest.mark.parametrize(
    ("chunks", "encoding", "error"),
    [
        ([b"x" * 20_000], "", PayloadTooLarge),
        ([gzip.compress(b"x" * 20_000)], "gzip", PayloadTooLarge),
        ([b"no gzip"], "gzip", DecodeError),
        ([gzip.compress(b"whole")[:-3]], "gzip", DecodeError),
    ],
)
def test_a_bad_body_never_reaches_the_receiver(door, chunks, encoding, error) -> None:
    with pytest.raises(error):
        make(door).take("logs", "", encoding, deque(chunks))
    assert door.seen == []


@pytest.mark.parametrize(("size", "most"), [(10, 4), (5000, 1)])
def test_large_bodies_go_one_after_another(door, monkeypatch, size, most) -> None:
    monkeypatch.setattr(deliveries, "LARGE_BYTES", 1000)
    taken = make(door)
    threads = [threading.Thread(target=taken.take, args=("logs", "", "", deque([b"x" * size]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(door.seen) == 4
    assert door.most_inside <= most


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("00112233445566ff-258", b"FL\x00\x11\x22\x33\x44\x55\x66\xff\0\0\0\0\1\2"),
        (f"00112233445566ff-{2**48 - 1}", b"FL\x00\x11\x22\x33\x44\x55\x66\xff" + b"\xff" * 6),
        (f"00112233445566ff-{2**48}", b""),
        ("", b""),
        ("00112233445566FF-1", b""),
        ("00112233445566ff-1 ", b""),
        ("00112233445566ff-\u0663", b""),
    ],
)
def test_a_delivery_is_named_by_its_header(header, name) -> None:
    assert deliveries.delivery_name(header) == name


def test_a_delivery_sent_again_while_its_first_copy_is_at_work_is_put_off(door) -> None:
    taken = make(door)
    inside, go_on = threading.Event(), threading.Event()
    first = door.handle

    def slowly(*arguments):
        inside.set()
        go_on.wait(30)
        return first(*arguments)

    door.handle = slowly
    thread = threading.Thread(target=taken.take, args=("logs", "", "", deque([b"x"]), "00112233445566ff-1"))
    thread.start()
    inside.wait(30)
    with pytest.raises(Overloaded):
        taken.take("logs", "", "", deque([b"x"]), "00112233445566ff-1")
    go_on.set()
    thread.join()
    taken.take("logs", "", "", deque([b"x"]), "00112233445566ff-1")
    assert len(door.seen) == 2
