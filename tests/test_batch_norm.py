"""norms/batch_norm: every equation, every sentence of "Differs", and bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import Tensor, grad
from minidrop.check import gradcheck
from minidrop.xp import host

SHAPES = [(5, 3), (2, 3, 4), (4, 3, 2, 3), (2, 3, 2, 2, 3)]
EPS = 1e-5


def numbers(shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(1.0, 2.0, shape)


def channels_last(x):
    """The same numbers, the channels adjacent in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def by_hand(x):
    """Mean, biased variance and normalised entries, channel by channel."""
    rows = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
    mean, var = rows.mean(1), rows.var(1)
    shape = (-1, *[1] * (x.ndim - 2))
    return mean, var, (x - mean.reshape(shape)) / np.sqrt(var + EPS).reshape(shape)


# --- (batch_norm.1) and (batch_norm.2): in training -----------------------------------------------

@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_2_for_every_number_of_axes(xp, backend, shape):
    x = numbers(shape)
    layer = md.BatchNorm(3).init(0).to(backend)
    for order in (np.ascontiguousarray, channels_last):
        y = layer(xp.asarray(order(x)))
        assert_allclose(host(y.data), by_hand(x)[2], atol=1e-12)


def test_batch_norm_2_four_numbers_by_hand(xp):
    y = md.batch_norm(xp.asarray([[1.0], [2.0], [3.0], [4.0]]))
    assert_allclose(host(y).ravel(), [-1.341635, -0.447212, 0.447212, 1.341635], atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_1_and_2_each_channel_has_mean_0_and_variance_close_to_1(xp, shape):
    x = numbers(shape)
    y, var = host(md.batch_norm(xp.asarray(x))), by_hand(x)[1]
    axes = (0, *range(2, x.ndim))
    assert_allclose(y.mean(axes), 0, atol=1e-12)
    assert_allclose(y.var(axes), var / (var + EPS), rtol=1e-12)


def test_batch_norm_2_does_not_see_scale_and_shift_of_its_input(xp):
    x = xp.asarray(numbers((8, 3, 4, 4)))
    y = md.batch_norm(x, eps=0.0)
    assert_allclose(host(md.batch_norm(3.0 * x - 7.0, eps=0.0)), host(y), atol=1e-12)
    assert_allclose(host(md.batch_norm(-x, eps=0.0)), -host(y), atol=1e-12)


def test_batch_norm_2_depends_on_the_rest_of_the_batch(xp):
    x = xp.asarray(numbers((4, 3)))
    assert abs(host(md.batch_norm(x))[:2] - host(md.batch_norm(x[:2]))).max() > 0.1


def test_batch_norm_2_of_a_constant_channel_is_the_bias(xp):
    y = md.batch_norm(xp.full((4, 1), 3.0), bias=xp.asarray([0.5]))
    assert_array_equal(host(y), np.full((4, 1), 0.5))


# --- (batch_norm.5) and (batch_norm.6): gradients -------------------------------------------------

@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_5_and_6_are_what_the_tape_gives(xp, shape):
    x, g, (w, b) = numbers(shape), numbers(shape, 1), numbers((2, 3), 2)
    leaves = [Tensor(xp.asarray(v), True) for v in (x, w, b)]
    y = md.batch_norm(leaves[0], None, None, *leaves[1:])
    gx, gw, gb = map(host, grad(y, leaves, g=xp.asarray(g)))
    _, var, normed = by_hand(x)
    axes, line = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
    m = x.size // 3
    assert_allclose(gw, (g * normed).sum(axes), rtol=1e-10)
    assert_allclose(gb, g.sum(axes), rtol=1e-10)
    inner = g - (gb.reshape(line) + normed * gw.reshape(line)) / m
    assert_allclose(gx, (w / np.sqrt(var + EPS)).reshape(line) * inner, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_6_is_what_differences_say_twice(xp, shape, monkeypatch):
    monkeypatch.setattr("minidrop.fast.channels.SMALL", 1)    # as large arrays are, swept in pieces
    w, b = (xp.asarray(v) for v in numbers((2, 3), 2))
    for order in (np.ascontiguousarray, channels_last):
        x = xp.asarray(order(numbers(shape)))
        gradcheck(lambda x, w, b: md.batch_norm(x, None, None, w, b), x, w, b, order=2)
        gradcheck(lambda x, w, b: md.batch_norm(x, w * w, b * b, w, b), x, w, b, order=2)


def test_batch_norm_6_is_orthogonal_to_what_the_norm_takes_out(xp):
    x, g = numbers((6, 3, 2)), numbers((6, 3, 2), 1)
    leaf = Tensor(xp.asarray(x), True)
    gx = host(grad(md.batch_norm(leaf, eps=0.0), leaf, g=xp.asarray(g)))
    assert_allclose(gx.sum((0, 2)), 0, atol=1e-12)
    assert_allclose((gx * x).sum((0, 2)), 0, atol=1e-12)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 3, 1, 2)])
def test_batch_norm_6_takes_a_cotangent_of_more_digits(xp, order):
    x = xp.asarray(np.random.default_rng(0).normal(size=(16, 16, 8, 8)).astype("float32"))
    x, factor = Tensor(x.transpose(order), requires_grad=True), np.linspace(0, 1, 16 * 16 * 8 * 8)
    factor = factor.reshape(x.shape)
    found, due = (host(grad((md.batch_norm(x) * xp.asarray(factor.astype(dtype))).sum(), x))
                  for dtype in ("float64", "float32"))
    assert found.dtype == "float32"
    assert_allclose(found, due, rtol=1e-3, atol=1e-6)


