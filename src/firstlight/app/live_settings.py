"""Settings that may be changed while records are taken, and what is done when they are."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from firstlight.app.layers import from_mapping
from firstlight.app.recording import OFF_NAME, RecordingSettings
from firstlight.app.settings import LEAVES, RECORDING, Resolved, laid_over
from firstlight.errors import ConfigError
from firstlight.model import Level, parse_level
from firstlight.sdk.client import Telemetry
from firstlight.sdk.delivery import Delivery, Limits
from firstlight.sdk.flow.levels import OFF
from firstlight.sdk.volume import Volume

if TYPE_CHECKING:
    from firstlight.sdk.redaction.redact import Redactor

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

_VOLUME = {
    "sampling.trace_ratio": "trace_ratio",
    "sampling.keep_failed_traces": "keep_failed_traces",
    "sampling.event_ratios": "event_ratios",
    "limits.site_rate_per_s": "site_rate_per_s",
    "limits.overhead_ratio": "overhead_ratio",
    "limits.busy_load_ratio": "busy_load_ratio",
    "buffer.when_full": "when_full",
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


def said(resolved: Resolved) -> frozenset[str]:
    """Return the paths of what somebody has set; the other settings have their defaults."""
    return frozenset(path for path, source in resolved.sources.items() if source != "default")


def put_in_force(telemetry: Telemetry, new: InForce, paths: Set[str]) -> None:
    """Let ``telemetry`` go by levels, rules of volume and switch of ``new``, as far as ``paths`` name them."""
    before = _in_force.get(telemetry)
    _in_force[telemetry] = new
    for scope, level in _thresholds(new.resolved, paths).items():
        telemetry.set_level(level, scope)
    if f"{RECORDING}subsystems" in paths:
        for scope, one in new.resolved.settings.recording.subsystems.items():
            telemetry.switch(scope, on=one.enabled)
    volume = volume_by(new.resolved, telemetry.volume, paths)
    if volume != telemetry.volume:
        telemetry.set_volume(volume)
    telemetry.registry.exemplars = new.resolved.settings.recording.metrics.exemplars
    telemetry.redaction.use(partial(redactor_by, new.resolved.settings.recording))
    _switch(telemetry, new, before)


def say_remarks(telemetry: Telemetry, resolved: Resolved) -> None:
    """Say in the log what could not be heeded."""
    if resolved.remarks:
        telemetry.troubles.say("settings", "; ".join(resolved.remarks))


def changed(before: Resolved, changes: Mapping[str, Any]) -> tuple[Resolved, frozenset[str]]:
    """Return the settings after ``changes``, and the paths of those; maps are added to.

    Args:
        before: the settings before.
        changes: nested or by dotted path.

    Raises:
        ConfigError: a change is wrong, or of a setting that is not live.
    """
    layer = from_mapping(changes, LEAVES, "update")
    for path in layer:
        if not LEAVES[path].live:
            problem = f"cannot change while records are taken, only these can: {', '.join(LIVE)}"
            raise ConfigError(path, "update", problem)
    return laid_over(before, layer), frozenset(layer)


def limits_by(resolved: Resolved, otherwise: Limits, paths: Set[str]) -> Limits:
    """Return the limits that ``paths`` name, the others as in ``otherwise``."""
    return replace(otherwise, **_values(resolved, _LIMITS, paths))


def volume_by(resolved: Resolved, otherwise: Volume, paths: Set[str]) -> Volume:
    """Return the rules of volume that ``paths`` name, the others as in ``otherwise``."""
    subsystems = resolved.settings.recording.subsystems if f"{RECORDING}subsystems" in paths else {}
    shares = {scope: one.sample_ratio for scope, one in subsystems.items()}
    values = _values(resolved, _VOLUME, paths)
    ratios = {**otherwise.event_ratios, **shares, **values.pop("event_ratios", {})}
    return replace(otherwise, event_ratios=ratios, **values)


def redactor_by(settings: RecordingSettings) -> "Redactor":
    """Return what hides secrets."""
    from firstlight.sdk.redaction.redact import (  # here, because a process that is switched off needs none
        Policy,
        Redactor,
    )

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


def _values(resolved: Resolved, names: Mapping[str, str], paths: Set[str]) -> dict[str, Any]:
    """Return the values of the settings in ``names`` that ``paths`` name too, by the name that ``names`` gives them."""
    found = {f"{RECORDING}{path}": name for path, name in names.items()}
    return {name: resolved.value(path) for path, name in found.items() if path in paths}


def _thresholds(resolved: Resolved, paths: Set[str]) -> dict[str, Level]:
    settings = resolved.settings.recording
    names: dict[str, str] = {}
    if f"{RECORDING}level" in paths:
        names[""] = settings.level
    if f"{RECORDING}levels" in paths:
        names |= settings.levels
    if f"{RECORDING}subsystems" in paths:
        names |= {scope: one.level for scope, one in settings.subsystems.items() if one.level}
    return {scope: _threshold(name) for scope, name in names.items()}


def _threshold(name: str) -> Level:
    return _SILENT if name == OFF_NAME else parse_level(name)


def _switch(telemetry: Telemetry, new: InForce, before: InForce | None) -> None:
    was_on = before is None or before.resolved.settings.recording.enabled
    is_on = new.resolved.settings.recording.enabled
    if was_on and not is_on:
        if not telemetry.is_started:
            # Nobody would ever fold what instruments collect.
            telemetry.registry.mute(on=True)
        telemetry.switch("", on=False)
        telemetry.shutdown(telemetry.limits.exit_s)
        # Nothing is lost that anybody wanted, so nothing is counted either.
        telemetry.front.gate(_ignore)
    elif is_on and not was_on:
        telemetry.registry.mute(on=False)
        telemetry.switch("", on=True)
        telemetry.deliver(new.delivery)
        telemetry.start()


def _ignore(_: Any) -> None:
    """Take the spans of a process that records nothing."""
