"""The recorder of dynamics: its numbers, at which weights, and that the run does not notice it."""

import copy
import math
import signal

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import nn
from minidrop.check import Record
from minidrop.optim import SGD, Adam
from minidrop.xp import host

pytestmark = pytest.mark.slow

N, BATCH, STEPS = 24, 8, 9                        # three steps an epoch, three epochs
CURVES = ("step", "gradient_norm", "model_distance", "gradient_direction_variance",
          "gradient_direction_error")


def data(xp, shape=(6,), dtype="float32"):
    return (xp.asarray(md.gaussian(1, (N, *shape)).astype(dtype)),
            xp.asarray(md.integers(2, 3, N)))


def mlp(p=0.5):
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), md.Dropout(p), nn.Linear(8, 3))


def fit(net, examples, recorder=None, optimizer=None, **options):
    return md.fit(net, optimizer or SGD(lr=0.1, momentum=0.9), examples, epochs=STEPS // 3,
                  **{"batch_size": BATCH, "recorder": recorder, "progress": False, **options})


def watch(net, examples, steps=(0, 1, 4, 9), **options):
    return md.Dynamics(net, examples, steps, **{"batches": 4, "batch_size": 6, **options})


def restored(net, examples, **arrays):
    """A recorder with a state of which some arrays are others."""
    recorder = watch(net, examples)
    recorder.load_state_dict(recorder.state_dict() | arrays)
    return recorder


def curves(recorder):
    return [getattr(recorder, name).tolist() for name in CURVES]


# --- the numbers ----------------------------------------------------------------------------------

def by_hand(xp, net, start, examples, taken, batches=4, size=6):
    """What a look after `taken` steps must find, written out; the net is in evaluation then."""
    (x, y), rng = examples, net.dropout1.rng
    rows = xp.asarray(md.permutation(md.Stream(5, f"dynamics/{taken}"), N))

    def gradient(part, noisy):
        net.eval().dropout1.training = noisy
        md.cross_entropy(net(x[part]), y[part]).backward()
        g = np.concatenate([host(w.grad).ravel() for w in net.parameters()])
        for w in net.parameters():
            w.grad = None
        return g.astype("float64")

    whole = gradient(slice(None), False)
    net.dropout1.rng = md.Stream(5, f"dynamics/{taken}/dropout1", rng.backend)
    grads = [gradient(rows[i * size:(i + 1) * size], True) for i in range(batches)]
    net.dropout1.rng = rng

    def apart(a, b):
        return (1 - a @ b / math.sqrt(a @ a * (b @ b))) / 2

    pairs = [apart(grads[i], grads[j]) for i in range(batches) for j in range(i)]
    weights = np.concatenate([host(w.data).ravel() for w in net.parameters()])
    return (taken, np.mean([math.sqrt(g @ g) for g in grads]),
            math.sqrt(sum((weights.astype("float64") - start)**2)), np.mean(pairs),
            np.mean([apart(g, whole) for g in grads]))


def test_every_number_is_that_of_the_weights_after_so_many_steps(xp, backend):
    examples, net = data(xp), mlp().init(3).to(backend)
    recorder = watch(net, examples, seed=5)
    assert recorder.step.tolist() == [0]          # looked at when it is made
    fit(net, examples, recorder)
    net = mlp().init(3).to(backend)
    start = host(md.flat(net.parameters())).astype("float64")
    due = [by_hand(xp, net, start, examples, 0)]
    net.train()

    def look(step, net, loss):
        if step + 1 in (1, 4, 9):
            due.append(by_hand(xp, net, start, examples, step + 1))
            net.train()

    fit(net, examples, look)
    assert_allclose(np.transpose(curves(recorder)), due, rtol=1e-5, atol=1e-7)
    assert recorder.step.tolist() == [0, 1, 4, 9] and recorder.step.dtype == "int64"
    assert recorder.model_distance[0] == 0
    assert all(type(getattr(recorder, name)) is np.ndarray for name in CURVES)


def test_the_rates_are_those_of_the_moment(xp, backend):
    examples, p = data(xp), np.zeros(STEPS)
    p[3:] = 0.5                                   # looks 1 to 3 come within steps 0 to 2
    found = []
    for net in (mlp(), mlp(p=0.0)):
        recorder = watch(net.init(3).to(backend), examples, range(1, 6))
        options = {"schedules": {"dropout1.p": p}} if net.dropout1.p else {}
        fit(net, examples, recorder, **options)
        found.append(recorder.gradient_direction_variance)
    assert_array_equal(found[0][:3], found[1][:3])
    assert (found[0][3:] != found[1][3:]).all()


