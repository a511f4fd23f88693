"""weights/smallify: every equation, exactly, and every sentence of "Differs"; and removal."""

import copy
import itertools
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import models, nn
from minidrop.check import gradcheck
from minidrop.models.remove import PASS
from minidrop.optim import SGD, Adam
from minidrop.xp import host
from tests.samplers import assert_rate

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
LAYERS = [(lambda: nn.Linear(3, 4), (5, 3)), (lambda: nn.Linear(3, 4, bias=False), (2, 5, 3)),
          (lambda: nn.Conv2d(2, 4, (2, 3), stride=2, padding=1), (3, 2, 4, 5))]


def smallify(make=lambda: nn.Linear(3, 4), seed=0, **options):
    return md.Smallify(make(), **options).init(seed).astype("float64")


def variances(signs, decay, killed=0.5):
    """(v after each step, the step in which the switch dies) of one switch that starts above 0."""
    layer, seen, death = md.Smallify(nn.Linear(1, 1), decay=decay, threshold=killed), [], None
    layer.init(0).astype("float64")
    for k, sign in enumerate(signs, 1):
        layer.switch.data[:] = sign
        layer.step()
        seen.append(float(layer.variance[0]))
        if death is None and not layer.alive[0]:
            death = k
    return seen, death


# --- (smallify.1) and (smallify.2): the switch ----------------------------------------------------

@pytest.mark.parametrize("make, shape", LAYERS)
def test_smallify_1_multiplies_each_output(make, shape, xp, backend):
    layer, plain = (one.init(0).astype("float64").to(backend)
                    for one in (md.Smallify(make()), make()))
    x, beta = xp.asarray(md.gaussian(1, shape).astype("float64")), np.array([2.0, -0.5, 0.0, 1.0])
    layer.switch.data = xp.asarray(beta)
    y, due = host(layer(x).data), host(plain(x).data).copy()
    for place in np.ndindex(due.shape):
        due[place] *= beta[place[1 if isinstance(layer.layer, nn.Conv2d) else -1]]
    assert_array_equal(y, due)
    layer.alive = xp.asarray(np.array([1.0, 0.0, 1.0, 0.0]))
    channels = np.moveaxis(host(layer.eval()(x).data), 1 if y.ndim == 4 else -1, 0)
    assert channels[0].any() and not channels[1].any() and not channels[3].any()


@pytest.mark.parametrize("make, shape", LAYERS)
def test_smallify_2_gradients(make, shape, xp, backend):
    layer = smallify(make, start="normal").to(backend)
    layer.alive[1] = 0
    x = xp.asarray(md.gaussian(1, shape).astype("float64"))
    inner = host(layer.layer(x).data)
    g = md.gaussian(2, inner.shape).astype("float64")
    (layer(x) * xp.asarray(g)).sum().backward()
    axis = 1 if inner.ndim == 4 else inner.ndim - 1
    others = tuple(a for a in range(inner.ndim) if a != axis)
    alive = np.array([1, 0, 1, 1])
    assert_allclose(host(layer.switch.grad), (g * inner).sum(others) * alive, rtol=1e-12)
    beta = host(layer.switch.data) * alive
    if layer.bias is not None:
        assert_allclose(host(layer.bias.grad), g.sum(others) * beta, rtol=1e-12)
    plain = make().init(0).astype("float64").to(backend)
    shaped = beta[:, None, None] if inner.ndim == 4 else beta
    (plain(x) * xp.asarray(g * shaped)).sum().backward()
    assert_allclose(host(layer.weight.grad), host(plain.weight.grad), atol=1e-12)

    def f(weight, switch):
        layer.weight, layer.switch = weight, switch
        return layer(x)

    gradcheck(f, layer.weight.data, layer.switch.data, order=2)


def test_smallify_1_a_sign_can_move_to_the_weights(xp, backend):
    layer, x = smallify().to(backend), xp.asarray(md.gaussian(1, (5, 3)).astype("float64"))
    before = host(layer(x).data)
    for w in (layer.switch, layer.weight, layer.bias):
        w.data = -w.data
    assert_array_equal(host(layer(x).data), before)


