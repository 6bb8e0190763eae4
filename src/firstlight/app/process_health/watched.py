"""Lets what leaves be watched on its way."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from firstlight.app.destinations import MakeExporter, destinations, is_said, places_of
from firstlight.app.process_health.watch import Watch
from firstlight.app.settings import Configuration, Resolved, default_data_dir, recording
from firstlight.app.telemetry import configure
from firstlight.model import Batch
from firstlight.ports import Exporter
from firstlight.sdk.client import Telemetry
from firstlight.sdk.flow.ledger import Ledger

FORMATS = "output.formats"


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


def configure_watched(
    telemetry: Telemetry,
    watch: Watch,
    *,
    profile: str | None = None,
    config: Configuration | None = None,
    environ: Mapping[str, str] | None = None,
    usual: Mapping[str, Any] | None = None,
) -> tuple[Resolved, int]:
    """Configure ``telemetry`` and let ``watch`` see what leaves; return the settings and how many exporters there are.

    Args:
        telemetry: the recorder.
        watch: sees every batch.
        profile: as for :func:`firstlight.configure`.
        config: as there.
        environ: as there.
        usual: settings by path below ``recording``, for those that nobody named; ``output.formats`` among them
            holds where nobody said where records go.

    Raises:
        ConfigError: a setting is wrong.
        Unavailable: files cannot be written.
        StorageError: the lake cannot be written.
    """
    resolved = recording({"profile": profile}, config, environ=environ)
    missing = {path: value for path, value in (usual or {}).items() if _is_missing(resolved, path)}
    resolved = recording({"profile": profile, **missing}, config, environ=environ)
    settings = resolved.settings.recording
    exporter: Exporter | None = None
    if settings.enabled:
        exporter = WatchedExporter(destinations(settings, default_data_dir(environ)), telemetry.ledger, watch)
    formats = missing.get(FORMATS)
    configure(profile=profile, config=config, formats=formats, exporter=exporter, telemetry=telemetry, environ=environ)
    return resolved, len(places_of(settings)) if settings.enabled else 0


def _is_missing(resolved: Resolved, path: str) -> bool:
    if path == FORMATS:
        return not is_said(resolved.settings.recording)
    return resolved.sources[f"recording.{path}"] == "default"
