"""What retention and the disk budget took is seen at the hub: status, metrics, events, health."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firstlight.store import budget
from tests.hub.serving import Client, hub
from tests.store.lakes import lake_of

USUAL = {f"lake__retention__{name}_days": days for name, days in (("events", 7), ("metrics", 30), ("spans", 7))}
FOREVER = dict.fromkeys(USUAL, 0)


def wait_for(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def figure(client: Client, name: str) -> int:
    return int(client.get("/api/status").json["lake"][name])


def metric(client: Client, name: str) -> float:
    lines = client.get("/metrics").body.decode().splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith(f"{name} ")]
    return float(value)


def rows_of(client: Client, query: str) -> list[list[Any]]:
    return list(client.sql(query).json["rows"])


def test_old_rows_leave_the_lake_of_a_hub_and_that_is_seen(tmp_path: Path) -> None:
    lake_of(tmp_path, 3)
    with hub(tmp_path, **USUAL) as client:
        wait_for(lambda: figure(client, "retained_rows") >= 3 * (12 + 12 + 24 + 1))
        assert metric(client, "firstlight_retired_rows_total") == figure(client, "retained_rows")
        told = rows_of(client, "SELECT attributes->>'table' FROM events WHERE name = 'rows_retired'")
        assert {"events", "spans", "samples", "exponential"} <= {table for (table,) in told}
        assert rows_of(client, "SELECT count(*) FROM metrics WHERE name = 'load'") == [[0]]
        assert rows_of(client, "SELECT count(*) FROM spans") == [[0]]


def test_what_a_disk_budget_took_and_what_it_lacks_is_seen(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 3)
    limit_bytes = budget.size_bytes(tmp_path) - budget.size_bytes(layout.data) // 2
    settings = FOREVER | {"lake__disk_budget_bytes": limit_bytes, "self_metrics_interval_s": 0.5}
    with hub(tmp_path, **settings, health__interval_s=0.5) as client:
        wait_for(lambda: figure(client, "reduced_rows") > 0)
        assert metric(client, "firstlight_budget_rows_total") >= figure(client, "reduced_rows") > 0
        assert rows_of(client, "SELECT DISTINCT level FROM events WHERE name = 'disk_budget_reached'") == [["WARN"]]
        parts = client.get("/api/health").json["subsystems"]["firstlight"]["parts"]
        assert {"disk budget", "oldest rows", "refused series", "damaged segments"} <= {part["name"] for part in parts}

        with open(tmp_path / "ballast", "wb") as file:
            file.truncate(2**31)
        wait_for(lambda: figure(client, "over_bytes") > 2**30)
        assert metric(client, "firstlight_over_budget_bytes") > 2**30

        def judged() -> bool:
            found = client.get("/api/health").json["subsystems"]["firstlight"]["parts"]
            (part,) = [one for one in found if one["name"] == "disk budget"]
            return part["score"] is not None and part["score"] <= 0.3 and "larger than its budget" in part["evidence"]

        wait_for(judged)