def test_mini_batches_are_drawn_in_turn_and_paired_between_networks(xp, backend):
    seen = []

    def loss(z, y):
        seen.append(host(z.data)[:, 0].tolist())
        return md.cross_entropy(z, y)

    examples = data(xp)
    for seed in (5, 5, 6):                        # 24 examples: all are seen before any comes again
        watch(mlp(p=0.0).init(3).to(backend), examples, [0], batches=6, reference=None, loss=loss,
              seed=seed)
    first, again, other = (seen[i:i + 6] for i in (0, 6, 12))
    everything = sorted(sum(first[:4], []))
    assert first == again != other and len(set(everything)) == N
    assert sorted(sum(other[:4], [])) == pytest.approx(everything)
    assert first[4:] != first[:2]


@pytest.mark.parametrize("batches, size", [(3, 1), (5, 5), (7, 7), (2, N)])
def test_every_mini_batch_has_the_size_asked_for(batches, size, xp, backend):
    seen = []

    def loss(z, y):
        seen.append(len(z))
        return md.cross_entropy(z, y)

    watch(mlp().init(3).to(backend), data(xp), [0], batches=batches, batch_size=size, loss=loss,
          reference=None)
    assert seen == [size] * batches


def test_a_mini_batch_may_be_the_whole_of_the_data(xp, backend):
    net = mlp(p=0.0).init(3).to(backend)
    whole = watch(net, data(xp), [0], batches=2, batch_size=N)
    assert whole.gradient_direction_variance[0] < 1e-12 > whole.gradient_direction_error[0]


def test_every_look_has_mini_batches_and_masks_of_its_own(xp, backend):
    net, examples = mlp().init(3).to(backend), data(xp)
    recorder = watch(net, examples, range(6))
    fit(net, examples, recorder, optimizer=SGD(lr=0.0))
    assert not recorder.model_distance.any()
    assert len(set(recorder.gradient_direction_variance)) == 6


def test_the_reference_may_be_the_data_another_set_or_nothing(xp, backend):
    net, (x, y) = mlp().init(3).to(backend), data(xp)
    whole, same, part, none = (watch(net, (x, y), [0], **options) for options in (
        {}, {"reference": (x, y)}, {"reference": (x[:7], y[:7])}, {"reference": None}))
    assert curves(whole) == curves(same)
    assert curves(part)[:4] == curves(none)[:4] == curves(whole)[:4]
    assert math.isnan(none.gradient_direction_error[0])
    assert part.gradient_direction_error[0] != whole.gradient_direction_error[0] > 0


def test_a_step_that_is_taken_again_replaces_what_was_known(xp, backend):
    net, examples = mlp().init(3).to(backend), data(xp)
    recorder = watch(net, examples, range(10))
    fit(net, examples, recorder)
    once = curves(recorder)
    for step in range(4, 9):
        recorder(step, net, None)
        assert recorder.step.tolist() == list(range(step + 2))
    assert recorder.step.tolist() == list(range(10))
    assert [curve[:5] for curve in curves(recorder)] == [curve[:5] for curve in once]
    assert recorder.model_distance[5] == once[2][9]


def test_gradients_without_a_direction_do_not_stop_the_run(xp, backend):
    examples, net = data(xp), mlp().init(3).to(backend)
    nothing = watch(net, examples, [0], loss=lambda z, y: (z * 0).sum())
    assert curves(nothing)[:3] == [[0], [0], [0]]
    assert math.isnan(nothing.gradient_direction_variance[0])
    assert math.isnan(nothing.gradient_direction_error[0])
    calls = []                                    # the reference, then the four mini-batches
    some = watch(net, examples, [0], loss=lambda z, y: calls.append(z) or md.cross_entropy(z, y) * (
        len(calls) < 5))
    assert all(math.isnan(column[0]) for column in curves(some)[3:]) and some.gradient_norm[0] > 0
    alone = watch(net, examples, [0], loss=lambda z, y: z.sum() * (len(z) != N))   # the reference
    assert math.isnan(alone.gradient_direction_error[0])
    assert alone.gradient_direction_variance[0] > 0
    net.linear1.weight.data[:] = math.nan
    lost = watch(net, examples, [0])
    assert all(math.isnan(column[0]) for column in curves(lost)[1:])


# --- the run does not notice ----------------------------------------------------------------------

