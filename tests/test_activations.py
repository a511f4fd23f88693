"""GELU, SELU and softmax: their equations, their extremes, and the passes they are made in."""

import math
import sys
from statistics import NormalDist

import numpy as np
import pytest

import minidrop as md
from minidrop import Tensor, grad, nn
from minidrop.check import gradcheck
from minidrop.ops.activations import SELU_ALPHA, SELU_LAMBDA, gelu_tanh, softmax
from minidrop.xp import LEAST, host

PHI = NormalDist().cdf
HUGE = [-1e30, -1e10, -50.0, 50.0, 1e10, 1e30]


def slopes(f, x):
    leaf = Tensor(x, requires_grad=True)
    return host(grad(f(leaf).sum(), leaf))


def form(approximate):
    return lambda x: md.gelu(x, approximate)


# --- GELU ----------------------------------------------------------------------------------------

def test_activations_1_gelu_is_x_times_the_normal_distribution_function(xp):
    x = np.linspace(-6, 6, 101)
    due = [v * PHI(v) for v in x]
    np.testing.assert_allclose(host(md.gelu(xp.asarray(x), "none")), due, rtol=1e-9, atol=1e-12)


def test_activations_2_the_tanh_form_is_at_most_5e_4_off(xp):
    x = xp.linspace(-8, 8, 20001)
    off = abs(host(md.gelu(x)) - host(md.gelu(x, "none")))
    assert 4e-4 < off.max() < 5e-4


def test_activations_2_by_hand(xp):
    x = [-3.0, -0.5, 0.0, 1.0, 2.5]
    due = [v / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) for v in x]
    np.testing.assert_allclose(host(md.gelu(xp.asarray(x))), due, rtol=1e-12)