# --- (batch_norm.3): running statistics -----------------------------------------------------------

def test_batch_norm_3_over_several_steps(xp, backend):
    layer, r, v = md.BatchNorm(3).init(0).to(backend), np.zeros(3), np.ones(3)
    for step in range(5):
        x = numbers((4, 3, 2, 2), step).astype("float32")
        layer(xp.asarray(x))
        mean, var, _ = by_hand(x.astype("float64"))
        r, v = 0.9 * r + 0.1 * mean, 0.9 * v + 0.1 * var * 16 / 15
    assert_allclose(host(layer.running_mean), r, rtol=1e-5)
    assert_allclose(host(layer.running_var), v, rtol=1e-5)
    assert host(layer.num_batches_tracked) == 5
    assert {str(b.dtype) for b in layer.state_dict().values()} == {"float32", "int64"}
    assert all(type(b) is xp.ndarray for b in layer.state_dict().values())


def test_batch_norm_3_momentum_is_the_weight_of_the_new(xp, backend):
    x = xp.asarray(numbers((4, 3)), "float32")
    mean, var, _ = by_hand(host(x).astype("float64"))
    for k in (0.01, 1.0):
        layer = md.BatchNorm(3, momentum=k, eps=1e-3).init(0).to(backend)
        layer(x)
        assert_allclose(host(layer.running_mean), k * mean, rtol=1e-5)
        assert_allclose(host(layer.running_var), 1 - k + k * var * 4 / 3, rtol=1e-5)


def test_batch_norm_3_without_momentum_all_batches_weigh_the_same(xp, backend):
    layer, batches = md.BatchNorm(3, momentum=None).init(0).to(backend), numbers((5, 4, 3))
    for x in batches:
        layer(xp.asarray(x))
    assert_allclose(host(layer.running_mean), batches.mean((0, 1)), rtol=1e-5)
    assert_allclose(host(layer.running_var), batches.var(1, ddof=1).mean(0), rtol=1e-5)


def test_batch_norm_3_keeps_no_graph_and_init_starts_over(xp, backend):
    layer = md.BatchNorm(3).init(0).to(backend)
    layer(Tensor(xp.asarray(numbers((4, 3))), True))
    assert not any(isinstance(b, Tensor) for b in (layer.running_mean, layer.running_var))
    layer.init(0)
    assert host(layer.running_mean).tolist() == [0] * 3 and layer.num_batches_tracked == 0


# --- (batch_norm.4): evaluation -------------------------------------------------------------------

@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_4_by_hand(xp, backend, shape):
    layer, x = md.BatchNorm(3).init(0).to(backend), numbers(shape)
    layer(xp.asarray(x))
    layer.weight.data += xp.asarray([0.0, 1.0, -2.0], dtype="float32")
    state = {name: host(v).astype("float64") for name, v in layer.state_dict().items()}
    line = (-1, *[1] * (x.ndim - 2))
    w, b, r, v = (state[name].reshape(line)
                  for name in ("weight", "bias", "running_mean", "running_var"))
    for order in (np.ascontiguousarray, channels_last):
        y = layer.eval()(xp.asarray(order(x)))
        assert_allclose(host(y.data), w * (x - r) / np.sqrt(v + EPS) + b, rtol=1e-12, atol=1e-12)


def test_batch_norm_4_neither_looks_at_the_batch_nor_learns_from_it(xp, backend):
    layer, x = md.BatchNorm(3).init(0).to(backend), xp.asarray(numbers((4, 3)))
    layer(x)
    before = {name: host(v).copy() for name, v in layer.state_dict().items()}
    y = layer.eval()(x)
    assert_allclose(host(layer(x[:1]).data), host(y.data)[:1], rtol=1e-12)
    for name, v in layer.state_dict().items():
        assert_array_equal(host(v), before[name])


def test_batch_norm_4_holds_under_noise_on(xp, backend):
    net = md.nn.Sequential(md.BatchNorm(3), md.Dropout(0.5)).init(0).to(backend)
    md.noise_on(net.eval())(xp.asarray(numbers((4, 3))))
    assert net[1].training and not net[0].training and net[0].num_batches_tracked == 0


# --- bad input ------------------------------------------------------------------------------------

def test_what_does_not_fit_is_refused_in_one_sentence(xp, backend):
    layer, x = md.BatchNorm(3).init(0).to(backend), xp.ones((2, 3))
    for error, words, use in [
            (ValueError, "x must have 3 channels on its axis 1", lambda: layer(x[:, :2])),
            (ValueError, "x must have 3 channels on its axis 1", lambda: layer(x[0])),
            (ValueError, "more than one value in a channel", lambda: layer(x[:1])),
            (ValueError, "more than one value in a channel", lambda: layer(x[:0])),
            (ValueError, "mean and var must both", lambda: md.batch_norm(x, mean=x[0])),
            (TypeError, "x must hold floats", lambda: layer(x.astype(int))),
            (ValueError, r"weight must be an array of shape \(3,\)",
             lambda: md.batch_norm(x, weight=x)),
            (ValueError, "momentum must be", lambda: md.BatchNorm(3, momentum=1.5))]:
        with pytest.raises(error, match=words):
            use()
    assert layer.eval()(x[:1]).shape == (1, 3)