def conv():
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), md.BatchNorm(4), nn.ReLU(),
                         md.DropBlock(0.2, 3), md.SpatialDropout(0.3),
                         md.StochasticDepth(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1),
                                                          md.BatchNorm(4)), 0.5),
                         md.StochasticDepth(nn.Conv2d(4, 4, 1), 0.5, mode="row"),
                         nn.GlobalAvgPool2d(), nn.Flatten(), nn.Linear(4, 3)), (1, 5, 5)


def dense():
    return nn.Sequential(md.DropConnect(6, 8, 0.5), md.AlphaDropout(0.2), md.GaussianDropout(0.3),
                         md.StochasticDepth(nn.Linear(8, 8), 0.7),
                         md.DropConnect(8, 3, 0.3, inference="mc", samples=2)), (6,)


NETWORKS = {"mlp": lambda: (mlp(), (6,)), "conv": conv, "dense": dense}


def all_of(net, optimizer):
    """All that a run leaves behind, but for its history."""
    found = {path: host(array).tobytes() for path, array in net.state_dict().items()}
    found |= {f"optimizer {key}": host(array).tobytes()
              for key, array in optimizer.state_dict().items()}
    for path, module in net.named_modules():
        noise = vars(module).get("noise")
        found[path] = [*vars(module)], module.training, module.skipped
        found[f"{path} noise"] = host(noise).tobytes() if hasattr(noise, "dtype") else noise
        found[f"{path} rng"] = getattr(getattr(module, "rng", None), "state", None)
    return found | {f"{path} grad": w.grad for path, w in net.named_parameters()}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [lambda: SGD(lr=0.05, momentum=0.9), Adam])
@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_the_run_with_it_ends_in_the_bits_of_the_run_without(xp, backend, build, optimizer):
    ends = []
    for recorded in (True, False):
        net, shape = build()
        examples, steps = data(xp, shape), optimizer()
        net.init(3).to(backend)
        recorder = watch(net, examples, range(10)) if recorded else None
        along = []

        def both(step, net, loss, recorder=recorder, along=along, steps=steps):
            if recorder:
                recorder(step, net, loss)
            along.append(all_of(net, steps))

        history = fit(net, data(xp, shape), both, optimizer=steps,
                      schedules={"lr": np.linspace(0.05, 0.01, STEPS)})
        ends.append((along, [part.tobytes() for part in history]))
        if recorded:
            assert len(recorder.step) == 10
            assert np.isfinite(curves(recorder)).all()
    assert ends[0] == ends[1]


def test_it_leaves_an_untrained_network_as_it_was(xp, backend):
    net, shape = conv()
    net.init(3).to(backend).stochasticdepth1.train(False)
    net.relu1.skipped = True
    before = all_of(net, SGD(0.1))
    watch(net, data(xp, shape), [0])
    assert all_of(net, SGD(0.1)) == before


@pytest.mark.parametrize("call", [1, 2, 4])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_a_look_that_is_broken_off_leaves_the_network_as_it_was(xp, backend, error, call):
    calls = []

    def loss(z, y):
        calls.append(z)
        if len(calls) == call:
            raise error
        return md.cross_entropy(z, y)

    net, shape = conv()
    net.init(3).to(backend)
    recorder = watch(net, data(xp, shape), [1], loss=loss)
    before = all_of(net, SGD(0.1))
    with pytest.raises(error):
        recorder(0, net, None)
    assert all_of(net, SGD(0.1)) == before and recorder.step.tolist() == []
    recorder(0, net, None)
    assert recorder.step.tolist() == [1]


def test_modules_that_count_are_set_back_too(xp, backend):
    class Counting(md.Noise):
        buffers = ("seen",)

        def __init__(self):
            self.calls = 0
            self.seen = xp.zeros(2)

        def forward(self, x):
            self.calls += 1
            self.seen[0] += 1                     # in place
            self.new = x
            return x * 1.0

    net = nn.Sequential(nn.Linear(6, 3), Counting()).init(3).to(backend)
    array = net.counting1.seen
    watch(net, data(xp), [0])
    assert net.counting1.calls == 0 and "new" not in vars(net.counting1)
    assert net.counting1.seen is array and not host(array).any()


class Shaken(nn.Module):
    """A layer that draws without being a Noise."""

    def __init__(self):
        self.rng = md.Stream(1, "shaken")

    def forward(self, x):
        return x + md.gaussian(self.rng, x.shape)


def test_nothing_is_drawn_from_any_stream_of_the_run(xp, backend):
    net = nn.Sequential(nn.Linear(6, 8), Shaken(), md.Dropout(0.5), nn.Linear(8, 3))
    net.init(3).to(backend).dropout1.rng = watched = Record(net.dropout1.rng)
    state = net.shaken1.rng.state
    watch(net, data(xp), [0])
    assert watched.draws == [] and net.dropout1.rng is watched
    assert net.shaken1.rng.state == state