@pytest.mark.parametrize("shape", [(), (1,), (5,), (4, 3), (2, 3, 4)])
def test_gelu_in_passes_is_its_composite(shape, xp):
    x = xp.asarray(3 * np.random.default_rng(0).standard_normal(shape))
    for f in (lambda f: host(f(x)), lambda f: slopes(f, x)):
        np.testing.assert_allclose(f(gelu_tanh), f(gelu_tanh.twin), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("odd", [0.0, 1e-45, -1e-30, 1e-29, -9.9, 10.1, -11.0, 1e30, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_slope_of_gelu_is_that_of_its_composite_beside_any_number(odd, dtype, xp):
    """Also where another number of the same pass is cut."""
    x = xp.asarray([odd, 2.0, -3.0, 1e-3, 9.0, -8.0], dtype=dtype)
    due = slopes(gelu_tanh.twin, xp.asarray(host(x)[1:], dtype="float64"))
    found = slopes(gelu_tanh, x)
    exact = 1e-12 if dtype == "float64" else 3e-6
    np.testing.assert_allclose(found[1:], due, rtol=exact, atol=1e-14)    # where 1 + tanh is 0
    near = float(np.float64(odd).clip(-20, 20))
    first = slopes(gelu_tanh.twin, xp.asarray([near]))
    np.testing.assert_allclose(found[:1], first, rtol=1e-5, atol=1e-14)


@pytest.mark.parametrize("approximate", ["tanh", "none"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gelu_of_huge_numbers_is_relu(approximate, dtype, xp):
    x = xp.asarray(HUGE, dtype=dtype)
    f = form(approximate)
    np.testing.assert_allclose(host(f(x)), host(md.relu(x)), rtol=0, atol=1e-36)
    np.testing.assert_allclose(slopes(f, x), [0, 0, 0, 1, 1, 1], rtol=0, atol=1e-35)
    assert f(x).dtype == dtype


def test_gelu_of_infinities_and_of_what_is_no_number(xp):
    x = xp.asarray([-np.inf, np.inf, np.nan], dtype="float32")
    np.testing.assert_allclose(host(md.gelu(x)), [0, np.inf, np.nan], atol=1e-36)


def test_gelu_in_float16_is_gelu_rounded(xp):
    """Also where its exponential has no room in float16, from -3.2 down."""
    x = xp.linspace(-60, 60, 1001).astype("float16")
    for f in (lambda f, x: host(f(x)), lambda f, x: slopes(f, x)):
        found, due = f(md.gelu, x), f(md.gelu, x.astype("float64"))
        assert found.dtype == "float16"
        np.testing.assert_allclose(found, due, rtol=2e-3, atol=1e-4)


def test_the_exact_gelu_is_differentiated_twice(xp):
    gradcheck(form("none"), xp.linspace(-3, 3, 7), order=2)


def test_the_exact_gelu_says_that_it_needs_scipy(xp, monkeypatch):
    for name in ("scipy", "scipy.special", "cupyx.scipy.special"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match="needs the package SciPy.* approximate='tanh'"):
        md.gelu(xp.ones(3), approximate="none")


# --- SELU ----------------------------------------------------------------------------------------

def fixed_point():
    """alpha from the mean, then lambda from the variance of SELU under a standard normal."""
    half = math.exp(0.5) * PHI(-1)
    alpha = 1 / math.sqrt(2 * math.pi) / (0.5 - half)
    return alpha, (0.5 + alpha**2 * (math.exp(2) * PHI(-2) - 2 * half + 0.5)) ** -0.5


def test_activations_4_and_5_give_the_constants_of_selu():
    assert fixed_point() == pytest.approx((SELU_ALPHA, SELU_LAMBDA), rel=1e-12)


def test_activations_4_and_5_hold_for_selu_itself(xp):
    """Moments under a standard normal, by the trapezium rule from -12 to 12 with a node at 0."""
    z = np.linspace(-12, 12, 48001)
    weight = np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    y = host(md.selu(xp.asarray(z)))
    assert (weight * y).sum() == pytest.approx(0, abs=1e-7)
    assert (weight * y * y).sum() == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_3_selu_and_its_slope_by_hand(dtype, xp):
    x = np.array([-2.0, -0.5, -1e-6, 0.0, 0.5, 3.0], dtype)
    above = x > 0
    y = SELU_LAMBDA * np.where(above, x, SELU_ALPHA * np.expm1(x))
    slope = SELU_LAMBDA * np.where(above, 1, SELU_ALPHA * np.exp(x))
    rtol = 1e-6 if dtype == "float32" else 1e-14
    np.testing.assert_allclose(host(md.selu(xp.asarray(x))), y, rtol=rtol)
    np.testing.assert_allclose(slopes(md.selu, xp.asarray(x)), slope, rtol=rtol)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_selu_of_huge_numbers_saturates_or_grows(dtype, xp):
    x = xp.asarray(HUGE, dtype=dtype)
    due = [-SELU_LAMBDA * SELU_ALPHA] * 3 + [SELU_LAMBDA * v for v in HUGE[3:]]
    np.testing.assert_allclose(host(md.selu(x)), due, rtol=1e-6)
    np.testing.assert_allclose(slopes(md.selu, x), [0] * 3 + [SELU_LAMBDA] * 3, rtol=1e-6)


# --- softmax, sigmoid, tanh ----------------------------------------------------------------------

def test_softmax_of_huge_numbers_is_finite_and_right(xp):
    x = xp.asarray([[1e30, 0.0, 1e30], [-1e30, -1e30, 0.0]], dtype="float32")
    assert host(md.softmax(x)).tolist() == [[0.5, 0, 0.5], [0, 0, 1]]
    steep = slopes(lambda x: md.softmax(x) * xp.asarray([1.0, 2.0, 3.0], dtype="float32"), x)
    assert steep.tolist() == [[-0.5, 0, 0.5], [0, 0, 0]]


def test_softmax_is_the_exponential_of_log_softmax(xp):
    for shape in [(1,), (5,), (4, 3), (2, 3, 4), (0, 3)]:
        x = xp.asarray(np.random.default_rng(0).standard_normal(shape))
        np.testing.assert_allclose(host(md.softmax(x)), np.exp(host(md.log_softmax(x))), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
def test_sigmoid_of_whole_numbers_is_that_of_the_same_floats(dtype, xp):
    ends = np.iinfo(dtype)
    given = np.array([ends.min, -1 if ends.min else 1, 0, 2, ends.max], dtype)
    np.testing.assert_array_equal(host(md.sigmoid(xp.asarray(given))),
                                  host(md.sigmoid(xp.asarray(given.astype(float)))))


@pytest.mark.parametrize("name, due", [("sigmoid", [0, 0, 0, 1, 1, 1]),
                                       ("tanh", [-1, -1, -1, 1, 1, 1])])
def test_sigmoid_and_tanh_saturate_without_overflow(name, due, xp):
    f = getattr(md, name)
    x = xp.asarray(HUGE, dtype="float32")
    np.testing.assert_allclose(host(f(x)), due, atol=1e-20)
    assert np.abs(slopes(f, x)).max() < 1e-20


@pytest.mark.parametrize("dtype, tails", [("float32", 80), ("float64", 700)])
def test_sigmoid_keeps_its_digits_in_both_tails(dtype, tails, xp):
    """Where P is 1e-9, as of a gate that is hardly ever open, and for the slope at either side."""
    x = np.linspace(-tails, tails, 41)
    due, eps = 1 / (1 + np.exp(-x)), np.finfo(dtype).eps
    given = xp.asarray(x, dtype=dtype)
    np.testing.assert_allclose(host(md.sigmoid(given)), due, rtol=4 * eps)
    np.testing.assert_allclose(slopes(md.sigmoid, given), due * due[::-1], rtol=8 * eps)


# --- passes --------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(2 * LEAST + 7,), (3, LEAST + 1), (LEAST + 3, 5), (1, 3, LEAST)])
@pytest.mark.parametrize("f", [md.gelu, md.selu, softmax], ids=["gelu", "selu", "softmax"])
def test_any_number_of_threads_gives_the_same_bits(f, shape, monkeypatch):
    x = np.random.default_rng(0).standard_normal(shape, dtype="float32")
    found = []
    for threads in (1, 3):
        monkeypatch.setattr("minidrop.xp.threads", lambda threads=threads: threads)
        found += [(f(x), slopes(lambda x: f(x) * 2, x))]
    for one, three in zip(*found, strict=True):
        np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("layer, f", [(nn.GELU(), md.gelu), (nn.GELU("none"), form("none")),
                                      (nn.SELU(), md.selu), (nn.Softmax(), md.softmax),
                                      (nn.LogSoftmax(), md.log_softmax),
                                      (nn.Identity(), lambda x: x)])
def test_a_layer_is_its_function(layer, f, xp):
    x = xp.asarray(np.random.default_rng(0).standard_normal((4, 3)))
    np.testing.assert_array_equal(host(layer(x)), host(f(x)))


# --- label smoothing -----------------------------------------------------------------------------

def test_label_smoothing_gives_its_share_to_all_classes_alike(xp):
    z = xp.asarray(np.random.default_rng(0).standard_normal((4, 3)))
    labels, one_hot = np.array([2, 0, 1, 1]), np.eye(3)[[2, 0, 1, 1]]
    due = md.cross_entropy(z, xp.asarray(0.8 * one_hot + 0.2 / 3))
    for target in (labels, one_hot):
        loss = md.cross_entropy(z, xp.asarray(target), label_smoothing=0.2)
        assert float(loss) == pytest.approx(float(due), rel=1e-14)


def test_label_smoothing_at_both_ends(xp):
    z, y = xp.asarray([[1.0, -2.0, 0.5]]), xp.asarray([1])
    assert float(md.cross_entropy(z, y, 0.0)) == float(md.cross_entropy(z, y))
    alike = -float(md.log_softmax(z).mean())
    assert float(md.cross_entropy(z, y, label_smoothing=1.0)) == pytest.approx(alike, rel=1e-14)