@pytest.mark.parametrize("start", ["uniform", "normal"])
def test_smallify_1_switches_start_above_0(start):
    # 40,000 independent draws, each quarter of the distribution has the rate 1/4
    layer = md.Smallify(nn.Linear(1, 40_000), start=start).init(3)
    beta = layer.switch.data
    ends = {"uniform": [0.25, 0.5, 0.75], "normal": [0.3186394, 0.6744898, 1.1503494]}[start]
    for low, high in itertools.pairwise([0, *ends, math.inf]):
        assert_rate(((beta > low) & (beta <= high)).sum(), beta.size, 0.25)
    assert beta.min() > 0 and (start == "normal" or beta.max() <= 1)
    assert (md.Smallify(nn.Linear(1, 40_000), start=start).init(4).switch.data != beta).any()
    assert_array_equal(md.Smallify(nn.Linear(1, 40_000), start=start).init(3).switch.data, beta)


def test_smallify_1_no_switch_starts_at_0(monkeypatch):
    """Where the bits of a uniform number are all 0, or all 1."""
    for bits, due in ((0, 1.0), (2**32 - 1, 2.0**-24)):
        monkeypatch.setattr(md.Stream, "bits",
                            lambda stream, shape, bits=bits: np.full(shape, bits, "uint32"))
        assert md.Smallify(nn.Linear(1, 2)).init(0).switch.data.tolist() == [due, due]


# --- (smallify.3) to (smallify.6): the penalty ----------------------------------------------------

@pytest.mark.parametrize("power", [1, 2])
def test_smallify_3_is_a_sum_over_the_layers(power, xp, backend):
    net = nn.Sequential(md.Smallify(nn.Linear(3, 4), start="normal"), nn.ReLU(),
                        md.Smallify(nn.Conv2d(2, 3, 2)), nn.Linear(4, 2)).init(0)
    net.astype("float64").to(backend)
    net[0].switch.data = -net[0].switch.data
    net[2].alive[1] = 0
    due = 0.0
    for layer in (net[0], net[2]):
        for beta, alive in zip(host(layer.switch.data), host(layer.alive), strict=True):
            due += 0.3 * abs(beta) * alive
        for w in (layer.weight, layer.bias):
            due += sum(0.1 * abs(v) ** power for v in host(w.data).ravel())
    for step in (0, 9):
        found = md.smallify_penalty(0.3, 0.1, power)(net, step)
        assert_allclose(float(found.data), due, rtol=1e-12)
    found.backward()
    assert_allclose(host(net[0].switch.grad), [-0.3] * 4)
    assert_allclose(host(net[2].switch.grad), [0.3, 0, 0.3])
    w = host(net[0].weight.data)
    assert_allclose(host(net[0].weight.grad), 0.1 * (2 * w if power == 2 else np.sign(w)))


def test_smallify_4_without_the_second_term_nothing_is_a_minimum(xp, backend):
    """Powers of 2, so that nothing is rounded: the same outputs for less and less."""
    layer, x = smallify().to(backend), xp.asarray(md.gaussian(1, (5, 3)).astype("float64"))
    y, penalty = host(layer(x).data), md.smallify_penalty(0.5, 0.0)
    costs, whole = [], []
    for _ in range(4):
        costs.append(float(penalty(layer, 0).data))
        whole.append(float(md.smallify_penalty(0.5, 0.5)(layer, 0).data))
        layer.switch.data = layer.switch.data / 8
        layer.weight.data, layer.bias.data = layer.weight.data * 8, layer.bias.data * 8
        assert_array_equal(host(layer(x).data), y)
    assert_allclose(costs, costs[0] / 8.0 ** np.arange(4), rtol=1e-12)
    assert whole[-1] > 1000 * whole[0]


def test_smallify_3_weight_decay_is_the_second_term(xp, backend):
    """A decay of 2 lambda_2 under SGD, for weights and biases, and no square of the switches."""
    (x, y), found = toy(xp), []
    for decay, strength in ((0.2, 0.0), (0.0, 0.1)):
        net = nn.Sequential(md.Smallify(nn.Linear(4, 5)), nn.Tanh(),
                            md.Smallify(nn.Linear(5, 2))).init(0).astype("float64").to(backend)
        optimizer = SGD(0.1, momentum=0.9, weight_decay=decay)
        md.fit(net, optimizer, (x.astype("float64"), y), 2, batch_size=32, progress=False,
               penalty=md.smallify_penalty(0.01, strength))
        found.append(net.state_dict())
    for path, value in found[0].items():
        assert_allclose(host(value), host(found[1][path]), rtol=1e-9)


