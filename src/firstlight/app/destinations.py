"""Where the records of this process go: exporters, as the settings have them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firstlight import plugins
from firstlight.app.recording import (
    DEFAULT_ENDPOINT,
    InfluxSettings,
    OtlpSettings,
    OutputSettings,
    RecordingSettings,
    ScrapeSettings,
    SpoolSettings,
)
from firstlight.model import Batch
from firstlight.ports import Exporter
from firstlight.sdk.flow.ledger import Ledger, Rows

MakeExporter = Callable[[Ledger], Exporter]
_SIGNALS = {"traces": "spans", "metrics": "samples", "logs": "events"}
_ALL_SIGNALS = frozenset({"events", "spans", "metrics"})
_NO_FILES = frozenset({"otlp", "lake"})


def destinations(settings: RecordingSettings, default_data: Path) -> MakeExporter:
    """Return what makes the exporter for all the places that ``settings`` name; the usual hub when there are none.

    Args:
        settings: what is in force.
        default_data: the lake where only the format ``lake`` is named.
    """
    wanted = places_of(settings)
    places = _files(settings.output)
    if "lake" in wanted:
        places["lake"] = _loaded("lake", settings.data or str(default_data))
    if "scrape" in wanted:
        places["scrape"] = _scraped(settings.scrape, settings.output)
    if "influxdb_http" in wanted:
        places["influxdb_http"] = _influx(settings.influx)
    if "otlp" in wanted:
        # With a spool at hand nobody need wait for a receiver that is busy.
        patience = {"retry_for_s": 0.0} if settings.spool.directory else {}
        receiver = _receiver(settings.endpoint or DEFAULT_ENDPOINT, settings.otlp, patience)
        places["otlp"] = _spooled(receiver, settings.spool) if settings.spool.directory else receiver
    return _with_signals(_together(places, settings), settings.signals)


def is_said(settings: RecordingSettings) -> bool:
    """Return whether somebody said where records go."""
    return bool(_said(settings))


def places_of(settings: RecordingSettings) -> frozenset[str]:
    """Return the names of the exporters that ``settings`` want; of the usual hub's where nobody said."""
    return _said(settings) or frozenset({"otlp"})


def _said(settings: RecordingSettings) -> frozenset[str]:
    others = {
        "lake": settings.data,
        "otlp": settings.endpoint or settings.otlp.endpoints,
        "scrape": settings.scrape.port,
        "influxdb_http": settings.influx.endpoint,
    }
    return frozenset({*settings.output.formats, *(name for name, wanted in others.items() if wanted)})


def made_at_once(make: MakeExporter, ledger: Ledger) -> MakeExporter:
    """Make the first exporter now, so that who configures hears what is wrong with it.

    Whoever needs another one, as a forked child does, gets one of its own.
    """
    ready, pid = [make(ledger)], os.getpid()

    def hand_over(ledger: Ledger) -> Exporter:
        return ready.pop() if ready and os.getpid() == pid else make(ledger)

    return hand_over


def _files(output: OutputSettings) -> dict[str, MakeExporter]:
    # Absolute, because the program may change its working directory.
    directory = Path(output.directory).expanduser().absolute()
    return {name: _file(name, directory, output) for name in output.formats if name not in _NO_FILES}


def _file(name: str, directory: Path, output: OutputSettings) -> MakeExporter:
    names = _metric_names(output) if name == "prometheus" else {}

    def make(_: Ledger) -> Exporter:
        from firstlight.export.files import FilePolicy

        policy = FilePolicy(
            rotate_bytes=output.rotate_bytes,
            rotate_interval_s=output.rotate_interval_s,
            compression=output.compression,
            keep_files=output.keep_files,
            keep_s=output.keep_s,
            sync=output.sync,
        )
        made: Exporter = plugins.load("exporter", name)(directory, policy, **names)
        return made

    return make


def _metric_names(output: OutputSettings) -> dict[str, str]:
    return {"events_total": output.events_metric, "operation_duration_ms": output.duration_metric}


def _scraped(scrape: ScrapeSettings, output: OutputSettings) -> MakeExporter:
    return _loaded("scrape", scrape.port, scrape.host, **_metric_names(output))


def _influx(influx: InfluxSettings) -> MakeExporter:
    return _loaded("influxdb_http", influx.endpoint, database=influx.database, org=influx.org, token=influx.token)


def _loaded(name: str, *arguments: Any, **options: Any) -> MakeExporter:
    def make(_: Ledger) -> Exporter:
        made: Exporter = plugins.load("exporter", name)(*arguments, **options)
        return made

    return make


