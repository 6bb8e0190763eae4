"""The recorder of this process: settings, exporter and client put together."""

import os
from collections.abc import Mapping
from threading import Lock
from typing import Any

from firstlight import plugins
from firstlight.app.destinations import MakeExporter, destinations, made_at_once
from firstlight.app.identity import sender
from firstlight.app.live_settings import InForce, changed, in_force, limits_by, put_in_force, said, say_remarks
from firstlight.app.settings import Configuration, Resolved, default_data_dir, recording
from firstlight.errors import UsageError
from firstlight.model import Level
from firstlight.ports import Exporter
from firstlight.sdk.client import Telemetry
from firstlight.sdk.delivery import Delivery, Limits
from firstlight.sdk.volume import Volume

_lock = Lock()
_telemetry: Telemetry | None = None


def get() -> Telemetry:
    """Return the recorder of this process; made, but not yet sending, when it is first asked for."""
    return _telemetry or _own()


def build(limits: Limits | None = None, environ: Mapping[str, str] | None = None) -> Telemetry:
    """Return a new recorder that goes by the environment and the usual file until it is told otherwise.

    Whoever merely records did not write those and must not fail because of them, so what is wrong in them is left out
    and said once.
    """
    resolved = recording(environ=environ, strict=False)
    telemetry = _built(resolved, limits, environ)
    say_remarks(telemetry, resolved)
    return telemetry


def configure(  # noqa: PLR0913 - each is one thing a host may want to say
    service: str | None = None,
    *,
    profile: str | None = None,
    config: Configuration | None = None,
    data: str | os.PathLike[str] | None = None,
    endpoint: str | None = None,
    exporter: Exporter | str | None = None,
    formats: tuple[str, ...] | list[str] | None = None,
    directory: str | os.PathLike[str] | None = None,
    level: Level | str | None = None,
    levels: Mapping[str, Level | str] | None = None,
    attributes: Mapping[str, Any] | None = None,
    enabled: bool | None = None,
    limits: Limits | None = None,
    volume: Volume | None = None,
    telemetry: Telemetry | None = None,
    environ: Mapping[str, str] | None = None,
) -> Telemetry:
    """Say who this process is and where its records go; call it once, early, and again to change it.

    What is not given comes from the environment, then from the file, then from the profile (``docs/configuration.md``);
    when nothing is said of a destination, records go to the hub at ``http://127.0.0.1:4318``.

    Args:
        service: logical name of this process.
        profile: ``development``, ``production``, ``debug``, ``minimal`` or ``high_performance``.
        config: a TOML, JSON or YAML file of settings, or its content as a mapping.
        data: directory of a lake to write into without a hub.
        endpoint: base URL of the hub or another OTLP/HTTP receiver.
        exporter: an exporter, or the name of one that needs no arguments, instead of all that the settings name.
        formats: files to write, such as ``json`` and ``prometheus``.
        directory: where to write them.
        level: least level that is recorded.
        levels: the same for single scopes and all below them, such as ``{"pulse": "debug"}``.
        attributes: what else to say of this process.
        enabled: record at all.
        limits: bounds of queues and intervals, instead of those in the settings.
        volume: rules of how much is kept, instead of those in the settings.
        telemetry: the recorder to configure; this process's own when None.
        environ: the process's environment when None.

    Raises:
        ConfigError: a setting is wrong; it names the setting, who said so and the way out.
        UsageError: the arguments contradict each other.
        StorageError: the lake or the files cannot be written.
    """
    if sum(choice is not None for choice in (data, endpoint, exporter)) > 1:
        raise UsageError("give one of data, endpoint and exporter, not several")
    given: dict[str, object] = {"profile": profile, "service": service, "attributes": attributes, "enabled": enabled}
    given |= {"data": _path_text(data), "endpoint": endpoint}
    given |= {"output.formats": formats, "output.directory": _path_text(directory), "level": _level_text(level)}
    given |= {"levels": None if levels is None else {scope: _level_text(one) for scope, one in levels.items()}}
    resolved = recording(given, config, environ=environ)
    one = telemetry or _own(resolved, environ)
    _deliver(one, resolved, _by_settings(resolved, environ) if exporter is None else _given(exporter), limits)
    if volume is not None:
        one.set_volume(volume)
    return one


def update_settings(changes: Mapping[str, Any], telemetry: Telemetry | None = None) -> None:
    """Change settings while records are taken; it holds for the next record, and none is lost.

    Args:
        changes: such as ``{"recording.level": "debug"}`` or ``{"recording": {"level": "debug"}}``; live settings only
            (``docs/configuration.md`` marks them).  Maps are added to: ``{"recording.levels": {"pulse": "debug"}}``.
        telemetry: the recorder to change; this process's own when None.

    Raises:
        ConfigError: a change is wrong, or not of a live setting; nothing is changed then.
    """
    one = telemetry or get()
    before = in_force(one)
    if before is None:
        raise UsageError("this recorder was not made by firstlight.get() or firstlight.configure()")
    resolved, paths = changed(before.resolved, changes)
    one.set_limits(limits_by(resolved, one.limits, paths))
    put_in_force(one, InForce(resolved, before.delivery), paths)


def _own(resolved: Resolved | None = None, environ: Mapping[str, str] | None = None) -> Telemetry:
    """Return this process's recorder, made by ``resolved`` or else by its surroundings when there is none yet."""
    global _telemetry  # noqa: PLW0603 - one per process is what it is for
    found = resolved or recording(environ=environ, strict=False)
    with _lock:
        is_new = _telemetry is None
        _telemetry = made = _telemetry or _built(found, None, environ)
    if is_new and resolved is None:
        # Not before it can be had: a handler of the log may be one that records.
        say_remarks(made, found)
    return made


def _built(resolved: Resolved, limits: Limits | None, environ: Mapping[str, str] | None) -> Telemetry:
    settings = resolved.settings.recording
    delivery = Delivery(_by_settings(resolved, environ), sender(settings.service, settings.attributes))
    telemetry = Telemetry(delivery, limits or limits_by(resolved, Limits(), said(resolved)))
    put_in_force(telemetry, InForce(resolved, delivery), said(resolved))
    return telemetry


def _deliver(telemetry: Telemetry, resolved: Resolved, make: MakeExporter, limits: Limits | None) -> None:
    """Let ``telemetry`` go by ``resolved`` and, unless that switches it off, deliver to what ``make`` makes."""
    settings = resolved.settings.recording
    say_remarks(telemetry, resolved)
    if settings.enabled:
        make = made_at_once(make, telemetry.ledger)
    delivery = Delivery(make, sender(settings.service, settings.attributes))
    if settings.enabled:
        telemetry.deliver(delivery, limits or limits_by(resolved, telemetry.limits, said(resolved)))
    put_in_force(telemetry, InForce(resolved, delivery), said(resolved))


def _by_settings(resolved: Resolved, environ: Mapping[str, str] | None) -> MakeExporter:
    return destinations(resolved.settings.recording, default_data_dir(environ))


def _given(exporter: Exporter | str) -> MakeExporter:
    if isinstance(exporter, str):
        made = plugins.load("exporter", exporter)
        return lambda _: made()
    return lambda _: exporter


def _path_text(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else str(path)


def _level_text(level: Level | str | None) -> str | None:
    return level if level is None or isinstance(level, str) else Level(level).name
