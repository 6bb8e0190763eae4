"""Lets what leaves be watched on its way."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from firstlight.app.destinations import MakeExporter, destinations
from firstlight.app.process_health.watch import Watch
from firstlight.app.recording import RecordingSettings
from firstlight.app.settings import Configuration, Resolved, default_data_dir, recording
from firstlight.app.telemetry import configure
from firstlight.model import Batch
from firstlight.ports import Exporter
from firstlight.sdk.client import Telemetry
from firstlight.sdk.ledger import Ledger

PROMETHEUS = "prometheus"


@dataclass(frozen=True, slots=True)
class MetricNames:
    """Metrics that the Prometheus file makes of events and operations.

    Attributes:
        events_total: events by subsystem, component and level; empty for none.
        operation_duration_ms: each operation's last duration; empty for none.
    """

    events_total: str = ""
    operation_duration_ms: str = ""


NO_NAMES = MetricNames()


class WatchedExporter:
    """Shows each batch to ``watch`` once, then delivers it; a forked child gets an exporter of its own."""

    def __init__(self, make: MakeExporter, ledger: Ledger, watch: Watch) -> None:
        self._make = make
        self._ledger = ledger
        self._watch = watch
        self._seen: Batch | None = None
        self._pid = os.getpid()
        # Now, so that who configures hears what is wrong with it.
        self._inner: Exporter | None = make(ledger)

    def export(self, batch: Batch) -> None:
        """Deliver ``batch``."""
        inner = self._exporter()
        if batch is not self._seen:
            self._watch.see(batch)
            self._seen = batch
        inner.export(batch)
        self._seen = None

    def catch_up(self, timeout_s: float, *, urgent: bool = False) -> bool:
        """Let the exporter behind deliver what it holds back; return whether nothing is left."""
        catch_up: Callable[..., bool] | None = getattr(self._exporter(), "catch_up", None)
        return catch_up(timeout_s, urgent=urgent) if catch_up is not None else True

    def close(self) -> None:
        """Close the exporter behind."""
        inner, self._inner = self._inner, None
        if inner is not None and self._pid == os.getpid():
            inner.close()

    def _exporter(self) -> Exporter:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._seen = self._inner = None
        if self._inner is None:
            self._inner = self._make(self._ledger)
        return self._inner


def configure_watched(  # noqa: PLR0913 - what configure wants, and what is watched
    telemetry: Telemetry,
    watch: Watch,
    *,
    profile: str | None = None,
    config: Configuration | None = None,
    environ: Mapping[str, str] | None = None,
    names: MetricNames = NO_NAMES,
    usual: tuple[str, ...] = (),
) -> tuple[Resolved, int]:
    """Configure ``telemetry`` and let ``watch`` see what leaves; return the settings and how many exporters there are.

    Args:
        telemetry: the recorder.
        watch: sees every batch.
        profile: as for :func:`firstlight.configure`.
        config: as there.
        environ: as there.
        names: of metrics in the Prometheus file.
        usual: formats to write where nobody says where records go; the usual hub when empty.

    Raises:
        ConfigError: a setting is wrong.
        Unavailable: files cannot be written.
        StorageError: the lake cannot be written.
    """
    resolved = recording({"profile": profile}, config, environ=environ)
    formats = None
    if usual and not is_said(resolved.settings.recording):
        formats = usual
        resolved = recording({"profile": profile, "output.formats": formats}, config, environ=environ)
    settings = resolved.settings.recording
    exporter: Exporter | None = None
    if settings.enabled:
        exporter = WatchedExporter(_named(settings, names, environ), telemetry.ledger, watch)
    configure(profile=profile, config=config, formats=formats, exporter=exporter, telemetry=telemetry, environ=environ)
    return resolved, exporters_of(settings) if settings.enabled else 0


def is_said(settings: RecordingSettings) -> bool:
    """Return whether somebody said where records go."""
    receivers = settings.endpoint or settings.otlp.endpoints or settings.scrape.port or settings.influx.endpoint
    return bool(settings.output.formats or settings.data or receivers)


def exporters_of(settings: RecordingSettings) -> int:
    """Return to how many places records go."""
    others = {
        "lake": settings.data,
        "otlp": settings.endpoint or settings.otlp.endpoints or not is_said(settings),
        "scrape": settings.scrape.port,
        "influxdb_http": settings.influx.endpoint,
    }
    return len({*settings.output.formats, *(name for name, wanted in others.items() if wanted)})


def _named(settings: RecordingSettings, names: MetricNames, environ: Mapping[str, str] | None) -> MakeExporter:
    """Return what makes the exporter of ``settings``, the Prometheus file with ``names``."""
    output, default_data = settings.output, default_data_dir(environ)
    if PROMETHEUS not in output.formats:
        return destinations(settings, default_data)
    others = tuple(name for name in output.formats if name != PROMETHEUS)
    rest = replace(settings, output=replace(output, formats=others))
    make_others = destinations(rest, default_data) if is_said(rest) else None

    def make(ledger: Ledger) -> Exporter:
        from firstlight.export.files import FilePolicy
        from firstlight.export.multi import MultiExporter
        from firstlight.export.prometheus import PrometheusFileExporter

        file = PrometheusFileExporter(
            Path(output.directory).expanduser().absolute(),
            FilePolicy(sync=output.sync),
            events_total=names.events_total,
            operation_duration_ms=names.operation_duration_ms,
        )
        if make_others is None:
            return file
        return MultiExporter(
            [file, make_others(ledger)],
            names=[PROMETHEUS, "others"],
            queue_rows=settings.buffer.queue_rows,
            close_s=settings.exit_s,
            on_dropped=lambda *_: ledger.export_error(),
        )

    return make
