"""``firstlight health``: how well everything is, and why we say so."""

from typing import TYPE_CHECKING

import click

from firstlight.cli import output
from firstlight.cli.exits import BAD_ANSWER, FINE
from firstlight.cli.options import Wanted, shared
from firstlight.cli.source import open_source
from firstlight.cli.status import CRITICAL, score

if TYPE_CHECKING:
    from firstlight.cli.wire import Health, Judged, Part


@click.command("health")
@shared()
def command(wanted: Wanted) -> int:
    """Show the overall health, that of each subsystem, and the parts it is made of.

    Ends with 1 when the overall health is critical; degraded and unknown are fine.

    Examples:
      firstlight health
      firstlight health --json | jq '.subsystems.host.parts[] | select(.score < 0.6)'
    """
    from firstlight.cli.wire import Health, read

    source = open_source(wanted)
    try:
        answer = source.health()
    finally:
        source.close()
    found = read(answer, Health, source.place)
    if wanted.as_json:
        output.write_json(answer)
    else:
        output.write(as_text(found))
    return BAD_ANSWER if found.overall.state == CRITICAL else FINE


def as_text(found: "Health") -> str:
    """Return the report as lines of text: name, score, state, then one line for each part."""
    blocks = [("overall", found.overall), *sorted(found.subsystems.items())]
    return "\n".join(line for name, judged in blocks for line in _block(name, judged))


def _block(name: str, judged: "Judged") -> list[str]:
    total = sum(part.weight for part in judged.parts) or 1.0
    width = max((len(part.name) for part in judged.parts), default=0)
    head = f"{output.one_line(name)}: {score(judged.score, judged.state).strip()}"
    return [head, *(_part(part, part.weight / total, width) for part in judged.parts), ""]


def _part(part: "Part", share: float, width: int) -> str:
    reason = part.evidence or part.source or "no data"
    name = f"{output.one_line(part.name):<{width}}"
    return f"  {score(part.score)}  {share:>4.0%}  {name}  {output.one_line(reason)}".rstrip()
