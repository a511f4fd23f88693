import errno
import itertools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import minidrop as md
from minidrop import checkpoint, files
from minidrop.xp import host

pytestmark = pytest.mark.slow

EPOCHS, STEPS = 4, 3


def network():
    return md.nn.Sequential(md.nn.Linear(5, 8), md.nn.Tanh(), md.Dropout(0.3), md.nn.Linear(8, 2))


def data(xp):
    x = xp.asarray(np.random.default_rng(0).standard_normal((11, 5)).astype("float32"))
    y = xp.asarray(np.arange(11) % 2)
    return md.data.Splits((x, y), (x, y), (x, y))


def jitter(rng, x, y):
    return x + md.uniform(rng, x.shape), y


def nothing(step, net, loss):
    pass


def run(xp=np, backend="numpy", path=None, net=None, recorder=nothing, **changes):
    """(net, history) of a run of twelve steps."""
    net = network().init(7).to(backend) if net is None else net
    options = {"optimizer": md.optim.SGD(lr=0.2, momentum=0.9), "data": data(xp), "epochs": EPOCHS,
               "batch_size": 4, "seed": 3, "checkpoint": path, "progress": False, "batch": jitter,
               "recorder": recorder,
               "schedules": {"dropout1.p": np.linspace(0.1, 0.5, EPOCHS * STEPS)}} | changes
    return net, md.fit(net, **options)


def stop_at(*steps, stop=None):
    """A recorder that breaks off after the given steps."""
    def recorder(step, net, loss):
        if step in steps:
            (stop or error)()

    def error():
        raise KeyboardInterrupt
    return recorder


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


def bits(net, history=()):
    """All there is to compare of a run, as bytes."""
    return ({path: host(array).tobytes() for path, array in net.state_dict().items()},
            [(part.shape, part.tobytes()) for part in history])


def step_of(path):
    return files.read(path)[1]["step"]


# --- the bits of an undisturbed run --------------------------------------------------------------

