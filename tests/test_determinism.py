"""Same seed, same bits: a test for each promise of site/pages/determinism.md."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minidrop as md
from tests import samebits
from tests.promised import named, rows, trouble

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "site" / "pages" / "determinism.md").read_text(encoding="utf-8")

# --- everywhere ----------------------------------------------------------------------------------


def test_draws_are_the_same_everywhere(xp, backend):
    assert samebits.streams(backend) == "3a3db06bded0974a"


def test_first_values_are_the_same_everywhere(xp, backend):
    assert samebits.weights(backend) == "d8813c1cf4030385"


# --- on one machine with one set of libraries ----------------------------------------------------

SURROUNDINGS = [{"PYTHONHASHSEED": "0", "MINIDROP_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                {"PYTHONHASHSEED": "1", "MINIDROP_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
                {"PYTHONHASHSEED": "2", "MINIDROP_THREADS": "3", "OPENBLAS_NUM_THREADS": "1"}]


def test_runs_are_the_same_in_every_process_on_any_number_of_threads():
    children = [subprocess.Popen([sys.executable, "-m", "tests.samebits"], text=True, cwd=ROOT,
                                 env={**os.environ, **change}, stdout=subprocess.PIPE)
                for change in SURROUNDINGS]
    found = [child.communicate(timeout=120)[0] for child in children]
    assert all(child.returncode == 0 for child in children)
    first = json.loads(found[0])
    assert len(set(first.values())) == 6 and all(json.loads(other) == first for other in found)


def run(xp, backend, order=("first", "norm", "drop", "last"), between=lambda: None):
    """(losses, weights) of a run whose layers are made in the given order."""
    make = {"first": lambda: md.nn.Linear(6, 8), "norm": lambda: md.BatchNorm(8),
            "drop": lambda: md.Dropout(0.5), "last": lambda: md.nn.Linear(8, 3)}
    layers = {}
    for name in order:
        layers[name] = make[name]()
        between()
    net = md.nn.Sequential(**{name: layers[name] for name in make})
    between()
    net.init(4).to(backend)
    between()
    x, y = xp.asarray(md.gaussian(1, (20, 6))), xp.asarray(md.integers(2, 3, 20))
    history = md.fit(net, md.optim.Adam(), (x, y), 2, batch_size=8, progress=False,
                     recorder=lambda *_: between())
    return history.loss.tolist(), samebits.digest(*net.state_dict().values())


def test_runs_do_not_depend_on_the_order_in_which_layers_are_made(xp, backend):
    assert run(xp, backend) == run(xp, backend, ("last", "drop", "first", "norm"))


def test_runs_do_not_depend_on_what_else_is_made_drawn_or_trained(xp, backend):
    def between():
        np.random.rand(3)                         # noqa: NPY002
        md.uniform(md.Stream(4, "drop", backend), (5,))
        other = md.nn.Sequential(first=md.nn.Linear(6, 3), drop=md.Dropout(0.5)).init(4)
        x = md.gaussian(1, (4, 6))
        md.train_step(other.to(backend), md.optim.SGD(0.1), xp.asarray(x), xp.zeros(4, "int64"))

    assert run(xp, backend) == run(xp, backend, between=between)


# --- the page ------------------------------------------------------------------------------------

PROMISED, OTHERS = rows(PAGE, "Promised"), rows(PAGE, "Not promised")
PROMISES = [(what, where, test, file)
            for what, where, cell in PROMISED for test, file in named(cell)]


def test_every_promise_names_its_test_and_every_other_row_its_reason():
    assert len(PROMISED) >= 8 and all(named(cells[-1]) for cells in PROMISED)
    assert len(OTHERS) >= 6 and all(len(cells[-1].split()) > 5 for cells in OTHERS)


@pytest.mark.parametrize("what, where, test, file", PROMISES)
def test_the_test_of_a_promise_exists(what, where, test, file):
    forks = "on systems that can fork" in where
    assert trouble(test, file) == (f"{test} has pytest.mark.skipif" if forks else "")


def test_a_row_without_a_test_is_found():
    assert named("[`test_x`](source/tests/test_y.md)") == [("test_x", "tests/test_y.py")]
    assert not named("test_x") and not named("[`test_x`](test_y.md)")
