"""Files of other programs: made by those programs, or by the libraries that they use."""

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from firstlight.app import lake_import
from firstlight.app.imports.inputs import Input, find
from firstlight.app.imports.wanted import Mapping, Wanted
from firstlight.app.lake import Lake
from firstlight.app.lake_import import Importer, Report, import_into
from firstlight.errors import DecodeError, Overloaded, UsageError
from firstlight.model import Batch

NOON_NS = 1_262_347_200_000_000_000  # 2010-01-01T12:00:00Z


class Kept:
    """A lake that keeps batches in a list, and may be in need of a rest."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.refusals = 0

    def append(self, batches, batch_id: bytes = b"") -> None:
        if self.refusals:
            self.refusals -= 1
            raise Overloaded("later", 5.0)
        self.batches += batches

    def was_recovered(self, batch_id: bytes) -> bool:
        return False

    def samples(self) -> list[tuple[str, dict[str, str], int, float]]:
        return [
            (batch.series[number].name, dict(batch.series[number].labels), time_ns, value)
            for batch in self.batches
            for number, time_ns, value in zip(
                batch.samples.series_ids, batch.samples.times_ns, batch.samples.values, strict=True
            )
        ]

    def events(self):
        return [event for batch in self.batches for event in batch.events]


def read(path: Path | list[Path], **wanted) -> tuple[Kept, Report]:
    kept = Kept()
    names = [str(one) for one in (path if isinstance(path, list) else [path])]
    return kept, Importer(kept, Wanted(**wanted)).read_all(find(names))


def table(path: Path, **mapping) -> tuple[Kept, Report]:
    return read(path, mapping=Mapping(**mapping))


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def logs(*bodies: str) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    name = resource.resource.attributes.add()
    name.key, name.value.string_value = "service.name", "shop"
    records = resource.scope_logs.add()
    for number, body in enumerate(bodies):
        record = records.log_records.add(time_unix_nano=NOON_NS + number, severity_number=13)
        record.body.string_value = body
    return request


def metrics(*values: int, delta: bool = False, first: int = 0) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="orders")
    metric.sum.aggregation_temporality = 1 if delta else 2
    metric.sum.is_monotonic = True
    for number, value in enumerate(values, first):
        metric.sum.data_points.add(
            start_time_unix_nano=NOON_NS + number * 10, time_unix_nano=NOON_NS + number * 10 + 10, as_int=value
        )
    return request


def traces() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(
        trace_id=b"\1" * 16, span_id=b"\2" * 8, name="pay", start_time_unix_nano=NOON_NS, end_time_unix_nano=NOON_NS + 9
    )
    return request


def as_json_line(request) -> str:
    found = MessageToDict(request)
    for resource in found.get("resourceSpans", []):  # OTLP JSON has ids in hex, protobuf's own JSON in base64
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                span["traceId"], span["spanId"] = "01" * 16, "02" * 8
    return json.dumps(found) + "\n"


@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
def test_the_lines_of_a_collectors_file_exporter(tmp_path: Path, packed: str) -> None:
    text = "".join(map(as_json_line, (logs("one", "two"), metrics(5), traces(), metrics(3, delta=True)))).encode()
    content = {"": text, ".gz": gzip.compress(text), ".zst": pa.compress(text, "zstd", asbytes=True)}[packed]
    kept, report = read(write(tmp_path / f"otel.json{packed}", content))
    assert [(event.time_ns, event.body, event.level) for event in kept.events()] == [
        (NOON_NS, "one", 13),
        (NOON_NS + 1, "two", 13),
    ]
    assert kept.samples() == [("orders", {}, NOON_NS + 10, 5.0), ("orders", {}, NOON_NS + 10, 3.0)]
    assert [span.name for batch in kept.batches for span in batch.spans] == ["pay"]
    assert (report.rows, report.bad_lines, report.files) == (5, 0, 1)


def test_increments_add_up_from_one_request_to_the_next(tmp_path: Path) -> None:
    text = as_json_line(metrics(3, delta=True)) + as_json_line(metrics(4, delta=True, first=1))
    kept, _ = read(write(tmp_path / "otel.jsonl", text))
    assert [value for *_, value in kept.samples()] == [3.0, 7.0]


@pytest.mark.parametrize(("request_", "rows"), [(logs("a"), (1, 0, 0)), (metrics(1), (0, 0, 1)), (traces(), (0, 1, 0))])
def test_a_binary_request_tells_what_it_carries(tmp_path: Path, request_, rows: tuple[int, int, int]) -> None:
    _, report = read(write(tmp_path / "one.pb", request_.SerializeToString()))
    assert (report.events, report.spans, report.samples) == rows


def test_binary_requests_with_their_lengths_before_them(tmp_path: Path) -> None:
    bodies = [request.SerializeToString() for request in (logs("a", "b"), metrics(1), traces())]
    content = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
    _, report = read(write(tmp_path / "otel", content))
    assert (report.events, report.spans, report.samples) == (2, 1, 1)
    _, cut = read(write(tmp_path / "otel", content[:-3]))
    assert (cut.rows, cut.bad[0].reason) == (3, "cannot be read on: the file ends in the middle of a message")


def test_what_otlp_refuses_is_a_bad_line_with_its_reason(tmp_path: Path) -> None:
    broken = logs("a", "b")
    broken.resource_logs[0].scope_logs[0].log_records[1].time_unix_nano = 2**63 + 1
    _, report = read(write(tmp_path / "a.jsonl", "\n" + as_json_line(broken)))
    assert (report.events, report.bad_lines, report.bad[0].line) == (1, 1, 2)
    assert "outside 1970..2262" in report.bad[0].reason


def test_a_table_in_csv_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "power.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["when", "watts", "rack", "note"])
        writer.writerow(["2010-01-01T12:00:00Z", "1.5", "r1", "a\nb"])
        writer.writerow(["2010-01-01 13:00:00.000000001+01:00", "1e3", "r2", 'with "quotes", and more'])
        writer.writerow([str(NOON_NS // 10**9), "", "r1", "no value"])
        writer.writerow(["soon", "2", "r1", ""])
        writer.writerow(["2010-01-01", "x", "r1", ""])
    kept, report = table(path, time="when", values=("watts",), labels=("rack",), name="power", service="meter")
    assert kept.samples() == [
        ("power", {"rack": "r1"}, NOON_NS, 1.5),
        ("power", {"rack": "r2"}, NOON_NS + 1, 1000.0),
    ]
    assert {series.service for batch in kept.batches for series in batch.series.values()} == {"meter"}
    assert [(bad.line, bad.reason) for bad in report.bad] == [(6, "'soon' is no time"), (7, "'x' is no number")]


def test_columns_with_usual_names_need_no_mapping(tmp_path: Path) -> None:
    long = write(tmp_path / "long.csv", "Timestamp;name;value;host\n2010-01-01T12:00:00Z;up;true;a\n")
    assert read(long)[0].samples() == [("up", {"host": "a"}, NOON_NS, 1.0)]
    wide = write(tmp_path / "wide.tsv", "ts\tcpu\tmem\thost\n1262347200000\t1\t2\ta\n")
    kept, _ = table(wide, values=("cpu", "mem"), name="box")
    assert kept.samples() == [("box_cpu", {"host": "a"}, NOON_NS, 1.0), ("box_mem", {"host": "a"}, NOON_NS, 2.0)]
    logged = write(tmp_path / "log.csv", "time,level,message,user\n2010-01-01T12:00:00Z,warning,hello,42\n")
    (event,) = read(logged)[0].events()
    assert (event.time_ns, event.level, event.body, event.attributes) == (NOON_NS, 13, "hello", {"user": "42"})


@pytest.mark.parametrize(
    ("head", "mapping", "problem"),
    [
        ("a,b", {"time": "when", "values": ("b",)}, "there is no column 'when'; there are a, b"),
        ("a,b", {"values": ("b",)}, "which column is the time"),
        ("time,b", {}, "name the columns with --value"),
    ],
)
def test_a_mapping_that_does_not_fit_says_which_columns_there_are(tmp_path, head, mapping, problem) -> None:
    with pytest.raises(UsageError, match=problem):
        table(write(tmp_path / "a.csv", f"{head}\n1,2\n"), **mapping)


def test_anybodys_parquet(tmp_path: Path) -> None:
    moments = pa.array([NOON_NS, NOON_NS + 1], pa.timestamp("ns", "UTC"))
    rows = pa.table({"t": moments, "celsius": pa.array([1, None], pa.int32()), "ok": [True, False], "room": ["a", "b"]})
    pq.write_table(rows, tmp_path / "rooms.parquet")
    kept, report = table(tmp_path / "rooms.parquet", time="t", values=("celsius", "ok"))
    assert kept.samples() == [
        ("celsius", {"room": "a"}, NOON_NS, 1.0),
        ("ok", {"room": "a"}, NOON_NS, 1.0),
        ("ok", {"room": "b"}, NOON_NS + 1, 0.0),
    ]
    naive = pa.table({"time": [datetime(2010, 1, 1, 12, tzinfo=UTC).replace(tzinfo=None)], "value": [0.5]})
    pq.write_table(naive, tmp_path / "naive.parquet")
    assert table(tmp_path / "naive.parquet", name="x")[0].samples() == [("x", {}, NOON_NS, 0.5)]
    assert report.bad == []


def test_a_segment_of_a_lake_is_no_export(tmp_path: Path) -> None:
    empty = pa.table({name: [0] for name in ("series_id", "time", "ns", "value_int", "value_divisor", "value_double")})
    pq.write_table(empty, tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="does not name its series"):
        read(tmp_path / "a.parquet")


def test_line_protocol_of_others(tmp_path: Path) -> None:
    text = (
        f'cpu,host=a usage=1.5,idle=2i,on=t,state="busy" {NOON_NS // 1000}\nweather temp\n# a comment\nbare value=3\n'
    )
    kept, report = read(write(tmp_path / "a.lp", text), precision="us")
    assert kept.samples() == [
        ("cpu_usage", {"host": "a"}, NOON_NS, 1.5),
        ("cpu_idle", {"host": "a"}, NOON_NS, 2.0),
        ("cpu_on", {"host": "a"}, NOON_NS, 1.0),
    ]
    (event,) = kept.events()
    assert (event.name, event.attributes) == ("cpu", {"host": "a", "state": "busy"})
    assert [bad.line for bad in report.bad] == [2, 4]
    assert "no time" in report.bad[1].reason
    assert len(read(tmp_path / "a.lp", precision="us", default_time_ns=NOON_NS)[0].samples()) == 4


def test_a_family_may_be_larger_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firstlight.app.imports.blocks.BLOCK_BYTES", 64)
    lines = ["# HELP took_seconds How long.", "# TYPE took_seconds histogram", 'took_seconds{le="0.1"} broken']
    for number in range(50):
        at = f"1262347200{number:03d}"
        lines += [
            f'took_seconds_bucket{{le="1"}} {number} {at}',
            f"took_seconds_sum 2 {at}",
            f"took_seconds_count 3 {at}",
        ]
    lines += ["# TYPE other_total counter", f"other_total 1 {NOON_NS // 10**6}"]
    kept, report = read(write(tmp_path / "a.prom", "\n".join(lines)))
    fields = [(series.name, series.field, series.kind) for batch in kept.batches for series in batch.series.values()]
    assert {("took_seconds", field, "histogram") for field in ("bucket", "sum", "count")} | {
        ("other_total", "value", "counter")
    } == set(fields)
    assert len(kept.samples()) == 151
    assert [(bad.line, "not a number" in bad.reason) for bad in report.bad] == [(3, True)]
    # A bound is spelled as OTLP's are here.
    assert ("took_seconds", {"le": "1.0"}, NOON_NS, 0.0) in kept.samples()


def test_the_file_is_told_by_its_beginning_where_its_name_says_nothing(tmp_path: Path) -> None:
    contents = {
        "a": '{"timestamp":"2010-01-01T12:00:00Z","event_type":"x"}\n',
        "b": f"# TYPE a gauge\na 1 {NOON_NS // 10**6}\n",
        "c": "# TYPE a gauge\na 1 1262347200\n# EOF\n",
        "d": f"cpu,host=a usage=1 {NOON_NS}\n",
        "e": "time,value\n2010-01-01T12:00:00Z,1\n",
    }
    paths = [write(tmp_path / name, content) for name, content in contents.items()]
    kept, report = read(paths, mapping=Mapping(name="m"))
    assert (report.bad, report.events) == ([], 1)
    assert {time_ns for *_, time_ns, _ in kept.samples()} == {NOON_NS}
    assert len(kept.samples()) == 4
    with pytest.raises(UsageError, match="say which with --format"):
        read(write(tmp_path / "f", "just words\n"))


def test_one_bad_line_costs_its_own_row_only_and_strict_stops(tmp_path: Path) -> None:
    good = '{"timestamp":"2010-01-01T12:00:00.000Z","event_type":"n%d"}\n'
    lines = [good % number for number in range(1000)]
    for number in (0, 17, 500, 999):
        lines[number] = "{broken\n"
    path = write(tmp_path / "a.jsonl", "".join(lines))
    kept, report = read(path)
    assert [bad.line for bad in report.bad] == [1, 18, 501, 1000]
    assert (report.events, len(kept.events())) == (996, 996)
    with pytest.raises(DecodeError, match=rf"{path}:1: "):
        read(path, strict=True)


@pytest.mark.parametrize("content", [gzip.compress(b"x" * 10_000)[:-20], b"\x28\xb5\x2f\xfd" + b"\0" * 50])
def test_a_packed_file_that_is_damaged_is_reported(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DecodeError, match="packed and damaged"):
        read(write(tmp_path / "a.jsonl", content))


def test_a_directory_is_all_files_below_it_that_are_whole(tmp_path: Path) -> None:
    line = '{"timestamp":"2010-01-01T12:00:00Z"}\n'
    (tmp_path / "deep" / ".hidden").mkdir(parents=True)
    for name in ("a.jsonl", "deep/b.jsonl", "deep/c.jsonl.part", "deep/.hidden/d.jsonl", ".e.jsonl"):
        write(tmp_path / name, line)
    assert [source.name for source in find([str(tmp_path)])] == [f"{tmp_path}/a.jsonl", f"{tmp_path}/deep/b.jsonl"]
    with pytest.raises(UsageError, match="no file"):
        find([str(tmp_path / "nothing")])


def test_a_lake_in_need_of_a_rest_is_waited_for(tmp_path: Path) -> None:
    kept, naps = Kept(), []
    kept.refusals = 3
    path = write(tmp_path / "a.jsonl", '{"timestamp":"2010-01-01T12:00:00Z"}\n')
    Importer(kept, Wanted(), sleep=naps.append).read(Input(path))
    assert (naps, len(kept.events())) == ([5.0] * 3, 1)
    kept.refusals = 10**6
    with pytest.raises(Overloaded):
        Importer(kept, Wanted(), sleep=naps.append).read(Input(path))
    assert sum(naps) == 15 + lake_import.PATIENCE_S


def count(directory: Path) -> list[tuple]:
    with Lake.open(directory, read_only=True) as lake:
        return list(lake.sql("SELECT count(*), count(DISTINCT name) FROM events").rows)


def many_lines(path: Path, rows: int) -> Path:
    body = "x" * 200
    return write(
        path,
        "".join(
            f'{{"timestamp":"2010-01-01T12:00:00Z","event_type":"n{number}","message":"{body}"}}\n'
            for number in range(rows)
        ),
    )


def test_an_import_that_was_killed_goes_on_where_the_lake_knows_it_stopped(tmp_path: Path) -> None:
    rows = 60_000
    path = many_lines(tmp_path / "a.jsonl", rows)
    program = "import sys\nfrom firstlight.cli.application import run\nsys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "lake", "import", str(path), "--data", str(tmp_path / "lake")]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    log_bytes, end = 0, time.monotonic() + 60
    while log_bytes < 2**21 and killed.poll() is None and time.monotonic() < end:
        log_bytes = sum(log.stat().st_size for log in (tmp_path / "lake").glob("wal/*/*.wal"))
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    ((before, _),) = count(tmp_path / "lake")
    assert 0 < before < rows
    report = import_into(tmp_path / "lake", find([str(path)]), Wanted())
    assert (report.repeated, report.events) == (before, rows - before)
    assert count(tmp_path / "lake") == [(rows, rows)]


def test_what_was_imported_is_known_after_sealing_too_and_kept_again_when_asked(tmp_path: Path) -> None:
    path = many_lines(tmp_path / "a.jsonl", 10_000)
    import_into(tmp_path / "lake", find([str(path)]), Wanted())
    with Lake.open(tmp_path / "lake") as lake:
        end = time.monotonic() + 60
        while not lake.stats()["sealed_rows"]["events"]:
            assert time.monotonic() < end, "nothing was sealed"
            time.sleep(0.05)
    twice = import_into(tmp_path / "lake", find([str(path), str(path)]), Wanted())
    assert (twice.events, twice.repeated) == (0, 20_000)
    assert import_into(tmp_path / "lake", find([str(path)]), Wanted(again=True)).events == 10_000
    assert count(tmp_path / "lake") == [(20_000, 10_000)]
    # Another reading of the same bytes is another import; a file that has grown is another file.
    grown = write(
        tmp_path / "b.jsonl", path.read_bytes() + b'{"timestamp":"2010-01-01T12:00:00Z","event_type":"new"}\n'
    )
    assert import_into(tmp_path / "lake", find([str(grown)]), Wanted()).events == 10_001


def test_standard_input_is_read_and_a_repetition_of_unsealed_pieces_known(tmp_path: Path, monkeypatch) -> None:
    content = b'{"timestamp":"2010-01-01T12:00:00Z","event_type":"x"}\n'
    for expected in ((1, 0), (0, 1)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))
        report = import_into(tmp_path / "lake", find(["-"]), Wanted())
        assert (report.events, report.repeated) == expected


def test_a_dry_run_counts_and_makes_no_lake(tmp_path: Path) -> None:
    path = many_lines(tmp_path / "a.jsonl", 10)
    report = import_into(tmp_path / "lake", find([str(path)]), Wanted(dry_run=True))
    assert (report.events, report.dry_run) == (10, True)
    assert os.listdir(tmp_path) == ["a.jsonl"]