@pytest.mark.parametrize("seconds", [0, 30])
@pytest.mark.parametrize("break_at", [2, 7, 11])
def test_a_broken_run_ends_in_the_bits_of_an_undisturbed_one(xp, backend, tmp_path, monkeypatch,
                                                             break_at, seconds):
    whole = run(xp, backend)
    monkeypatch.setattr(checkpoint, "SECONDS", seconds)
    monkeypatch.setattr(checkpoint, "SHARE", 0)
    with pytest.raises(KeyboardInterrupt) as stop:
        run(xp, backend, tmp_path / "run", recorder=stop_at(break_at))
    assert "call fit again with checkpoint=" in stop.value.__notes__[0]
    assert step_of(tmp_path / "run") == (break_at // STEPS * STEPS if seconds else break_at)
    assert bits(*run(xp, backend, tmp_path / "run")) == bits(*whole)


def test_a_run_may_be_broken_after_every_step(xp, backend, tmp_path):
    seen = []

    def recorder(step, net, loss):
        seen.append(step)
        ctrl_c()

    for step in range(EPOCHS * STEPS):
        with pytest.raises(KeyboardInterrupt) as stop:
            run(xp, backend, tmp_path / "run", recorder=recorder)
        assert f"is saved as it was after step {step + 1} of 12;" in stop.value.__notes__[0]
    assert bits(*run(xp, backend, tmp_path / "run", recorder=recorder)) == bits(*run(xp, backend))
    assert seen == list(range(EPOCHS * STEPS))    # none is taken twice


def test_the_same_objects_may_go_on(tmp_path):
    net, sgd = network().init(7), md.optim.SGD(lr=0.2, momentum=0.9)
    with pytest.raises(KeyboardInterrupt):
        run(path=tmp_path / "run", net=net, optimizer=sgd, recorder=stop_at(1))
    assert step_of(tmp_path / "run") == 0         # the start is saved too
    assert bits(*run(path=tmp_path / "run", net=net, optimizer=sgd)) == bits(*run())


@pytest.mark.parametrize("optimizer", [
    lambda: md.optim.SGD(lr=0.2), lambda: md.optim.SGD(0.1, 0.9, nesterov=True, weight_decay=0.01),
    md.optim.Adam, lambda: md.optim.AdamW(lr=0.01, weight_decay=0.1)])
def test_every_optimizer_goes_on_with_parameters_that_were_frozen_or_not(xp, backend, tmp_path,
                                                                         optimizer):
    def build():
        return network().init(7).to(backend)

    def thaw(stop):
        def recorder(step, net, loss):            # frozen in steps 1 to 4
            if step in (0, 4):
                net.linear1.weight.requires_grad = step == 4
            if step == stop:
                ctrl_c()
        return recorder

    whole = run(xp, net=build(), optimizer=optimizer(), recorder=thaw(None))
    for stop in (2, 5):
        with pytest.raises(KeyboardInterrupt):
            run(xp, path=tmp_path / "run", net=build(), optimizer=optimizer(),
                recorder=thaw(stop))
    found = run(xp, path=tmp_path / "run", net=build(), optimizer=optimizer())
    assert bits(*found) == bits(*whole)


@pytest.mark.parametrize("layer, options", [
    (md.L0, {"penalty": md.l0_penalty(0.5, 11)}),
    (md.Variational, {"penalty": md.variational_penalty(11, warm_up=(2, 9))}),
    (lambda linear: md.Smallify(linear, decay=0.5), {"penalty": md.smallify_penalty(0.3, 1e-3),
                                                     "project": md.smallify_step})])
@pytest.mark.parametrize("frozen", [False, True])
def test_layers_that_learn_what_may_go_go_on(xp, backend, tmp_path, layer, options, frozen):
    """Within an epoch and a warm-up, with their noise and buffers, and with frozen places too."""
    def build():
        net = md.nn.Sequential(layer(md.nn.Linear(5, 8)), md.nn.Tanh(), md.nn.Linear(8, 2)).init(7)
        (*_, place) = net[0].parameters()
        place.requires_grad = not frozen
        return net.to(backend), host(place.data).copy()

    def go(path=None, **changes):
        return run(xp, path=path, net=build()[0], schedules=None, optimizer=md.optim.Adam(0.1),
                   **options, **changes)

    for stop in (4, 7):
        with pytest.raises(KeyboardInterrupt):
            go(tmp_path / "run", recorder=stop_at(stop, stop=ctrl_c))
    net, history = go(tmp_path / "run")
    assert bits(net, history) == bits(*go())
    (*_, place), before = net[0].parameters(), build()[1]
    assert (host(place.data) == before).all() == frozen


def test_weights_keep_their_order_in_memory(tmp_path):
    def build():
        net = md.nn.Sequential(md.nn.Linear(90, 70), md.nn.Tanh(), md.nn.Linear(70, 2)).init(7)
        for w in net.parameters():
            w.data = np.asfortranarray(w.data)
        return net

    def norm(net, step):                          # its last bits are another order's
        return (net.linear1.weight**2).sum()**0.5

    options = {"data": (md.gaussian(1, (11, 90)), Y), "schedules": None, "penalty": norm}
    with pytest.raises(KeyboardInterrupt):
        run(path=tmp_path / "run", net=build(), recorder=stop_at(4, stop=ctrl_c), **options)
    net, history = run(path=tmp_path / "run", net=build(), **options)
    assert bits(net, history) == bits(*run(net=build(), **options))
    assert net.linear1.weight.data.flags.f_contiguous


@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (3, 4), (2, 1, 4), (2, 3, 4, 5)])
def test_arrays_come_back_as_they_lay_in_memory(shape, tmp_path):
    array = md.gaussian(1, shape)
    for axes in itertools.permutations(range(len(shape))):
        turned = array.transpose(axes)
        files.write(tmp_path / "file", {"a": turned, "step": np.int64(3)}, {"facts": 1})
        found, facts = files.read(tmp_path / "file")
        assert facts == {"facts": 1} and found["step"] == 3
        assert found["a"].flags.c_contiguous == turned.flags.c_contiguous
        np.testing.assert_array_equal(found["a"], turned)
        if array.size and 1 not in shape:
            assert found["a"].strides == turned.strides


