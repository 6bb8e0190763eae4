"""OTLP in: what decoding costs, and what a whole server costs, per unit of processor time."""

import json
import struct
import time

import msgspec

from bench import otlp_servers
from bench.harness import Bar, Benchmark, Contender, Group, Running
from bench.otlp_bodies import SECOND_NS, Body, counters, histograms, logs, spans
from firstlight.codecs.otlp.decode import OtlpDecoder
from firstlight.codecs.otlp.logs import read_logs
from firstlight.codecs.otlp.messages import parse_protobuf
from firstlight.codecs.otlp.metrics import read_metrics
from firstlight.codecs.otlp.series_cache import SeriesCache
from firstlight.codecs.otlp.traces import read_traces
from firstlight.codecs.otlp.write_json import encode_json

SERIES = 10_000
PER_BODY = 500
ITEMS = 10_000
SERVER_TURNS_OF_SERIES = 10
STEP_NS = 15 * SECOND_NS

NOTES = """\
items/cpu-s: samples, spans or log records per second of processor time; a histogram point is 13 samples.
Parsing alone builds no model: it is the floor under everything that uses protobuf's library, or a JSON parser, at all.
"message by message" is the same mapping over protobuf's messages, which is how a Python receiver is usually written.
Servers: 10,000 counters of five attributes, 500 a request, two connections, processor time of the whole server.
Firstlight syncs every request to disk before it answers; Prometheus syncs its log when a segment is full,
VictoriaMetrics every second.
"""


def benchmark():
    """Return the page."""
    now_ns = time.time_ns() - 3600 * SECOND_NS
    groups = [
        _decoding("decode counters", "metrics", counters(SERIES, PER_BODY, 3, now_ns)),
        _decoding("decode histograms", "metrics", histograms(SERIES // 10, PER_BODY, 3, now_ns)),
        _decoding("decode spans", "traces", spans(ITEMS, PER_BODY, now_ns)),
        _decoding("decode logs", "logs", logs(ITEMS, PER_BODY, now_ns)),
        _servers(now_ns),
    ]
    return Benchmark("otlp_ingest", NOTES, groups, ("protobuf", "opentelemetry-proto", "msgspec"), rounds=7)


def _decoding(name, signal, bodies):
    as_json = [_to_json(signal, body) for body in bodies]
    cache = SeriesCache()
    general = {
        "metrics": lambda request, now_ns: read_metrics(request, now_ns, cache, None),
        "traces": read_traces,
        "logs": read_logs,
    }[signal]
    contenders = [
        Contender("firstlight protobuf", lambda: _decoder(signal, bodies, as_json=False)),
        Contender("firstlight JSON", lambda: _decoder(signal, as_json, as_json=True)),
        Contender("message by message", lambda: _timed(bodies, lambda body: general(parse_protobuf(signal, body), 1))),
        Contender("protobuf parsing alone", lambda: _timed(bodies, lambda body: parse_protobuf(signal, body))),
        Contender("json parsing alone", lambda: _timed(as_json, json.loads)),
        Contender("msgspec parsing alone", lambda: _timed(as_json, msgspec.json.decode)),
    ]
    bars = [Bar("items/cpu-s", "firstlight protobuf", "message by message", 1.5)]
    return Group(name, contenders, bars, frozenset({"items/cpu-s"}))


def _to_json(signal, body):
    (batch,) = OtlpDecoder().read(signal, body.content, 1).batches
    return Body(encode_json(batch)[signal], body.items)


def _decoder(signal, bodies, *, as_json):
    decoder = OtlpDecoder()

    def read(body):
        assert not decoder.read(signal, body, 1, as_json=as_json).rejected

    return _timed(bodies, read)


def _timed(bodies, read):
    items = sum(body.items for body in bodies)

    def turn():
        start_s = time.process_time()
        for body in bodies:
            read(body.content)
        return {"items/cpu-s": items / (time.process_time() - start_s)}

    return Running(turn)


def _servers(start_ns):
    contenders = [
        Contender("firstlight", lambda: _server(otlp_servers.firstlight(), start_ns, _all_are_there)),
        Contender("Prometheus", lambda: _server(otlp_servers.prometheus(), start_ns)),
        Contender("VictoriaMetrics", lambda: _server(otlp_servers.victoria_metrics(), start_ns)),
    ]
    return Group("whole server, counters", contenders, (), frozenset({"items/cpu-s", "items/s"}))


def _server(server, start_ns, check=None):
    template = counters(SERIES, PER_BODY, 1, start_ns)
    old = struct.pack("<q", start_ns)
    turns = 0

    def turn():
        nonlocal turns
        bodies = []
        for _ in range(SERVER_TURNS_OF_SERIES):
            turns += 1
            new = struct.pack("<q", start_ns + turns * STEP_NS)
            bodies += [body.content.replace(old, new) for body in template]
        before_s = server.cpu_s()
        wall_s = server.send(bodies)
        cpu_s = server.cpu_s() - before_s
        items = SERIES * SERVER_TURNS_OF_SERIES
        return {"items/cpu-s": items / cpu_s, "items/s": items / wall_s}

    def close():
        try:
            if check:
                check(server, turns * SERIES)
        finally:
            server.close()

    return Running(turn, close)


def _all_are_there(server, sent):
    query = "select count(*) from metrics where name like 'shop.requests.%'"
    ((stored,),) = server.post_json("/api/sql", {"query": query})["rows"]
    assert stored == sent, f"{stored} of {sent} samples were stored"
