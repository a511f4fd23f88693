"""The recorders of averaged weights: what they average, and that the run does not notice them."""

import copy
import signal

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import nn
from minidrop.optim import SGD
from minidrop.xp import host
from tests.test_recorder import all_of

pytestmark = pytest.mark.slow

N, BATCH, STEPS = 24, 8, 9                        # three steps an epoch, three epochs
RECORDERS = {
    "SWA": lambda net: md.SWA(net, start=3, every=2),
    "EMA": lambda net: md.EMA(net, mu=0.9),
    "EMA first": lambda net: md.EMA(net, mu=0.9, start=2, every=3, kind="first"),
}
each = pytest.mark.parametrize("build", RECORDERS.values(), ids=RECORDERS)


def data(xp):
    return (xp.asarray(md.gaussian(1, (N, 6)).astype("float32")),
            xp.asarray(md.integers(2, 3, N)))


def mlp():
    return nn.Sequential(nn.Linear(6, 8), md.BatchNorm(8), nn.ReLU(), md.Dropout(0.5),
                         nn.Linear(8, 3))


def fit(net, examples, recorder, **options):
    return md.fit(net, SGD(lr=0.1, momentum=0.9), examples, epochs=STEPS // 3, batch_size=BATCH,
                  recorder=recorder, progress=False, **options)


def weights(net):
    return {path: host(w.data) for path, w in net.named_parameters()}


def moments(xp, backend):
    """The weights after each step of the run that these tests average."""
    seen = []
    fit(mlp().init(3).to(backend), data(xp), lambda step, net, loss: seen.append(
        {path: w.astype("float64") for path, w in weights(net).items()}))
    return seen


def averaged(seen, name):
    """What the recorder of that name must find, from the stored weights."""
    if name == "SWA":
        chosen = seen[2::2]                       # after 3, 5, 7 and 9 steps
        shares = [1 / len(chosen)] * len(chosen)
    elif name == "EMA":
        chosen = seen
        shares = [0.1 * 0.9**(STEPS - t) / (1 - 0.9**STEPS) for t in range(1, STEPS + 1)]
    else:
        chosen, shares = seen[1::3], [0.81, 0.09, 0.1]            # after 2, 5 and 8
    assert sum(shares) == pytest.approx(1)
    return {path: sum(s * w[path] for s, w in zip(shares, chosen, strict=True))
            for path in seen[0]}


@pytest.mark.parametrize("name", RECORDERS)
def test_the_average_is_that_of_the_stored_weights(xp, backend, name):
    net = mlp().init(3).to(backend)
    recorder, due = RECORDERS[name](net), averaged(moments(xp, backend), name)
    fit(net, data(xp), recorder)
    assert recorder.taken == {"SWA": 4, "EMA": 9, "EMA first": 3}[name]
    for path, w in recorder.state_dict().items():
        if path != "taken":
            assert w.dtype == "float64" and type(w) is type(net.linear1.weight.data)
    if name != "EMA":                             # kept as it is, without a division at the end
        for path, w in due.items():
            assert_allclose(host(recorder.state_dict()[f"average.{path}"]), w, rtol=1e-12,
                            atol=1e-14)
    other = recorder.average(data(xp)[0])
    assert isinstance(other, nn.Sequential) and other is not net
    for path, w in other.named_parameters():
        assert w.data.dtype == "float32" and type(w.data) is type(net.linear1.weight.data)
        assert_allclose(host(w.data), due[path], rtol=1e-6, atol=1e-8)
    wide = copy.deepcopy(recorder)
    wide._net.astype("float64")
    for path, w in wide.average(data(xp)[0].astype("float64")).named_parameters():
        assert_allclose(host(w.data), due[path], rtol=1e-12, atol=1e-14)


@each
def test_the_run_and_the_network_do_not_notice(xp, backend, build):
    ends = []
    for recorded in (True, False):
        net = mlp().init(3).to(backend)
        recorder = build(net) if recorded else None
        history = fit(net, data(xp), recorder)
        if recorded:
            before = all_of(net, SGD(0.1))
            recorder.average(data(xp)[0])
            assert all_of(net, SGD(0.1)) == before
        ends.append((all_of(net, SGD(0.1)), [part.tobytes() for part in history]))
    assert ends[0] == ends[1]


@each
def test_batch_norms_get_statistics_of_their_own_and_no_buffer_is_averaged(xp, backend, build):
    net, (x, _) = mlp().init(3).to(backend), data(xp)
    recorder = build(net)
    fit(net, data(xp), recorder)
    other = recorder.average(x, batch_size=8)
    due = copy.deepcopy(net)
    for w, mean in zip(due.parameters(), other.parameters(), strict=True):
        w.data = mean.data
    md.batch_norm_statistics(due, x, batch_size=8)
    for name in md.BatchNorm.buffers:
        assert_array_equal(host(getattr(other.batchnorm1, name)),
                           host(getattr(due.batchnorm1, name)))
    assert (other.batchnorm1.running_mean != net.batchnorm1.running_mean).any()
    with pytest.raises(ValueError, match="x must be given, inputs .* of 'batchnorm1' are recomp"):
        recorder.average()
    assert other.training == net.training and other.dropout1.training == net.dropout1.training


