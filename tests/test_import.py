"""What `import minidrop` costs and brings along."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import minidrop

HEAVY = ("click", "cupy", "hypothesis", "matplotlib", "pooch", "pylatexenc", "rich",
         "safetensors", "scipy", "tarfile", "threadpoolctl", "torch", "tqdm")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(minidrop.__file__).parents[1])}


def python(code, **variables):
    """What a fresh Python prints when it runs `code`."""
    return subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT | variables, check=True,
                          text=True, stdout=subprocess.PIPE).stdout


def cost(statement, cache):
    """CPU seconds that one import takes in a fresh Python: waiting for a neighbour costs none.

    Compiled files are kept in the folder `cache`, as a user's Python keeps them.
    """
    return float(python(f"import time; start = time.process_time(); {statement}; "
                        "print(time.process_time() - start)",
                        PYTHONDONTWRITEBYTECODE="", PYTHONPYCACHEPREFIX=str(cache)))


def test_importing_minidrop_costs_at_most_1_3_times_importing_numpy(tmp_path):
    cost("import minidrop", tmp_path)             # so that all is compiled and in the file cache
    ours, theirs, end = [], [], time.perf_counter() + 20
    while time.perf_counter() < end:
        ours.append(cost("import minidrop", tmp_path))
        theirs.append(cost("import numpy", tmp_path))
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


def test_data_and_models_come_when_they_are_asked_for():
    code = "import minidrop, sys; print('minidrop.{0}' in sys.modules, minidrop.{0}.__name__)"
    for name in ("data", "models"):
        assert python(code.format(name)).split() == ["False", f"minidrop.{name}"]
        assert name in dir(minidrop)
    with pytest.raises(AttributeError, match="module 'minidrop' has no attribute 'modles'"):
        minidrop.modles
