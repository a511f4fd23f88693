"""Snapshots on disk: what the files hold, whose they are, and runs that are killed and go on."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import files, nn
from minidrop.optim import SGD
from minidrop.xp import host

pytestmark = pytest.mark.slow

EPOCHS, BATCHES, TOTAL = 5, 4, 20                 # two steps of every cycle fall into one epoch
STEPS = md.snapshot_steps(TOTAL, cycles=3)        # 7, 14, 20
NAMES = [f"snapshot-{k:03}.safetensors" for k in (1, 2, 3)]


def network():
    return nn.Sequential(nn.Linear(6, 8), md.BatchNorm(8), nn.ReLU(), md.Dropout(0.3),
                         nn.Linear(8, 3))


def data(xp=np):
    return xp.asarray(md.gaussian(1, (22, 6))), xp.asarray(md.integers(2, 3, 22))


def run(folder, xp=np, backend="numpy", path=None, steps=STEPS, recorder=None, seed=0, lr=0.1,
        net=None):
    """The network of a run in three cycles, which takes its snapshots to `folder`."""
    net = (net or network().init(seed)).to(backend)
    rates = md.cyclic_cosine(range(1, TOTAL + 1), TOTAL, 3, lr)
    recorder = recorder or md.Snapshots(folder, steps)
    md.fit(net, SGD(lr, momentum=0.9), data(xp), EPOCHS, batch_size=6, checkpoint=path,
           schedules={"lr": rates}, recorder=recorder, progress=False)
    return net


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def values(net):
    return {path: host(array).copy() for path, array in net.state_dict().items()}


def same(a, b):
    assert a.keys() == b.keys()
    for path, array in a.items():
        assert_array_equal(array, b[path], err_msg=path)


# --- what the files hold --------------------------------------------------------------------------

def test_every_file_is_the_network_after_its_step(xp, backend, tmp_path):
    seen, net = {}, network().init(0).to(backend)
    md.fit(net, SGD(0.1), data(xp), EPOCHS, batch_size=6, progress=False, recorder=[
        md.Snapshots(tmp_path, [20, 7, 14, 7]),
        lambda step, net, loss: seen.update({step + 1: values(net)})])
    assert [*contents(tmp_path)] == NAMES
    for k, (step, name) in enumerate(zip(STEPS, NAMES, strict=True), 1):
        same(values(md.load(network(), tmp_path / name)), seen[step])
        _, facts = files.read(tmp_path / name)
        assert (facts["snapshot"], facts["of"], facts["step"]) == (k, 3, step)
    same(seen[20], values(net))


def test_the_ensemble_comes_back_as_copies_in_evaluation(xp, backend, tmp_path):
    last, other = run(tmp_path, xp, backend), network().init(9).to(backend)
    before = values(other)
    ensemble = md.load_snapshots(other, str(tmp_path))
    assert type(ensemble) is md.SnapshotEnsemble and len(ensemble.members) == 3
    same(values(other), before)
    same(values(ensemble.members[2]), values(last))
    assert other.training and not any(m.training for _, m in ensemble.named_modules())
    assert len({id(w) for w in ensemble.parameters()}) == 3 * len(other.parameters())
    x, y = data(xp)
    probs = ensemble.probabilities(x)
    for name, p in zip(NAMES, probs, strict=True):
        net = md.load(network(), tmp_path / name).eval()
        assert_allclose(host(md.softmax(net.to(backend)(x)).data), host(p), atol=1e-6)
    assert md.evaluate(ensemble, (x, y)).loss <= np.mean(
        [md.evaluate(net, (x, y)).loss for net in ensemble.members]) + 1e-6


def test_a_network_without_values_will_do(tmp_path):
    last = run(tmp_path)
    ensemble = md.load_snapshots(network(), tmp_path)
    assert_array_equal(ensemble.last(1)(data()[0]).data,
                       md.log_softmax(last.eval()(data()[0])).data)


def test_the_same_values_give_the_same_bytes(tmp_path):
    arrays = {name: md.gaussian(0, (3, 4)) for name in "zyä"}
    for k in range(20):                           # safetensors orders its metadata by chance
        files.write(tmp_path / str(k), arrays, {"format": 5, "what": "ö"})
    assert len(set(contents(tmp_path).values())) == 1
    found, facts = files.read(tmp_path / "3")
    same(found, arrays)
    assert facts == {"format": 5, "what": "ö"}
    assert files.digest(tmp_path / "3") == files.digest(tmp_path / "4")


# --- whose the files are --------------------------------------------------------------------------

def test_a_folder_with_snapshots_is_refused_before_the_first_step(xp, backend, tmp_path):
    run(tmp_path / "a", xp, backend)
    before, net = contents(tmp_path / "a"), network().init(5).to(backend)
    start = values(net)
    for path in (None, tmp_path / "run"):         # and no checkpoint is left that would go on
        with pytest.raises(ValueError, match="must hold no snapshots of another run, and .*a holds "
                                             "snapshot-001.safetensors; remove"):
            run(tmp_path / "a", xp, backend, path, net=net)
    same(values(net), start)
    assert contents(tmp_path / "a") == before and not (tmp_path / "run").exists()


def test_the_same_recorder_for_a_second_run_is_refused_too(tmp_path):
    recorder = md.Snapshots(tmp_path, STEPS)
    run(tmp_path, recorder=recorder)
    assert repr(recorder) == f"Snapshots(3 of 3, in {tmp_path})"
    with pytest.raises(ValueError, match="must hold no snapshots of another run"):
        run(tmp_path, recorder=recorder)
    for name in NAMES:
        (tmp_path / name).unlink()
    run(tmp_path, recorder=recorder)
    assert [*contents(tmp_path)] == NAMES and repr(recorder).startswith("Snapshots(3 of 3, in ")


def test_a_folder_stays_where_it_was_when_the_recorder_was_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recorder = md.Snapshots("a", [1])
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    recorder(0, network().init(0), None)
    assert [*contents(tmp_path / "a")] == NAMES[:1]


def test_a_list_that_can_be_called_is_one_recorder():
    class Losses(list):
        def __call__(self, step, net, loss):
            self.append(float(loss))

    losses = Losses()
    history = md.fit(network().init(0), SGD(0.1), data(), 2, recorder=losses, progress=False)
    assert losses == history.loss.tolist()


def test_steps_after_the_end_are_refused_before_the_first_step(tmp_path):
    with pytest.raises(ValueError, match="steps must be at most the 20 of the run, got 21"):
        run(tmp_path / "a", steps=[7, 21])
    assert not (tmp_path / "a").exists()


def test_two_at_once_in_one_folder_are_noticed(tmp_path):
    with pytest.raises(ValueError, match="must hold no snapshots of another run, and .* is of"):
        run(None, recorder=[md.Snapshots(tmp_path, [7, 14]), md.Snapshots(tmp_path, [8, 20])])
    assert files.read(tmp_path / NAMES[0])[1]["step"] == 7


def two_runs(tmp_path):
    """Two folders of two runs that differ in nothing but the learning rate."""
    for name, lr in (("a", 0.1), ("b", 0.05)):
        run(tmp_path / name, lr=lr)
    return tmp_path / "a", tmp_path / "b"


@pytest.mark.parametrize("name, odd", [(NAMES[0], 2), (NAMES[1], 2), (NAMES[2], 3)])
def test_snapshots_of_two_runs_are_not_mixed(name, odd, tmp_path):
    a, b = two_runs(tmp_path)
    (a / name).write_bytes((b / name).read_bytes())
    md.load(network(), a / name)                  # by itself it is sound
    with pytest.raises(ValueError, match="must hold the snapshots of one run, and snapshot-"
                                         f"00{odd}.safetensors does not follow on those before"):
        md.load_snapshots(network(), a)


def test_left_overs_of_a_longer_run_are_noticed(tmp_path):
    a, b = two_runs(tmp_path)
    for path in b.iterdir():
        path.unlink()
    run(b, steps=[7, 20], lr=0.05)
    (b / NAMES[2]).write_bytes((a / NAMES[2]).read_bytes())
    with pytest.raises(ValueError, match="of one run, which has 2, and holds snapshot-003"):
        md.load_snapshots(network(), b)


@pytest.mark.parametrize("spoil, words", [
    (lambda a: (a / NAMES[0]).unlink(), "snapshot-001.safetensors is missing"),
    (lambda a: (a / NAMES[1]).unlink(), "snapshot-002.safetensors is missing"),
    (lambda a: (a / NAMES[2]).unlink(), "snapshot-003.safetensors is missing; a run that "
                                        "was stopped goes on from its checkpoint"),
    (lambda a: [(a / name).unlink() for name in NAMES], "must hold snapshots, .* holds none"),
    (lambda a: (a / NAMES[1]).rename(a / "snapshot-two.safetensors"), "002.safetensors is missing"),
    (lambda a: (a / "snapshot-x.safetensors").touch(), "holds snapshot-x.safetensors too"),
    (lambda a: (a / NAMES[1]).write_bytes((a / NAMES[1]).read_bytes()[:-100]), "is not a whole"),
    (lambda a: md.save(network().init(0), a / NAMES[0]), "snapshot-001.* does not follow on"),
    (lambda a: md.save(network().init(0), a / NAMES[1]), "snapshot-002.* does not follow on"),
    (lambda a: os.replace(a / NAMES[2], a / NAMES[1]), "snapshot-002.* does not follow on"),
])
def test_what_is_missing_or_odd_is_said(spoil, words, tmp_path):
    run(tmp_path / "a")
    (tmp_path / "a" / "notes.txt").write_text("other files do no harm")
    md.load_snapshots(network(), tmp_path / "a")
    spoil(tmp_path / "a")
    with pytest.raises(ValueError, match=words):
        md.load_snapshots(network(), tmp_path / "a")


def test_bad_input_is_refused_in_one_sentence(tmp_path):
    run(tmp_path / "a")
    for error, words, use in [
            (TypeError, "folder must be the path of a folder, got None",
             lambda: md.Snapshots(None, [1])),
            (TypeError, "folder must be the path", lambda: md.Snapshots("", [1])),
            (ValueError, "got the file", lambda: md.Snapshots(tmp_path / "a" / NAMES[0], [1])),
            (TypeError, "steps must be several whole numbers", lambda: md.Snapshots(tmp_path, 5)),
            (TypeError, "steps must be a whole number, got float",
             lambda: md.Snapshots(tmp_path, [1.5])),
            (ValueError, "steps must be a whole number of at least 1, got 0",
             lambda: md.Snapshots(tmp_path, [0])),
            (ValueError, "steps must hold at least one", lambda: md.Snapshots(tmp_path, [])),
            (ValueError, "step 9 comes after that of a snapshot which was not taken",
             lambda: md.Snapshots(tmp_path, [5, 10])(9, network().init(0), None)),
            (TypeError, "net must be a Module", lambda: md.load_snapshots("mlp", tmp_path)),
            (ValueError, "holds none", lambda: md.load_snapshots(network(), tmp_path / "b")),
            (ValueError, "state must have the paths",
             lambda: md.load_snapshots(nn.Linear(6, 3), tmp_path / "a")),
            (ValueError, "state must hold digests",
             lambda: md.Snapshots(tmp_path, [1]).load_state_dict({})),
            (ValueError, "state must hold digests of 32 bytes, got",
             lambda: md.Snapshots(tmp_path, [1]).load_state_dict({"digests": np.full(
                 (1, 32), np.nan)}))]:
        with pytest.raises(error, match=words):
            use()


def test_a_disk_that_is_full_is_told_and_leaves_no_part(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left .*: the snapshot .*snapshot-001.safetensors "
                                      "could not be written"):
        run(tmp_path)
    assert contents(tmp_path) == {}


# --- runs that are killed and go on ---------------------------------------------------------------

class Stopping(md.Snapshots):
    """Snapshots that break a run off after a step."""

    _after = _how = None

    def __call__(self, step, net, loss):
        super().__call__(step, net, loss)
        if step + 1 == self._after:
            self._how()


def ctrl_c():
    signal.raise_signal(signal.SIGINT)            # the run is saved as it is, and ends


def error():
    raise KeyboardInterrupt                       # the last save was after an epoch


def life(folder, xp, backend, path, after=None, how=None, recorder=None, net=None):
    recorder = recorder or Stopping(folder, STEPS)
    recorder._after, recorder._how = after, how
    return run(folder, xp, backend, path, recorder=recorder, net=net)


@pytest.mark.parametrize("how", [ctrl_c, error])
def test_a_run_that_goes_on_leaves_the_same_files_bit_for_bit(xp, backend, tmp_path, how):
    whole = life(tmp_path / "whole", xp, backend, None)
    folder, path = tmp_path / "folder", tmp_path / "run"
    for after in (3, 7, 9, 14, 15, 20):           # 7 and 14 are snapshots within an epoch
        with pytest.raises(KeyboardInterrupt):
            life(folder, xp, backend, path, after, how)
    net = life(folder, xp, backend, path)
    assert contents(folder) == contents(tmp_path / "whole") != {}
    same(values(net), values(whole))
    life(folder, xp, backend, path)               # nothing is left to do
    assert contents(folder) == contents(tmp_path / "whole")


def test_the_same_objects_may_go_on(tmp_path):
    recorder, net = Stopping(tmp_path / "folder", STEPS), network().init(0)
    with pytest.raises(KeyboardInterrupt):
        life(None, np, "numpy", tmp_path / "run", 15, error, recorder, net)
    life(None, np, "numpy", tmp_path / "run", None, None, recorder, net)
    run(tmp_path / "whole", recorder=Stopping(tmp_path / "whole", STEPS))
    assert contents(tmp_path / "folder") == contents(tmp_path / "whole")


def test_a_folder_may_move_between_the_lives_of_a_run(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        life(tmp_path / "folder", np, "numpy", tmp_path / "run", 9, ctrl_c)
    (tmp_path / "folder").rename(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    life("elsewhere", np, "numpy", tmp_path / "run")
    assert [*contents(tmp_path / "elsewhere")] == NAMES


@pytest.mark.parametrize("spoil, word", [
    (lambda path: path.unlink(), "gone"),
    (lambda path: md.save(network().init(1), path), "another")])
def test_a_run_that_goes_on_misses_a_snapshot_that_it_has_taken(spoil, word, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        life(tmp_path / "folder", np, "numpy", tmp_path / "run", 9, ctrl_c)
    spoil(tmp_path / "folder" / NAMES[0])
    with pytest.raises(ValueError, match=f"snapshot-001.* must be as this run has written it, and "
                                         f"is {word}; put it back, or remove the checkpoint"):
        life(tmp_path / "folder", np, "numpy", tmp_path / "run")


def test_a_run_with_other_steps_is_another_run(tmp_path):
    run(tmp_path / "a", path=tmp_path / "run")
    with pytest.raises(ValueError, match="is of another run: recorder.steps"):
        run(tmp_path / "a", path=tmp_path / "run", steps=[7, 20])


KILLED = """
import os, signal, sys
from pathlib import Path
from minidrop import files
from tests.test_snapshots import run
moment, folder = sys.argv[1], Path(sys.argv[2])
begin, replace = files._begin, os.replace
def die(): os.kill(os.getpid(), signal.SIGKILL)
class Half:
    def __init__(self, file): self.file = file
    def __enter__(self): return self
    def __exit__(self, *error): pass
    def write(self, whole): self.file.write(whole[:99]); self.file.flush(); die()
