"""weights/dropconnect: every equation, exactly, and every sentence of "Differs"."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.check import Forbid, Record, Replay, exact_moments, gradcheck
from minidrop.xp import chunks, host
from tests.samplers import assert_fresh, assert_independent, assert_rate

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
RATES = (0.0, 0.1, 0.5, 0.9)
V = np.array([[1.0, -2.0, 0.5], [0.3, 1.5, -1.0]])                # (N, in)
W = np.array([[0.7, -1.2, 2.0], [-0.4, 0.9, 1.1]])                # (out, in)
B = np.array([0.25, -3.0])


def keep(xp, *bits):
    return xp.asarray(np.array(bits, bool))


def arrays(xp, *those):
    return [xp.asarray(a) for a in those]


# --- (dropconnect.1): the draw --------------------------------------------------------------------

@pytest.mark.parametrize("p", [0.0, 0.25, 0.3, 1.0])
@pytest.mark.parametrize("per, shape", [("example", (3, 4, 5)), ("batch", (4, 5))])
def test_dropconnect_1_keeps_where_the_bits_are_below_q(xp, backend, p, per, shape):
    bits = md.Stream(5, "a").bits(shape)
    mask = md.dropconnect_mask(md.Stream(5, "a", backend), 3, (4, 5), p, per)
    assert mask.dtype == bool
    assert_array_equal(host(mask), bits < (1 - p) * 2.0**32)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropconnect_1_draws_every_connection_of_every_example_by_itself(p):
    # 100 x 80 x 60 independent draws; each line below fails a right sampler less than once in 10^9
    stream = md.Stream(11, f"{p}")
    first, second = (md.dropconnect_mask(stream, 100, (80, 60), p) for _ in range(2))
    assert first.shape == (100, 80, 60)
    assert_rate((~first).sum(), first.size, p)
    for axis in range(3):
        assert_independent(first, axis, p)
    assert_fresh(first, second, 1 - p)


def test_dropconnect_1_takes_what_a_double_gives(xp):
    mask = keep(xp, [1, 0, 1], [0, 1, 1])
    assert md.dropconnect_mask(Replay(mask), 1, (2, 3), 0.5, per="batch") is mask
    record = Record(md.Stream(0))
    md.dropconnect_mask(record, 4, (2, 3), 0.25)
    assert [draw[:2] for draw in record.draws] == [("bernoulli", (0.75, (4, 2, 3)))]


# --- (dropconnect.2) and (dropconnect.4): for a given mask ----------------------------------------

def test_dropconnect_2_by_hand(xp):
    v, w, m = arrays(xp, [[1.0, 1.0]], [[1.0, 2.0], [3.0, 4.0]], [[[True, False], [False, True]]])
    assert_array_equal(host(md.dropconnect(v, w, None, m)), [[1, 4]])


@PROPERTY
@given(sizes=st.tuples(*[st.integers(1, 5)] * 3), p=st.sampled_from([0.0, 0.3, 1.0]),
       bias=st.sampled_from([None, "kept", "dropped"]), seed=st.integers(0, 2**32))
def test_dropconnect_2_is_three_nested_loops(xp, sizes, p, bias, seed):
    (n, outputs, inputs), rng = sizes, np.random.default_rng(seed)
    v, w, b = (rng.standard_normal(shape) for shape in
               ((n, inputs), (outputs, inputs), (outputs,)))
    mask, bias_mask = rng.random((n, outputs, inputs)) >= p, rng.random((n, outputs)) >= p
    due = np.zeros((n, outputs))
    for k, o in np.ndindex(n, outputs):
        for i in range(inputs):
            due[k, o] += w[o, i] * v[k, i] if mask[k, o, i] else 0
        due[k, o] += b[o] if bias == "kept" or bias == "dropped" and bias_mask[k, o] else 0
    found = md.dropconnect(*arrays(xp, v, w), xp.asarray(b) if bias else None, xp.asarray(mask),
                           xp.asarray(bias_mask) if bias == "dropped" else None)
    assert_allclose(host(found), due, atol=1e-12)


def test_dropconnect_4_a_weight_learns_from_the_examples_that_kept_it(xp):
    rng = np.random.default_rng(0)
    mask, g = rng.random((2, 2, 3)) < 0.5, rng.standard_normal((2, 2))
    v, w, b = (md.Tensor(a, requires_grad=True) for a in arrays(xp, V, W, B))
    dv, dw, db = md.grad(md.dropconnect(v, w, b, xp.asarray(mask)), [v, w, b], g=xp.asarray(g))
    assert_allclose(host(dv), [(m * W).T @ u for m, u in zip(mask, g, strict=True)], atol=1e-12)
    assert_allclose(host(dw), sum(m * np.outer(u, x) for m, u, x in zip(mask, g, V, strict=True)),
                    atol=1e-12)
    assert_allclose(host(db), g.sum(0), atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 2, 3), (2, 3), (1, 2, 3), (2, 1, 3), (1,)])
@pytest.mark.parametrize("bias_shape", [None, (2, 2), (2,)])
def test_dropconnect_2_and_4_gradients_of_both_orders(xp, shape, bias_shape):
    rng = np.random.default_rng(len(shape))
    mask = xp.asarray(rng.random(shape) < 0.6)
    bias_mask = None if bias_shape is None else xp.asarray(rng.random(bias_shape) < 0.5)
    gradcheck(lambda x, w, b: md.dropconnect(x, w, b, mask, bias_mask), *arrays(xp, V, W, B),
              order=2)


def test_dropconnect_2_at_p_0_is_the_linear_layer_and_at_p_1_its_bias(xp):
    v, w, b = arrays(xp, V, W, B)
    for shape in ((2, 2, 3), (2, 3)):
        assert_allclose(host(md.dropconnect(v, w, b, xp.ones(shape, bool))), V @ W.T + B)
        assert_array_equal(host(md.dropconnect(v, w, b, xp.zeros(shape, bool))), [B, B])


def test_dropconnect_2_one_mask_for_the_batch_is_dropout_of_the_weights(xp):
    v, w, b, mask = *arrays(xp, V, W, B), keep(xp, [1, 0, 1], [0, 1, 1])
    weights = md.dropout_original(w, mask)
    found = host(md.dropconnect(v, w, b, mask))
    assert_allclose(found, host(md.linear(v, weights, b)), rtol=1e-14)
    assert_allclose(found, host(md.dropconnect(v, w, b, xp.stack([mask, mask]))), rtol=1e-14)
    weight_drop = md.dropout(w, mask, 0.2)        # as language models have it: divided by q
    assert_allclose(host(md.linear(v, weight_drop)), host(md.dropconnect(v, w, None, mask)) / 0.8,
                    rtol=1e-14)


def test_dropconnect_2_one_mask_for_the_batch_is_multiplied_once(xp, monkeypatch):
    monkeypatch.setattr("minidrop.weights.dropconnect.masked_linear", None)        # once for each
    x, w, b = (xp.asarray(array) for array in (np.ones((3, 2)), np.ones((2, 2)), np.zeros(2)))
    mask = xp.asarray(np.array([[True, False], [True, True]]))
    for bias_mask in (None, xp.ones(2, bool)):
        y = md.dropconnect(x, w, b, mask, bias_mask)
        assert host(y).tolist() == [[1, 2]] * 3


def test_dropconnect_2_with_whole_columns_is_dropout_of_the_inputs(xp):
    v, w, b, mask = *arrays(xp, V, W, B), keep(xp, [1, 0, 1], [0, 1, 1])
    due = md.linear(md.dropout_original(v, mask), w, b)
    assert_allclose(host(md.dropconnect(v, w, b, mask[:, None])), host(due), rtol=1e-14)


def test_dropconnect_2_with_whole_rows_is_dropout_of_the_outputs(xp):
    v, w, mask = *arrays(xp, V, W), keep(xp, [1, 0], [0, 1])
    due = md.dropout_original(md.linear(v, w), mask)
    assert_allclose(host(md.dropconnect(v, w, None, mask[:, :, None])), host(due), rtol=1e-14)


def test_dropconnect_2_of_one_hot_inputs_is_dropout_of_the_looked_up_weights(xp):
    """One input is on, so each output has one connection: the network has dropped outputs."""
    v, w, mask = *arrays(xp, np.eye(3)[[2, 0]], W), np.random.default_rng(0).random((2, 2, 3)) < 0.5
    seen = xp.asarray(mask[[0, 1], :, [2, 0]])
    assert_array_equal(host(md.dropconnect(v, w, None, xp.asarray(mask))),
                       host(md.dropout_original(w.T[[2, 0]], seen)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(2, 2, 3), (2, 3)])
def test_dropconnect_2_keeps_dtype_and_kind(xp, dtype, shape):
    v, w, b = (a.astype(dtype) for a in arrays(xp, V, W, B))
    mask = xp.ones(shape, bool)
    u = md.dropconnect(v, w, b, mask, xp.ones(2, bool))
    assert isinstance(u, xp.ndarray) and u.dtype == dtype
    assert isinstance(md.dropconnect(md.Tensor(v), w, b, mask), md.Tensor)
    assert {a.dtype for a in md.dropconnect_moments(v, w, b, 0.3, drop_bias=True)} == {u.dtype}


@pytest.mark.parametrize("axes", [*itertools.permutations(range(3))])
def test_dropconnect_2_is_the_same_in_every_memory_order(xp, axes):
    mask = np.random.default_rng(0).random((2, 2, 3)) < 0.5
    stored = xp.asarray(np.ascontiguousarray(mask.transpose(axes)))
    view = stored.transpose(*np.argsort(axes).tolist())
    v, w, b = xp.asarray(V.T.copy()).T, xp.asarray(W.T.copy()).T, xp.asarray(B)
    due = [(m * W) @ x + B for m, x in zip(mask, V, strict=True)]
    assert_allclose(host(md.dropconnect(v, w, b, view)), due, atol=1e-12)


def test_dropconnect_2_leaves_its_arguments_alone(xp):
    v, w, b, mask = *arrays(xp, V, W, B), xp.zeros((2, 2, 3), bool)
    md.dropconnect(v, w, b, mask, xp.zeros(2, bool))
    for array, due in ((v, V), (w, W), (b, B), (mask, np.zeros((2, 2, 3), bool))):
        assert_array_equal(host(array), due)


def test_dropconnect_2_a_dropped_infinity_is_nan(xp):
    w = xp.asarray(np.array([[np.inf, 1.0]]))
    with np.errstate(invalid="ignore"):
        u = md.dropconnect(xp.ones((1, 2)), w, None, keep(xp, [0, 1]))
        both = md.dropconnect(xp.ones((1, 2)), w, None, keep(xp, [[0, 1]]))
    assert bool(xp.isnan(u).all()) and bool(xp.isnan(both).all())


def test_dropconnect_2_a_mask_of_biases_may_be_zeros_and_ones_or_nothing_else(xp):
    v, w, b, mask = *arrays(xp, V, W, B), xp.ones((2, 3), bool)
    ones = xp.asarray(np.array([1, 0]))
    assert_array_equal(host(md.dropconnect(v, w, b, mask, bias_mask=ones)),
                       host(md.dropconnect(v, w, b, mask, bias_mask=ones == 1)))
    with pytest.raises(TypeError, match="bias_mask must be boolean"):
        md.dropconnect(v, w, b, mask, bias_mask=b)


def test_dropconnect_2_refuses_a_mask_of_biases_that_are_not_there():
    with pytest.raises(ValueError, match="bias_mask must be None where b is None"):
        md.dropconnect(V, W, None, np.ones((2, 3), bool), np.ones(2, bool))


# --- (dropconnect.5): moments over all masks ------------------------------------------------------

@pytest.mark.parametrize("p", [*RATES, 1.0])
def test_dropconnect_5_mean_and_variance_over_all_masks(xp, p):
    v, w, b = arrays(xp, V, W, B)
    due = exact_moments(lambda m: host(md.dropconnect(v, w, b, xp.asarray(m))), (2, 3), p)
    for found, exact in zip(md.dropconnect_moments(v, w, b, p), due, strict=True):
        assert_allclose(host(found), exact, atol=1e-12)


@pytest.mark.parametrize("p", RATES)
def test_dropconnect_5_with_a_mask_for_each_example_and_for_biases(xp, p):
    v, w, b = arrays(xp, V[:, :1], W[:, :1], B)

    def f(m):                                     # 2 examples, 2 outputs, the input and the bias
        return host(md.dropconnect(v, w, b, xp.asarray(m[..., :1]), xp.asarray(m[..., 1])))

    due = exact_moments(f, (2, 2, 2), p)
    for found, exact in zip(md.dropconnect_moments(v, w, b, p, drop_bias=True), due, strict=True):
        assert_allclose(host(found), exact, atol=1e-12)


def test_dropconnect_5_by_hand(xp):
    mean, variance = md.dropconnect_moments(*arrays(xp, [[1.0, 1.0]], [[1.0, 2.0], [3.0, 4.0]]),
                                            None, 0.5)
    assert_array_equal(host(mean), [[1.5, 3.5]])
    assert_array_equal(host(variance), [[1.25, 6.25]])


def test_dropconnect_5_gradient(xp):
    for k in range(2):
        gradcheck(lambda x, w, b, k=k: md.dropconnect_moments(x, w, b, 0.3, True)[k],
                  *arrays(xp, V, W, B), order=2)


def test_dropconnect_2_and_5_scale_in_evaluation_only(xp):
    """Chainer's rule, mean and weights: divide by q in training, by nothing in evaluation."""
    v, w, mask = *arrays(xp, V, W), keep(xp, [1, 0, 1], [0, 1, 1])
    theirs = host(md.linear(v, md.dropout(w, mask, 0.2)))
    assert_allclose(host(md.dropconnect(v, w, None, mask)), 0.8 * theirs, rtol=1e-14)
    calm = md.DropConnect(3, 2, 0.2, inference="mean", bias=False).init(0).to(
        md.xp.backend_of(w)).astype("float64").eval()
    calm.weight.data[...] = w
    assert_allclose(host(calm(v).data), 0.8 * V @ W.T, rtol=1e-14)