@pytest.mark.parametrize("epochs", [True, False])
def test_long_epochs_are_saved_within_and_at_little_cost(tmp_path, monkeypatch, epochs):
    now, saved, write = [0.0], [], files.write

    def slow(path, arrays, facts):
        saved.append(facts["step"])
        now[0] += 1.0                             # a save takes a second
        write(path, arrays, facts)

    def tick(step, net, loss):
        now[0] += 12.0

    monkeypatch.setattr(files, "write", slow)
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(checkpoint, "SHARE", 20 if epochs else 40)
    run(path=tmp_path / "run", recorder=tick, batch_size=1, epochs=2, schedules=None)
    assert saved == ([0, 3, 6, 9, 11, 14, 17, 20, 22] if epochs else [0, 4, 8, 11, 15, 19, 22])


def test_a_new_process_may_bring_a_model_without_values(tmp_path):
    whole = run()
    with pytest.raises(KeyboardInterrupt):
        run(path=tmp_path / "run", recorder=stop_at(8, stop=ctrl_c))
    text = (tmp_path / "run").read_bytes()
    for net in (network(), network().init(7)):
        (tmp_path / "run").write_bytes(text)
        assert bits(*run(path=tmp_path / "run", net=net)) == bits(*whole)


def test_a_run_that_is_done_is_not_repeated(tmp_path):
    whole = run(path=tmp_path / "run")
    assert bits(*run(path=tmp_path / "run", recorder=stop_at(*range(12)))) == bits(*whole)


def test_validation_waits_for_nobody_and_is_not_forgotten(tmp_path):
    class Counting:
        _looks = 0              # what a loss counts is no setting of it

        def __call__(self, z, y):
            self._looks += not z.requires_grad
            return md.cross_entropy(z, y)

    loss = Counting()
    with pytest.raises(KeyboardInterrupt):
        run(path=tmp_path / "run", loss=loss, recorder=stop_at(2, stop=ctrl_c))
    assert loss._looks == 0 and step_of(tmp_path / "run") == 3
    assert bits(*run(path=tmp_path / "run", loss=loss)) == bits(*run())
    assert loss._looks == EPOCHS


# --- what is refused -----------------------------------------------------------------------------

X, Y = data(np).train


def other_loss(z, y):
    return md.cross_entropy(z, y)


@pytest.mark.parametrize("changes, words", [
    ({"seed": 4}, "seed 3 there and 4 here"), ({"schedules": None}, "schedules"),
    ({"batch_size": 5, "schedules": None}, "batch_size 4 there and 5 here"),
    ({"epochs": 5, "schedules": None}, "epochs 4 there and 5"),
    ({"optimizer": md.optim.SGD(lr=0.1, momentum=0.9)},
     "optimizer.lr 0.2 there and 0.1 here"),
    ({"net": network().init(99)}, "seed of init 7 there and 99 here"),
    ({"loss": other_loss}, "loss 'cross_entropy' there and .other_loss.* here"),
    ({"batch": None}, "batch .jitter.* there and None here"),
    ({"penalty": lambda net, step: 0.0}, "penalty None there and '<lambda>"),
    ({"project": print}, "project None there and 'print' here"),
    ({"data": (X, Y)}, "validation 'float32 .* there and None here"),
    ({"data": md.data.Splits((X[1:], Y[1:]), (X, Y), None)}, "data 'float32 .11, 5.* 'float32 .10"),
    ({"data": md.data.Splits((2 * X, Y), (X, Y), None)}, "data 'float32 .11, 5.*, digest"),
    ({"net": network().init(7).astype("float64")}, "dtype 'float32' there and 'float64' here"),
    ({"net": md.nn.Sequential(md.nn.Linear(5, 8), tanh1=md.nn.ReLU(), dropout1=md.Dropout(0.4),
                              linear2=md.nn.Linear(8, 2)).init(7)},
     "net dropout1.p 0.3 there and 0.4 here, net tanh1 'Tanh' there and 'ReLU' here; name another"),
    ({"net": md.nn.Sequential(md.nn.Linear(5, 2), dropout1=md.Dropout(0.3)).init(7)},
     "net linear1.n_out 8 there and 2 here, .*linear2 'Linear' there and None.*, and 2 more"),
])
def test_another_run_is_refused(tmp_path, changes, words):
    run(path=tmp_path / "run")
    with pytest.raises(ValueError, match=f"is of another run: .*{words}"):
        run(path=tmp_path / "run", **changes)