@pytest.mark.parametrize("u, lam, lam2", [(0.7, 0.3, 0.1), (2.0, 1e-3, 1e-2), (5.0, 2.0, 0.5)])
def test_smallify_5_what_a_unit_costs(u, lam, lam2):
    """A unit of one weight and a switch, over a fine grid of switches."""
    layer, best = smallify(lambda: nn.Linear(1, 1, bias=False)), math.inf
    penalty = md.smallify_penalty(lam, lam2)
    middle = (2 * lam2 * u * u / lam) ** (1 / 3)
    for beta in middle * np.exp(np.linspace(-1, 1, 401)):
        layer.switch.data[:], layer.weight.data[:] = beta, u / beta
        best = min(best, float(penalty(layer, 0).data))
    assert_allclose(best, 1.5 * lam ** (2 / 3) * (2 * lam2 * u * u) ** (1 / 3), rtol=1e-12)


def test_smallify_6_with_rows_of_length_1_it_is_the_group_lasso():
    layer = smallify(lambda: nn.Linear(3, 4, bias=False), start="normal")
    layer.weight.data /= np.linalg.norm(layer.weight.data, axis=1, keepdims=True)
    due = np.linalg.norm(layer.expect(layer.weight).data, axis=1).sum()
    assert_allclose(float(md.smallify_penalty(1.0, 0.0)(layer, 0).data), due, rtol=1e-12)


# --- (smallify.7) to (smallify.9): the rule -------------------------------------------------------

@PROPERTY
@given(n=st.integers(1, 5), steps=st.integers(0, 6), decay=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
       seed=st.integers(0, 99))
def test_smallify_7_is_what_loops_give(xp, n, steps, decay, seed):
    signs = np.sign(np.random.default_rng(seed).integers(-1, 2, (steps, n))).astype("float64")
    mean, variance = xp.ones(n), xp.zeros(n)
    due_mean, due_variance = [1.0] * n, [0.0] * n
    for row in signs:
        mean, variance = md.sign_variance(xp.asarray(row), mean, variance, decay)
        for i, s in enumerate(row):
            d = s - due_mean[i]
            due_variance[i] = decay * due_variance[i] + (1 - decay) * d * d
            due_mean[i] = decay * due_mean[i] + (1 - decay) * s
    assert_allclose(host(mean), due_mean, atol=1e-14)
    assert_allclose(host(variance), due_variance, atol=1e-14)


def test_smallify_8_a_sign_that_alternates_dies_in_the_third_step():
    seen, death = variances([-1, 1, -1, 1], decay=0.9, killed=9.0)
    assert_allclose(seen[:3], [0.4, 0.364, 0.659], atol=5e-4)
    assert variances([-1, 1, -1, 1], 0.9)[1] == 3 and death is None
    assert variances([-1, 1] * 30, 0.99)[1] == 33


@pytest.mark.parametrize("decay, death", [(0.9, 2), (0.99, 16)])
def test_smallify_9_a_sign_that_changes_for_good_dies_too(decay, death):
    seen, _ = variances([-1] * 60, decay, killed=9.0)
    k = np.arange(1, 61)
    assert_allclose(seen, 4 * decay ** (k - 1) * (1 - decay**k), rtol=1e-10)
    assert variances([-1] * 60, decay)[1] == death
    if decay == 0.9:
        assert_allclose(seen[:2], [0.4, 0.684], rtol=1e-12)


def test_smallify_9_with_decay_0_the_first_change_kills():
    assert variances([1, 1, -1, 1], decay=0.0)[1] == 3
    assert variances([1] * 9, decay=0.0)[1] is None


@pytest.mark.parametrize("decay", [0.9, 0.99])
def test_smallify_9_one_change_taken_back_kills_nothing(decay):
    assert variances([1, -1] + [1] * 60, decay)[1] is None


def test_smallify_8_a_variance_at_the_threshold_lives():
    seen, death = variances([-1], decay=7 / 8)
    assert seen == [0.5] and death is None
    assert not seen[0] < 0.5                      # what keeps a switch in the other version


