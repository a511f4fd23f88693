"""weights/l0: every equation, exactly, and every sentence of "Differs"."""

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
from minidrop.check import Forbid, Record, Replay, gradcheck
from minidrop.xp import host
from tests.samplers import assert_fresh, assert_independent, assert_rate

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1
STRETCHES = [(BETA, GAMMA, ZETA), (0.5, -0.3, 1.05), (2.0, -0.01, 1.6)]
PLACES = [-4.0, -1.0, 0.0, 0.5, 2.0, 5.0]
MIDDLES = (np.arange(200_000) + 0.5) / 200_000    # of u, for means by the midpoint rule


def logistic(x):
    return 1 / (1 + np.exp(-np.asarray(x, "float64")))


def gates(log_alpha, u, stretch=(BETA, GAMMA, ZETA)):
    """Hard concrete gates in NumPy, one place and many u."""
    beta, gamma, zeta = stretch
    s = logistic((np.log(u) - np.log1p(-u) + log_alpha) / beta)
    return np.clip(s * (zeta - gamma) + gamma, 0, 1)


def l0(layer=None, seed=3, dtype="float64", **options):
    return md.L0(layer or nn.Linear(3, 4), **options).init(seed).astype(dtype)


# --- (l0.1) and (l0.2): the draw and the gate -----------------------------------------------------

def test_l0_1_noise_is_inside_the_unit_interval(xp, backend):
    noise = md.hard_concrete_noise(md.Stream(5, "a", backend), (30, 40))
    due = md.uniform(md.Stream(5, "a"), (30, 40))
    assert type(noise) is xp.ndarray and noise.dtype == "float32"
    assert_array_equal(host(noise), np.maximum(due, 2.0**-25))

    class Extreme(md.Stream):                     # the rarest draws, once in 2^24
        def bits(self, shape):
            return np.full(shape, self.block, "uint32")

    low, high = Extreme(0), Extreme(0)
    high.block = 2**32 - 1
    ends = [float(md.hard_concrete_noise(stream, 1)[0]) for stream in (low, high)]
    assert ends == [2.0**-25, 1 - 2.0**-24]
    with np.errstate(all="raise"):
        assert md.hard_concrete(np.array(ends), np.zeros(2)).tolist() == [0, 1]


def test_l0_1_draws_uniformly_every_gate_by_itself_and_anew():
    # 160,000 independent draws; each quarter of (0, 1) has the rate 1/4
    stream = md.Stream(3)
    first, again = (md.hard_concrete_noise(stream, (400, 400)) for _ in range(2))
    for k in range(4):
        assert_rate(((first >= k / 4) & (first < (k + 1) / 4)).sum(), 160_000, 0.25)
    assert_independent(first < 0.5, 0)
    assert_independent(first < 0.5, 1)
    assert_fresh(first < 0.5, again < 0.5, 0.5)


def test_l0_2_by_hand(xp):
    u = xp.asarray(np.array([0.1, 0.3, 0.5, 0.7, 0.9]))
    z = host(md.hard_concrete(u, xp.zeros(5)))
    assert_allclose(z, [0, 0.16291, 0.5, 0.83709, 1], atol=5e-6)
    assert z[0] == 0 and z[4] == 1
    s = (md.hard_concrete(u, xp.zeros(5), gamma=-1e-12, zeta=1 + 1e-12))      # hardly stretched
    assert_allclose(host(s)[0], 0.0357, atol=5e-5)
    s = md.hard_concrete(u, xp.zeros(5), beta=2.0**-1022)         # as steep as can be
    assert_allclose(host(s), [0, 0, 0.5, 1, 1], atol=1e-15)


@PROPERTY
@given(shape=st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple),
       stretch=st.sampled_from(STRETCHES), seed=st.integers(0, 99))