def test_a_model_of_other_sizes_is_refused(tmp_path):
    run(path=tmp_path / "run")
    net = network().init(7)
    net.linear2 = md.nn.Linear(8, 3).init(0)
    with pytest.raises(ValueError, match="another run: net linear2.n_out 2 there and 3 here"):
        run(path=tmp_path / "run", net=net)
    net.linear2.n_out = 2
    with pytest.raises(ValueError, match=r"state\['linear2.weight'\] must have shape \(3, 8\)"):
        run(path=tmp_path / "run", net=net)


def test_a_parameter_without_decay_is_another_than_one_with(tmp_path):
    run(path=tmp_path / "run")
    net = network().init(7)
    net.linear1.bias.decay = False
    with pytest.raises(ValueError, match="run: net linear1.bias.decay None there and 'none' here"):
        run(path=tmp_path / "run", net=net)


def test_another_run_may_take_the_place_of_one_that_never_took_a_step(tmp_path):
    with pytest.raises(ZeroDivisionError):
        run(path=tmp_path / "run", loss=lambda z, y: 1 / 0)
    assert step_of(tmp_path / "run") == 0
    assert bits(*run(path=tmp_path / "run")) == bits(*run())


def test_a_file_of_another_format_is_refused(tmp_path, monkeypatch):
    for form, words in ((4, "format 4, and this minidrop reads format 5"), (6, "format 6")):
        monkeypatch.setattr(checkpoint, "FORMAT", form)
        run(path=tmp_path / "run")
        monkeypatch.undo()
        with pytest.raises(ValueError, match=words):
            run(path=tmp_path / "run")
        (tmp_path / "run").unlink()