def test_smallify_8_the_dead_stay_dead(xp, backend):
    """Whatever an optimizer makes of them; and there are never fewer."""
    layer = md.Smallify(nn.Linear(3, 30), decay=0.5).init(0).to(backend)
    rng, dead = np.random.default_rng(0), []
    for _ in range(12):
        layer.switch.data = xp.asarray(rng.normal(0.7, 1, 30).astype("float32"))
        md.smallify_step(layer)
        dead.append(host(layer.alive) == 0)
        assert not host(layer.switch.data)[dead[-1]].any()
    assert 0 < dead[0].sum() < 30 and dead[-1].sum() > dead[0].sum()
    for before, after in itertools.pairwise(dead):
        assert (after >= before).all()
    x = xp.ones((2, 3), "float32")
    layer.switch.data = xp.ones(30, "float32")    # as momentum might
    assert not host(layer(x).data)[:, dead[-1]].any()


def test_smallify_8_a_frozen_switch_is_left_alone():
    """Also in the middle of a change of sign, of which it would die in the next step."""
    layer = md.Smallify(nn.Linear(3, 2), decay=0.9).init(0)
    layer.switch.data[0] = -1
    md.smallify_step(layer)
    layer.switch.requires_grad, before = False, (layer.mean.copy(), layer.variance.copy())
    for _ in range(3):
        md.smallify_step(layer)
    assert layer.alive.all() and layer.switch.data[0] == -1
    assert_array_equal((layer.mean, layer.variance), before)
    layer.switch.requires_grad = True
    md.smallify_step(layer)
    assert layer.alive.tolist() == [0, 1]


def test_smallify_7_runs_after_a_step_and_in_no_forward_pass(xp, backend):
    net = nn.Sequential(md.Smallify(nn.Linear(3, 4), decay=0.9), nn.ReLU(),
                        md.Smallify(nn.Linear(4, 2), decay=0.9)).init(0).to(backend)
    net[0].switch.data[1] = -1.0
    for _ in range(3):
        net(xp.ones((2, 3), "float32"))
    assert host(net[0].variance).tolist() == [0] * 4 and host(net[0].mean).tolist() == [1] * 4
    assert md.smallify_step(net) is None
    assert_allclose(host(net[0].variance), [0, 0.4, 0, 0], rtol=1e-6)
    assert host(net[2].variance).tolist() == [0, 0]
    net.init(0)
    assert host(net[0].variance).tolist() == [0] * 4 and host(net[0].alive).all()


def toy(xp, n=64):
    x = xp.asarray(md.gaussian(0, (n, 4)))
    return x, (x[:, 0] > 0).astype("int64")


def test_smallify_8_kills_units_that_are_not_needed(xp, backend):
    """Sixteen units for a target that one input decides."""
    x, y = toy(xp)
    net = nn.Sequential(md.Smallify(nn.Linear(4, 16), decay=0.9), nn.ReLU(),
                        nn.Linear(16, 2)).init(0).to(backend)
    dead = []
    md.fit(net, Adam(0.05), (x, y), 30, batch_size=32, progress=False,
           penalty=md.smallify_penalty(0.02, 1e-4), project=md.smallify_step,
           recorder=lambda *_: dead.append(int((host(net[0].alive) == 0).sum())))
    assert dead == sorted(dead) and 4 <= dead[-1] < 16
    assert md.evaluate(net, (x, y)).accuracy > 0.95


def test_smallify_8_without_the_step_nothing_goes_and_without_the_penalty_little(xp, backend):
    """The run above: without the penalty only switches that start near 0 change their sign."""
    dead = {}
    for left_out in ("nothing", "project", "penalty"):
        net = nn.Sequential(md.Smallify(nn.Linear(4, 16), decay=0.9), nn.ReLU(),
                            nn.Linear(16, 2)).init(0).to(backend)
        options = {"penalty": md.smallify_penalty(0.02, 1e-4), "project": md.smallify_step}
        near = host(net[0].switch.data) < 0.2
        md.fit(net, Adam(0.05), toy(xp), 30, batch_size=32, progress=False,
               **options | {left_out: None} if left_out in options else options)
        dead[left_out] = host(net[0].alive) == 0
    assert not dead["project"].any() and 2 * dead["penalty"].sum() < dead["nothing"].sum()
    assert near[dead["penalty"]].all()