def test_l0_1_and_2_are_what_loops_give(xp, shape, stretch, seed):
    rng = np.random.default_rng(seed)
    u, log_alpha = rng.uniform(0.01, 0.99, shape), rng.normal(0, 2, shape)
    due = np.empty(shape)
    for place in np.ndindex(shape):
        logit = math.log(u[place]) - math.log(1 - u[place]) + log_alpha[place]
        s = 1 / (1 + math.exp(-logit / stretch[0]))
        due[place] = min(1, max(0, s * (stretch[2] - stretch[1]) + stretch[1]))
    found = md.hard_concrete(xp.asarray(u), xp.asarray(log_alpha), *stretch)
    assert_allclose(host(found), due, atol=1e-12)


@pytest.mark.parametrize("stretch", STRETCHES)
def test_l0_3_is_the_distribution_function_of_the_gate(stretch):
    """The gate rises with u, so P(z <= x) is the u at which it reaches x: by bisection."""
    beta, gamma, zeta = stretch
    for log_alpha, x in itertools.product(PLACES, [0.0, 0.2, 0.5, 0.9, 1 - 1e-9]):
        low, high = 0.0, 1.0
        for _ in range(60):
            u = (low + high) / 2
            z = float(md.hard_concrete(np.array([u]), np.array([log_alpha]), *stretch)[0])
            low, high = (u, high) if z <= x else (low, u)
        due = logistic(beta * math.log((x - gamma) / (zeta - x)) - log_alpha)
        assert_allclose(low, due, atol=1e-9)


@pytest.mark.parametrize("log_alpha", [-1.0, 0.0, 2.0])
def test_l0_3_to_5_are_the_rates_of_the_sampler(log_alpha):
    # 10^5 independent draws: shut, below 0.3, below 0.7, wide open
    n = 10**5
    u = md.hard_concrete_noise(md.Stream(7, f"{log_alpha}"), n).astype("float64")
    z = md.hard_concrete(u, np.full(n, log_alpha))
    assert_rate((z == 0).sum(), n, 1 - float(md.hard_concrete_nonzero(np.array(log_alpha))))
    for x in (0.3, 0.7):
        assert_rate((z <= x).sum(), n, logistic(BETA * np.log((x + 0.1) / (1.1 - x)) - log_alpha))
    assert_rate((z == 1).sum(), n, logistic(log_alpha - BETA * math.log(11)))


# --- (l0.4), (l0.5) and (l0.8): closed forms ------------------------------------------------------

def test_l0_4_closed_forms(xp):
    """The authors' drop rate d = 0.5 gives log alpha = 0: shut in 0.168 of all draws."""
    nonzero = host(md.hard_concrete_nonzero(xp.asarray(np.array([math.log(0.5 / 0.5), 2.0]))))
    assert_allclose(1 - nonzero, [0.168178, 0.026633], atol=5e-7)
    for stretch in STRETCHES:
        for log_alpha in PLACES:
            z = md.hard_concrete(MIDDLES, np.full(MIDDLES.shape, log_alpha), *stretch)
            due = md.hard_concrete_nonzero(np.array(log_alpha), *stretch)
            assert_allclose((z > 0).mean(), due, atol=1e-5)


def test_l0_5_closed_forms():
    for log_alpha, due in ((0.0, 0.168178), (2.0, 0.599)):
        assert_allclose(logistic(log_alpha - BETA * math.log(11)), due, atol=5e-4)
    for beta, gamma, zeta in STRETCHES:
        for log_alpha in PLACES:
            z = md.hard_concrete(MIDDLES, np.full(MIDDLES.shape, log_alpha), beta, gamma, zeta)
            due = logistic(log_alpha - beta * math.log((1 - gamma) / (zeta - 1)))
            assert_allclose((z == 1).mean(), due, atol=1e-5)


def test_l0_8_is_not_the_mean_of_the_gate(xp):
    places = np.array([-3.0, 0.0, 2.0, 3.0])
    assert_allclose(host(md.hard_concrete_expect(xp.asarray(places))), [0, 0.5, 0.95696, 1],
                    atol=5e-6)
    means = [gates(place, MIDDLES).mean() for place in (0.0, 2.0)]
    assert_allclose(means, [0.5, 0.857], atol=5e-4)
    wider = md.hard_concrete_expect(places, gamma=-0.5, zeta=1.2)
    assert_allclose(wider, np.clip(logistic(places) * 1.7 - 0.5, 0, 1), atol=1e-12)


