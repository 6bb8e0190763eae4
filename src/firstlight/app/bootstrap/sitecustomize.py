"""What Python runs first in every process below ``firstlight run``: it starts telemetry there.

The directory of this file stands in ``PYTHONPATH``.  A ``sitecustomize`` that it hides is run all the same, and
whatever goes wrong with telemetry, the program runs.
"""

import os
import sys


def _run_hidden() -> None:
    """Run the ``sitecustomize`` that Python would have found without us."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    here = os.path.dirname(os.path.abspath(__file__))
    others = [place for place in sys.path if os.path.abspath(place) != here]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        module = sys.modules["sitecustomize"] = module_from_spec(spec)
        spec.loader.exec_module(module)


def _begin() -> None:
    try:
        from firstlight.app.autostart import begin

        begin()
    except Exception as error:  # noqa: BLE001
        # The program was not written for us and must not fail because of us.
        if sys.stderr is not None:
            what = f"{type(error).__name__}: {error}".replace("\n", " ")
            sys.stderr.write(f"firstlight: this process runs without telemetry: {what}\n")


try:
    _run_hidden()
finally:
    _begin()
