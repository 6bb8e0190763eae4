"""The page's files: what is vendored is what VERSIONS says, nothing comes from elsewhere, colours can be read."""

import hashlib
import re
from pathlib import Path

import pytest

from firstlight.hub.pages import STATIC

VENDOR = STATIC / "vendor"
OWN_SCRIPTS = sorted(path for path in STATIC.rglob("*.js") if VENDOR not in path.parents)
PAGES = sorted(STATIC.glob("*.html"))
STYLES = sorted((STATIC / "css").glob("*.css"))
TEXT_COLOURS = ("ink", "ink-2", "ink-3", "accent", "optimal", "healthy", "degraded", "critical", "unknown")
LINE_COLOURS = ("c1", "c2", "c3", "c4", "c5", "c6", "focus")


def vendored() -> list[list[str]]:
    lines = (VENDOR / "VERSIONS").read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def imports(script: Path) -> list[str]:
    return re.findall(r"""(?:(?<!["'$])\bfrom ?|\bimport ?\(? ?)["']([^"'\n]+)["'];?""", script.read_text())


def test_every_vendored_file_is_the_one_that_was_written_down() -> None:
    written = {file: digest for *_, file, digest in vendored()}
    assert written == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.suffix in {".js", ".css"}
    }


def test_every_vendored_package_has_its_licence() -> None:
    for name, version, licence, *_ in vendored():
        text = (VENDOR / "licences" / f"{name.removeprefix('@preact/')}.txt").read_text()
        assert {"MIT": "MIT", "Apache-2.0": "Apache License"}[licence] in text or "Permission is hereby granted" in text
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)


@pytest.mark.parametrize("script", sorted(STATIC.rglob("*.js")), ids=lambda path: str(path.relative_to(STATIC)))
def test_scripts_import_only_files_that_are_there(script: Path) -> None:
    for name in imports(script):
        assert name.startswith("."), f"{name} would need an import map"
        assert (script.parent / name).resolve().is_file(), name


@pytest.mark.parametrize("path", [*OWN_SCRIPTS, *STYLES, *PAGES], ids=lambda path: path.name)
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"""(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}""", text)
    assert "@import" not in text


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_has_no_inline_script_or_style(page: Path) -> None:
    html = page.read_text()
    assert not re.findall(r"<script(?![^>]*\bsrc=)", html)
    assert not re.findall(r"<style|\sstyle=|\son\w+=", html)


def test_nothing_writes_html_from_data() -> None:
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc")
    assert [path.name for path in OWN_SCRIPTS if forbidden.search(path.read_text())] == []


def palettes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r"(:root[^{\s]*)\s*\{([^{}]*)\}", (STATIC / "css" / "tokens.css").read_text())
    return {selector: dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6});", body)) for selector, body in blocks}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("selector", palettes())
def test_text_and_lines_stand_out_from_their_ground(selector: str) -> None:
    palette = palettes()[selector]
    for ground in ("paper", "raised"):
        for name in TEXT_COLOURS:
            assert contrast(palette[name], palette[ground]) >= 4.5, (name, ground)
    for name in LINE_COLOURS:
        assert contrast(palette[name], palette["paper"]) >= 3, name


def test_a_chosen_dark_theme_is_the_preferred_dark_theme() -> None:
    by_selector = palettes()
    assert len(by_selector) == 3
    assert by_selector[':root[data-theme="dark"]'] == by_selector[':root:not([data-theme="light"])']