def test_l0_4_a_clamped_gate_still_opens():
    clamped = np.array([math.log(0.01)])
    assert md.hard_concrete_expect(clamped)[0] == 0
    assert_allclose(md.hard_concrete_nonzero(clamped), 1 / 21.2, rtol=1e-2)
    assert md.hard_concrete_nonzero(np.array([-40.0]))[0] < 1e-15


# --- gradients ------------------------------------------------------------------------------------

@pytest.mark.parametrize("stretch", STRETCHES)
def test_l0_9_the_slope_of_a_gate(xp, stretch):
    beta, gamma, zeta = stretch
    u, places = np.array([0.02, 0.2, 0.4, 0.7, 0.98]), np.array([-2.0, 0.3, -0.4, 0.1, 2.0])
    log_alpha = md.Tensor(xp.asarray(places), requires_grad=True)
    z = md.hard_concrete(xp.asarray(u), log_alpha, *stretch)
    slope = host(md.grad(z.sum(), log_alpha))
    s = logistic((np.log(u) - np.log1p(-u) + places) / beta)
    inside = (host(z.data) > 0) & (host(z.data) < 1)
    assert_allclose(slope, np.where(inside, (zeta - gamma) / beta * s * (1 - s), 0), atol=1e-12)
    assert inside[1:4].any() and not inside[4]
    gradcheck(lambda t: md.hard_concrete(xp.asarray(u), t, *stretch), xp.asarray(places), order=2)


@pytest.mark.parametrize("gamma, zeta, end", [(-1, 3, 1), (-2, 2, 0)])
def test_l0_9_a_gate_exactly_at_an_end_has_no_slope(xp, gamma, zeta, end):
    log_alpha = md.Tensor(xp.zeros(1), requires_grad=True)        # s is 1 / 2
    z = md.hard_concrete(xp.asarray([0.5]), log_alpha, 1.0, gamma, zeta)
    assert z.data.tolist() == [end] and md.grad(z.sum(), log_alpha).tolist() == [0]


def test_l0_10_the_slope_of_the_penalty(xp):
    places = xp.asarray(np.array(PLACES))
    log_alpha = md.Tensor(places, requires_grad=True)
    p = md.hard_concrete_nonzero(log_alpha)
    slope = host(md.grad(p.sum(), log_alpha))
    assert_allclose(slope, host(p.data) * (1 - host(p.data)), atol=1e-12)
    assert (slope > 0).all()                      # also where (l0.9) is 0
    gradcheck(md.hard_concrete_nonzero, places, order=2)
    gradcheck(md.hard_concrete_expect, places[1:5], order=2)


# --- (l0.6): the layer ----------------------------------------------------------------------------

LAYERS = [(lambda: nn.Linear(3, 4), (5, 3), 3), (lambda: nn.Linear(3, 4, bias=False), (2, 5, 3), 3),
          (lambda: nn.Conv2d(2, 4, (2, 3), stride=2, padding=1), (3, 2, 4, 5), 2),
          (lambda: nn.Conv2d(4, 4, 2, groups=2), (2, 4, 3, 3), None)]