def _receiver(endpoint: str, otlp: OtlpSettings, patience: dict[str, float]) -> MakeExporter:
    def make(ledger: Ledger) -> Exporter:
        def rejected(signal: str, rows: int, _reason: str) -> None:
            ledger.rejected(Rows(**{_SIGNALS[signal]: rows}))

        from firstlight.export.connection import Tls

        made: Exporter = plugins.load("exporter", "otlp")(
            endpoint,
            token=otlp.token,
            headers=otlp.headers,
            protocol=otlp.protocol,
            compression=otlp.compression,
            endpoints=otlp.endpoints,
            signal_headers=otlp.signal_headers,
            tls=Tls(otlp.certificate_file, otlp.client_certificate_file, otlp.client_key_file, otlp.insecure),
            timeout_s=otlp.timeout_s,
            on_rejected=rejected,
            **patience,
        )
        return made

    return make


def _spooled(receiver: MakeExporter, spool: SpoolSettings) -> MakeExporter:
    directory = Path(spool.directory).expanduser().absolute()

    def make(ledger: Ledger) -> Exporter:
        from firstlight.export.spool import SpoolExporter

        def moved(what: str, counts: tuple[int, int, int]) -> None:
            rows = Rows(*counts)
            if what == "held":
                # The sink counts them as exported once the spool has them, but they are only on disk yet.
                ledger.exported(Rows(*(-count for count in rows)))
            elif what == "delivered":
                ledger.exported(rows)
            elif what == "adopted":
                # Another process left them behind; they are counted here from now on.
                ledger.recorded(rows)
            else:
                ledger.dropped(what, rows)

        return SpoolExporter(receiver(ledger), directory, max_bytes=spool.max_bytes, sync=spool.sync, on_moved=moved)

    return make


def _together(places: dict[str, MakeExporter], settings: RecordingSettings) -> MakeExporter:
    if len(places) == 1:
        return next(iter(places.values()))

    def make(ledger: Ledger) -> Exporter:
        from firstlight.export.multi import MultiExporter

        # What one of them loses may have reached the others, so it is no loss of the whole recorder's.
        return MultiExporter(
            [place(ledger) for place in places.values()],
            names=list(places),
            queue_rows=settings.buffer.queue_rows,
            close_s=settings.exit_s,
            on_dropped=lambda *_: ledger.export_error(),
        )

    return make


def _take_back(ledger: Ledger, reason: str, rows: Rows) -> None:
    """Count ``rows`` as dropped that the sink counts, or has counted, as exported."""
    ledger.exported(Rows(*(-count for count in rows)))
    ledger.dropped(reason, rows)


def _with_signals(make: MakeExporter, signals: tuple[str, ...]) -> MakeExporter:
    wanted = frozenset(signals)
    return make if wanted >= _ALL_SIGNALS else lambda ledger: _Only(wanted, make(ledger), ledger)


class _Only:
    """Delivers the signals that are wanted; the rest is counted as dropped, reason ``unwanted``."""

    def __init__(self, wanted: frozenset[str], inner: Exporter, ledger: Ledger) -> None:
        self._wanted = wanted
        self._inner = inner
        self._ledger = ledger
        self._unfinished: tuple[Batch, Batch] | None = None

    def export(self, batch: Batch) -> None:
        """Deliver what is wanted of ``batch``; the same part again after a failure."""
        if self._unfinished is None or self._unfinished[0] is not batch:
            self._unfinished = (batch, self._part(batch))
        part = self._unfinished[1]
        if len(part):
            self._inner.export(part)
        self._unfinished = None
        left_out = Rows(*(every - kept for every, kept in zip(Rows.of(batch), Rows.of(part), strict=True)))
        _take_back(self._ledger, "unwanted", left_out)

    def catch_up(self, timeout_s: float, *, urgent: bool = False) -> bool:
        """Let the exporter behind deliver what it holds back; return whether nothing is left."""
        catch_up: Callable[..., bool] | None = getattr(self._inner, "catch_up", None)
        return catch_up(timeout_s, urgent=urgent) if catch_up is not None else True

    def close(self) -> None:
        """Close the exporter behind."""
        self._inner.close()

    def _part(self, batch: Batch) -> Batch:
        part = Batch(batch.resource)
        if "events" in self._wanted:
            part.events = batch.events
        if "spans" in self._wanted:
            part.spans = batch.spans
        if "metrics" in self._wanted:
            part.samples, part.exponential = batch.samples, batch.exponential
            part.exemplars, part.series = batch.exemplars, batch.series
        return part