# --- checkpoints ----------------------------------------------------------------------------------

class Stopping(md.Dynamics):
    """Dynamics that breaks a run off after a step."""

    _after = _how = None

    def __call__(self, step, net, loss):
        super().__call__(step, net, loss)
        if step == self._after:
            self._how()


def ctrl_c():
    signal.raise_signal(signal.SIGINT)            # the run is saved as it is, and ends


def error():
    raise KeyboardInterrupt                       # the last save was after step 3 or 6


def life(xp, backend, path=None, after=None, how=None, recorder=None, net=None, **options):
    """(recorder, net) of a run, in which nothing is older than the run unless it is given."""
    examples, net = data(xp), net or mlp().init(3).to(backend)
    if recorder is None:
        recorder = Stopping(net, examples, range(10), **{"batches": 4, "batch_size": 6} | options)
    recorder._after, recorder._how = after, how
    fit(net, examples, recorder, checkpoint=path,
        schedules={"dropout1.p": np.linspace(0.1, 0.5, STEPS)})
    return recorder, net


@pytest.mark.parametrize("how", [ctrl_c, error])
def test_a_run_that_goes_on_ends_in_the_curves_of_an_undisturbed_one(xp, backend, tmp_path, how):
    whole, net = life(xp, backend)
    for after in (0, 4, 7):
        with pytest.raises(KeyboardInterrupt):
            life(xp, backend, tmp_path / "run", after, how)
    found, other = life(xp, backend, tmp_path / "run")
    assert curves(found) == curves(whole) and len(found.step) == 10
    assert all_of(net, SGD(0.1)) == all_of(other, SGD(0.1))
    done, _ = life(xp, backend, tmp_path / "run")               # nothing is left to do
    assert curves(done) == curves(whole)


@pytest.mark.parametrize("how", [ctrl_c, error])
def test_the_same_recorder_may_go_on(xp, backend, tmp_path, how):
    net = mlp().init(3).to(backend)
    recorder = Stopping(net, data(xp), range(10), batches=4, batch_size=6)
    with pytest.raises(KeyboardInterrupt):
        life(xp, backend, tmp_path / "run", 4, how, recorder, net)
    assert recorder.step.tolist() == list(range(6))
    life(xp, backend, tmp_path / "run", recorder=recorder, net=net)
    assert curves(recorder) == curves(life(xp, backend)[0])