@pytest.mark.parametrize("kind", ["output", "input", "weight"])
@pytest.mark.parametrize("make, shape, n_in", LAYERS)
def test_l0_6_gates_units_inputs_or_weights(make, shape, n_in, kind, xp, backend):
    """By loops over the weights."""
    if n_in is None and kind == "input":
        return                                    # groups share no input: refused below
    layer = l0(make(), gates=kind, start=0.3).to(backend)
    groups = {"output": (4,), "input": (n_in,), "weight": layer.weight.shape}[kind]
    assert layer.log_alpha.shape == groups
    x = xp.asarray(md.gaussian(1, shape).astype("float64"))
    u = np.linspace(0.05, 0.85, math.prod(groups)).reshape(groups)
    layer.rng = Replay(xp.asarray(u))
    y = host(layer(x).data)
    z = np.array([gates(a, v) for a, v in zip(host(layer.log_alpha.data).ravel(), u.ravel(),
                                              strict=True)]).reshape(groups)
    assert (z == 0).any() and (z > 0.3).any()
    w, due = host(layer.weight.data), np.empty(layer.weight.shape)
    for i in np.ndindex(w.shape):
        due[i] = w[i] * z[{"output": i[0], "input": i[1], "weight": i}[kind]]
    plain = make().init(0).astype("float64").to(backend)
    plain.weight.data = xp.asarray(due)
    if plain.bias is not None:
        plain.bias.data = layer.bias.data
    assert_allclose(y, host(plain(x).data), atol=1e-12)
    assert_array_equal(host(layer.noise), u)


def test_l0_6_gradient_for_given_noise(xp, backend):
    layer, x = l0(nn.Conv2d(2, 3, 2)).to(backend), xp.asarray(md.gaussian(1, (2, 2, 3, 4)))
    u = xp.asarray(np.array([0.3, 0.45, 0.7]))

    def f(w, log_alpha):
        return layer.layer.compute(x.astype("float64"),
                                   w * md.hard_concrete(u, log_alpha).reshape(3, 1, 1, 1), None)

    gradcheck(f, layer.weight.data, layer.log_alpha.data, order=2)
    layer.rng = Replay(u)
    (layer(x.astype("float64")) ** 2).sum().backward()
    due = md.grad((f(layer.weight, layer.log_alpha) + layer.bias.reshape(3, 1, 1)).__pow__(2).sum(),
                  [layer.weight, layer.log_alpha])
    assert_allclose(host(layer.weight.grad), host(due[0]), rtol=1e-12)
    assert_allclose(host(layer.log_alpha.grad), host(due[1]), rtol=1e-12)
    assert host(layer.log_alpha.grad).all()


def test_l0_6_the_bias_is_there_in_both_modes(xp, backend):
    layer = l0(nn.Conv2d(2, 4, 3)).to(backend)
    x = xp.asarray(md.gaussian(1, (2, 2, 4, 4)).astype("float64"))
    layer.rng = Replay(xp.asarray(np.full(4, 0.99)))          # all gates wide open
    opened = host(layer(x).data)
    layer.log_alpha.data[...] = 9.0
    plain = nn.Conv2d(2, 4, 3).init(3).astype("float64").to(backend)
    assert_allclose(opened, host(plain(x).data), atol=1e-12)
    assert_allclose(host(layer.eval()(x).data), opened, atol=1e-12)
    layer.log_alpha.data[...] = -9.0
    shut = host(layer(x).data)
    assert_allclose(shut, np.broadcast_to(host(plain.bias.data)[:, None, None], shut.shape))


def test_l0_module_draws_once_for_a_batch(xp, backend):
    layer = md.L0(nn.Linear(3, 4)).init(0).to(backend)
    layer.rng = Record(md.Stream(0, "", backend))
    x = xp.ones((6, 3), "float32")
    y = host(layer(x).data)
    assert [draw[:2] for draw in layer.rng.draws] == [("uniform", ((4,),))]
    assert_array_equal(y, np.broadcast_to(y[0], y.shape))
    layer.rng = Forbid()
    due = host(md.hard_concrete_expect(layer.log_alpha.data))[:, None] * host(layer.weight.data)
    assert_allclose(host(layer.eval()(x).data), host(x) @ due.T + host(layer.bias.data), rtol=1e-5)


