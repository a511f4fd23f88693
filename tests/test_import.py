"""What `import minidrop` costs and brings along."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import minidrop

pytestmark = pytest.mark.slow

HEAVY = ("click", "cupy", "hypothesis", "matplotlib", "pooch", "pylatexenc", "rich",
         "safetensors", "scipy", "tarfile", "threadpoolctl", "torch", "tqdm")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(minidrop.__file__).parents[1])}


def python(code, **variables):
    """What a fresh Python prints when it runs `code`."""
    return subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT | variables, check=True,
                          text=True, stdout=subprocess.PIPE).stdout


def costs(cache):
    """CPU seconds of `import numpy`, and of `import minidrop` after it, in one fresh Python.

    Compiled files are kept in the folder `cache`, as a user's Python keeps them.
    """
    code = ("import time; start = time.process_time(); import numpy; middle = time.process_time(); "
            "import minidrop; print(middle - start, time.process_time() - middle)")
    return map(float, python(code, PYTHONDONTWRITEBYTECODE="",
                             PYTHONPYCACHEPREFIX=str(cache)).split())


def test_importing_minidrop_costs_at_most_1_3_times_importing_numpy(tmp_path):
    costs(tmp_path)                               # so that all is compiled and in the file cache
    numpys, ours = map(min, zip(*(costs(tmp_path) for _ in range(8)), strict=True))
    assert numpys + ours < 1.3 * numpys, "look for the reason with python -X importtime"


def test_techniques_training_and_data_come_when_they_are_asked_for():
    homes = {"nn": "nn", "dropout": "units.dropout", "fit": "train", "data": "data",
             "models": "models"}
    code = ("import minidrop, sys; before = set(sys.modules)\n"
            f"for name, home in {homes}.items():\n"
            "    assert name in dir(minidrop) and 'minidrop.' + home not in before, name\n"
            "    getattr(minidrop, name)\n"
            "    assert 'minidrop.' + home in sys.modules, name\n"
            "print('minidrop.tape' in before)")
    assert python(code).split() == ["True"]       # and operators work from the start


def test_every_name_of_the_stub_is_there_and_lives_where_it_says():
    for name in dir(minidrop):
        assert getattr(minidrop, name) is vars(minidrop)[name]
    stub = Path(minidrop.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    for node in ast.parse(stub).body:
        for alias in node.names if isinstance(node, ast.ImportFrom) and node.module else ():
            home = importlib.import_module(f"minidrop.{node.module}")
            assert getattr(minidrop, alias.name) is getattr(home, alias.name)
            assert alias.asname == alias.name     # so that type checkers see it


def test_importing_minidrop_imports_nothing_heavy():
    found = python("import minidrop, sys; print(*sys.modules)").split()
    assert "minidrop.tape" in found
    assert not [name for name in HEAVY if name in found]


def test_bench_is_imported_without_torch():
    assert "torch" not in python("import minidrop.bench, sys; print(*sys.modules)").split()


def test_a_name_that_is_not_there_is_answered_with_one_that_is():
    with pytest.raises(AttributeError, match="module 'minidrop' has no attribute 'modles'"):
        minidrop.modles
    with pytest.raises(AttributeError, match=r"'Dropout2d'; did you mean minidrop\.SpatialDropout"):
        minidrop.Dropout2d
    with pytest.raises(AttributeError, match=r"'DropPath'; did you mean minidrop\.StochasticDepth"):
        minidrop.nn.DropPath
    with pytest.raises(AttributeError, match=r"'Linear'; did you mean minidrop\.nn\.Linear\?"):
        minidrop.Linear
    with pytest.raises(AttributeError, match=r"'Dropout'; did you mean minidrop\.Dropout\?"):
        minidrop.nn.Dropout


def test_a_fault_within_a_module_is_not_taken_for_a_missing_name(monkeypatch):
    monkeypatch.delattr(minidrop.units.dropout, "Dropout")
    monkeypatch.delitem(vars(minidrop), "Dropout", raising=False)
    with pytest.raises(AttributeError, match="'minidrop.units.dropout' has no attribute 'Dropout'"):
        minidrop.Dropout