# --- state ----------------------------------------------------------------------------------------

def test_a_run_goes_on_to_the_same_bits(tmp_path, xp, backend):
    (x, y), penalty = toy(xp, 24), md.smallify_penalty(0.3, 1e-4)

    def run(path, stop=None):
        def recorder(step, net, loss):
            if step == stop:
                raise KeyboardInterrupt

        net = nn.Sequential(md.Smallify(nn.Linear(4, 8), decay=0.5, threshold=0.3), nn.ReLU(),
                            nn.Linear(8, 2)).init(0).to(backend)
        md.fit(net, Adam(0.2), (x, y), 6, batch_size=12, progress=False, checkpoint=path,
               penalty=penalty, project=md.smallify_step, recorder=recorder)
        return net

    whole = run(tmp_path / "whole").state_dict()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", stop=6)
    again = run(tmp_path / "cut").state_dict()
    assert {"smallify1.alive", "smallify1.mean", "smallify1.variance"} < again.keys()
    assert 0 < float(again["smallify1.alive"].sum()) < 8
    for path, value in whole.items():
        assert_array_equal(host(again[path]), host(value))


def test_smallify_in_a_network_keeps_the_values_of_the_layers():
    net = models.wrap(models.lenet(), "*", md.Smallify).init(seed=0)
    for path, value in models.lenet().init(seed=0).state_dict().items():
        assert_array_equal(net.state_dict()[path], value)


def test_the_score_is_the_size_of_weight_times_switch(xp, backend):
    layer = smallify(lambda: nn.Conv2d(2, 4, 2), start="normal").to(backend)
    layer.alive[2] = 0
    due = np.abs(host(layer.weight.data) * (host(layer.switch.data) * [1, 1, 0, 1])[:, None, None,
                                                                                    None])
    assert_allclose(host(layer.score(unit=False)), due, rtol=1e-12)
    assert_allclose(host(layer.score(unit=True)), np.linalg.norm(due.reshape(4, -1), axis=1))
    net = nn.Sequential(md.Smallify(nn.Linear(3, 4)), nn.Linear(4, 2)).init(0).to(backend)
    net[0].switch.data = xp.asarray(np.array([5.0, 1e-3, 5.0, 1e-3], "float32"))
    assert md.prune(net, 0.5, unit=True) == {"smallify1.weight": 0.5}
    assert host(net[0].weight.data).any(axis=1).tolist() == [True, False, True, False]


# --- (smallify.10): the end -----------------------------------------------------------------------

@pytest.mark.parametrize("make, shape", LAYERS)
def test_smallify_10_switches_become_part_of_the_layer(make, shape, xp, backend):
    net = nn.Sequential(hidden=nn.Sequential(layer=md.Smallify(make(), start="normal"),
                                             act=nn.Tanh())).init(0).astype("float64").to(backend)
    net.hidden.layer.alive[1] = 0
    x = xp.asarray(md.gaussian(1, shape).astype("float64"))
    y, layer = host(net(x).data), net.hidden.layer
    paths = [path for path, _ in net.named_parameters() if "switch" not in path]
    assert md.smallify_fold(net) is net
    assert type(net.hidden.layer) is type(make())
    assert [path for path, _ in net.named_parameters()] == paths
    assert_allclose(host(net(x).data), y, atol=1e-13)
    assert_allclose(host(nn.Tanh()(layer(x)).data), y, atol=1e-13)    # with switches 1 or 0
    alone = smallify(make).to(backend)
    y = host(alone(x).data)
    assert_allclose(host(md.smallify_fold(alone)(x).data), y, atol=1e-13)


def dying(net, xp, backend, seed=0):
    """The network with about half of its switches dead."""
    net.init(seed).to(backend)
    for k, (_, m) in enumerate(net.named_modules()):
        if isinstance(m, md.Smallify):
            m.alive = xp.asarray((md.uniform(k, m.switch.shape) < 0.5).astype("float32"))
    return net


NETWORKS = [(lambda: models.mlp(6, 9, 7, 3), (4, 6)),
            (lambda: models.lenet(size=16), (2, 1, 16, 16)),
            (lambda: models.vgg_small(size=8), (2, 3, 8, 8))]