@pytest.mark.parametrize("optimizer", [md.optim.SGD, md.optim.Adam, md.optim.AdamW])
def test_l0_module_weight_decay_leaves_the_gates_alone(optimizer):
    """A step to half of -4, a gate that is shut without noise, would open it: 0.043 at -2."""
    layer = md.L0(nn.Linear(3, 4)).init(0)
    layer.log_alpha.data[:], weight = -4, layer.weight.data.copy()
    for w in layer.parameters():
        w.grad = np.zeros_like(w.data)
    optimizer(1.0, weight_decay=0.5).step(layer)
    assert_array_equal(layer.log_alpha.data, np.full(4, -4, "float32"))
    assert (layer.weight.data != weight).all()
    assert md.hard_concrete_expect(np.array([-4.0, -2.0])).round(3).tolist() == [0, 0.043]


def test_l0_module_uses_its_own_temperature_and_interval():
    """In training, in evaluation and in what it is expected to keep."""
    own = {"beta": 0.5, "gamma": -0.3, "zeta": 1.6}
    layer, x = md.L0(nn.Linear(3, 4, bias=False), **own).init(0), np.ones((2, 3), "float32")
    layer.log_alpha.data[:] = [-1.5, -0.5, 0.0, 0.5]
    places, total = layer.log_alpha.data, layer.weight.data.sum(1)
    y = layer(x).data
    assert_allclose(y[0], total * md.hard_concrete(layer.noise, places, **own), rtol=1e-5)
    z = md.hard_concrete_expect(places, gamma=-0.3, zeta=1.6)
    assert not np.allclose(z, md.hard_concrete_expect(places), atol=0.01)
    assert_allclose(layer.eval()(x).data[0], total * z, rtol=1e-5)
    assert_allclose(float(layer.expected_l0()), 3 * md.hard_concrete_nonzero(places, **own).sum(),
                    rtol=1e-6)


def test_l0_module_repeats_its_gates_after_init_and_starts_where_it_is_told(xp, backend):
    layer, x = md.L0(nn.Linear(3, 400), start=2.0), xp.ones((1, 3), "float32")
    first, again = ([host(layer.init(9).to(backend)(x).data), host(layer(x).data)]
                    for _ in range(2))
    assert_array_equal(first, again)
    assert (first[0] != first[1]).any()
    places = host(layer.log_alpha.data)
    assert abs(places - 2).max() < 0.06 and 0.008 < places.std() < 0.012


def test_l0_module_in_a_network_keeps_the_values_of_the_layers():
    net = models.wrap(models.lenet(), "stage*", md.L0).init(seed=0)
    plain = models.lenet().init(seed=0).state_dict()
    for path, value in net.state_dict().items():
        assert path.endswith("conv.log_alpha") or (value == plain[path]).all()
    twin = copy.deepcopy(net)
    x = md.gaussian(1, (2, 1, 28, 28))
    assert_array_equal(twin(x).data, net(x).data)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("place", [-1000, -8, 0, 8, 1000])
def test_l0_is_finite_in_every_dtype(xp, dtype, place):
    """Gates, their chances and slopes, far out and for the rarest draws of u."""
    log_alpha = md.Tensor(xp.full(4, place, dtype), requires_grad=True)
    u = xp.asarray(np.array([2.0**-25, 0.3, 0.7, 1 - 2.0**-24], "float32"))
    with np.errstate(all="raise", under="ignore"):
        values = (md.hard_concrete(u, log_alpha), md.hard_concrete_expect(log_alpha),
                  md.hard_concrete_nonzero(log_alpha))
        sum(value.sum() for value in values).backward()
    for value in (*(host(value.data) for value in values), host(log_alpha.grad)):
        assert np.isfinite(value).all() and str(value.dtype) == dtype
    ends = {-1000: 0.0, 1000: 1.0}.get(place)
    assert ends is None or all((host(value.data) == ends).all() for value in values)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_l0_keeps_dtype_and_kind(xp, backend, dtype):
    u, places = md.hard_concrete_noise(md.Stream(0, "", backend), 5), xp.zeros(5, dtype)
    for z in (md.hard_concrete(u, places), md.hard_concrete_expect(places),
              md.hard_concrete_nonzero(places)):
        assert isinstance(z, xp.ndarray) and z.dtype == dtype
    assert isinstance(md.hard_concrete(u, md.Tensor(places)), md.Tensor)
    layer = md.L0(nn.Linear(3, 4)).init(0).to(backend).astype(dtype)
    assert layer(xp.ones((2, 3), dtype)).dtype == dtype
    assert md.expected_l0(layer).dtype == dtype


