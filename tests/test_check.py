"""The checkers themselves: what is wrong is caught and named, what is right passes."""

import math

import numpy as np
import pytest

import minidrop as md
from minidrop import Forbid, Record, Replay, Stream, Tensor, all_masks, exact_moments, gradcheck
from minidrop.check import GradientError
from minidrop.ops.elementwise import exp, tanh
from minidrop.tape import REGISTRY, Primitive, data_of
from minidrop.xp import host

# --- gradcheck -----------------------------------------------------------------------------------


def test_a_right_gradient_passes_and_the_largest_error_is_returned(xp):
    x, w = xp.asarray([[0.5, -1.0]]), xp.asarray([[1.0], [2.0]])
    for order in (1, 2):
        assert 0 <= gradcheck(lambda x, w: tanh(x @ w), x, w, order=order) < 1e-6


def test_float32_inputs_are_checked_in_float64(xp):
    assert gradcheck(exp, xp.asarray([0.5, 3.0], dtype="float32")) < 1e-8


def cut(x): return Tensor(data_of(x)) * x         # d(x^2) = x dx: half of the truth


def test_a_wrong_gradient_is_caught_and_the_message_names_function_argument_and_numbers(xp):
    x = xp.asarray([2.0])
    with pytest.raises(GradientError) as caught:
        gradcheck(lambda a, b: a + b, x, x)       # right
        gradcheck(cut, x)
    v = float(md.gaussian(Stream(0, "gradcheck v 0"), 1)[0])
    u = float(md.gaussian(Stream(0, "gradcheck u"), 1)[0])
    message = str(caught.value)
    assert "gradient of cut, argument 0 of shape (1,)" in message
    assert f"the tape says {2 * u * v:.6g}"[:20] in message
    assert f"differences say {4 * u * v:.6g}"[:22] in message
    assert "relative error" in message and "\n" not in message


def test_the_argument_at_fault_is_counted_from_0(xp):
    x = xp.asarray([2.0, 3.0])
    with pytest.raises(GradientError, match="argument 1 of shape"):
        gradcheck(lambda a, b: exp(a) * cut(b), x, x)


def test_a_missing_gradient_is_a_wrong_one(xp):
    with pytest.raises(GradientError, match="the tape says 0 along"):
        gradcheck(lambda x: Tensor(data_of(x) * 2), xp.asarray([2.0]))


def test_a_gradient_that_is_not_a_number_is_a_wrong_one(xp):
    with pytest.raises(GradientError, match="the tape says nan"):
        gradcheck(lambda x: x * math.nan, xp.asarray([2.0]))


def test_noise_that_is_drawn_anew_is_found(xp, backend):
    layer = md.Dropout(0.5).init(0).to(backend)
    x = xp.ones(100)
    with pytest.raises(GradientError, match="noise drawn anew"):
        gradcheck(layer, x)
    layer(x)
    gradcheck(lambda x: layer.apply(x, layer.noise), x, order=2)


def test_the_tolerance_is_what_decides(xp):
    x = xp.asarray([1.0])
    loose = gradcheck(cut, x, tolerance=10)
    gradcheck(cut, x, tolerance=loose * 1.01)
    with pytest.raises(GradientError):
        gradcheck(cut, x, tolerance=loose * 0.99)


def test_an_order_above_2_is_refused(xp):
    with pytest.raises(ValueError, match="order must be one of 1, 2"):
        gradcheck(exp, xp.asarray([1.0]), order=3)


# --- expectations by enumeration -----------------------------------------------------------------

@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_all_masks_are_all_there_once(n):
    masks = all_masks(n)
    assert masks.shape == (2**n, n) and masks.dtype == bool
    assert len({tuple(mask) for mask in masks.tolist()}) == 2**n


@pytest.mark.parametrize("n, kind", [(21, ValueError), (-1, ValueError), (2.0, TypeError)])
def test_too_many_masks_are_refused(n, kind):
    with pytest.raises(kind, match="n must be"):
        all_masks(n)


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
def test_moments_of_a_count_are_the_binomials(p):
    mean, variance = exact_moments(lambda mask: np.asarray(mask.sum()), (2, 3), p)
    np.testing.assert_allclose([mean, variance], [6 * (1 - p), 6 * p * (1 - p)], atol=1e-12)