@pytest.mark.parametrize("make, shape", NETWORKS)
@pytest.mark.parametrize("optimizer", [lambda: SGD(0.1, momentum=0.9), lambda: Adam(0.01)])
def test_smallify_8_a_removed_unit_changes_no_output_and_no_later_step(make, shape, optimizer, xp,
                                                                      backend):
    net = models.wrap(make(), "*", lambda layer: md.Smallify(layer, start="normal"))
    net, steps = dying(net, xp, backend), optimizer()
    x, y = xp.asarray(md.gaussian(1, shape)), xp.asarray(np.arange(shape[0]) % 3)
    penalty = md.smallify_penalty(1e-3, 1e-3)

    def train(net, optimizer):
        md.train_step(net, optimizer, x, y, penalty=penalty, project=md.smallify_step)

    train(net, steps)
    before = {path: w.size for path, w in net.named_parameters()}
    whole = copy.deepcopy(net), copy.deepcopy(steps)
    removed = models.remove_dead(net, steps)
    layers = [path for path, m in net.named_modules() if isinstance(m, md.Smallify)]
    assert list(removed) == layers[:-1] and all(removed.values())
    for path, w in net.named_parameters():
        assert w.shape == w.data.shape and (path.startswith("out") or w.size < before[path])
    assert_allclose(host(net(x).data), host(whole[0](x).data), atol=1e-5)
    for _ in range(2):
        train(net, steps)
        train(*whole)
    assert_allclose(host(net(x).data), host(whole[0](x).data), atol=1e-4)
    assert set(models.remove_dead(net, steps).values()) == {0}
    md.smallify_fold(net)
    assert_allclose(host(net(x).data), host(whole[0](x).data), atol=1e-4)
    for _, layer in net.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            assert layer.weight.shape[:2] == (layer.n_out, layer.n_in)


@pytest.mark.parametrize("kind", PASS)
def test_smallify_8_a_dead_unit_passes_as_0_and_moves_no_other(kind, xp, backend):
    """All that may stand before the layer that reads it."""
    given = {nn.MaxPool2d: (2, 1, 1), nn.AvgPool2d: (2, 1, 1), md.Dropout: (0.5,),
             md.GaussianDropout: (0.5,), md.SpatialDropout: (0.5,)}
    layer = kind(*given.get(kind, ())).init(0).to(backend)
    x = md.gaussian(0, (3, 4, 2, 2))
    x[:, 1] = 0
    whole = host(layer(xp.asarray(x))).reshape(3, 4, -1)
    assert not whole[:, 1].any() and whole[:, 2:].any()
    y = host(layer.eval()(xp.asarray(x))).reshape(3, 4, -1)
    left = host(layer(xp.asarray(x[:, [0, 2, 3]]))).reshape(3, 3, -1)
    assert_array_equal(y[:, [0, 2, 3]], left)


def test_smallify_8_of_a_dead_layer_one_unit_stays(xp, backend):
    net = models.wrap(models.mlp(6, 9, 3), "hidden*", md.Smallify).init(0).to(backend)
    net.hidden1.linear.alive[:] = 0
    x = xp.asarray(md.gaussian(1, (4, 6)))
    y = host(net(x).data)
    assert models.remove_dead(net) == {"hidden1.linear": 8}
    assert_allclose(host(net(x).data), y, atol=1e-7)
    assert net.hidden1.linear.weight.shape == (1, 6) and net.out.weight.shape == (3, 1)