second = lambda path: Path(path).name == "snapshot-002.safetensors"
if moment == "half written":
    files._begin = lambda path: Half(begin(path)) if second(path) else begin(path)
def moved(old, new):
    replace(old, new)
    if second(new): die()
if moment == "after the move":
    os.replace = moved
run(folder / "snapshots", path=folder / "run")
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("moment", ["half written", "after the move"])
def test_a_run_that_is_killed_within_a_snapshot_leaves_the_same_files(moment, tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, moment, tmp_path], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    found = [path.name for path in (tmp_path / "snapshots").iterdir()]
    assert NAMES[0] in found and len(found) == 2
    assert files.read(tmp_path / "run")[1]["step"] == 12          # the end of the third epoch
    run(tmp_path / "snapshots", path=tmp_path / "run")
    run(tmp_path / "whole")
    assert contents(tmp_path / "snapshots") == contents(tmp_path / "whole")


# --- several recorders ----------------------------------------------------------------------------

def test_several_recorders_are_called_in_turn(xp, backend):
    seen = []
    note, other = (lambda step, net, loss, name=name: seen.append((step, name)) for name in "ab")
    for recorders in ([note, other], (note, other)):
        seen.clear()
        md.fit(network().init(0).to(backend), SGD(0.1), data(xp), 1, batch_size=8, progress=False,
               recorder=recorders)
        assert seen == [(step, name) for step in range(3) for name in "ab"]
    md.fit(network().init(0).to(backend), SGD(0.1), data(xp), 1, recorder=[], progress=False)


