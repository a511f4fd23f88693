"""The bench on a GPU, as far as it goes without one: the arithmetic, the clock, what is refused."""

import importlib

import numpy as np
import pytest
from click.testing import CliRunner

from minidrop.bench import on_gpu, ours, steps
from minidrop.cli import main
from minidrop.xp import backend_of

pytestmark = pytest.mark.slow


def losses(contender):
    contender.start()
    return [contender.observed() for _ in range(3)]


@pytest.mark.parametrize("name", ["b", "c"])
def test_a_step_on_the_gpu_is_that_of_the_host(name, xp, backend):
    if backend == "numpy":
        pytest.skip("this is the bench on a GPU")
    there = on_gpu.minidrops(name)
    assert backend_of(there.x) == backend_of(there.net.parameters()[0].data) == "cupy"
    for (loss, masks), (due, others) in zip(losses(there), losses(ours.contender(name)),
                                            strict=True):
        assert loss == pytest.approx(due, rel=1e-4)
        for mask, other in zip(masks, others, strict=True):
            np.testing.assert_array_equal(mask, other)
    assert there.clock(2) > 0 and there.peak() >= 0
    assert there.around()["versions"]["tf32"] == "off"


def test_dropout_alone_is_checked_on_the_gpu(xp, backend, monkeypatch):
    if backend == "numpy":
        pytest.skip("this is the bench on a GPU")
    alone = on_gpu.DropoutAlone(0.5, (64, 64))
    alone.check()
    monkeypatch.setattr(alone, "p", 0.25)
    with pytest.raises(ValueError, match="minidrop must compute dropout"):
        alone.check()


def test_n_steps_lie_between_two_events_behind_one_that_does_not():
    told = []

    class Event:
        def record(self):
            told.append("event")

        def synchronize(self):
            told.append("wait")

    assert on_gpu.timed(lambda: told.append("step"), 3, Event, lambda *_: 1.5) == 1.5
    assert told == ["step", "event", "step", "step", "step", "event", "wait"]


def test_the_command_takes_the_libraries_of_the_gpu(xp, backend, monkeypatch):
    seen = []
    monkeypatch.setattr(steps, "measured", lambda name, rivals, blocks, progress, libraries:
                        seen.append((name, rivals, libraries)))
    monkeypatch.setattr(importlib.import_module("minidrop.bench.table"), "table", str)
    monkeypatch.setattr(steps.importlib.util, "find_spec", lambda name: name)
    result = CliRunner().invoke(main, ["bench", "b", "--backend", backend])
    assert result.exit_code == 0, result.output
    due = steps.LIBRARIES if backend == "numpy" else on_gpu.LIBRARIES
    assert seen == [("b", ["torch", "torch-tuned"], due)]
    if backend == "cupy":
        found = CliRunner().invoke(main, ["bench", "b", "--backend", backend, "--against", "jax"])
        assert found.exit_code == 1 and "against must be one of 'torch', 'torch-tuned'" in \
            found.output
    assert CliRunner().invoke(main, ["bench", "sizes", "--backend", backend]).exit_code == 2


def test_without_a_gpu_the_command_says_so(monkeypatch):
    monkeypatch.setitem(importlib.import_module("sys").modules, "cupy", None)
    result = CliRunner().invoke(main, ["bench", "b", "--backend", "cupy"])
    assert result.exit_code == 1 and result.output.startswith("Error: backend 'cupy' needs")


@pytest.mark.reference
def test_pytorch_without_a_gpu_is_told_and_computes_the_same_elsewhere(xp, monkeypatch):
    torch = importlib.import_module("torch")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="PyTorch, which sees none"):
            on_gpu.torchs("b")
        monkeypatch.setattr(on_gpu, "DEVICE", "cpu")
    for name in "bch":
        us, them = ours.contender(name), on_gpu.torchs(name)
        them.load(us.start())
        for _ in range(2):
            loss, masks = us.observed()
            assert them.under(masks) == pytest.approx(loss, rel=1e-4)
    assert not torch.backends.cuda.matmul.allow_tf32 and not torch.backends.cudnn.allow_tf32
