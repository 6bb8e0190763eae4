"""What is doubtful about histograms, said to who asked."""

from firstlight.query.promql.annotations import Annotations
from firstlight.query.promql.histograms.troubles import Trouble
from firstlight.query.promql.language.syntax import Place


def note(notes: Annotations, trouble: Trouble, name: str, place: Place) -> None:
    """Say ``trouble`` of a metric."""
    message = f'{trouble.value} "{name}"'
    if trouble.is_info:
        notes.inform(message, place)
    else:
        notes.warn(message, place)
