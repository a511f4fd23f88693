"""What `import minidrop` costs and brings along."""

import os
import subprocess
import sys
import time
from pathlib import Path

import minidrop

HEAVY = ("click", "cupy", "hypothesis", "matplotlib", "pylatexenc", "rich", "safetensors",
         "threadpoolctl", "torch", "tqdm")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(minidrop.__file__).parents[1])}


def python(code):
    """What a fresh Python prints when it runs `code`."""
    return subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def cost(statement):
    """CPU seconds that one import takes in a fresh Python: waiting for a neighbour costs none."""
    return float(python(f"import time; start = time.process_time(); {statement}; "
                        "print(time.process_time() - start)"))


def test_importing_minidrop_costs_at_most_1_3_times_importing_numpy():
    python("import minidrop")                     # so that all is compiled and in the file cache
    ours, theirs, end = [], [], time.perf_counter() + 20
    while time.perf_counter() < end:
        ours.append(cost("import minidrop"))
        theirs.append(cost("import numpy"))
        if len(ours) >= 5 and min(ours) <= 1.3 * min(theirs):
            return
    raise AssertionError(f"import minidrop takes {1e3 * min(ours):.0f} ms, import numpy "
                         f"{1e3 * min(theirs):.0f} ms; look for the reason with -X importtime")


def test_importing_minidrop_imports_nothing_heavy():
    found = python("import minidrop, sys; print(*sys.modules)").split()
    assert "minidrop.tape" in found
    assert not [name for name in HEAVY if name in found]


def test_bench_is_imported_without_torch():
    assert "torch" not in python("import minidrop.bench, sys; print(*sys.modules)").split()