def test_of_one_moment_it_is_the_network_itself(xp, backend):
    for build in (lambda net: md.SWA(net, 9, 1), lambda net: md.EMA(net, 0.999, 9),
                  lambda net: md.EMA(net, 0.999, 9, kind="first")):
        net = mlp().init(3).to(backend)
        recorder = build(net)
        fit(net, data(xp), recorder)
        assert recorder.taken == 1
        for path, w in recorder.average(data(xp)[0]).named_parameters():
            assert_array_equal(host(w.data), weights(net)[path])


def test_the_networks_arrays_are_not_shared(xp, backend):
    net = nn.Linear(2, 1).init(0).to(backend).astype("float64")
    recorder = md.SWA(net, 1, 1)
    net.weight.data[:] = 1.0
    recorder(0, net, None)
    first = recorder.average()
    net.weight.data[:] = 5.0                      # in place, as optimizers do
    assert host(recorder.average().weight.data).tolist() == [[1.0, 1.0]]
    first.weight.data[:] = 7.0
    assert host(recorder.average().weight.data).tolist() == [[1.0, 1.0]]


def test_several_recorders_go_on_together(xp, backend, tmp_path):
    def life(path=None, after=None):
        net = mlp().init(3).to(backend)
        recorders = [build(net) for build in RECORDERS.values()]
        stop = [lambda step, net, loss: error() if step == after else None] * (after is not None)
        fit(net, data(xp), recorders + stop, checkpoint=path)
        return [bits(recorder) for recorder in recorders]

    with pytest.raises(KeyboardInterrupt):
        life(tmp_path / "run", 4)
    assert life(tmp_path / "run") == life()


# --- checkpoints ----------------------------------------------------------------------------------

def ctrl_c():
    signal.raise_signal(signal.SIGINT)            # the run is saved as it is, and ends


def error():
    raise KeyboardInterrupt                       # the last save was after step 3 or 6


def life(xp, backend, build, path=None, after=None, how=None, recorder=None):
    """The recorder of a run, in which nothing is older than the run unless it is given."""
    net = recorder._net if recorder else mlp().init(3).to(backend)
    recorder = recorder or build(net)
    kind = type(recorder)

    class Stopping(kind):
        def __call__(self, step, net, loss):
            super().__call__(step, net, loss)
            if step == after:
                how()

    recorder.__class__ = Stopping
    try:
        fit(net, data(xp), recorder, checkpoint=path)
    finally:
        recorder.__class__ = kind
    return recorder


def bits(recorder):
    return {name: host(array).tobytes() for name, array in recorder.state_dict().items()}


@each
@pytest.mark.parametrize("how", [ctrl_c, error])
@pytest.mark.parametrize("same", [False, True])
def test_a_run_that_goes_on_ends_in_the_bits_of_an_undisturbed_one(xp, backend, tmp_path, build,
                                                                   how, same):
    whole = life(xp, backend, build)
    recorder = build(mlp().init(3).to(backend)) if same else None
    for after in (0, 4, 7):
        with pytest.raises(KeyboardInterrupt):
            life(xp, backend, build, tmp_path / "run", after, how, recorder)
    assert bits(life(xp, backend, build, tmp_path / "run", recorder=recorder)) == bits(whole)
    assert bits(life(xp, backend, build, tmp_path / "run")) == bits(whole)       # nothing is left


def test_a_run_with_other_settings_is_refused(xp, backend, tmp_path):
    life(xp, backend, RECORDERS["SWA"], tmp_path / "swa")
    life(xp, backend, RECORDERS["EMA"], tmp_path / "ema")
    for path, build, words in [
            ("swa", lambda net: md.SWA(net, 4, 2), "recorder.start 3 there and 4 here"),
            ("swa", lambda net: md.SWA(net, 3, 1), "recorder.every 2 there and 1 here"),
            ("ema", lambda net: md.EMA(net, 0.8), "recorder.mu 0.9 there and 0.8 here"),
            ("ema", lambda net: md.EMA(net, 0.9, kind="first"), "recorder.kind 'corrected' there")]:
        with pytest.raises(ValueError, match=f"is of another run: .*{words}"):
            life(xp, backend, build, tmp_path / path)