def test_smallify_8_nothing_is_removed_where_a_dead_unit_has_a_value(xp, backend):
    """A batch norm turns 0 into b - g mu / s, a sigmoid into 1/2; groups and rows stay whole."""
    norm = md.BatchNorm(4).init(0).eval()
    norm.running_mean = norm.running_mean + 2
    assert_allclose(norm(np.zeros((1, 4), "float32")).data, -2, rtol=1e-4)
    switched = [lambda: md.Smallify(nn.Linear(3, 4)), lambda: md.Smallify(nn.Conv2d(2, 4, 1))]
    for build, words in [
            (lambda: nn.Sequential(switched[0](), md.BatchNorm(4), nn.Linear(4, 2)), "BatchNorm"),
            (lambda: nn.Sequential(switched[0](), nn.Sigmoid(), nn.Linear(4, 2)), "Sigmoid"),
            (lambda: nn.Sequential(switched[0](), md.L0(nn.Linear(4, 2))), "L0"),
            (lambda: nn.Sequential(switched[1](), nn.Conv2d(4, 4, 1, groups=2)), "in groups"),
            (lambda: nn.Sequential(switched[0](), nn.Flatten(), nn.Linear(8, 2)), "in groups")]:
        net = nn.Sequential(switched[0](), nn.Linear(4, 3), build()).init(0).to(backend)
        net[0].alive[1] = 0
        state = {path: host(value).copy() for path, value in net.state_dict().items()}
        with pytest.raises(ValueError, match=f"the units of .* cannot be removed.*{words}"):
            models.remove_dead(net)
        for path, value in net.state_dict().items():
            assert_array_equal(host(value), state[path])


class Squashed(nn.Sequential):
    """A Sequential that does more than to call its layers."""

    def forward(self, x):
        return super().forward(x) + self[0](x).sum()


class Shifted(nn.ReLU):
    """An activation that is not 0 at 0."""

    def forward(self, x):
        return super().forward(x) + 1


class Summed(nn.Linear):
    """A layer that reads its inputs in another way too."""

    def forward(self, x):
        return super().forward(x) + x.sum(-1, keepdims=True)


@pytest.mark.parametrize("build, error, words", [
    (lambda one, two: nn.Sequential(one, one, two), ValueError, "used in several places"),
    (lambda one, two: nn.Sequential(one, Shifted(), two), ValueError, "behind it comes Shifted"),
    (lambda one, two: nn.Sequential(one, Summed(4, 4)), ValueError, "behind it comes a?.*Summed"),
    (lambda one, two: nn.Sequential(one, nn.ReLU(), two, two), ValueError, "several places"),
    (lambda one, two: Squashed(one, two), TypeError, "net must be a Sequential, got Squashed"),
    (lambda one, two: nn.Sequential(one, Squashed(two)), ValueError, "behind it comes Squashed"),
    (lambda one, two: nn.Sequential(md.Smallify(nn.Conv2d(1, 4, 1)), two), ValueError, "groups")])
def test_remove_dead_leaves_alone_what_it_cannot_see_through(build, error, words):
    """Layers that are used twice, a forward of one's own, a Linear along the width of maps."""
    net = build(md.Smallify(nn.Linear(4, 4)), nn.Linear(4, 4)).init(0)
    net[0].alive[1] = 0
    shapes = [w.shape for w in net.parameters()]
    with pytest.raises(error, match=words):
        models.remove_dead(net)
    assert [w.shape for w in net.parameters()] == shapes


def test_remove_dead_takes_no_optimizer_of_another_network():
    def build():
        return models.wrap(models.mlp(4, 6, 3), "hidden*", md.Smallify).init(0)

    net, other, steps = build(), build(), Adam()
    net.hidden1.linear.alive[:2] = 0
    md.cross_entropy(other(np.ones((2, 4), "float32")), np.array([0, 1])).backward()
    steps.step(other)
    shapes = [array.shape for arrays in steps.state.values() for array in arrays]
    for optimizer, error, words in ((steps, ValueError, "optimizer must be the one that trains"),
                                    ("adam", TypeError, "optimizer must be an Optimizer or None")):
        with pytest.raises(error, match=words):
            models.remove_dead(net, optimizer)
    assert net.hidden1.linear.layer.n_out == 6
    assert [array.shape for arrays in steps.state.values() for array in arrays] == shapes
    assert models.remove_dead(net, Adam()) == {"hidden1.linear": 2}


# --- dtypes and bad input -------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_smallify_keeps_dtype_and_kind(xp, backend, dtype):
    layer = md.Smallify(nn.Linear(3, 4)).init(0).to(backend).astype(dtype)
    for _ in range(2):
        assert layer(xp.ones((2, 3), dtype)).dtype == dtype
        assert md.smallify_penalty(1, 1)(layer, 0).dtype == dtype
        layer.step()
    assert {str(value.dtype) for value in layer.state_dict().values()} == {dtype}
    assert type(layer.alive) is type(layer.score(True)) is xp.ndarray