# --- (dropconnect.6) to (dropconnect.8): inference ------------------------------------------------

V1, W1 = np.array([[1.0, 1.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])


def normal_relu(mean, variance):
    """(dropconnect.8)."""
    sigma = np.sqrt(variance)
    t = mean / sigma
    below = 0.5 * (1 + np.vectorize(math.erf)(t / math.sqrt(2)))
    return mean * below + sigma * np.exp(-t * t / 2) / math.sqrt(2 * math.pi)


def test_dropconnect_7_and_8_the_normal_variable_is_an_approximation():
    exact = exact_moments(lambda m: md.relu(md.dropconnect(V1, W1, None, m)), (2, 2), 0.5)[0]
    assert_allclose(exact, [[1.5, 3.5]], atol=1e-12)
    normal = normal_relu(*md.dropconnect_moments(V1, W1, None, 0.5))
    assert_allclose(normal, [[1.5466, 3.5917]], atol=5e-5)


def test_dropconnect_8_is_the_integral_over_the_normal_density():
    mean, variance = md.dropconnect_moments(V, W, B, 0.3)
    grid = np.linspace(-12, 12, 200_001)[:, None, None]
    density = np.exp(-grid**2 / 2) / math.sqrt(2 * math.pi) * (grid[1] - grid[0])
    integral = (density * np.maximum(mean + np.sqrt(variance) * grid, 0)).sum(0)
    assert_allclose(normal_relu(mean, variance), integral, atol=1e-9)


def layer(xp, backend, v=V, w=W, b=B, p=0.5, **options):
    """A float64 layer of given weights; on the stand-in too."""
    made = md.DropConnect(w.shape[1], w.shape[0], p, bias=b is not None, **options).init(0)
    made.to(backend).astype("float64").eval()
    made.weight.data[...] = xp.asarray(w)
    if b is not None:
        made.bias.data[...] = xp.asarray(b)
    return made, xp.asarray(v)


def test_dropconnect_6_averages_32_draws_unless_told():
    net, v = layer(np, "numpy", activation=md.tanh)
    net.rng = Record(net.rng)
    net(v)
    assert len(net.rng.draws) == 32


def test_dropconnect_6_averages_the_activation_of_normal_draws(xp, backend):
    net, v = layer(xp, backend, activation=md.tanh, samples=3)   # tanh(tanh(u)) is not tanh(u)
    z = np.random.default_rng(0).standard_normal((3, 2, 2))
    net.rng = Replay(*map(xp.asarray, z))
    mean, variance = md.dropconnect_moments(V, W, B, 0.5)
    due = np.tanh(mean + np.sqrt(variance) * z).mean(0)
    assert_allclose(host(net(v).data), due, rtol=1e-12)


def test_dropconnect_6_counts_a_bias_that_is_dropped(xp, backend):
    net, v = layer(xp, backend, samples=1, drop_bias=True)
    z = np.random.default_rng(0).standard_normal((2, 2))
    net.rng = Replay(xp.asarray(z))
    mean, variance = md.dropconnect_moments(V, W, B, 0.5, drop_bias=True)
    assert_allclose(host(net(v).data), mean + np.sqrt(variance) * z, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dropconnect_6_keeps_dtype_and_a_finite_slope_without_noise(xp, backend, dtype):
    net, v = layer(xp, backend, p=0.0, samples=2)
    y = net.astype(dtype)(v.astype(dtype))
    assert y.dtype == dtype
    y.sum().backward()
    assert net.weight.grad.dtype == dtype
    assert_allclose(host(net.weight.grad), np.stack([V.sum(0)] * 2), rtol=4e-3)


def test_dropconnect_6_and_8_many_draws_come_to_the_closed_form(xp, backend):
    """6 standard errors of the mean of 500 x 40 draws, twice: a false alarm below 4e-9."""
    net, v = layer(xp, backend, V1.repeat(500, 0), W1, None, activation=md.relu, samples=40)
    mean, variance = md.dropconnect_moments(V1, W1, None, 0.5)
    away = host(net(v).data).mean(0) - normal_relu(mean, variance)
    assert (abs(away) < 6 * np.sqrt(variance / 20_000)).all()    # a ReLU varies less than u does


def test_dropconnect_6_before_the_activation_is_the_mean_network(xp, backend):
    """Z times as many draws leave 1 / sqrt(Z) of the noise; 6 standard errors, 8 times: 2e-8."""
    for samples in (1, 100):
        net, v = layer(xp, backend, samples=samples)
        mean, variance = md.dropconnect_moments(V, W, B, 0.5)
        away = (host(net(v).data) - mean) / np.sqrt(variance / samples)
        assert (abs(away) < 6).all() and (away != 0).all()


def test_dropconnect_7_averages_over_masks(xp, backend):
    net, v = layer(xp, backend, inference="mc", activation=md.relu, samples=3)
    masks = np.random.default_rng(0).random((3, 2, 2, 3)) < 0.5
    net.rng = Replay(*map(xp.asarray, masks))
    due = np.mean([np.maximum((m * W @ V[..., None])[..., 0] + B, 0) for m in masks], axis=0)
    assert_allclose(host(net(v).data), due, rtol=1e-12)
    assert net.noise is None                      # the mask of the last training step stays there


@pytest.mark.parametrize("inference, kind, shape", [("gaussian", "gaussian", (2, 2)),
                                                    ("mc", "bernoulli", (2, 2, 3))])
def test_dropconnect_module_draws_in_evaluation_where_it_is_said_to(xp, backend, inference, kind,
                                                                     shape):
    net, v = layer(xp, backend, inference=inference, samples=2)
    net.rng = Record(net.rng)
    first, second = (host(net(v).data) for _ in range(2))
    assert [(name, args[-1]) for name, args, _ in net.rng.draws] == [(kind, shape)] * 4
    assert inference == "mc" or (first != second).all()
    net.rng = Forbid()
    with pytest.raises(AssertionError, match="was drawn where no noise is allowed"):
        net(v)


@pytest.mark.parametrize("activation", [None, md.relu, md.nn.ReLU()])
def test_dropconnect_module_by_its_mean_draws_nothing(xp, backend, activation):
    net, v = layer(xp, backend, inference="mean", activation=activation, p=0.2)
    net.rng = Forbid()
    due = 0.8 * V @ W.T + B
    assert_allclose(host(net(v).data), np.maximum(due, 0) if activation else due, rtol=1e-12)


@pytest.mark.parametrize("inference", ["gaussian", "mean", "mc"])
@pytest.mark.parametrize("p, due", [(0.0, V @ W.T + B), (1.0, [B, B])])
def test_dropconnect_module_is_exact_at_both_ends(xp, backend, inference, p, due):
    net, v = layer(xp, backend, p=p, inference=inference, samples=2)
    for mode in (False, True):
        assert_allclose(host(net.train(mode)(v).data), due, atol=1e-15)
    net.eval()(md.Tensor(v)).sum().backward()     # the root of a variance of 0 has a slope too
    assert_allclose(host(net.weight.grad), (1 - p) * np.stack([V.sum(0)] * 2), atol=1e-15)


# --- the module -----------------------------------------------------------------------------------

@pytest.mark.parametrize("per, shape", [("example", (2, 2, 3)), ("batch", (2, 3))])
def test_dropconnect_3_the_module_is_the_activation_of_its_masked_weights(xp, backend, per, shape):
    net, v = layer(xp, backend, activation=md.relu, per=per)
    mask = xp.asarray(np.random.default_rng(0).random(shape) < 0.5)
    net.train().rng = Replay(mask)
    due = np.maximum(host(md.dropconnect(v, net.weight, net.bias, mask).data), 0)
    assert_array_equal(host(net(v).data), due)


def test_dropconnect_module_gives_equal_examples_different_masks(xp, backend):
    net = md.DropConnect(20, 10, 0.5).init(0).to(backend)
    rows = host(net(xp.ones((8, 20), "float32")).data)
    assert len({row.tobytes() for row in rows}) == 8            # masks of 200: 28 pairs / 2^200
    assert net.noise.shape == (8, 10, 20) and net.noise.dtype == bool
    shared = md.DropConnect(20, 10, 0.5, per="batch").init(0).to(backend)
    rows = host(shared(xp.ones((8, 20), "float32")).data)
    assert len({row.tobytes() for row in rows}) == 1 and shared.noise.shape == (10, 20)


def test_dropconnect_module_draws_one_mask_and_repeats_it_after_init(xp, backend):
    net, x = md.DropConnect(4, 3, 0.25).init(1).to(backend), xp.ones((5, 4), "float32")
    first = host(net(x).data), host(net.noise)
    net.init(1).to(backend)
    net.rng = Record(net.rng)
    assert_array_equal(host(net(x).data), first[0])
    assert [draw[:2] for draw in net.rng.draws] == [("bernoulli", (0.75, (5, 3, 4)))]
    assert (host(net(x).data) != first[0]).any()


@pytest.mark.parametrize("per", ["example", "batch"])
def test_dropconnect_module_drops_its_bias_as_one_more_weight(xp, backend, per):
    net, v = layer(xp, backend, drop_bias=True, per=per)
    noisy = host(net.train()(v).data)
    mask = host(net.noise)
    assert mask.shape == ((2, 2, 4) if per == "example" else (2, 4))
    wide = np.concatenate([W, B[:, None]], 1)
    with_one = np.concatenate([V, np.ones((2, 1))], 1)
    assert_allclose(noisy, (mask * wide @ with_one[..., None])[..., 0], atol=1e-12)
    net.inference = "mean"
    assert_allclose(host(net.eval()(v).data), 0.5 * (V @ W.T + B), rtol=1e-12)


def test_dropconnect_module_refuses_to_drop_a_bias_it_has_not():
    with pytest.raises(ValueError, match="drop_bias must be False where bias is False"):
        md.DropConnect(2, 3, 0.5, bias=False, drop_bias=True)


def test_dropconnect_module_refuses_an_input_before_it_draws():
    net = md.DropConnect(3, 2, 0.5).init(0)
    before = net.rng.state
    for x in (np.ones(3), np.ones((2, 4)), np.ones((2, 3, 3))):
        for mode in (True, False):
            with pytest.raises(ValueError, match=r"x must have shape \(N, 3\)"):
                net.train(mode)(x)
    assert net.rng.state == before


def test_dropconnect_module_in_evaluation_with_its_noise_on_draws_one_mask(xp, backend):
    net, v = layer(xp, backend)
    md.noise_on(net).rng = Record(net.rng)
    net(v)
    assert [name for name, *_ in net.rng.draws] == ["bernoulli"]


# --- memory ---------------------------------------------------------------------------------------

def peak_of_a_step(p, *sizes, batch):
    """Bytes that a training step holds at most, and those of a mask for every hidden layer."""
    hidden = [md.DropConnect(n_in, n_out, p, activation=md.relu)
              for n_in, n_out in itertools.pairwise(sizes[:-1])]
    net = md.nn.Sequential(*hidden, md.nn.Linear(*sizes[-2:])).init(0)
    x, y = md.gaussian(1, (batch, sizes[0])), md.integers(2, sizes[-1], batch)
    optimizer = md.optim.SGD(lr=0.1)
    tracemalloc.start()
    try:
        for _ in range(2):                        # the second while the first one's masks are there
            md.train_step(net, optimizer, x, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return peak, batch * sum(layer.weight.size for layer in hidden)


def test_dropconnect_2_and_4_hold_no_float_for_each_connection():
    """A byte for each, in the masks, and pieces; a float for each of one layer is 21 MB alone."""
    peak, connections = peak_of_a_step(0.3, 196, 160, 160, 10, batch=200)
    assert connections == 200 * 160 * (196 + 160)
    assert connections < peak < 1.5 * connections


def test_dropconnect_2_takes_other_pieces_on_a_device(xp, monkeypatch):
    """Pieces of a cache's size on the host; on a GPU larger ones, here of one example each."""
    pieces = []

    def seen(*args, **named):
        pieces.append(len(found := chunks(*args, **named)))
        return found

    for module in ("ops.fused", "fast.masks"):
        monkeypatch.setattr(f"minidrop.{module}.chunks", seen)
    monkeypatch.setattr("minidrop.ops.fused.DEVICE_CHUNK", 7)
    mask = np.random.default_rng(0).random((2, 2, 3)) < 0.5
    due = [(m * W) @ x for m, x in zip(mask, V, strict=True)]
    found = md.dropconnect(*arrays(xp, V, W), None, xp.asarray(mask))
    assert_allclose(host(found), due, atol=1e-12)
    assert pieces == [1 if xp is np else 2]