def both(xp, backend, folder, path, after=None):
    net = network().init(0).to(backend)
    curves = md.Dynamics(net, data(xp), range(TOTAL + 1), batches=2, batch_size=6)

    def stop(step, net, loss):
        if step + 1 == after:
            ctrl_c()

    run(folder, xp, backend, path, net=net, recorder=[curves, stop, md.Snapshots(folder, STEPS)])
    return curves


def test_each_of_several_recorders_goes_on_from_the_checkpoint(xp, backend, tmp_path):
    whole = both(xp, backend, tmp_path / "whole", None)
    with pytest.raises(KeyboardInterrupt):
        both(xp, backend, tmp_path / "folder", tmp_path / "run", 9)
    arrays, facts = files.read(tmp_path / "run")
    assert {"recorder/curves", "recorder2/digests"} < arrays.keys()
    assert (facts["settings"]["recorder"], facts["settings"]["recorder2"]) == (
        "Dynamics", "Snapshots")
    found = both(xp, backend, tmp_path / "folder", tmp_path / "run")
    assert found.step.tolist() == [*range(TOTAL + 1)]
    for name in ("model_distance", "gradient_norm"):
        assert_array_equal(getattr(found, name), getattr(whole, name))
    assert contents(tmp_path / "folder") == contents(tmp_path / "whole")
    with pytest.raises(ValueError, match="is of another run: recorder 'Dynamics' there and 'Snap"):
        run(tmp_path / "folder", xp, backend, tmp_path / "run")