def test_smallify_is_the_same_in_every_memory_order(xp, backend):
    layer = md.Smallify(nn.Conv2d(2, 3, 2)).init(0).astype("float64").to(backend)
    x = md.gaussian(1, (2, 2, 3, 4)).astype("float64")
    due = host(layer(xp.asarray(x)).data)
    for axes in itertools.permutations(range(4)):
        turned = xp.asarray(np.ascontiguousarray(x.transpose(axes)))
        turned = turned.transpose(*map(int, np.argsort(axes)))
        assert_allclose(host(layer(turned).data), due, atol=1e-13)


def test_smallify_refuses_what_does_not_fit(xp):
    one, layer = xp.ones(3), nn.Linear(3, 2)
    for error, words, use in [
            (TypeError, "layer must be a Linear or Conv2d", lambda: md.Smallify(nn.ReLU())),
            (ValueError, "start must be one of", lambda: md.Smallify(layer, "ones")),
            (ValueError, "decay is a probability", lambda: md.Smallify(layer, decay=1.5)),
            (ValueError, "decay must be below 1", lambda: md.Smallify(layer, decay=1)),
            (ValueError, "threshold must be finite", lambda: md.Smallify(layer, threshold=-1)),
            (ValueError, "mean must have the shape",
             lambda: md.sign_variance(one, one[:2], one, 0.9)),
            (TypeError, "variance must hold floats",
             lambda: md.sign_variance(one, one, one > 0, 0.9)),
            (ValueError, "decay is a probability", lambda: md.sign_variance(one, one, one, 2)),
            (ValueError, "power must be one of", lambda: md.smallify_penalty(1, 1, 3)),
            (ValueError, "net must have a Smallify", lambda: md.smallify_step(layer)),
            (ValueError, "net must have a Smallify", lambda: md.smallify_penalty(1, 1)(layer, 0)),
            (TypeError, "net must be a Module", lambda: md.smallify_fold(None)),
            (TypeError, "net must be a Sequential", lambda: models.remove_dead(layer)),
            (ValueError, "net must have a Smallify",
             lambda: models.remove_dead(nn.Sequential(layer))),
            (ValueError, "init", lambda: md.Smallify(layer)(xp.ones((1, 3))))]:
        with pytest.raises(error, match=words):
            use()


class Holder(md.Module):
    """What holds one thing more than it uses."""

    def __init__(self, thing):
        self.things = [{"thing": thing}]

    def forward(self, x):
        return x


@pytest.mark.parametrize("tie", [
    lambda one, two: setattr(two, "weight", one.weight), lambda one, two: Holder(one.bias),
    lambda one, two: Holder(one.layer), lambda one, two: md.Smallify(one.layer)])
def test_switches_on_weights_that_something_else_uses_are_not_folded(tie):
    one, two = md.Smallify(nn.Linear(4, 4)), nn.Linear(4, 4)
    net = nn.Sequential(nn.Sequential(hidden=one), two, tie(one, two) or nn.ReLU()).init(0)
    state = {path: value.copy() for path, value in net.state_dict().items()}
    with pytest.raises(ValueError, match="weights of sequential1.hidden nowhere else"):
        md.smallify_fold(net)
    assert net[0].hidden is one
    for path, value in net.state_dict().items():
        assert_array_equal(value, state[path])


def test_a_switched_layer_that_is_called_twice_is_folded_once(xp, backend):
    one = md.Smallify(nn.Linear(4, 4), start="normal")
    net = nn.Sequential(one, nn.Tanh(), nn.Sequential(again=one)).init(0).to(backend)
    one.alive[1] = 0
    x = xp.asarray(md.gaussian(1, (3, 4)))
    y = host(net(x).data)
    assert md.smallify_fold(net)[0] is net[2].again and type(net[0]) is nn.Linear
    assert_allclose(host(net(x).data), y, atol=1e-6)


def test_switches_in_a_list_are_not_folded():
    class Listed(md.Module):
        def __init__(self):
            self.layers = [md.Smallify(nn.Linear(2, 2))]

    net = Listed().init(0)
    with pytest.raises(ValueError, match="as attributes, not in a list or dict"):
        md.smallify_fold(net)
