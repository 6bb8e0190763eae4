"""Remote write in: what decoding a request costs, beside what protobuf's own library takes for the parsing alone."""

import time

import cramjam
import numpy as np

from bench.harness import Bar, Benchmark, Contender, Group, Running
from bench.remote_write import RemoteWrite
from bench.remote_write_messages import message, request, series
from firstlight.codecs.remote_write import RemoteWriteDecoder
from firstlight.codecs.snappy import inflated

SERIES = 10_000
PER_BODY = 2_000
STEPS = 3
SAMPLES_EACH = 60
START_MS = 1_760_000_000_000
LIMIT_BYTES = 64 << 20

NOTES = """\
samples/cpu-s: samples per second of processor time, snappy included; each series has eight labels.
"by its messages" takes protobuf's messages apart into ids, times and values, series looked up by their labels.
"protobuf parsing alone" inflates and parses and looks at nothing.
"""


def benchmark():
    """Return the page."""
    groups = [
        _group("one sample of each series", _steady()),
        _group(f"{SAMPLES_EACH} samples of each series", _long()),
    ]
    return Benchmark("remote_write_ingest", NOTES, groups, ("protobuf", "cramjam", "numpy"), rounds=7)


def _labels(number):
    return [
        ("__name__", "http_request_duration_seconds_count"),
        ("code", "200"),
        ("handler", f"/api/v1/items/{number % 50}"),
        ("instance", f"10.0.{number % 200}.17:9100"),
        ("job", "shop-frontend"),
        ("method", ("GET", "POST")[number % 2]),
        ("pod", f"shop-frontend-5d8c7b9f6d-{number:05}"),
        ("zone", f"eu-west-1{'abc'[number % 3]}"),
    ]


def _steady():
    """Return requests of several scrapes, each series once in each."""
    writers = [RemoteWrite(list(map(_labels, range(first, first + PER_BODY)))) for first in range(0, SERIES, PER_BODY)]
    bodies = []
    for step in range(STEPS):
        times_ms = np.full(PER_BODY, START_MS + step * 15_000)
        bodies += [writer.body(times_ms, np.arange(PER_BODY) + step + 0.5) for writer in writers]
    return bodies, SERIES * STEPS


def _long():
    """Return one request as a queue that was away sends it: many samples of each series."""
    made = [
        series(_labels(number), *((START_MS + n * 15_000, n + 0.5) for n in range(SAMPLES_EACH)))
        for number in range(500)
    ]
    body = bytes(cramjam.snappy.compress_raw(request(*made).SerializeToString()))
    return [body], 500 * SAMPLES_EACH


def _group(name, given):
    bodies, samples = given
    contenders = [
        Contender("firstlight", lambda: _timed(bodies, samples, _decoder())),
        Contender("by its messages", lambda: _timed(bodies, samples, _message_reader())),
        Contender("protobuf parsing alone", lambda: _timed(bodies, samples, _parse)),
        Contender("snappy alone", lambda: _timed(bodies, samples, lambda body: inflated(body, LIMIT_BYTES))),
    ]
    bars = [Bar("samples/cpu-s", "firstlight", "by its messages", 2.0)]
    return Group(name, contenders, bars, frozenset({"samples/cpu-s"}))


def _decoder():
    decoder = RemoteWriteDecoder()

    def read(body):
        assert not decoder.decode(body, LIMIT_BYTES).rejected

    return read


def _parse(body):
    return message("WriteRequest").FromString(inflated(body, LIMIT_BYTES))


def _message_reader():
    known = {}

    def read(body):
        ids, times_ns, values = [], [], []
        for one in _parse(body).timeseries:
            key = tuple((label.name, label.value) for label in one.labels)
            series_id = known.setdefault(key, len(known))
            for sample in one.samples:
                ids.append(series_id)
                times_ns.append(sample.timestamp * 1_000_000)
                values.append(sample.value)
        return np.array(ids), np.array(times_ns), np.array(values)

    return read


def _timed(bodies, samples, read):
    def turn():
        start_s = time.process_time()
        for body in bodies:
            read(body)
        return {"samples/cpu-s": samples / (time.process_time() - start_s)}

    return Running(turn)
