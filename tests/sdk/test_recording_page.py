"""The page on recording shows what works."""

import os
import re
import subprocess
import sys
from pathlib import Path

from firstlight.app.lake import Lake

PAGE = Path(__file__).parents[2] / "docs" / "recording.md"


def test_the_examples_of_metrics_record_what_they_say(tmp_path: Path) -> None:
    section = PAGE.read_text().split("\n## Metrics\n")[1].split("\n## ")[0]
    program = "\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))
    program = program.replace("lengths.stop()", "firstlight.flush(); lengths.stop()")
    outcome = subprocess.run(
        [sys.executable, "-c", f"import firstlight\nfirstlight.configure(service='shop')\n{program}"],
        env=os.environ | {"FIRSTLIGHT_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    lake = Lake.open(tmp_path)
    try:
        rows = lake.sql(
            "select name, max(value) from metrics where name in ('orders_paid_total', 'queue_length',"
            " 'process_threads', 'python_info') group by name order by name"
        ).rows
    finally:
        lake.close()
    assert [name for name, _ in rows] == ["orders_paid_total", "process_threads", "python_info", "queue_length"]
    assert dict(rows)["orders_paid_total"] == 1.0
    assert dict(rows)["queue_length"] == 3.0


def test_the_examples_of_events_and_spans_record_what_they_say(tmp_path: Path) -> None:
    text = PAGE.read_text().split("\n## How much is kept\n")[0]
    program = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    calls = "import asyncio\nasyncio.run(encode(1))\npart = 2\n"
    program = program.replace("from concurrent.futures", f"{calls}from concurrent.futures")
    program = program.replace(
        "pool.submit(firstlight.in_context(encode), part)", "pool.submit(firstlight.in_context(log.info), 'sent')"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", f"{program}\nfirstlight.shutdown()"],
        env=os.environ | {"FIRSTLIGHT_DATA_DIR": str(tmp_path), "FIRSTLIGHT_LEVEL": "debug"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    with Lake.open(tmp_path) as lake:
        events = lake.sql("select name, subsystem, level, body, trace_id <> '' from events order by time_ns").rows
        spans = lake.sql("select name, component from spans order by time_ns").rows
    assert events == [
        ("zone_transition", "pulse", "INFO", "The zone is amber now.", False),
        ("charge_failed", "pulse", "ERROR", "", False),
        ("started", "", "DEBUG", "", False),
        ("moved", "pulse", "INFO", "", False),
        ("zone_transition", "pulse", "INFO", "", False),
        ("sent", "pulse", "INFO", "", True),
    ]
    assert spans == [("pay", ""), ("encode", "fractal"), ("encode", ""), ("request", "")]
