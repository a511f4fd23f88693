"""Long runs: after a third of the steps memory is flat; `python -m tests.flat` does 10,000."""

import ctypes
import json
import mmap

import numpy as np
import pytest
from click.testing import CliRunner

import minidrop as md
from minidrop.models.named import MODELS
from tests import flat

pytestmark = pytest.mark.slow
STEPS = 135
KINDS = [name for name in MODELS if not name.startswith("resnet") or name == "resnet8"]


@pytest.mark.parametrize("name", KINDS)
def test_a_run_keeps_a_float_a_step_and_nothing_else(name):
    python, process = flat.watched(STEPS, flat.fitted(name))
    most, most_of_the_process = flat.bounds(STEPS)
    assert python < most and process < most_of_the_process


def shared(steps, look):
    """Steps of which threads do a part each."""
    layer, x = md.Dropout(0.5).init(0), np.ones((1024, 1024), "float32")
    for step in range(steps):
        layer(x)
        look(step)


def test_what_threads_share_leaves_nothing():
    assert flat.watched(90, shared)[0] < flat.bounds(90)[0]


@pytest.mark.parametrize("size", [0, 100, 10_000])
def test_a_step_that_keeps_something_is_noticed(size):
    kept, run = [], flat.fitted("mlp")

    def keep(step, net, loss):
        kept.append(bytes(size) if size else loss)

    python, _ = flat.watched(STEPS, lambda steps, look: run(steps, look, keep))
    assert python > size and python > flat.bounds(STEPS)[0]


@pytest.mark.skipif(not flat.resident(), reason="the system does not say what a process has")
@pytest.mark.parametrize("size", [10_000, 100_000])
def test_a_step_that_keeps_what_python_does_not_count_is_noticed(size):
    """Pages that the system gives, whatever was free before; of 10,000 bytes more steps tell."""
    steps = STEPS if size > 50_000 else 8 * STEPS
    library, run = ctypes.CDLL(None), flat.fitted("mlp")
    library.mmap.restype = ctypes.c_void_p
    rights, kind = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS

    def keep(step, net, loss):
        ctypes.memset(library.mmap(None, ctypes.c_size_t(size), rights, kind, -1, None), 1, size)

    python, process = flat.watched(steps, lambda steps, look: run(steps, look, keep))
    assert python < flat.bounds(steps)[0] and process > flat.bounds(steps)[1]
    assert flat.watched(steps, run)[1] < flat.bounds(steps)[1]


def test_each_model_is_run_once_and_one_that_grows_is_named(tmp_path, monkeypatch):
    path, ran, grown = tmp_path / "flat.json", [], {"lenet": [70.0, 0.0], "vit": [33.0, 1e6]}
    monkeypatch.setattr(flat, "fitted", lambda name: ran.append(name) or name)
    monkeypatch.setattr(flat, "watched", lambda steps, name: grown.get(name, [33.0, 0.0]))
    result = CliRunner().invoke(flat.main, [str(path)])
    assert result.exit_code == 1 and "it grows: lenet, vit\n" in result.output
    assert sorted(ran) == sorted(MODELS) == sorted(json.loads(path.read_text()))
    grown.clear()
    CliRunner().invoke(flat.main, [str(path)])
    assert len(ran) == len(MODELS)
    assert CliRunner().invoke(flat.main, [str(path), "--steps", "999"]).exit_code == 0
    assert len(ran) == 2 * len(MODELS)
