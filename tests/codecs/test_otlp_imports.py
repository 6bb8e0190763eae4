"""What a recorder loads to write OTLP is light; protobuf's library comes with the first odd request that is read."""

import subprocess
import sys

import pytest

HEAVY = ("google", "opentelemetry", "numpy", "pyarrow", "duckdb", "litestar")


@pytest.mark.parametrize("module", ["write_json", "write_wire", "write_wire_metrics", "read_answers", "decode"])
def test_importing_loads_nothing_heavy(module):
    code = f"import sys, firstlight.codecs.otlp.{module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "firstlight" in loaded
    assert not set(HEAVY) & set(loaded)


def test_writing_json_does_not_load_the_shapes_of_reading():
    code = "import sys, firstlight.codecs.otlp.write_json; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "firstlight.codecs.otlp.shapes" not in loaded