def test_l0_is_the_same_in_every_memory_order(xp):
    u = np.linspace(0.1, 0.9, 24).reshape(2, 3, 4)
    due = host(md.hard_concrete(xp.asarray(u), xp.zeros((2, 3, 4))))
    for axes in itertools.permutations(range(3)):
        turned = xp.asarray(np.ascontiguousarray(u.transpose(axes)))
        turned = turned.transpose(*map(int, np.argsort(axes)))
        assert_array_equal(host(md.hard_concrete(turned, xp.zeros((2, 3, 4)))), due)


# --- (l0.7): the penalty --------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["output", "input", "weight"])
def test_l0_7_counts_the_weights_alone(xp, backend, kind):
    """Of a convolution, one by one; the bias and the values of the weights change nothing."""
    layer = l0(nn.Conv2d(2, 4, (2, 3)), gates=kind).to(backend)
    places = md.gaussian(1, layer.log_alpha.shape).astype("float64")
    layer.log_alpha.data = xp.asarray(places)
    due = 0.0
    for i in np.ndindex(layer.weight.shape):
        place = places[{"output": i[0], "input": i[1], "weight": i}[kind]]
        due += logistic(place + BETA * math.log(11))
    assert_allclose(float(md.expected_l0(layer).data), due, rtol=1e-12)
    layer.bias.data[...] = 5.0
    layer.weight.data[...] = 7.0
    assert_allclose(float(md.expected_l0(layer).data), due, rtol=1e-12)
    md.expected_l0(layer).backward()
    assert layer.weight.grad is None and layer.bias.grad is None
    assert (host(layer.log_alpha.grad) > 0).all()


def test_l0_7_is_divided_by_the_examples_and_added_over_the_layers(xp, backend):
    net = nn.Sequential(md.L0(nn.Linear(3, 4)), nn.ReLU(), md.L0(nn.Linear(4, 2), "weight"),
                        nn.Linear(2, 2)).init(0).to(backend)
    due = sum(float(net[i].expected_l0().data) for i in (0, 2))
    for step in (0, 7):
        assert_allclose(float(md.l0_penalty(0.5, 20)(net, step).data), 0.5 / 20 * due, rtol=1e-6)
    x, y = xp.asarray(md.gaussian(0, (8, 3))), xp.asarray([0, 1] * 4)
    losses = [md.fit(copy.deepcopy(net), md.optim.SGD(0.0), (x, y), 1, batch_size=8,
                     penalty=penalty, progress=False).loss[0]
              for penalty in (None, md.l0_penalty(2.0, 8))]
    assert_allclose(losses[1] - losses[0], 2 / 8 * due, rtol=1e-5)


def test_l0_7_alone_shuts_the_gates_and_evaluation_forgets_the_groups(xp, backend):
    """On a target that needs one input of four, under the penalty, the gates of the others shut."""
    x = xp.asarray(md.gaussian(0, (256, 4)))
    y = (x[:, 0] > 0).astype("int64")
    net = md.L0(nn.Linear(4, 2), gates="input", start=1.0).init(0).to(backend)
    md.fit(net, md.optim.Adam(0.05), (x, y), 30, batch_size=64, progress=False,
           penalty=md.l0_penalty(6.0, 256))
    gate = host(md.hard_concrete_expect(net.log_alpha.data))
    assert gate[0] > 0.9 and not gate[1:].any()
    assert md.evaluate(net, (x, y)).accuracy > 0.95
    x[:, 1:] = 99.0
    assert md.evaluate(net, (x, y)).accuracy > 0.95