def test_a_list_of_one_and_one_beside_a_plain_function_keep_the_file_of_one(tmp_path):
    def plain(step, net, loss):
        pass

    for name, around in (("a", lambda one: one), ("b", lambda one: [one]),
                         ("c", lambda one: (plain, one))):
        run(None, path=tmp_path / name, recorder=around(md.Snapshots(tmp_path / f"{name}s", STEPS)))
    first, *others = ((tmp_path / name).read_bytes() for name in "abc")
    assert others == [first, first]


# --- the paper's baselines ------------------------------------------------------------------------

@pytest.mark.slow
def test_the_five_baselines_with_the_ordinary_interface(tmp_path):
    points, total, cycles, lr = md.data.blobs(), 60, 3, 0.1

    def net(p=0.0):
        return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), md.Dropout(p), nn.Linear(16, 3))

    def train(net, steps, rates, recorder=None):
        md.fit(net, SGD(lr, 0.9), points.train, steps, schedules={"lr": rates}, recorder=recorder,
               batch_size=len(points.train[0]), progress=False)
        return net

    ends = md.snapshot_steps(total, cycles)
    steps = md.optim.step_decay(lr, total, [total // 2, 3 * total // 4])
    rates = md.cyclic_cosine(range(1, total + 1), total, cycles, lr)
    last = train(net().init(0), total, rates, md.Snapshots(tmp_path / "cyclic", ends))
    single = train(net().init(0), total, steps, md.Snapshots(tmp_path / "none", ends))
    cosine = md.optim.cosine(lr, total // cycles)
    found = {
        "snapshot": md.load_snapshots(net(), tmp_path / "cyclic"),
        "single": single,
        "no cycle": md.load_snapshots(net(), tmp_path / "none"),
        "single cycle": md.SnapshotEnsemble(
            [train(net().init(i), total // cycles, cosine) for i in range(cycles)]),
        "independent": md.SnapshotEnsemble(
            [train(net().init(i), total, steps) for i in range(cycles)]),
        "dropout": train(net(0.2).init(0), total, steps),
    }
    same(values(found["snapshot"].members[-1]), values(last))
    same(values(found["no cycle"].members[-1]), values(single))
    same(values(found["independent"].members[0]), values(single))
    first = values(found["snapshot"].members[0])  # the first cycle is a run of its own
    for path, array in values(found["single cycle"].members[0]).items():
        assert_allclose(array, first[path], atol=1e-6)
    losses = {name: md.evaluate(one, points.test).loss for name, one in found.items()}
    assert all(loss < np.log(3) for loss in losses.values()) and len({*losses.values()}) == 6
