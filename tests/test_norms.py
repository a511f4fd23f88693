"""Layer, instance and group norm: every equation, and every sentence of "Differs"."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import Tensor, grad
from minidrop.check import gradcheck
from minidrop.xp import host

EPS = 1e-5
SHAPES = [(5, 6, 7), (2, 6, 3, 2), (2, 6, 2, 1, 2)]


def numbers(shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(1.0, 2.0, shape)


def channels_last(x):
    """The same numbers, the channels adjacent in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


orders = pytest.mark.parametrize("order", [np.ascontiguousarray, channels_last])


def in_sets(x, sets):
    """xhat and s, where `sets` has for every entry the number of the set it is normalised in."""
    normed, s = np.empty_like(x), np.empty_like(x)
    for k in np.unique(sets):
        here = sets == k
        s[here] = np.sqrt(x[here].var() + EPS)
        normed[here] = (x[here] - x[here].mean()) / s[here]
    return normed, s


def gradient(x, g, weight, sets):
    """The gradient of the input from its formula, set by set."""
    normed, s = in_sets(x, sets)
    inner, gx = weight * g, np.empty_like(x)
    for k in np.unique(sets):
        here = sets == k
        h, z = inner[here], normed[here]
        gx[here] = (h - h.mean() - z * (h * z).mean()) / s[here]
    return gx


def groups_of(shape, groups):
    """S_i of (group_norm.1) as numbers: example times group."""
    n, c = np.indices(shape)[:2]
    return n * groups + c // (shape[1] // groups)


def line(v, x):
    return v.reshape(-1, *[1] * (x.ndim - 2))


# --- group norm, and instance norm as the group norm of C groups ----------------------------------

@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@orders
def test_group_norm_1_and_2_set_by_set(xp, shape, groups, order):
    x, (w, b) = numbers(shape), numbers((2, 6), 1)
    normed, _ = in_sets(x, groups_of(shape, groups))
    y = md.group_norm(xp.asarray(order(x)), groups, xp.asarray(w), xp.asarray(b))
    assert_allclose(host(y), line(w, x) * normed + line(b, x), atol=1e-12)


@pytest.mark.parametrize("shape", [*SHAPES, (3, 6)])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_group_norm_3_and_4_are_what_the_tape_gives(xp, shape, groups):
    x, g, (w, b) = numbers(shape), numbers(shape, 1), numbers((2, 6), 2)
    leaves = [Tensor(xp.asarray(v), True) for v in (x, w, b)]
    gx, gw, gb = map(host, grad(md.group_norm(leaves[0], groups, *leaves[1:]), leaves,
                                g=xp.asarray(g)))
    sets, axes = groups_of(shape, groups), (0, *range(2, x.ndim))
    assert_allclose(gw, (g * in_sets(x, sets)[0]).sum(axes), rtol=1e-10, atol=1e-12)
    assert_allclose(gb, g.sum(axes), rtol=1e-10)
    assert_allclose(gx, gradient(x, g, line(w, x), sets), atol=1e-12)


@pytest.mark.parametrize("groups", [1, 2, 3])
@orders
def test_group_norm_4_is_what_differences_say_twice(xp, groups, order):
    x, (w, b) = xp.asarray(order(numbers((2, 6, 2, 2)))), map(xp.asarray, numbers((2, 6), 2))
    gradcheck(lambda x, w, b: md.group_norm(x, groups, w, b), x, w, b, order=2)


@pytest.mark.parametrize("shape", SHAPES)
@orders
def test_group_norm_with_one_group_is_layer_norm(xp, shape, order):
    x, (w, b) = xp.asarray(order(numbers(shape))), map(xp.asarray, numbers((2, 6), 1))
    ones = xp.ones(shape[1:])
    y = md.layer_norm(x, shape[1:], ones * line(w, x), ones * line(b, x))
    assert_allclose(host(md.group_norm(x, 1, w, b)), host(y), atol=1e-12)
    assert abs(host(md.group_norm(x, 2, w, b)) - host(y)).max() > 0.01


@pytest.mark.parametrize("shape", SHAPES)
@orders
def test_group_norm_with_a_group_for_each_channel_is_instance_norm(xp, shape, order):
    x, (w, b) = xp.asarray(order(numbers(shape))), map(xp.asarray, numbers((2, 6), 1))
    y = md.instance_norm(x, w, b)
    assert_allclose(host(md.group_norm(x, 6, w, b)), host(y), atol=1e-12)
    assert abs(host(md.group_norm(x, 3, w, b)) - host(y)).max() > 0.01


