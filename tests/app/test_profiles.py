import json
import re
from pathlib import Path

import pytest

from firstlight.app.otel_variables import HONOURED, NOT_HONOURED
from firstlight.app.profiles import PROFILES
from firstlight.app.settings import LEAVES, recording

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()


def section(heading: str) -> list[list[str]]:
    text = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]


# The table "Configuration Profiles" of document 000.
@pytest.mark.parametrize(
    ("name", "buffer", "level", "formats"),
    [
        ("development", 5_000, "debug", ("json",)),
        ("production", 20_000, "info", ("json", "prometheus")),
        ("debug", 2_000, "debug", ("json",)),
        ("minimal", 1_000, "error", ("json",)),
        ("high_performance", 50_000, "warn", ("json",)),
    ],
)
def test_profiles_have_the_documents_values(name: str, buffer: int, level: str, formats: tuple[str, ...]) -> None:
    settings = recording({"profile": name}, environ={}).settings.recording
    assert (settings.buffer.max_records, settings.level, settings.output.formats) == (buffer, level, formats)
    assert settings.output.directory == "runtime/telemetry"
    assert (settings.output.compression == "gzip") is (name == "production")
    assert (settings.buffer.flush_interval_s == 0.1) is (name in {"development", "debug"})


def test_the_page_has_every_field_that_each_profile_sets() -> None:
    header, *rows = section("Profiles")
    assert [name.strip("`") for name in header[2:]] == list(PROFILES)
    written = {row[0]: row[1:] for row in rows}
    paths = {path for values in PROFILES.values() for path in values}
    assert written == {
        f"`recording.{path}`": [
            f"`{json.dumps(LEAVES[f'recording.{path}'].default)}`",
            *(f"`{json.dumps(values[path])}`" if path in values else "" for values in PROFILES.values()),
        ]
        for path in paths
    }


def test_the_page_says_which_settings_are_live_or_secret_and_what_else_sets_them() -> None:
    for path, _, _, what in section("Settings")[1:]:
        leaf = LEAVES[path.strip("`")]
        assert ("(live)" in what, "(secret)" in what) == (leaf.live, leaf.secret), path
        assert tuple(re.findall(r"`(FIRSTLIGHT_\w+)`", what)) == leaf.also, path
        assert what.startswith(leaf.description), path


def test_the_page_has_every_variable_of_opentelemetrys() -> None:
    names = [set(re.findall(r"OTEL_\w+", row[0])) for row in section("OpenTelemetry's variables")]
    written = {name for found in names for name in found}
    assert written == {*HONOURED, *NOT_HONOURED}