def test_l0_7_without_it_nothing_goes(xp, backend):
    """The run above, and not a gate shuts."""
    x = xp.asarray(md.gaussian(0, (256, 4)))
    y = (x[:, 0] > 0).astype("int64")
    net = md.L0(nn.Linear(4, 2), gates="input", start=1.0).init(0).to(backend)
    md.fit(net, md.optim.Adam(0.05), (x, y), 30, batch_size=64, progress=False)
    assert host(md.hard_concrete_expect(net.log_alpha.data)).all()


# --- what pruning goes by -------------------------------------------------------------------------

def test_the_score_is_the_place_of_the_gate_or_the_size_of_what_is_left(xp, backend):
    units, weights = (l0(nn.Conv2d(2, 4, 3), gates=kind, start=0.5).to(backend)
                      for kind in ("output", "weight"))
    units.log_alpha.data[1] = weights.log_alpha.data[0, 0, 0, 1] = -0.7
    assert_array_equal(host(units.score(unit=True)), host(units.log_alpha.data))
    assert_array_equal(host(weights.score(unit=False)), host(weights.log_alpha.data))
    assert units.measure(True) == weights.measure(False) == "the score of L0"
    assert units.measure(False) == weights.measure(True) == "size"
    left = host(units.expect(units.weight).data)
    assert_allclose(host(units.score(unit=False)), np.abs(left))
    left = host(weights.expect(weights.weight).data).reshape(4, -1)
    assert_allclose(host(weights.score(unit=True)), np.linalg.norm(left, axis=1))
    for layer, unit, shape in ((units, True, (4,)), (units, False, (4, 2, 3, 3))):
        assert layer.score(unit).shape == shape and type(layer.score(unit)) is xp.ndarray


# --- bad input ------------------------------------------------------------------------------------

def test_l0_refuses_what_does_not_fit(xp):
    x = xp.ones((2, 3))
    for error, words, use in [
            (ValueError, "u must have the shape", lambda: md.hard_concrete(x[0], x)),
            (TypeError, "u must hold floats", lambda: md.hard_concrete(x > 0, x)),
            (TypeError, "log_alpha must be a NumPy", lambda: md.hard_concrete(x, 0.0)),
            (ValueError, "gamma must be below 0", lambda: md.hard_concrete(x, x, gamma=0.0)),
            (ValueError, "zeta must be above 1", lambda: md.hard_concrete_expect(x, zeta=1.0)),
            (ValueError, "beta must be finite", lambda: md.hard_concrete_nonzero(x, beta=0.0)),
            (ValueError, "beta must be finite", lambda: md.hard_concrete(x, x, beta=2.0**-1023)),
            (TypeError, "layer must be a Linear or Conv2d", lambda: md.L0(nn.ReLU())),
            (ValueError, "gates must be one of", lambda: md.L0(nn.Linear(1, 1), "unit")),
            (ValueError, "for a convolution in groups",
             lambda: md.L0(nn.Conv2d(2, 2, 1, groups=2), "input")),
            (ValueError, "strength must be finite and at least 0", lambda: md.l0_penalty(-1, 9)),
            (ValueError, "examples must be a whole number", lambda: md.l0_penalty(1, 0)),
            (ValueError, "net must have an L0 layer", lambda: md.expected_l0(nn.Linear(1, 1))),
            (TypeError, "net must be a Module", lambda: md.l0_penalty(1, 1)(None, 0)),
            (TypeError, "unit must be True or False", lambda: l0().score(1)),
            (TypeError, "rng must be a Stream", lambda: md.hard_concrete_noise(None, 4)),
            (ValueError, "init", lambda: md.L0(nn.Linear(1, 1))(xp.ones((1, 1))))]:
        with pytest.raises(error, match=words):
            use()


def test_a_place_that_is_nan_gives_no_open_gate(xp):
    nan = xp.asarray(np.array([math.nan]))
    assert np.isnan(host(md.hard_concrete(nan * 0 + 0.5, nan))).all()
    assert np.isnan(host(md.hard_concrete_expect(nan))).all()
