"""A run that is broken off and taken up again ends in the bits of an undisturbed run."""

import errno
import os

import numpy as np
import pytest

import minidrop as md
from minidrop.xp import host

EPOCHS, STEPS = 4, 3


def network():
    return md.nn.Sequential(md.nn.Linear(5, 8), md.nn.Tanh(), md.Dropout(0.3), md.nn.Linear(8, 2))


def data(xp):
    x = xp.asarray(np.random.default_rng(0).standard_normal((11, 5)).astype("float32"))
    y = xp.asarray(np.arange(11) % 2)
    return md.data.Splits((x, y), (x, y), (x, y))


def run(xp, backend, path=None, net=None, break_at=None, **changes):
    """(net, history) of a run that may break off after a step."""
    def recorder(step, net, loss):
        if step == break_at:
            raise KeyboardInterrupt

    net = network().init(7).to(backend) if net is None else net
    options = {"epochs": EPOCHS, "batch_size": 4, "seed": 3, "checkpoint": path, "progress": False,
               "recorder": recorder,
               "schedules": {"dropout1.p": np.linspace(0.1, 0.5, EPOCHS * STEPS)}} | changes
    return net, md.fit(net, md.optim.SGD(lr=0.2, momentum=0.9), data(xp), **options)


def bits(net):
    return {path: host(array).tobytes() for path, array in net.state_dict().items()}


@pytest.mark.parametrize("break_at", [2, 3, 7, 10, 11])
def test_a_broken_run_ends_in_the_bits_of_an_undisturbed_one(xp, backend, tmp_path, break_at):
    whole, history = run(xp, backend)
    with pytest.raises(KeyboardInterrupt) as stop:
        run(xp, backend, tmp_path / "run", break_at=break_at)
    assert "call fit again with checkpoint=" in stop.value.__notes__[0]
    net, resumed = run(xp, backend, tmp_path / "run")
    assert bits(net) == bits(whole)
    for ours, theirs in zip(resumed, history, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_new_process_may_bring_a_model_without_values(tmp_path):
    whole, _ = run(np, "numpy")
    with pytest.raises(KeyboardInterrupt):
        run(np, "numpy", tmp_path / "run", break_at=8)
    assert bits(run(np, "numpy", tmp_path / "run", net=network())[0]) == bits(whole)
    assert bits(run(np, "numpy", tmp_path / "run", net=network().init(99))[0]) == bits(whole)


def test_a_run_that_is_done_is_not_repeated(tmp_path):
    net, history = run(np, "numpy", tmp_path / "run")
    again, same = run(np, "numpy", tmp_path / "run", break_at=0)      # no step is taken
    assert bits(again) == bits(net)
    np.testing.assert_array_equal(same.validation_accuracy, history.validation_accuracy)


def test_the_noise_of_a_batch_transform_goes_on_too(tmp_path):
    def jitter(rng, x, y):
        return x + md.uniform(rng, x.shape), y

    whole, _ = run(np, "numpy", batch=jitter)
    with pytest.raises(KeyboardInterrupt):
        run(np, "numpy", tmp_path / "run", break_at=5, batch=jitter)
    assert bits(run(np, "numpy", tmp_path / "run", batch=jitter)[0]) == bits(whole)


@pytest.mark.parametrize("changes, words", [
    ({"seed": 4}, "seed 3 there and 4 here"), ({"schedules": None}, "schedules"),
    ({"batch_size": 5, "schedules": None}, "batch_size 4 there and 5 here"),
    ({"epochs": 5, "schedules": None}, "epochs 4 there and 5")])
def test_another_run_is_refused(tmp_path, changes, words):
    run(np, "numpy", tmp_path / "run")
    with pytest.raises(ValueError, match=f"is of another run: .*{words}"):
        run(np, "numpy", tmp_path / "run", **changes)


def test_another_learning_rate_is_refused(tmp_path):
    run(np, "numpy", tmp_path / "run")
    with pytest.raises(ValueError, match=r"optimizer 'SGD\(lr=0.2, .*' there and 'SGD\(lr=0.1"):
        md.fit(network().init(7), md.optim.SGD(lr=0.1, momentum=0.9), data(np), EPOCHS,
               batch_size=4, checkpoint=tmp_path / "run", seed=3, progress=False)


def test_another_model_is_refused(tmp_path):
    run(np, "numpy", tmp_path / "run")
    other = md.nn.Sequential(md.nn.Linear(5, 2), drop=md.Dropout(0.5), dropout1=md.Dropout(0.1))
    with pytest.raises(ValueError, match="state must have the paths of this model"):
        run(np, "numpy", tmp_path / "run", net=other.init(0))


@pytest.mark.parametrize("spoil", [
    lambda whole: whole[:-1], lambda whole: whole[: len(whole) // 2], lambda whole: b"",
    lambda whole: b"\xff" * 100, lambda whole: whole.replace(b"minidrop", b"somebody", 1),
    lambda whole: (2**62).to_bytes(8, "little") + whole[8:]])
def test_a_spoilt_file_is_refused_in_one_sentence_and_changes_nothing(tmp_path, spoil):
    path = tmp_path / "run"
    run(np, "numpy", path)
    path.write_bytes(spoil(path.read_bytes()))
    net = network().init(1)
    before = bits(net)
    with pytest.raises(ValueError, match="is not a whole checkpoint of minidrop"):
        run(np, "numpy", path, net=net)
    assert bits(net) == before


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        run(np, "numpy", tmp_path / "run", break_at=4)                # one epoch is saved
    good = (tmp_path / "run").read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run(np, "numpy", tmp_path / "run")
    assert (tmp_path / "run").read_bytes() == good
    assert os.listdir(tmp_path) == ["run"]                            # nothing half-written stays


def test_the_path_must_be_a_path():
    with pytest.raises(TypeError, match="checkpoint must be the path of a file, got int 3"):
        run(np, "numpy", 3)
