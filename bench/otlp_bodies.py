"""Request bodies for the OTLP benchmarks: what a fleet of web services sends, from a fixed seed."""

import random
from dataclasses import dataclass

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

SECOND_NS = 10**9
BOUNDS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]


@dataclass(frozen=True)
class Body:
    """One request and the number of samples, spans or records in it."""

    content: bytes
    items: int


def pairs(attributes):
    """Return attributes as OTLP key-value pairs."""
    return [
        KeyValue(key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value))
        for key, value in attributes.items()
    ]


def counters(series, per_body, rounds, start_ns, step_ns=15 * SECOND_NS):
    """Return bodies of cumulative counters: five attributes each, ten metric names, every series once per round."""
    rng = random.Random(11)
    values = [float(rng.randint(0, 10**6)) for _ in range(series)]
    bodies = []
    for turn in range(rounds):
        for first in range(0, series, per_body):
            members = range(first, min(series, first + per_body))
            for member in members:
                values[member] += rng.randint(0, 100)
            now_ns = start_ns + turn * step_ns
            request = _counter_request(first, members, values, now_ns, start_ns - 3600 * SECOND_NS)
            bodies.append(Body(request.SerializeToString(), len(members)))
    return bodies


def _counter_request(first, members, values, now_ns, born_ns):
    request = ExportMetricsServiceRequest()
    metrics = _scope(request, first).metrics
    by_name = {}
    for member in members:
        name = f"shop.requests.{member % 10}"
        if name not in by_name:
            by_name[name] = metrics.add(name=name, unit="{request}", description="Requests answered").sum
            by_name[name].is_monotonic = True
            by_name[name].aggregation_temporality = 2
        point = by_name[name].data_points.add(
            start_time_unix_nano=born_ns, time_unix_nano=now_ns, as_double=values[member]
        )
        point.attributes.extend(pairs(_series_attributes(member)))
    return request


def _scope(request, number):
    entry = request.resource_metrics.add()
    entry.resource.attributes.extend(pairs({"service.name": "shop", "service.instance.id": f"shop-{number}"}))
    scope = entry.scope_metrics.add()
    scope.scope.name = "shop.web"
    return scope


def _series_attributes(member):
    return {
        "http.request.method": ("GET", "POST")[member % 2],
        "http.route": f"/items/{member // 10 % 40}",
        "http.response.status_code": (200, 404, 500)[member % 3],
        "server.address": f"10.0.{member // 2500 % 250}.{member // 10 % 250}",
        "k8s.pod.name": f"web-{member // 10:06x}",
    }


def histograms(series, per_body, rounds, start_ns, step_ns=15 * SECOND_NS):
    """Return bodies of explicit histograms with ten bounds; one point is 13 samples (buckets, sum, count)."""
    rng = random.Random(13)
    counts = [[0] * (len(BOUNDS_S) + 1) for _ in range(series)]
    bodies = []
    for turn in range(rounds):
        for first in range(0, series, per_body):
            members = range(first, min(series, first + per_body))
            request = ExportMetricsServiceRequest()
            data = _scope(request, first).metrics.add(name="shop.request.duration", unit="s").histogram
            data.aggregation_temporality = 2
            for member in members:
                counts[member][rng.randrange(len(BOUNDS_S) + 1)] += rng.randint(0, 9)
                data.data_points.add(
                    start_time_unix_nano=start_ns - 3600 * SECOND_NS,
                    time_unix_nano=start_ns + turn * step_ns,
                    count=sum(counts[member]),
                    sum=sum(counts[member]) * 0.0625,
                    bucket_counts=counts[member],
                    explicit_bounds=BOUNDS_S,
                    attributes=pairs(_series_attributes(member)),
                )
            bodies.append(Body(request.SerializeToString(), len(members) * (len(BOUNDS_S) + 3)))
    return bodies


def spans(items, per_body, now_ns):
    """Return bodies of spans: eight to a trace, six attributes each, one in twenty failed."""
    rng = random.Random(17)
    bodies = []
    for first in range(0, items, per_body):
        request = ExportTraceServiceRequest()
        entry = request.resource_spans.add()
        entry.resource.attributes.extend(pairs({"service.name": f"shop-{first // per_body % 20}", "host.name": "h1"}))
        scope = entry.scope_spans.add()
        scope.scope.name = "shop.web"
        count = min(per_body, items - first)
        trace_id = parent_id = b""
        for number in range(count):
            if number % 8 == 0:
                trace_id, parent_id = rng.randbytes(16), b""
            began_ns = now_ns - rng.randint(0, 60 * SECOND_NS)
            span = scope.spans.add(
                trace_id=trace_id,
                span_id=rng.randbytes(8),
                parent_span_id=parent_id,
                name=f"GET /items/{number % 40}",
                kind=3 if parent_id else 2,
                start_time_unix_nano=began_ns,
                end_time_unix_nano=began_ns + rng.randint(10**5, SECOND_NS),
                attributes=pairs(_series_attributes(number) | {"user.id": f"u{rng.randint(0, 9999)}"}),
            )
            if number % 20 == 0:
                span.status.code = 2
            parent_id = span.span_id
        bodies.append(Body(request.SerializeToString(), count))
    return bodies


def logs(items, per_body, now_ns):
    """Return bodies of log records: a sentence with four numbers, two attributes, a trace context."""
    rng = random.Random(19)
    bodies = []
    for first in range(0, items, per_body):
        request = ExportLogsServiceRequest()
        entry = request.resource_logs.add()
        entry.resource.attributes.extend(pairs({"service.name": f"shop-{first // per_body % 20}"}))
        scope = entry.scope_logs.add()
        scope.scope.name = "shop.web"
        count = min(per_body, items - first)
        for number in range(count):
            record = scope.log_records.add(
                time_unix_nano=now_ns - rng.randint(0, 10 * SECOND_NS),
                severity_number=9,
                severity_text="INFO",
                trace_id=rng.randbytes(16),
                span_id=rng.randbytes(8),
                attributes=pairs({"code.function.name": f"handler_{number % 30}", "thread.id": number % 8}),
            )
            user, item, size, took = (rng.randint(0, 9999) for _ in range(4))
            record.body.string_value = f"user {user} asked for item {item} and got {size} bytes in {took} ms"
        bodies.append(Body(request.SerializeToString(), count))
    return bodies
