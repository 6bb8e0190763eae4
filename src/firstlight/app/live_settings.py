"""Settings that may be changed while records are taken, and what is done when they are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from firstlight.app.layers import from_mapping
from firstlight.app.recording import OFF_NAME, RecordingSettings
from firstlight.app.settings import LEAVES, RECORDING, Resolved, laid_over
from firstlight.errors import ConfigError
from firstlight.model import Level, parse_level
from firstlight.sdk.client import OFF, Telemetry
from firstlight.sdk.delivery import Delivery, Limits
from firstlight.sdk.volume import Volume

if TYPE_CHECKING:
    from firstlight.sdk.redact import Redactor

LIVE = tuple(leaf.path for leaf in LEAVES.values() if leaf.live)
"""Paths of the settings that may be changed so."""

_SILENT = cast("Level", OFF)

_LIMITS = {
    "buffer.max_records": "high_water",
    "buffer.queue_rows": "queue_rows",
    "buffer.flush_interval_s": "linger_s",
    "metrics.interval_s": "report_interval_s",
    "metrics.max_lines": "lines",
    "exit_s": "exit_s",
}


@dataclass(frozen=True, slots=True)
class InForce:
    """What a recorder goes by.

    Attributes:
        resolved: its settings.
        delivery: where its records go when it records.
    """

    resolved: Resolved
    delivery: Delivery


_in_force: WeakKeyDictionary[Telemetry, InForce] = WeakKeyDictionary()


def in_force(telemetry: Telemetry) -> InForce | None:
    """Return what ``telemetry`` goes by; None when it was not made by settings."""
    return _in_force.get(telemetry)


def put_in_force(telemetry: Telemetry, new: InForce, volume: Volume) -> None:
    """Let ``telemetry`` go by levels, rules of volume and switch of ``new``, and say what could not be heeded."""
    before = _in_force.get(telemetry)
    _in_force[telemetry] = new
    for scope, level in _thresholds(new.resolved).items():
        telemetry.set_level(level, scope)
    for scope, one in new.resolved.settings.recording.subsystems.items():
        telemetry.switch(scope, on=one.enabled)
    telemetry.set_volume(volume)
    _switch(telemetry, new, before)
    if new.resolved.remarks:
        telemetry.troubles.say("settings", "; ".join(new.resolved.remarks))


def changed(before: Resolved, changes: Mapping[str, Any]) -> Resolved:
    """Return the settings after ``changes``, which are nested or by dotted path; maps are added to.

    Raises:
        ConfigError: a change is wrong, or of a setting that is not live.
    """
    layer = from_mapping(changes, LEAVES, "update")
    for path in layer:
        if not LEAVES[path].live:
            raise ConfigError(
                path, "update", f"cannot change while records are taken, only these can: {', '.join(LIVE)}"
            )
    return laid_over(before, layer)


def limits_by(resolved: Resolved, otherwise: Limits) -> Limits:
    """Return the limits that somebody has set, the others as in ``otherwise``."""
    said = {name: path for path, name in _LIMITS.items() if resolved.sources[f"{RECORDING}{path}"] != "default"}
    return replace(otherwise, **{name: resolved.value(f"{RECORDING}{path}") for name, path in said.items()})


def volume_by(settings: RecordingSettings) -> Volume:
    """Return the rules of volume."""
    sampling, limits = settings.sampling, settings.limits
    shares = {scope: one.sample_ratio for scope, one in settings.subsystems.items() if one.sample_ratio < 1}
    return Volume(
        trace_ratio=sampling.trace_ratio,
        keep_failed_traces=sampling.keep_failed_traces,
        event_ratios={**shares, **sampling.event_ratios},
        site_rate_per_s=limits.site_rate_per_s,
        overhead_ratio=limits.overhead_ratio,
        busy_load_ratio=limits.busy_load_ratio,
        when_full=settings.buffer.when_full,
    )


def bound(telemetry: Telemetry, delivery: Delivery, limits: Limits) -> None:
    """Let ``telemetry`` keep within ``limits`` from now on."""
    if limits != telemetry.limits:
        telemetry.deliver(delivery, limits)


def redactor_by(settings: RecordingSettings) -> "Redactor":
    """Return what hides secrets."""
    from firstlight.sdk.redact import Policy, Redactor  # here, because a process that is switched off needs none

    given = settings.redaction
    policy = Policy(
        enabled=given.enabled,
        cards=given.cards,
        emails=given.emails,
        ibans=given.ibans,
        names=frozenset(given.names),
        allowed=frozenset(given.allow),
        patterns=given.patterns,
        pseudonym_key=given.pseudonym_key.encode(),
        pseudonyms=frozenset(given.pseudonyms),
    )
    return Redactor(policy)


def _thresholds(resolved: Resolved) -> dict[str, Level]:
    settings = resolved.settings.recording
    found = {scope: _threshold(name) for scope, name in settings.levels.items()}
    if resolved.sources[f"{RECORDING}level"] != "default":
        found[""] = _threshold(settings.level)
    found |= {scope: _threshold(one.level) for scope, one in settings.subsystems.items() if one.level}
    return found


def _threshold(name: str) -> Level:
    return _SILENT if name == OFF_NAME else parse_level(name)


def _switch(telemetry: Telemetry, new: InForce, before: InForce | None) -> None:
    was_on = before is None or before.resolved.settings.recording.enabled
    is_on = new.resolved.settings.recording.enabled
    if was_on and not is_on:
        telemetry.switch("", on=False)
        telemetry.shutdown(telemetry.limits.exit_s)
    elif is_on and not was_on:
        telemetry.switch("", on=True)
        telemetry.deliver(new.delivery)