def test_a_second_fit_starts_a_new_average(xp, backend):
    net = mlp().init(3).to(backend)
    recorder = md.SWA(net, 3, 2)
    fit(net, data(xp), recorder)
    seen = []

    def look(step, net, loss):
        seen.append({path: w.astype("float64") for path, w in weights(net).items()})

    fit(net, data(xp), [recorder, look])
    assert recorder.taken == 4
    for path, w in averaged(seen, "SWA").items():
        assert_allclose(host(recorder.state_dict()[f"average.{path}"]), w, rtol=1e-12, atol=1e-14)


def test_a_recorder_that_is_broken_off_stays_whole(xp, backend):
    net = mlp().init(3).to(backend)
    recorder = md.SWA(net, 1, 1)
    recorder(0, net, None)
    before, rule, calls = bits(recorder), recorder._next, []

    def broken(average, w):
        calls.append(w)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return rule(average, w)

    recorder._next = broken
    for w in net.parameters():
        w.data = w.data + 1
    with pytest.raises(KeyboardInterrupt):
        recorder(1, net, None)
    assert bits(recorder) == before


# --- what is wrong --------------------------------------------------------------------------------

@each
def test_before_any_weights_were_taken_there_is_no_average(xp, backend, build):
    net = mlp().init(3).to(backend)
    with pytest.raises(ValueError, match="^no weights were taken yet: the first are those after"):
        build(net).average(data(xp)[0])
    before = weights(net)
    with pytest.raises(ValueError, match="^start must be at most the 9 steps of the run, got 10$"):
        fit(net, data(xp), md.SWA(net, start=10, every=1))
    for path, w in weights(net).items():          # before the first step
        assert_array_equal(w, before[path])
    with pytest.raises(ValueError, match="the first are those after step 10, as start says$"):
        md.SWA(net, start=10, every=1).average(data(xp)[0])


def test_another_network_is_refused_and_a_copy_of_both_is_a_pair(xp, backend):
    net = mlp().init(3).to(backend)
    recorder = md.SWA(net, 1, 1)
    with pytest.raises(ValueError, match="^net must be the one that the recorder was made for"):
        recorder(0, mlp().init(3).to(backend), None)
    other, pair = copy.deepcopy((net, recorder))
    pair(0, other, None)
    assert (pair.taken, recorder.taken) == (1, 0)
    assert repr(pair) == "SWA(weights taken 1 times, after step 1 and then every 1)"


def test_a_state_of_another_network_is_refused(xp, backend):
    net = mlp().init(3).to(backend)
    recorder = md.SWA(net, 1, 1)
    recorder(0, net, None)
    state = recorder.state_dict()
    for wrong, words in [
            (None, "state must hold 'taken'"), ({}, "state must hold 'taken'"),
            (state | {"average.other": np.ones(2)}, "these differ: average.other"),
            (state | {"average.linear1.bias": np.ones(2)}, "these differ: average.linear1.bias"),
            ({"taken": state["taken"]}, "these differ: average.batchnorm1.bias")]:
        with pytest.raises(ValueError, match=words):
            md.SWA(net, 1, 1).load_state_dict(wrong)
    fresh = md.SWA(net, 1, 1)
    fresh.load_state_dict(state)
    assert bits(fresh) == bits(recorder)


@pytest.mark.parametrize("change, kind, words", [
    (lambda a: a + 1j, TypeError, "must hold floats, got complex128"),
    (lambda a: a.astype("U8"), TypeError, "must hold floats, got <U8"),
    (lambda a: a * np.nan, ValueError, "must not hold nan"),
    (lambda a: a * 0 + 1e300, ValueError, "must fit into float32")])
def test_a_state_of_other_numbers_is_refused_and_changes_nothing(change, kind, words):
    net = mlp().init(3)
    recorder = md.SWA(net, 1, 1)
    recorder(0, net, None)
    before, state = bits(recorder), recorder.state_dict()
    name = "average.linear1.bias"
    with pytest.raises(kind, match=rf"^state\['{name}'\] {words}"):
        recorder.load_state_dict(state | {name: change(state[name])})
    assert bits(recorder) == before


@pytest.mark.parametrize("call, sentence", [
    (lambda net: md.SWA(net, 0, 1), "start must be a whole number of at least 1, got 0"),
    (lambda net: md.SWA(net, 1, 0), "every must be a whole number of at least 1, got 0"),
    (lambda net: md.SWA(net, 1.5, 1), "start must be a whole number"),
    (lambda net: md.EMA(net, 1.0), "mu must be below 1, got 1.0"),
    (lambda net: md.EMA(net, -0.5), "mu must be finite and in"),
    (lambda net: md.SWA(None, 1, 1), "net must be a Module"),
    (lambda net: md.EMA(nn.Linear, 0.9), "net must be a Module")])
def test_settings_are_checked_where_they_enter(call, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        call(mlp())
