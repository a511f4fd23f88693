"""Checks of values on a GPU: when they are looked at, and that none is forgotten."""

import signal
from collections import Counter

import numpy as np
import pytest

import minidrop as md
from minidrop import checkpoint, nn
from minidrop.doubts import MOST, must, settle
from minidrop.xp import floats
from tests.strict.waits import waits

pytestmark = pytest.mark.slow


def test_a_check_that_fails_is_told_after_the_epoch_and_makes_the_loss_of_a_single_step_nan(
        xp, backend):
    net, sgd, seen = nn.Linear(3, 2).init(0).to(backend), md.optim.SGD(0.0), []
    x, y = xp.ones((4, 3), "float32"), xp.asarray([0, 1, 1, 0])

    def loss(z, target):
        must(target.max() < 1, lambda: ValueError(f"labels must be 0, got {int(target.max())}"))
        return md.cross_entropy(z, target)

    def epoch(loss):
        md.fit(net, sgd, (x, y), 2, loss=loss, batch_size=1, progress=False,
               recorder=lambda step, net, loss: seen.append(step))

    with pytest.raises(ValueError, match="^labels must be 0, got 1$"):
        epoch(loss)
    assert len(seen) == 4 if backend == "cupy" else len(seen) < 4      # at once on the host
    assert bool(xp.isfinite(md.train_step(net, sgd, x, y * 0, loss)))
    if backend == "cupy":
        assert bool(xp.isnan(md.train_step(net, sgd, x, y, loss)))

    def broken(z, target):
        loss(z, target)
        raise IndexError("of which the label is the cause")

    for call in (lambda: epoch(broken), lambda: md.train_step(net, sgd, x, y + 1, broken)):
        with pytest.raises(ValueError, match="^labels must be 0, got "):
            call()
    with pytest.raises(ValueError, match="^labels must be 0"):         # and outside, at once
        loss(net(x), y)


def test_where_nobody_waits_a_check_is_looked_at_at_once_after_settling_too(xp):
    settle()
    with pytest.raises(ValueError, match="^at once$"):
        must(xp.asarray(False), lambda: ValueError("at once"))


# --- with a checkpoint ----------------------------------------------------------------------------

def stopped():
    raise KeyboardInterrupt


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("wrong", range(6))
@pytest.mark.parametrize("stop, seconds", [(stopped, 0), (ctrl_c, 30)])
def test_no_checkpoint_hides_a_check_that_failed(stop, seconds, wrong, xp, backend, tmp_path,
                                                 monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", seconds)
    monkeypatch.setattr(checkpoint, "SHARE", 0)
    x, y, taken = np.ones((6, 3), "float32"), np.arange(6) % 2, []
    y[wrong] = 2

    def run():
        md.fit(nn.Linear(3, 2).init(0), md.optim.SGD(0.1), (x, y), 1, batch_size=1, progress=False,
               backend=backend, checkpoint=tmp_path / "run", recorder=record)

    def record(step, net, loss):
        taken.append(step)
        if step == 4 and taken.count(4) == 1:
            stop()

    try:
        run()
    except KeyboardInterrupt:
        with pytest.raises(ValueError, match="^labels must lie in 0..1, got 2..2$"):
            run()
    except ValueError as error:
        assert str(error) == "labels must lie in 0..1, got 2..2"
    else:
        pytest.fail("the run ended as if all were right")


# --- how often a run waits ------------------------------------------------------------------------

def waited(xp, steps, **options):
    """How often a run of one epoch waited, by the file that asked."""
    if "stand-in" not in getattr(xp, "__version__", ""):
        pytest.skip("the stand-in counts")
    x, y = xp.ones((steps, 3), "float32"), xp.arange(steps) % 2
    net = nn.Linear(3, 2).init(0).to("cupy")
    with waits() as found:
        try:
            md.fit(net, md.optim.SGD(0.1), (x, y), 1, batch_size=1, progress=False, **options)
        except KeyboardInterrupt:
            assert "checkpoint" in options
    by_file: Counter = Counter()
    for what, times in found.items():
        by_file[what.split(" in ")[1].split(":")[0]] += times
    return by_file


@pytest.mark.parametrize("steps, looks", [(MOST - 1, 1), (2 * MOST + 88, 3)])
def test_a_run_waits_for_its_losses_once_and_looks_at_as_many_checks_as_are_kept(steps, looks, xp):
    assert waited(xp, steps) == {"doubts.py": looks, "xp.py": 1}


def test_a_save_within_an_epoch_looks_at_all_losses_at_once(xp, tmp_path):
    few, many = (waited(xp, 60, checkpoint=tmp_path / f"{step}", recorder=lambda at, net, loss: (
        ctrl_c() if at == step else None)) for step in (3, 50))  # noqa: B023
    assert few == many


def test_floats_of_what_is_there_and_what_is_not(xp):
    mixed = [1.5, np.float64(2.5), xp.asarray(3.5), xp.asarray(0.1, "float32")]
    assert floats(mixed) == [1.5, 2.5, 3.5, float(np.float32(0.1))] and floats([]) == []
    assert {type(number) for number in floats(mixed)} == {float}