@pytest.mark.parametrize("spoil", [
    lambda whole: whole[:-1], lambda whole: whole[: len(whole) // 2], lambda whole: b"",
    lambda whole: b"\xff" * 100, lambda whole: whole.replace(b"minidrop", b"somebody", 1),
    lambda whole: (2**62).to_bytes(8, "little") + whole[8:], lambda whole: whole + b"more",
    *(lambda whole, k=k: whole[:k * len(whole) // 20] + bytes([whole[k * len(whole) // 20] ^ 1])
      + whole[k * len(whole) // 20 + 1:] for k in range(2, 20, 3))])
def test_a_spoilt_file_is_refused_in_one_sentence_and_changes_nothing(tmp_path, spoil):
    path = tmp_path / "run"
    run(path=path)
    path.write_bytes(spoil(path.read_bytes()))
    net = network().init(1)
    before = bits(net)
    with pytest.raises(ValueError, match="is not a whole checkpoint of minidrop") as error:
        run(path=path, net=net)
    assert bits(net) == before and "\n" not in str(error.value)


def test_the_path_must_be_a_path(tmp_path):
    for wrong in (3, ""):
        with pytest.raises(TypeError, match="checkpoint must be the path of a file, got"):
            run(path=wrong)
    with pytest.raises(ValueError, match="path of a file, got the folder"):
        run(path=tmp_path)


# --- a disk that is full, and what is left on it -------------------------------------------------

def full(descriptor):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_stops_the_run_and_leaves_the_last_good_checkpoint(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        run(path=tmp_path / "run", recorder=stop_at(4))
    good = (tmp_path / "run").read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device: the checkpoint .*run after step 6 "
                                      "could not be written; the last good one, after step 3, st"):
        run(path=tmp_path / "run")
    assert (tmp_path / "run").read_bytes() == good
    assert os.listdir(tmp_path) == ["run"]        # nothing half-written stays
    monkeypatch.undo()
    assert bits(*run(path=tmp_path / "run")) == bits(*run())


def test_a_disk_that_is_full_at_the_start_stops_before_the_first_step(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="after step 0 could not be written; none was written before"):
        run(path=tmp_path / "run", recorder=stop_at(0))
    assert os.listdir(tmp_path) == []


def test_what_killed_writers_left_is_removed_and_what_is_being_written_stays(tmp_path):
    path = tmp_path / "run"
    mine = [tmp_path / f".run.{n}{files.PART}" for n in (1, 2)]
    others = [tmp_path / name for name in ("run.part", ".other.1.part", ".run.swp")]
    for left in mine + others:
        left.write_bytes(b"half a checkp")
    being_written = files._begin(path)
    run(path=path)
    assert sorted(tmp_path.iterdir()) == sorted([path, *others, Path(being_written.name)])
    being_written.close()
    run(path=path)
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])


def test_a_new_part_that_was_cleared_before_its_lock_is_made_again(tmp_path, monkeypatch):
    lock, cleared = files._lock, []

    def late(file, wait=True):
        if wait and not cleared:
            cleared.append(file.name)
            files.clear(tmp_path / "run")
        return lock(file, wait)

    monkeypatch.setattr(files, "_lock", late)
    files.write(tmp_path / "run", {"x": X}, {})
    assert cleared and os.listdir(tmp_path) == ["run"]


SCRIPT = """
import resource, sys
from tests.test_checkpoint import run

run(path=sys.argv[1], recorder=lambda step, *_: step == 7 and resource.setrlimit(
    resource.RLIMIT_FSIZE, (1000, 1000)))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_limit_of_the_system_on_file_sizes_is_told_in_one_sentence(tmp_path):
    done = subprocess.run([sys.executable, "-c", SCRIPT, tmp_path / "run"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        f"File too large: the checkpoint {tmp_path / 'run'} after step 9 could not be written; the "
        "last good one, after step 6, stays")
    assert os.listdir(tmp_path) == ["run"] and step_of(tmp_path / "run") == 6
    assert bits(*run(path=tmp_path / "run")) == bits(*run())


def test_two_at_once_do_each_other_no_harm(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0)
    found, together = [], threading.Barrier(3)

    def work():
        together.wait(30)
        found.append(bits(*run(path=tmp_path / "run")))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == 3 * [bits(*run())] and os.listdir(tmp_path) == ["run"]


def test_another_run_that_takes_the_place_meanwhile_is_noticed(tmp_path):
    def intrude(step, net, loss):
        if step == 1:                             # nothing but the start is saved so far
            run(path=tmp_path / "run", seed=4)

    with pytest.raises(ValueError, match="of another run: seed 4 there and 3 here"):
        run(path=tmp_path / "run", recorder=intrude)
    assert bits(*run(path=tmp_path / "run", seed=4)) == bits(*run(seed=4))


def test_a_file_that_was_taken_away_is_written_again(tmp_path):
    run(path=tmp_path / "run", recorder=lambda *_: (tmp_path / "run").unlink(missing_ok=True))
    assert step_of(tmp_path / "run") == 12


def test_the_path_holds_when_the_run_changes_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    run(path="run", recorder=lambda *_: os.chdir(tmp_path / "elsewhere"))
    assert step_of(tmp_path / "run") == 12 and os.listdir(tmp_path / "elsewhere") == []


# --- links, rights, pipes, devices ---------------------------------------------------------------

def test_a_link_stays_a_link_and_a_file_keeps_its_rights(tmp_path):
    there, link = tmp_path / "elsewhere" / "w", tmp_path / "link"
    files.put(there, b"old")
    there.chmod(0o600)
    link.symlink_to(there)
    files.put(link, b"new")
    assert link.is_symlink() and there.read_bytes() == b"new"
    assert there.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in there.parent.iterdir()] == ["w"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_checkpoint_and_a_device_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)                               # to open it would wait for ever
    net = md.nn.Linear(2, 1).init(0)
    with pytest.raises(ValueError, match="path must be that of a file, and no pipe or device, got"):
        md.load(net, pipe)
    with pytest.raises(ValueError, match="^checkpoint must be that of a file, and no pipe"):
        md.fit(net, md.optim.SGD(0.1), (np.ones((2, net.n_in), "float32"), np.zeros(2, int)), 1,
               checkpoint=pipe, progress=False)
    md.save(net, os.devnull)
    assert Path(os.devnull).is_char_device()