def test_group_norm_refuses_what_does_not_fit(xp, backend):
    layer, x = md.GroupNorm(2, 6).init(0).to(backend), xp.ones((4, 6))
    for error, words, use in [
            (TypeError, "channels", lambda: md.GroupNorm(6)),
            (ValueError, "groups must divide channels = 6, got 4", lambda: md.GroupNorm(4, 6)),
            (ValueError, "groups must divide the 6 channels of x, got 4",
             lambda: md.group_norm(x, 4)),
            (ValueError, "more than one entry in a group", lambda: md.group_norm(x, 6)),
            (ValueError, "x must have 6 channels", lambda: layer(x[:, :4]))]:
        with pytest.raises(error, match=words):
            use()


# --- instance norm --------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", SHAPES)
@orders
def test_instance_norm_1_and_2_set_by_set(xp, shape, order):
    x, (w, b) = numbers(shape), numbers((2, 6), 1)
    normed, _ = in_sets(x, groups_of(shape, 6))
    assert_allclose(host(md.instance_norm(xp.asarray(order(x)))), normed, atol=1e-12)
    y = md.instance_norm(xp.asarray(order(x)), xp.asarray(w), xp.asarray(b))
    assert_allclose(host(y), line(w, x) * normed + line(b, x), atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_instance_norm_3_and_4_are_what_the_tape_gives(xp, shape):
    x, g, (w, b) = numbers(shape), numbers(shape, 1), numbers((2, 6), 2)
    leaves = [Tensor(xp.asarray(v), True) for v in (x, w, b)]
    gx, gw, gb = map(host, grad(md.instance_norm(*leaves), leaves, g=xp.asarray(g)))
    sets, axes = groups_of(shape, 6), (0, *range(2, x.ndim))
    assert_allclose(gw, (g * in_sets(x, sets)[0]).sum(axes), rtol=1e-10, atol=1e-12)
    assert_allclose(gb, g.sum(axes), rtol=1e-10)
    assert_allclose(gx, gradient(x, g, line(w, x), sets), atol=1e-12)
    gradcheck(md.instance_norm, *(leaf.data for leaf in leaves), order=2)


def test_instance_norm_1_is_the_same_in_training_and_evaluation(xp, backend):
    layer, x = md.InstanceNorm(3, affine=True).init(0).to(backend), xp.asarray(numbers((4, 3, 5)))
    y = host(layer(x).data)
    assert_array_equal(host(layer.eval()(x).data), y)
    assert layer.buffers == () and md.InstanceNorm(3).parameters() == []


def test_instance_norm_1_takes_brightness_and_contrast_out_of_each_channel(xp):
    x = numbers((4, 3, 5, 5))
    scale, shift = np.exp(numbers((4, 3, 1, 1), 1)), numbers((4, 3, 1, 1), 2)
    y = md.instance_norm(xp.asarray(x), eps=0.0)
    assert_allclose(host(md.instance_norm(xp.asarray(scale * x + shift), eps=0.0)), host(y),
                    atol=1e-9)
    assert abs(host(md.layer_norm(xp.asarray(scale * x + shift), (3, 5, 5), eps=0.0))
               - host(md.layer_norm(xp.asarray(x), (3, 5, 5), eps=0.0))).max() > 0.1


def test_instance_norm_refuses_what_does_not_fit(xp):
    x = xp.ones((4, 3, 5))
    for words, use in [
            ("x must have shape", lambda: md.instance_norm(x[0])),
            ("more than one place in a channel", lambda: md.instance_norm(x[..., :1])),
            ("x must have 3 channels", lambda: md.InstanceNorm(3)(x[:, :2])),
            (r"weight must be an array of shape \(3,\)", lambda: md.instance_norm(x, x[0, 0]))]:
        with pytest.raises(ValueError, match=words):
            use()


# --- layer norm -----------------------------------------------------------------------------------

@pytest.mark.parametrize("shape, last", [((4, 6), 1), ((2, 3, 5), 1), ((2, 3, 5), 2), ((6,), 1),
                                         ((2, 6, 3, 2), 3)])
@orders
def test_layer_norm_1_row_by_row(xp, shape, last, order):
    x = order(numbers(shape)) if len(shape) > 1 else numbers(shape)
    w, b = numbers((2, *shape[-last:]), 1)
    rows = x.reshape(-1, w.size)
    due = (rows - rows.mean(1, keepdims=True)) / np.sqrt(rows.var(1, keepdims=True) + EPS)
    y = md.layer_norm(xp.asarray(x), shape[-last:], xp.asarray(w), xp.asarray(b))
    assert_allclose(host(y), due.reshape(shape) * w + b, atol=1e-12)


@pytest.mark.parametrize("shape, last", [((4, 6), 1), ((2, 3, 5), 1), ((2, 3, 5), 2)])
def test_layer_norm_2_and_3_are_what_the_tape_gives(xp, shape, last):
    x, g, (w, b) = numbers(shape), numbers(shape, 1), numbers((2, *shape[-last:]), 2)
    leaves = [Tensor(xp.asarray(v), True) for v in (x, w, b)]
    f = (lambda x, w, b: md.layer_norm(x, shape[-last:], w, b))
    gx, gw, gb = map(host, grad(f(*leaves), leaves, g=xp.asarray(g)))
    lead = tuple(range(x.ndim - last))
    sets = np.arange(x.size // w.size).reshape(*shape[:-last], *[1] * last) + 0 * x
    assert_allclose(gw, (g * in_sets(x, sets)[0]).sum(lead), rtol=1e-10, atol=1e-12)
    assert_allclose(gb, g.sum(lead), rtol=1e-10)
    assert_allclose(gx, gradient(x, g, w, sets), atol=1e-12)
    gradcheck(f, *(leaf.data for leaf in leaves), order=2)


def test_layer_norm_1_of_constant_features_is_the_bias(xp):
    b = xp.asarray([0.5, -1.0, 2.0])
    assert_array_equal(host(md.layer_norm(xp.full((2, 3), 7.0), 3, bias=b)), [host(b)] * 2)


def test_layer_norm_1_by_hand_beside_its_relatives(xp):
    x = xp.arange(8.0).reshape(1, 4, 1, 2)
    flat = [-1.5275, -1.0911, -0.6547, -0.2182, 0.2182, 0.6547, 1.0911, 1.5275]
    assert_allclose(host(md.layer_norm(x, (4, 1, 2))).ravel(), flat, atol=1e-4)
    assert_allclose(host(md.instance_norm(x)).ravel(), [-1, 1] * 4, atol=1e-4)
    assert_allclose(host(md.group_norm(x, 2)).ravel(), [-1.3416, -0.4472, 0.4472, 1.3416] * 2,
                    atol=1e-4)


def test_layer_norm_1_refuses_what_does_not_fit(xp):
    x = xp.ones((4, 3))
    for words, use in [
            ("shape must be the sizes of x's last axes", lambda: md.layer_norm(x, 4)),
            ("shape must be the sizes of x's last axes", lambda: md.layer_norm(x, (1, 4, 3))),
            (r"bias must be an array of shape \(3,\)", lambda: md.layer_norm(x, 3, bias=x)),
            ("shape must be a whole number", lambda: md.LayerNorm(1.5))]:
        with pytest.raises((ValueError, TypeError), match=words):
            use()


# --- all of them ----------------------------------------------------------------------------------

NORMS = {"batch": lambda x: md.batch_norm(x), "layer": lambda x: md.layer_norm(x, x.shape[1:]),
         "instance": lambda x: md.instance_norm(x), "group": lambda x: md.group_norm(x, 2)}


@pytest.mark.parametrize("name", NORMS)
def test_only_batch_norm_looks_at_the_other_examples(xp, name):
    x = xp.asarray(numbers((4, 6, 3, 3)))
    together = host(NORMS[name](x))
    alone = np.concatenate([host(NORMS[name](x[i:i + 1])) for i in range(4)])
    assert (abs(together - alone).max() < 1e-12) == (name != "batch")


@pytest.mark.parametrize("name", NORMS)
def test_scale_and_shift_of_the_whole_input_do_not_matter(xp, name):
    x = xp.asarray(numbers((4, 6, 3, 3)))
    y = host(NORMS[name](x))
    assert_allclose(host(NORMS[name](1000.0 * x + 5.0)), y, atol=1e-4)
    assert_allclose(host(NORMS[name](-1000.0 * x)), -y, atol=1e-4)


@pytest.mark.parametrize("name", NORMS)
def test_arrays_give_arrays_and_float32_stays(xp, name):
    x = xp.asarray(numbers((4, 6, 3, 3)), "float32")
    y = NORMS[name](x)
    assert isinstance(y, xp.ndarray) and y.dtype == "float32"
    t = Tensor(x, True)
    assert grad(NORMS[name](t).sum(), t).dtype == "float32"


@pytest.mark.parametrize("kind, small", [("float32", 1e-30), ("float64", 1e-170)])
def test_without_eps_a_variance_that_underflows_is_refused(kind, small, xp):
    x = xp.asarray([[1, 2, 3]], kind)
    with pytest.raises(ValueError, match="^eps must be above 0 where all of x along axes"):
        md.layer_norm(x * small, 3, eps=0.0)
    assert_allclose(host(md.layer_norm(x * small**0.5, 3, eps=0.0)), [[-1.5**0.5, 0, 1.5**0.5]],
                    rtol=1e-5, atol=1e-6)