def test_moments_follow_the_place_of_each_mask_entry():
    """m_0 m_1 + 10 m_2: mean q^2 + 10 q, variance q^2 (1 - q^2) + 100 q (1 - q)."""
    p, q = 0.2, 0.8
    mean, variance = exact_moments(lambda m: m[0] * m[1] * 1.0 + 10.0 * m[2], 3, p)
    np.testing.assert_allclose(mean, q * q + 10 * q)
    np.testing.assert_allclose(variance, q * q * (1 - q * q) + 100 * p * q)


def test_moments_of_a_tensor_are_those_of_its_array():
    x = Tensor([1.0, 2.0], requires_grad=True)
    mean, variance = exact_moments(lambda mask: md.dropout(x, mask, 0.5), 2, 0.5)
    np.testing.assert_allclose(mean, [1, 2])
    np.testing.assert_allclose(variance, [1, 4])
    assert mean.dtype == "float64"


# --- doubles -------------------------------------------------------------------------------------

def test_replay_answers_every_kind_of_draw_in_order(xp):
    mask, order = xp.asarray([True, False]), xp.asarray([1, 0])
    rng = Replay(mask, [0.25, 0.5], order, 0.3)
    assert md.bernoulli(rng, 0.9, (2,)) is mask
    assert md.uniform(rng, 2).tolist() == [0.25, 0.5]
    assert md.permutation(rng, 2) is order
    assert md.beta(rng, 1.0, 1.0) == 0.3
    with pytest.raises(ValueError, match="Replay has no draw left for gaussian"):
        md.gaussian(rng, 2)


@pytest.mark.parametrize("shape", [(2, 2), (2,), [3, 1], 4, ()])
def test_replay_refuses_a_draw_of_another_shape(shape):
    with pytest.raises(ValueError, match=r"its next draw has shape \(3,\)"):
        md.bernoulli(Replay([True, True, False]), 0.5, shape)


def test_replay_injects_a_mask_into_a_module(xp, backend):
    layer = md.Dropout(0.5).init(0).to(backend)
    layer.rng = Replay(xp.asarray([True, False, True]))
    assert host(layer(xp.ones(3))).tolist() == [2.0, 0.0, 2.0]


def test_record_writes_down_what_was_drawn_and_changes_nothing(backend):
    rng = Record(Stream(7, "a", backend))
    mask, value = md.bernoulli(rng, 0.25, (3,)), md.beta(rng, 1.0, 2.0)
    plain = Stream(7, "a", backend)
    assert host(md.bernoulli(plain, 0.25, (3,))).tolist() == host(mask).tolist()
    assert md.beta(plain, 1.0, 2.0) == value
    (name, args, noise), second = rng.draws
    assert (name, args) == ("bernoulli", (0.25, (3,))) and noise is mask
    assert second == ("beta", (1.0, 2.0), value)


def test_what_was_recorded_can_be_replayed(xp, backend):
    layer, x = md.Dropout(0.3).init(0).to(backend), xp.ones((4, 5))
    layer.rng = record = Record(layer.rng)
    first = layer(x)
    layer.rng = Replay(*(noise for _, _, noise in record.draws))
    assert host(layer(x)).tolist() == host(first).tolist()


def test_forbid_refuses_every_draw():
    for sampler, *args in [(md.bernoulli, 0.5, 2), (md.uniform, 2), (md.beta, 1, 1)]:
        with pytest.raises(AssertionError, match=f"{sampler.__name__}.* was drawn where no noise"):
            sampler(Forbid(), *args)


def test_a_gradient_of_the_wrong_shape_is_caught_though_its_products_agree(xp):
    row = Primitive(row_sum)
    row.vjps(lambda g, y, x, b: g, lambda g, y, x, b: g)
    x, b = xp.ones((5, 3)), xp.ones(3)
    try:
        with pytest.raises(GradientError, match=r"argument 1 .* shape \(5, 3\); sum it over"):
            md.gradcheck(row, x, b)
        leaf = md.Tensor(b, requires_grad=True)
        with pytest.raises(ValueError, match=r"shape \(5, 3\) for a leaf of shape \(3,\)"):
            row(x, leaf).sum().backward()
    finally:
        del REGISTRY["row_sum"]


def row_sum(x, b):
    return x + b


def test_a_second_primitive_of_one_name_is_refused():
    before = Primitive(row_sum)

    def other(x):
        return x

    other.__name__, other.__module__ = "row_sum", "elsewhere"
    try:
        with pytest.raises(ValueError, match="there is a primitive 'row_sum' already"):
            Primitive(other)
        assert REGISTRY["row_sum"] is before
        assert Primitive(row_sum) is not before   # a cell that is run again
    finally:
        del REGISTRY["row_sum"]
