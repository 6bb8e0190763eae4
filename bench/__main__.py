"""``python -m bench`` runs every benchmark, ``python -m bench hot_path`` one; exit code 1 when a bar is missed.

A module here is a benchmark when it has ``benchmark()``, run in this process, or ``main()``, a program of its own.
"""

import argparse
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import bench
from bench.harness import Missing, run


def main() -> int:
    """Run what was asked for."""
    known = [name for name in sorted(module.name for module in pkgutil.iter_modules(bench.__path__)) if _is_one(name)]
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks against peers in the same run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(known)}; all when none is given")
    parser.add_argument("--rounds", type=int, default=None, help="rounds per benchmark")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in known]
    if unknown:
        parser.error(f"no benchmark called {', '.join(unknown)}; there are: {', '.join(known)}")
    outcomes = [_run(name, asked.rounds) for name in asked.names or known]
    return 0 if all(outcomes) else 1


def _is_one(name: str) -> bool:
    source = Path(bench.__path__[0], f"{name}.py")
    return (
        source.is_file()
        and bool(re.search(r"^def (benchmark|main)\(", source.read_text(), re.MULTILINE))
        and name[0] != "_"
    )


def _run(name: str, rounds: int | None) -> bool:
    try:
        module = importlib.import_module(f"bench.{name}")
        if hasattr(module, "benchmark"):
            return run(module.benchmark(), rounds)
    except (ImportError, Missing) as missing:
        print(f"\n{name}: not run, {missing}")
        return True
    print(f"\n{name}:", flush=True)
    return subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
