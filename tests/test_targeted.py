"""weights/targeted: every equation, exactly, and every sentence of "Differs"."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import nn
from minidrop.check import Forbid, Record, Replay, all_masks, exact_moments, gradcheck
from minidrop.xp import host
from tests.samplers import assert_fresh, assert_independent, assert_rate, assert_shared

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
SHAPES = [(4, 6), (1, 1), (3, 1), (1, 5), (4, 2, 3, 2), (2, 3, 1, 5)]
W = np.array([[0.1, -0.4, 0.2, -0.3], [2.0, -1.0, 3.0, 4.0], [0.5, 0.5, -0.5, 0.5]])
X = np.array([[1.0, -2.0, 0.5, 3.0], [0.3, 1.5, -1.0, 0.7]])


def keep(xp, *bits):
    return xp.asarray(np.array(bits, bool))


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape)


def targeted(w, gamma, alpha, unit, xp=np, prune=False, bias=False, rng=None):
    """A layer of the given weights (out, in), of float64."""
    layer = md.TargetedDropout(nn.Linear(*w.shape[::-1], bias=bias), gamma, alpha, unit, prune)
    layer.init(0).astype("float64").to("numpy" if xp is np else "cupy")
    layer.weight.data = xp.asarray(w)
    layer.rng = rng or layer.rng
    return layer


# --- (targeted.3) and (targeted.4): the candidates ------------------------------------------------

def test_targeted_3_and_4_by_hand(xp):
    w = xp.asarray(W)
    assert host(md.targeted_candidates(w, 0.5, False)).astype(int).tolist() == [
        [1, 0, 1, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    assert host(md.targeted_candidates(w, 0.5, True)).tolist() == [True, False, False]
    assert host(md.targeted_candidates(w, 0.67, True)).tolist() == [True, False, True]


@PROPERTY
@given(shape=st.sampled_from(SHAPES), gamma=st.floats(0, 1) | st.sampled_from([0.29, 1 / 3, 0.5]),
       kinds=st.sampled_from([1, 2, 5, 1000]), seed=st.integers(0, 99))
def test_targeted_3_and_4_are_nested_loops(xp, shape, gamma, kinds, seed):
    w = np.random.default_rng(seed).integers(-kinds, kinds, size=shape) / 4      # many are equal
    due, units = np.zeros(shape, bool), np.zeros(shape[0], bool)
    for row, chosen in zip(w, due, strict=True):
        places = sorted(np.ndindex(row.shape), key=lambda i, row=row: abs(row[i]))
        for place in places[:math.floor(gamma * row.size + 1e-9)]:
            chosen[place] = True
    norms = md.functional.magnitudes(w, True)
    assert_allclose(norms, [math.hypot(*row.ravel()) for row in w], rtol=1e-14)
    units[sorted(range(len(w)), key=lambda o: norms[o])[:math.floor(gamma * len(w) + 1e-9)]] = True
    assert_array_equal(host(md.targeted_candidates(xp.asarray(w), gamma, False)), due)
    assert_array_equal(host(md.targeted_candidates(xp.asarray(w), gamma, True)), units)


@pytest.mark.parametrize("unit", [False, True])
def test_targeted_3_and_4_none_at_gamma_0_and_all_at_gamma_1(xp, unit):
    w = xp.asarray(normal(5, 3, 2, 2))
    for gamma in (0.0, 1.0):
        candidates = host(md.targeted_candidates(w, gamma, unit))
        assert candidates.shape == ((5,) if unit else (5, 3, 2, 2))
        assert (candidates == bool(gamma)).all()


def test_targeted_4_compares_lengths_and_not_sums(xp):
    w = xp.asarray(np.array([[3.0, 0.0, 0.0], [1.5, 1.5, 1.0]]))
    assert host(md.targeted_candidates(w, 0.5, True)).tolist() == [False, True]       # 3 > 2.35


# --- (targeted.6) and (targeted.7): the draw ------------------------------------------------------

@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(6, 7), (3, 2, 2, 5), (9,)])
def test_targeted_6_drops_candidates_where_the_bits_are_not_below(xp, backend, alpha, shape):
    candidates, bits = normal(*shape) < 0.5, md.Stream(5, "a").bits(shape)
    mask = md.targeted_mask(md.Stream(5, "a", backend), xp.asarray(candidates), alpha,
                            unit=len(shape) == 1)
    assert mask.dtype == bool
    assert_array_equal(host(mask), ~(candidates & (bits >= (1 - alpha) * 2.0**32)))


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_targeted_6_drops_each_candidate_by_itself(alpha):
    # 300 x 400 independent draws, of which 300 x 200 are of candidates; each of the lines below
    # fails a right sampler less than once in 10^9
    stream, all_of = md.Stream(11, f"{alpha}"), np.ones((300, 400), bool)
    half = md.targeted_candidates(normal(300, 400), 0.5, False)
    mask = md.targeted_mask(stream, half, alpha, unit=False)
    assert half.sum() == 60_000 and mask[~half].all()
    assert_rate((~mask).sum(), 60_000, alpha)
    first, second = (md.targeted_mask(stream, all_of, alpha, unit=False) for _ in range(2))
    for axis in range(2):
        assert_independent(first, axis, alpha)
    assert_fresh(first, second, 1 - alpha)


def test_targeted_6_drops_each_candidate_unit_by_itself():
    # 10^5 independent draws; a right sampler fails less than once in 10^9 in each line
    candidates = np.arange(200_000) % 2 == 0
    stream = md.Stream(1)
    first, second = (md.targeted_mask(stream, candidates, 0.3, unit=True) for _ in range(2))
    assert first[1::2].all() and second[1::2].all()
    assert_rate((~first).sum(), 100_000, 0.3)
    assert_independent(first[::2], 0, 0.3)
    assert_fresh(first[::2], second[::2], 0.7)


def test_targeted_6_is_exact_at_both_ends(xp, backend):
    candidates = xp.asarray(normal(300, 40) < 0)
    kept, dropped = (host(md.targeted_mask(md.Stream(0, "", backend), candidates, alpha, False))
                     for alpha in (0.0, 1.0))
    assert kept.all()
    assert_array_equal(dropped, ~host(candidates))


def test_targeted_6_takes_what_a_double_gives_and_an_int_seed(xp):
    candidates, drawn = keep(xp, [1, 1, 0], [0, 1, 1]), keep(xp, [0, 1, 0], [0, 0, 1])
    mask = md.targeted_mask(Replay(drawn), candidates, 0.5, unit=False)
    assert host(mask).astype(int).tolist() == [[0, 1, 1], [1, 0, 1]]
    assert host(drawn).astype(int).tolist() == [[0, 1, 0], [0, 0, 1]]       # is left alone
    assert type(md.targeted_mask(3, candidates, 0.5, unit=False)) is xp.ndarray
    record = Record(md.Stream(0))
    md.targeted_mask(record, np.ones((2, 3), bool), 0.25, unit=False)
    assert [draw[:2] for draw in record.draws] == [("bernoulli", (0.75, (2, 3)))]


@pytest.mark.parametrize("alpha", [0.0, 0.33, 0.66, 1.0])
@pytest.mark.parametrize("gamma, unit", [(0.5, False), (0.75, False), (0.4, True), (1.0, True)])
def test_targeted_7_the_expected_number_of_weights_kept_over_all_masks(gamma, unit, alpha):
    w = normal(5, 4) if unit else normal(2, 4)
    candidates = md.targeted_candidates(w, gamma, unit)

    def kept(drawn):
        mask = md.targeted_mask(Replay(drawn), candidates, alpha, unit)
        return np.array(float(np.broadcast_to(mask.reshape(len(mask), -1), w.shape).sum()))

    mean, variance = exact_moments(kept, candidates.shape, alpha)
    assert_allclose(mean, (1 - gamma * alpha) * w.size, atol=1e-12)
    each = w.shape[1] if unit else 1              # weights that go together
    assert_allclose(variance, each * gamma * w.size * alpha * (1 - alpha), atol=1e-12)


def test_targeted_7_counts_whole_candidates_where_gamma_n_is_not_whole():
    candidates = md.targeted_candidates(normal(2, 5), 0.5, unit=False)
    mean, _ = exact_moments(lambda drawn: np.array(float(md.targeted_mask(
        Replay(drawn), candidates, 0.4, False).sum())), (2, 5), 0.4)
    assert_allclose(mean, 10 - 0.4 * 2 * math.floor(0.5 * 5), atol=1e-12)


# --- (targeted.1), (targeted.2) and (targeted.8): for a given mask --------------------------------

def test_targeted_1_by_hand(xp):
    # |w| = [.1, .4, .2, .3] and gamma = .5: the candidates are .1 and .2, and nothing is scaled
    w = xp.asarray(np.array([[0.1, 0.4, 0.2, 0.3]]))
    mask = md.targeted_mask(0, md.targeted_candidates(w, 0.5, False), 1.0, False)
    assert host(md.targeted_dropout(w, mask)).tolist() == [[0, 0.4, 0, 0.3]]
    mask = md.targeted_mask(0, md.targeted_candidates(w, 0.5, False), 0.0, False)
    assert host(md.targeted_dropout(w, mask)).tolist() == [[0.1, 0.4, 0.2, 0.3]]


@pytest.mark.parametrize("shape", [(4, 6), (4, 4), (4, 2, 3, 2), (4, 2, 3, 4)])
def test_targeted_1_and_2_are_nested_loops(xp, shape):
    w, mask, units = normal(*shape), normal(*shape) < 0.3, np.array([True, False, False, True])
    due, rows = np.zeros(shape), np.zeros(shape)
    for place in np.ndindex(shape):
        due[place] = w[place] if mask[place] else 0
        rows[place] = w[place] if units[place[0]] else 0
    assert_array_equal(host(md.targeted_dropout(xp.asarray(w), xp.asarray(mask))), due)
    assert_array_equal(host(md.targeted_dropout(xp.asarray(w), xp.asarray(units))), rows)


def test_targeted_2_a_dropped_row_is_a_dropped_unit_of_the_next_layer(xp):
    x, w, v = (xp.asarray(a) for a in (X, W, normal(2, 3)))
    for units in all_masks(3):
        mask = xp.asarray(units)
        silenced = md.dropout_original(md.relu(md.linear(x, w)), mask)
        rows = md.relu(md.linear(x, md.targeted_dropout(w, mask)))
        assert_allclose(host(md.linear(rows, v)), host(md.linear(silenced, v)), atol=1e-14)


@pytest.mark.parametrize("mask", [[[1, 0, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1]], [1, 0, 1],
                                  [[1], [0], [1]], [[1, 0, 0, 1]]])
def test_targeted_8_gradients_of_both_orders(xp, mask):
    x, w, mask = xp.asarray(X), xp.asarray(W), keep(xp, *mask)
    gradcheck(lambda x, w: md.linear(x, md.targeted_dropout(w, mask)), x, w, order=2)
    t, g = md.Tensor(w, requires_grad=True), xp.asarray(normal(2, 3))
    found = md.grad(md.linear(x, md.targeted_dropout(t, mask)), t, g=g)
    rows = host(mask)[:, None] if mask.ndim == 1 else host(mask)
    assert_allclose(host(found), rows * (host(g).T @ X), atol=1e-14)


def test_targeted_8_at_alpha_1_candidates_freeze_and_below_they_can_regrow(xp):
    x, y = xp.asarray(np.eye(2)), xp.asarray(np.array([[1.0], [3.0]]))      # w = [1, 3] fits
    for alpha in (1.0, 0.5):
        layer = targeted(np.array([[1.0, 0.1]]), 0.5, alpha, unit=False, xp=xp)
        for _ in range(60):
            before = host(layer.weight.data).copy()
            md.train_step(layer, md.optim.SGD(0.3), x, y, loss=md.mse_loss)
            dropped = ~host(layer.noise)
            assert_array_equal(host(layer.weight.data)[dropped], before[dropped])
        if alpha == 1.0:
            assert host(layer.weight.data).tolist() == [[1.0, 0.1]]
        else:                                     # 0.1 was kept in about 30 steps, never with 2^-60
            assert_allclose(host(layer.weight.data), [[1.0, 3.0]], atol=0.01)


def test_targeted_8_reaches_the_parameter(xp):
    layer = targeted(W, 0.5, 1.0, unit=False, xp=xp, bias=True)
    layer(xp.asarray(X)).sum().backward()
    assert layer.weight.grad is not None
    assert_allclose(host(layer.weight.grad), host(layer.noise) * X.sum(0), atol=1e-14)


# --- (targeted.5): the objective ------------------------------------------------------------------

def test_targeted_5_descent_ends_where_the_pruned_loss_is_least():
    """y = x, seen by two equal inputs: any w1 + w2 = 1 fits, but only [1, 0] when w2 is removed.

    E = alpha (1 - w1)^2 + (1 - alpha) (1 - w1 - w2)^2 over both masks of the candidate w2.
    """
    ends = {}
    for alpha in (0.0, 0.5):
        w = np.array([[0.3, 0.1]])
        for _ in range(200):
            t = md.Tensor(w, requires_grad=True)
            candidates, error = md.targeted_candidates(w, 0.5, False), 0
            for drawn, chance in ((True, 1 - alpha), (False, alpha)):
                mask = md.targeted_mask(Replay(np.full((1, 2), drawn)), candidates, alpha, False)
                kept = md.targeted_dropout(t, mask)
                error = error + chance * (1 - md.linear(np.ones((1, 2)), kept)) ** 2
            w = w - 0.4 * md.grad(error.sum(), t)
        ends[alpha] = w
    assert_allclose(ends[0.0], [[0.6, 0.4]], atol=1e-12)
    assert_allclose(ends[0.5], [[1.0, 0.0]], atol=1e-12)
    pruned = {alpha: (1 - w.max())**2 for alpha, w in ends.items()}
    assert pruned[0.0] > 0.15 and pruned[0.5] < 1e-20


# --- dtypes, memory orders, kinds -----------------------------------------------------------------

@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("unit", [False, True])
def test_targeted_1_and_2_keep_dtype_and_kind(xp, dtype, unit):
    w = xp.asarray(W.astype(dtype))
    mask = md.targeted_mask(0, md.targeted_candidates(w, 0.5, unit), 0.5, unit)
    assert mask.dtype == bool and type(mask) is xp.ndarray
    y = md.targeted_dropout(w, mask)
    assert isinstance(y, xp.ndarray) and y.dtype == dtype
    assert isinstance(md.targeted_dropout(md.Tensor(w), mask), md.Tensor)
    assert_array_equal(host(md.targeted_candidates(md.Tensor(w), 0.5, unit)),
                       host(md.targeted_candidates(w, 0.5, unit)))


@pytest.mark.parametrize("unit", [False, True])
def test_every_memory_order_gives_the_same(xp, unit):
    w = normal(3, 4, 2, 5)
    candidates = md.targeted_candidates(w, 0.5, unit)
    due = md.targeted_dropout(w, ~candidates)
    for axes in itertools.permutations(range(4)):
        back = map(int, np.argsort(axes))
        turned = xp.asarray(np.ascontiguousarray(w.transpose(axes))).transpose(*back)
        assert_array_equal(host(md.targeted_candidates(turned, 0.5, unit)), candidates)
        assert_array_equal(host(md.targeted_dropout(turned, xp.asarray(~candidates))), due)


def test_nothing_that_is_given_is_changed(xp):
    w, candidates, mask = xp.asarray(W), keep(xp, 1, 0, 1), keep(xp, 0, 1, 1)
    md.targeted_candidates(w, 0.5, False), md.targeted_mask(0, candidates, 0.5, True)
    md.targeted_dropout(w, mask)
    assert_array_equal(host(w), W)
    assert host(candidates).tolist() == [True, False, True]
    assert host(mask).tolist() == [False, True, True]


# --- the module -----------------------------------------------------------------------------------

LAYERS = [(lambda: nn.Linear(6, 4), (5, 6)), (lambda: nn.Linear(6, 4, bias=False), (2, 3, 6)),
          (lambda: nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), (3, 2, 5, 6))]


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("make, shape", LAYERS)
def test_targeted_module_computes_with_the_weights_of_its_mask(xp, backend, make, shape, unit):
    layer, plain = (one.init(3).to(backend) for one in (
        md.TargetedDropout(make(), 0.75, 0.6, unit), make()))
    x = xp.asarray(md.gaussian(1, shape))
    noisy = layer(x)
    candidates = host(md.targeted_candidates(plain.weight, 0.75, unit))
    mask = host(layer.noise)
    assert mask.shape == candidates.shape and mask[~candidates].all() and not mask.all()
    plain.weight.data = md.targeted_dropout(plain.weight.data, layer.noise)
    assert_array_equal(host(noisy.data), host(plain(x).data))
    plain.weight.data = make().init(3).to(backend).weight.data
    assert_array_equal(host(layer.eval()(x).data), host(plain(x).data))
    layer.train()(x).sum().backward()
    assert {str(a.dtype) for a in (noisy, layer(x), layer.weight.grad)} == {"float32"}


@pytest.mark.parametrize("unit", [False, True])
def test_targeted_module_finds_its_candidates_anew_in_every_step(xp, unit):
    layer = targeted(W, 1 / 3, 1.0, unit, xp)
    layer(xp.asarray(X))
    first = host(layer.noise)
    layer.weight.data = layer.weight.data[::-1, ::-1]
    layer(xp.asarray(X))
    assert_array_equal(host(layer.noise), ~host(md.targeted_candidates(
        layer.weight.data, 1 / 3, unit)))
    assert (host(layer.noise) != first).any()


def test_targeted_module_follows_the_mode_and_its_noise_can_be_turned_on(xp):
    layer, x = targeted(W, 0.5, 1.0, unit=False, xp=xp), xp.asarray(X)
    noisy = host(layer(x).data)
    assert_allclose(noisy, X @ (W * ~md.targeted_candidates(W, 0.5, False)).T, atol=1e-14)
    assert_allclose(host(layer.eval()(x).data), X @ W.T, atol=1e-14)
    md.noise_on(layer)
    assert_array_equal(host(layer(x).data), noisy)
    assert_array_equal(host(layer.train()(x).data), noisy)


@pytest.mark.parametrize("unit", [False, True])
def test_targeted_module_prunes_in_evaluation_if_asked_to(xp, unit):
    removed = ~md.targeted_candidates(W, 0.5, unit)
    pruned = W * (removed[:, None] if unit else removed)
    for alpha in (0.0, 0.3, 1.0):                 # at any rate all candidates, and no other weight
        layer = targeted(W, 0.5, alpha, unit, xp, prune=True).eval()
        layer.rng = Forbid()
        assert_allclose(host(layer(xp.asarray(X)).data), X @ pruned.T, atol=1e-14)
        assert_array_equal(host(layer.weight.data), W)
    layer.train().rng = Replay(xp.ones(layer.noise_shape(layer.weight), bool))
    assert_allclose(host(layer(xp.asarray(X)).data), X @ W.T, atol=1e-14)


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("sparsity", [0.25, 0.4, 0.75])
def test_targeted_module_is_pruned_by_size_below_gamma_too(xp, backend, unit, sparsity):
    """In evaluation candidates are all 0; of them the smallest go first, and not the first."""
    w, pruned = normal(8, 20), []
    for around in (False, True):
        layer = targeted(w.copy(), 0.5, 0.5, unit, xp, prune=around)
        net = nn.Sequential(layer=layer, out=nn.Linear(8, 2).init(0).to(backend))
        md.prune(net, sparsity, unit)
        pruned.append(host(layer.weight.data))
        assert layer.measure(unit) == "size"      # so it may be compared with any plain layer
    mask = md.magnitude_mask(w, sparsity, unit)
    assert_array_equal(pruned[0], w * (mask[:, None] if unit else mask))
    assert_array_equal(pruned[1], pruned[0])


@pytest.mark.parametrize("unit, shape", [(False, (3, 4)), (True, (3,))])
def test_targeted_module_draws_one_mask_a_step(xp, backend, unit, shape):
    layer = targeted(W, 0.5, 0.25, unit, xp, rng=Record(md.Stream(0, "", backend)))
    layer(xp.asarray(X))
    assert [draw[:2] for draw in layer.rng.draws] == [("bernoulli", (0.75, shape))]


def test_targeted_module_repeats_its_masks_after_init(xp, backend):
    layer, x = md.TargetedDropout(nn.Linear(20, 30), 0.8, 0.5, False), xp.ones((1, 20), "float32")
    first, again = ([host(layer.init(9).to(backend)(x).data), host(layer(x).data)]
                    for _ in range(2))
    assert_array_equal(first, again)
    assert (first[0] != first[1]).any()


def test_targeted_module_at_gamma_1_is_weight_dropout_without_a_scale(xp):
    drawn = keep(xp, *(normal(3, 4) < 0))
    layer = targeted(W, 1.0, 0.5, unit=False, xp=xp, rng=Replay(drawn))
    due = md.dropconnect(xp.asarray(X), xp.asarray(W), None, drawn)
    assert_allclose(host(layer(xp.asarray(X)).data), host(due), atol=1e-14)


def test_targeted_module_goes_where_the_pattern_says():
    net = md.models.wrap(md.models.lenet(), "stage2*",
                         lambda conv: md.TargetedDropout(conv, 0.75, 0.66, True))
    wrapped = [path for path, m in net.named_modules() if isinstance(m, md.TargetedDropout)]
    assert wrapped == ["stage2.conv"]
    net = md.models.wrap(md.models.lenet(), "*", lambda a: md.TargetedDropout(a, 0.5, 0.5, False))
    wrapped = [path for path, m in net.named_modules() if isinstance(m, md.TargetedDropout)]
    assert {"stage1.conv", "out"} <= set(wrapped)


def test_targeted_module_is_trained_by_fit_and_steered_by_schedules(xp, backend):
    net = md.models.wrap(md.models.mlp(6, 8, 3), "*",
                         lambda layer: md.TargetedDropout(layer, 0.5, 0.5, False)).init(0)
    x, y, seen = xp.asarray(md.gaussian(0, (8, 6))), xp.asarray(np.arange(8) % 3), []
    layer = net.hidden1.linear

    def look(step, net, loss):
        mask = host(layer.noise)
        seen.append((layer.gamma, layer.alpha, (~mask).sum(1).tolist()))

    md.fit(net.to(backend), md.optim.SGD(0.1), (x, y), epochs=3, batch_size=8, progress=False,
           schedules={"*.gamma": [0.0, 0.5, 1.0], "hidden1*.alpha": [1.0, 1.0, 1.0]}, recorder=look)
    assert seen == [(0.0, 1.0, [0] * 8), (0.5, 1.0, [3] * 8), (1.0, 1.0, [6] * 8)]
    assert (layer.gamma, layer.alpha) == (0.5, 0.5)


# --- "Differs" ------------------------------------------------------------------------------------

def official(w, gamma, unit, count=int):
    """for-ai/TD: kernels (in, out), strictly below the entry `gamma n` of the sorted ones."""
    kernel = abs(w).reshape(len(w), -1).T
    size = np.sqrt((kernel**2).sum(0)) if unit else kernel
    below = size < np.sort(size, axis=0)[count(gamma * len(size))]
    return below if unit else below.T.reshape(w.shape)


@pytest.mark.parametrize("shape", [(8, 12), (8, 3, 2, 2)])
@pytest.mark.parametrize("unit", [False, True])
def test_targeted_3_and_4_are_those_of_the_official_code_where_none_are_equal(xp, shape, unit):
    w = normal(*shape)
    for gamma in (0.0, 0.25, 0.5, 0.7, 0.99):
        assert_array_equal(host(md.targeted_candidates(xp.asarray(w), gamma, unit)),
                           official(w, gamma, unit))


def test_targeted_3_and_4_take_k_where_a_threshold_fails(xp):
    w = np.array([[0.2, 0.1, 0.2, 0.2], [1.0, -1.0, 1.0, 1.0]])
    assert official(w, 0.5, False).sum(1).tolist() == [1, 0]
    ours = md.targeted_candidates(xp.asarray(w), 0.5, False)
    assert host(ours).astype(int).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0]]
    assert official(w[[1, 1]], 0.5, True).tolist() == [False, False]
    assert host(md.targeted_candidates(xp.asarray(w[[1, 1]]), 0.5, True)).tolist() == [True, False]
    for unit in (False, True):
        with pytest.raises(IndexError):
            official(w, 1.0, unit)
        assert host(md.targeted_candidates(xp.asarray(w), 1.0, unit)).all()


def test_targeted_3_and_4_take_29_of_100(xp):
    w = normal(100, 100)
    assert official(w, 0.29, True).sum() == 28                              # 0.29 * 100 < 29
    in_single = official(w, np.float32(0.29), False, count=lambda k: int(np.float32(k)))
    assert set(in_single.sum(1)) == {29}
    assert host(md.targeted_candidates(xp.asarray(w), 0.29, True)).sum() == 29
    assert set(host(md.targeted_candidates(xp.asarray(w), 0.29, False)).sum(1)) == {29}


def test_targeted_6_a_unit_is_dropped_as_a_whole(xp):
    w, alpha = normal(40, 30), 0.5
    tiled = official(w, 0.5, True)[:, None] & (np.random.default_rng(1).random(w.shape) < alpha)
    rows = (w * ~tiled != 0).sum(1)
    assert ((rows > 0) & (rows < 30)).sum() == 20                 # 20 units, each in part
    layer = targeted(w, 0.5, alpha, unit=True, xp=xp)
    layer(xp.ones((1, 30)))
    kept = host(md.targeted_dropout(layer.weight.data, layer.noise)) != 0
    assert set(kept.sum(1).tolist()) == {0, 30}
    assert_shared(kept, 1)
    assert 20 < kept[:, 0].sum() < 40             # both ends have probability 2^-20


def test_targeted_2_a_bias_stays(xp):
    layer = targeted(W, 1.0, 1.0, unit=True, xp=xp, bias=True)
    layer.bias.data = xp.asarray(np.array([0.5, -1.0, 2.0]))
    assert_array_equal(host(md.relu(layer(xp.asarray(X))).data), [[0.5, 0, 2], [0.5, 0, 2]])


def test_targeted_2_a_batch_norm_gives_a_dropped_channel_a_value(xp, backend):
    conv = md.TargetedDropout(nn.Conv2d(1, 2, 3, bias=False), 1.0, 1.0, unit=True)
    net = nn.Sequential(conv=conv, norm=md.BatchNorm(2)).init(0).astype("float64").to(backend)
    norm, x = net.norm, xp.asarray(normal(4, 1, 5, 5))
    norm.bias.data = xp.asarray(np.array([0.3, -0.7]))
    norm.weight.data = xp.asarray(np.array([2.0, 0.5]))
    beta = np.array([0.3, -0.7])[:, None, None] + np.zeros((4, 2, 3, 3))
    assert_allclose(host(net(x).data), beta, atol=1e-12)
    norm.running_mean, norm.running_var = (xp.asarray(np.array(a)) for a in ([1.0, 2], [4.0, 9]))
    conv.prune = True
    found = host(net.eval()(x).data)[0, :, 0, 0]
    assert_allclose(found, [0.3 - 2 * 1 / 2, -0.7 - 0.5 * 2 / 3], atol=1e-5)


def of_last_axis(w, gamma):
    """The port: units are the last axis, as in a kernel (..., out)."""
    size = abs(w).reshape(-1, w.shape[-1])
    return (size < np.sort(size, axis=0)[int(gamma * len(size))]).reshape(w.shape)


@pytest.mark.parametrize("make, shape", [(lambda: nn.Linear(6, 8), (3, 6)),
                                         (lambda: nn.Conv2d(3, 4, 2), (3, 3, 2, 2))])
def test_targeted_module_is_not_as_in_a_port_with_its_modes_exchanged(xp, backend, make, shape):
    layer = md.TargetedDropout(make(), 0.5, 0.5, unit=False).init(0).to(backend)
    w, x = layer.weight, xp.asarray(md.gaussian(1, shape))
    theirs, before = of_last_axis(host(w.data), 0.5), host(w.data).copy()
    ours = host(md.targeted_candidates(w, 0.5, False)).reshape(len(before), -1)
    columns, rows = theirs.reshape(-1, theirs.shape[-1]), theirs.reshape(len(before), -1)
    assert set(columns.mean(0)) == {0.5} and len(set(rows.mean(1))) > 1
    assert set(ours.mean(1)) == {0.5} and (ours != rows).any()
    target = xp.zeros(layer(x).shape, "float32")
    md.train_step(layer, md.optim.SGD(0.1), x, target, loss=md.mse_loss)
    kept = host(layer.noise)
    assert ours.reshape(kept.shape)[~kept].all() and not kept.all()
    assert layer.weight is w and layer.parameters()[0] is w       # no other one, and it has learned
    assert (host(w.data) != before)[kept].all() and (host(w.data) == before)[~kept].all()
    layer.eval().rng = Forbid()
    dense = make().init(0).load_state_dict(layer.to("numpy").state_dict())
    assert_allclose(layer(host(x)).data, dense(host(x)).data, rtol=1e-6, atol=1e-6)


class Exchanged(nn.Module):
    """The port: it prunes in training and draws in evaluation, and makes a new leaf every time."""

    def __init__(self, layer, gamma, alpha):
        self.layer, self.gamma, self.alpha, self.rng = layer, gamma, alpha, md.Stream(0, "port")

    def forward(self, x):
        dropped = of_last_axis(self.layer.weight.data, self.gamma)
        if not self.training:
            dropped = dropped & md.bernoulli(self.rng, self.alpha, dropped.shape)
        leaf = md.Tensor(self.layer.weight.data * ~dropped, requires_grad=True)
        return md.linear(x, leaf, self.layer.bias)


def test_targeted_8_is_cut_off_in_a_port_with_its_modes_exchanged():
    x = md.gaussian(1, (3, 20))
    for make, learns in ((lambda a: Exchanged(a, 0.5, 0.5), False),
                         (lambda a: md.TargetedDropout(a, 0.5, 0.5, unit=False), True)):
        plain = nn.Linear(20, 8).init(0)
        net = make(plain)
        net.rng, before = md.Stream(0, "masks"), plain.weight.data.copy()
        assert (net(x).data != net(x).data).any() == learns       # noise in training
        net(x).sum().backward()
        assert (plain.weight.grad is not None) == learns
        net.eval()
        assert (net(x).data == net(x).data).all() == learns       # none in evaluation
        assert_array_equal(plain.weight.data, before)


def test_targeted_3_is_not_as_in_a_port_that_takes_one_more(xp):
    w = np.array([[0.1, -0.4, 0.2, -0.3]])
    threshold = np.sort(abs(w), axis=1)[:, [int(0.5 * 4)]]
    theirs = ~(abs(w) > threshold)
    assert theirs.sum() == 3
    assert (abs(w) * ~theirs).tolist() == [[0, 0.4, 0, 0]]        # and its sign is lost
    assert host(md.targeted_candidates(xp.asarray(w), 0.5, False)).sum() == 2
    kept = md.targeted_dropout(xp.asarray(w), ~md.targeted_candidates(xp.asarray(w), 0.5, False))
    assert host(kept).tolist() == [[0, -0.4, 0, -0.3]]            # with their signs


def test_targeted_4_is_not_as_in_a_port_that_takes_all_for_none(xp):
    norms = np.sqrt((W**2).sum(1))
    theirs = {k: norms <= np.sort(norms)[k - 1] for k in (0, 1, 2)}
    assert [int(chosen.sum()) for chosen in theirs.values()] == [3, 1, 2]
    for k, gamma in ((0, 0.3), (1, 0.34), (2, 0.67)):
        ours = host(md.targeted_candidates(xp.asarray(W), gamma, True))
        assert ours.sum() == k and (k == 0 or (ours == theirs[k]).all())
    activations = targeted(W, 0.34, 1.0, unit=True, xp=xp)
    smallest = [np.argmin((abs(np.array([x]) @ W.T)**2).sum(0)) for x in ([1, 0, 0, 0],
                                                                          [1, 2, 0, 0])]
    assert smallest == [0, 1]                     # theirs: of the activations to an input
    for scale in (1.0, 1e-3):                     # what is targeted does not depend on the input
        activations(xp.asarray(scale * X))
        assert host(activations.noise).tolist() == [False, True, True]


def test_targeted_6_is_not_as_in_the_example_that_drops_the_others(xp):
    u, alpha = np.array([0.2, 0.8, 0.2, 0.8]), 0.5
    important = abs(W[0]) >= np.sort(abs(W[0]))[2]
    theirs = important * (u < alpha) * W[0]
    assert theirs.tolist() == [0, 0, 0, 0]        # .1 and .2 always, .4 and .3 where u is large
    drawn = xp.asarray(u[None] >= alpha)
    candidates = md.targeted_candidates(xp.asarray(W[:1]), 0.5, False)
    mask = md.targeted_mask(Replay(drawn), candidates, alpha, False)
    assert host(md.targeted_dropout(xp.asarray(W[:1]), mask)).tolist() == [[0, -0.4, 0, -0.3]]


def test_targeted_3_compares_within_rows_and_does_not_round(xp):
    w = np.array([[1.0, 2, 3, 4, 5], [6, 7, 8, 9, 10]])
    order = np.argsort(abs(w), axis=None)
    theirs = np.ones(10, bool)
    theirs[order[:round(0.35 * 10)]] = False      # l1_unstructured: 3.5 is rounded to 4
    assert (~theirs.reshape(2, 5)).sum(1).tolist() == [4, 0]
    ours = host(md.targeted_candidates(xp.asarray(w), 0.35, False))
    assert ours.sum(1).tolist() == [1, 1] and ours[:, 0].all()
    assert round(0.7 * 5) == 4                    # 3.5; here it is 3
    assert host(md.targeted_candidates(xp.asarray(w), 0.7, False)).sum(1).tolist() == [3, 3]


def test_targeted_1_a_dropped_infinity_is_nan(xp):
    w = xp.asarray(np.array([[1.0, np.inf], [np.nan, -2.0]]))
    with np.errstate(invalid="ignore"):
        y = md.targeted_dropout(w, xp.zeros((2, 2), bool))
    assert_array_equal(host(y), [[0, np.nan], [np.nan, 0]])


# --- bad input ------------------------------------------------------------------------------------

@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan"), float("inf")])
def test_rates_outside_0_1_are_refused_wherever_they_enter(xp, rate):
    w, chosen = xp.asarray(W), xp.ones((3, 4), bool)
    for name, uses in {
        "gamma": (lambda: md.targeted_candidates(w, rate, False),
                  lambda: md.TargetedDropout(nn.Linear(4, 3), rate, 0.5, False)),
        "alpha": (lambda: md.targeted_mask(0, chosen, rate, False),
                  lambda: md.TargetedDropout(nn.Linear(4, 3), 0.5, rate, False)),
    }.items():
        layer = targeted(W, 0.5, 0.5, False, xp)
        setattr(layer, name, rate)                # goes past __init__, so the sampler must look
        for use in (*uses, lambda layer=layer: layer(xp.asarray(X))):
            with pytest.raises(ValueError, match=f"{name} is a probability and .*, got {rate!r}$"):
                use()


def test_what_does_not_fit_is_refused_in_one_sentence(xp):
    w, chosen = xp.asarray(W), xp.ones((3, 4), bool)
    for error, words, use in [
            (TypeError, "w must hold floats", lambda: md.targeted_candidates(chosen, 0.5, True)),
            (ValueError, "w must have shape", lambda: md.targeted_candidates(w[0], 0.5, True)),
            (ValueError, "not empty", lambda: md.targeted_candidates(w[:0], 0.5, True)),
            (TypeError, "unit must be True", lambda: md.targeted_candidates(w, 0.5, "unit")),
            (TypeError, "unit must be True", lambda: md.targeted_mask(0, chosen, 0.5, 1)),
            (ValueError, r"candidates must be a boolean array \(out,\) for unit=True",
             lambda: md.targeted_mask(0, chosen, 0.5, True)),
            (ValueError, r"candidates must be a boolean array \(out, ...\) for unit=False",
             lambda: md.targeted_mask(0, chosen[0], 0.5, False)),
            (ValueError, "candidates must be", lambda: md.targeted_mask(0, w, 0.5, False)),
            (ValueError, "candidates must be", lambda: md.targeted_mask(0, [True], 0.5, True)),
            (TypeError, "w must be a NumPy", lambda: md.targeted_dropout([1.0], chosen)),
            (ValueError, "w must have shape", lambda: md.targeted_dropout(w[0], chosen[0])),
            (ValueError, "mask must have one entry for each row of w, shape",
             lambda: md.targeted_dropout(w, chosen[0])),
            (ValueError, "mask must have one entry for each row of w, shape",
             lambda: md.targeted_dropout(w, chosen[0, :1])),
            (ValueError, "mask has shape", lambda: md.targeted_dropout(w, chosen[:, :2])),
            (TypeError, "mask must be", lambda: md.targeted_dropout(w, w)),
            (TypeError, "mask must be", lambda: md.targeted_dropout(w, None)),
            (TypeError, "layer must be a Linear or Conv2d",
             lambda: md.TargetedDropout(nn.ReLU(), 0.5, 0.5, False)),
            (TypeError, "unit must be", lambda: md.TargetedDropout(nn.Linear(2, 2), 0.5, 0.5, 1)),
            (TypeError, "prune must be",
             lambda: md.TargetedDropout(nn.Linear(2, 2), 0.5, 0.5, True, prune=0.5)),
            (ValueError, r"call model\.init",
             lambda: md.TargetedDropout(nn.Linear(4, 2), 0.5, 0.5, True)(w))]:
        with pytest.raises(error, match=words):
            use()
