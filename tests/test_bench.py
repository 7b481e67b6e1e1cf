"""The benchmarks fit the code they measure: each can be imported as it is run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parent.parent / "bench"
IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as missing:
        # What they compare with is not a requirement of the tests.
        if missing.name not in ("pandas", "matplotlib"):
            raise
    print(name)
"""


def test_every_benchmark_can_be_imported():
    names = sorted(path.stem for path in BENCH.glob("*.py") if path.stem != "__init__")
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names],
        cwd=BENCH, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == names