def test_distances_count_from_where_the_run_began(xp, backend, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        life(xp, backend, tmp_path / "run", 4, ctrl_c)
    net = mlp().init(3).to(backend)
    net.linear1.weight.data += 1                  # the run began elsewhere
    other = Stopping(net, data(xp), range(10), batches=4, batch_size=6)
    life(xp, backend, tmp_path / "run", recorder=other, net=net)
    assert curves(other) == curves(life(xp, backend)[0])


def total(z, y, loss=None):
    return z.sum() if loss is None else None


def test_a_run_with_another_recorder_is_refused(xp, backend, tmp_path):
    life(xp, backend, tmp_path / "run")
    for options, words in [
            ({"batches": 5}, "recorder.batches 4 there and 5 here"),
            ({"seed": 1}, "recorder.seed 0 there and 1 here"),
            ({"reference": None}, "recorder.reference 'float32 .* there and None here"),
            ({"loss": total}, "recorder.loss 'cross_entropy' there and .total.* here"),
            ({"recorder": total}, "recorder 'Stopping' there and None here")]:
        with pytest.raises(ValueError, match=f"is of another run: .*{words}"):
            life(xp, backend, tmp_path / "run", **options)
    life(xp, backend, tmp_path / "other", recorder=total)
    with pytest.raises(ValueError, match="recorder None there and 'Stopping' here"):
        life(xp, backend, tmp_path / "other")


def test_a_recorder_of_ones_own_is_kept_as_well(xp, backend, tmp_path):
    class Losses:
        def __init__(self):
            self._seen = xp.zeros(0)

        def __call__(self, step, net, loss):
            self._seen = xp.concatenate([self._seen, loss.reshape(1)])
            if step == self._after:
                self._how()

        def state_dict(self):
            return {"seen": self._seen}

        def load_state_dict(self, state):
            self._seen = xp.asarray(state["seen"])

    whole, _ = life(xp, backend, recorder=Losses())
    with pytest.raises(KeyboardInterrupt):
        life(xp, backend, tmp_path / "run", 4, ctrl_c, Losses())
    found, _ = life(xp, backend, tmp_path / "run", recorder=Losses())
    assert len(found._seen) == STEPS
    assert_array_equal(host(found._seen), host(whole._seen))


# --- whose it is ----------------------------------------------------------------------------------

def test_it_belongs_to_one_network_and_not_to_its_equals(xp, backend):
    net, examples = mlp().init(3).to(backend), data(xp)
    recorder = watch(net, examples)
    for other in (mlp().init(3).to(backend), copy.deepcopy(net)):
        with pytest.raises(ValueError, match="net must be the one that the recorder was made for, "
                                             "got another Sequential; make a recorder for it"):
            fit(other, examples, recorder)        # already at a step that is not looked at
        assert recorder.step.tolist() == [0]
    twin, twins = copy.deepcopy((net, recorder))
    fit(net, examples, recorder)
    assert twins.step.tolist() == [0]
    fit(twin, examples, twins)
    assert curves(twins) == curves(recorder) and len(recorder.step) == 4
    assert repr(recorder) == "Dynamics(4 of 4 looks, each of 4 batches of 6)"


def test_a_second_run_replaces_the_looks_but_not_where_distances_start(xp, backend):
    net, examples = mlp().init(3).to(backend), data(xp)
    recorder, start = watch(net, examples), host(md.flat(net.parameters()))
    fit(net, examples, recorder)
    first, new = curves(recorder), watch(net, examples)
    seen = []

    def both(step, net, loss):
        recorder(step, net, loss)
        new(step, net, loss)
        seen.append(recorder.step.tolist())

    fit(net, examples, both)
    assert seen[0] == [0, 1] and seen[-1] == [0, 1, 4, 9]         # nothing is left of the first run
    assert [curve[:1] for curve in curves(recorder)] == [curve[:1] for curve in first]
    assert [curve[1:] for curve in curves(recorder)[3:]] == [curve[1:] for curve in curves(new)[3:]]
    end = host(md.flat(net.parameters()))
    assert recorder.model_distance[-1] == pytest.approx(md.model_distance(end, start))
    assert new.model_distance[-1] != recorder.model_distance[-1]


# --- bad input ------------------------------------------------------------------------------------

def test_what_does_not_fit_is_refused_in_one_sentence(xp, backend):
    net, examples = mlp().init(3).to(backend), data(xp)
    other = nn.Linear(6, 3).init(0).to(backend)
    for error, words, use in [
            (TypeError, "steps must be several whole numbers", lambda: watch(net, examples, 5)),
            (ValueError, "steps must hold at least one", lambda: watch(net, examples, [])),
            (ValueError, "steps must be a whole number of at least 0",
             lambda: watch(net, examples, [3, -1])),
            (ValueError, "batches must be a whole number of at least 2",
             lambda: watch(net, examples, batches=1)),
            (ValueError, "batch_size must be at most the 24 examples of data, got 25",
             lambda: watch(net, examples, batch_size=25)),
            (ValueError, r"reference must be 'data', a pair \(x, y\) or None, got 'all'",
             lambda: watch(net, examples, reference="all")),
            (TypeError, r"data must be a pair \(x, y\)", lambda: watch(net, examples[0])),
            (ValueError, "init", lambda: watch(mlp(), examples)),
            (ValueError, r"\(24, 3\)",
             lambda: watch(net, examples, reference=(examples[0][:, :3], examples[1]))),
            (ValueError, "labels", lambda: watch(net, examples, reference=(
                examples[0], examples[1] + 3))),
            (ValueError, "state must hold start and curves, got",
             lambda: watch(net, examples).load_state_dict({})),
            (ValueError, "state must be of a network of 83 parameters, got",
             lambda: watch(net, examples).load_state_dict(
                 watch(other, examples).state_dict())),
            (ValueError, r"^state\['curves'\] must begin with some of the steps \(0, .*got \[-5.0]",
             lambda: restored(net, examples, curves=np.full((1, 5), -5.0))),
            (ValueError, r"^state\['curves'\] must begin with some of the steps .* got \[nan]",
             lambda: restored(net, examples, curves=np.full((1, 5), np.nan))),
            (ValueError, r"^state\['curves'\] must begin with some of the steps .* got \[0.0, 0.0]",
             lambda: restored(net, examples, curves=np.zeros((2, 5)))),
            (ValueError, r"^state\['start'\] must not hold nan",
             lambda: restored(net, examples, start=np.full(83, np.nan))),
            (ValueError, r"^state\['start'\] must fit into float32",
             lambda: restored(net, examples, start=np.full(83, 1e300)))]:
        with pytest.raises(error, match=words):
            use()
