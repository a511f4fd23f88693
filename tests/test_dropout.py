"""units/dropout: every equation, exactly, and every sentence of "Differs"."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.check import Forbid, Record, Replay, all_masks, exact_moments, gradcheck
from minidrop.xp import host

RATES = (0.0, 0.1, 0.5, 0.9)
X = np.array([1.0, -2.0, 0.5, 3.0])


def keep(xp, *bits):
    return xp.asarray(np.array(bits, bool))


# --- (dropout.1): the draw ------------------------------------------------------------------------

@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 0.3, 1.0])
def test_dropout_1_keeps_where_the_bits_are_below_q(xp, backend, p):
    bits = md.Stream(5, "a").bits((6, 7))
    mask = md.dropout_mask(md.Stream(5, "a", backend), (6, 7), p)
    assert mask.dtype == bool
    assert_array_equal(host(mask), bits < (1 - p) * 2.0**32)


def test_dropout_1_is_exact_at_both_ends(xp, backend):
    assert host(md.dropout_mask(md.Stream(0, "", backend), 10_000, 0.0)).all()
    assert not host(md.dropout_mask(md.Stream(0, "", backend), 10_000, 1.0)).any()


class Extreme(md.Stream):
    """A stream whose bits are all 0 or all 1: each comes once in 2^32 draws."""

    def __init__(self, bits):
        super().__init__(0)
        self.value = bits

    def bits(self, shape):
        return np.full(shape, self.value, "uint32")

    def below(self, bound, shape):
        return self.bits(shape) < bound


@pytest.mark.parametrize("bits", [0, 2**32 - 1])
def test_dropout_1_is_exact_at_both_ends_for_the_rarest_draws_too(bits):
    assert md.dropout_mask(Extreme(bits), 3, 0.0).all()
    assert not md.dropout_mask(Extreme(bits), 3, 1.0).any()


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_1_drops_with_the_rate_p(p):
    # 10^6 independent draws; 6 standard errors: a right sampler fails with probability 2e-9
    n = 10**6
    dropped = 1 - md.dropout_mask(md.Stream(11, f"{p}"), n, p).mean()
    assert abs(dropped - p) < 6 * np.sqrt(p * (1 - p) / n)


def test_dropout_1_draws_every_example_by_itself():
    # rows of 64 equal draws: two of 200 rows coincide with probability 200^2 / 2 / 2^64 = 1e-15
    masks = md.dropout_mask(3, (200, 64), 0.5)
    assert len({row.tobytes() for row in masks}) == 200


def test_dropout_1_draws_anew_at_every_call():
    stream = md.Stream(0)
    first, second = (md.dropout_mask(stream, 256, 0.5) for _ in range(2))
    assert 0 < (first == second).mean() < 1       # both ends have probability 2^-256


def test_dropout_1_takes_what_a_double_gives(xp):
    mask = keep(xp, 1, 0, 1, 1)
    assert md.dropout_mask(Replay(mask), (4,), 0.5) is mask


# --- (dropout.2) and (dropout.3): inverted scaling ------------------------------------------------

def test_dropout_2_by_hand(xp):
    x = xp.asarray(np.array([1.0, 2, 3, 4]))
    assert_array_equal(host(md.dropout(x, keep(xp, 1, 0, 1, 1), 0.5)), [2, 0, 6, 8])


@pytest.mark.parametrize("p", RATES)
def test_dropout_3_mean_and_variance_over_all_masks(xp, p):
    x = xp.asarray(X)
    mean, variance = exact_moments(lambda m: host(md.dropout(x, xp.asarray(m), p)), 4, p)
    assert_allclose(mean, X, atol=1e-12)
    assert_allclose(variance, X**2 * p / (1 - p), atol=1e-12)


def test_dropout_2_at_p_0_is_the_identity(xp):
    x = xp.asarray(X)
    assert_array_equal(host(md.dropout(x, xp.ones(4, bool), 0.0)), X)


def test_dropout_2_at_p_1_gives_zeros_and_a_zero_gradient(xp):
    x = md.Tensor(xp.asarray(X), requires_grad=True)
    for mask in (xp.zeros(4, bool), xp.ones(4, bool)):
        y = md.dropout(x, mask, 1.0)
        y.sum().backward()
        assert not host(y.data).any() and not host(x.grad).any()


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5])
def test_dropout_2_gradient_for_a_given_mask(xp, p):
    x, mask = xp.asarray(X.reshape(2, 2)), keep(xp, 1, 0, 1, 1).reshape(2, 2)
    assert gradcheck(lambda t: md.dropout(t, mask, p), x, order=2) < 1e-8
    t = md.Tensor(x, requires_grad=True)
    assert_allclose(host(md.grad(md.dropout(t, mask, p).sum(), t)), host(mask) / (1 - p))


def test_dropout_2_has_the_gradient_of_its_mask_where_the_input_is_0_too(xp):
    x, mask = md.Tensor(xp.zeros(4), requires_grad=True), keep(xp, 1, 0, 1, 1)
    assert_array_equal(host(md.grad(md.dropout(x, mask, 0.5).sum(), x)), [2, 0, 2, 2])


def test_dropout_2_broadcasts_a_mask_over_its_axes_of_size_1(xp):
    x, mask = xp.ones((2, 3, 2, 2)), keep(xp, 1, 0, 1, 0, 1, 1).reshape(2, 3, 1, 1)
    y = host(md.dropout(x, mask, 0.5))
    assert_array_equal(y, np.broadcast_to(2.0 * host(mask), y.shape))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_2_keeps_dtype_and_kind(xp, dtype):
    x, mask = xp.ones(4, dtype), keep(xp, 1, 0, 1, 1)
    y = md.dropout(x, mask, 0.3)
    assert isinstance(y, xp.ndarray) and y.dtype == dtype
    assert isinstance(md.dropout(md.Tensor(x), mask, 0.3), md.Tensor)


# --- (dropout.4) and (dropout.5): the papers' scaling ---------------------------------------------

def test_dropout_4_and_5_by_hand(xp):
    x = xp.asarray(np.array([1.0, 2, 3, 4]))
    assert_array_equal(host(md.dropout_original(x, keep(xp, 1, 0, 1, 1))), [1, 0, 3, 4])
    assert_array_equal(host(md.dropout_original_expect(x, 0.5)), [0.5, 1, 1.5, 2])


@pytest.mark.parametrize("p", [*RATES, 1.0])
def test_dropout_5_is_the_mean_of_4_over_all_masks(xp, p):
    x = xp.asarray(X)
    mean, variance = exact_moments(lambda m: host(md.dropout_original(x, xp.asarray(m))), 4, p)
    assert_allclose(mean, host(md.dropout_original_expect(x, p)), atol=1e-12)
    assert_allclose(variance, X**2 * p * (1 - p), atol=1e-12)


def test_dropout_5_averages_one_softmax_layer_geometrically(xp):
    # Hinton 2012, "mean network": for one softmax layer the shrunken network is the normalised
    # geometric mean of all 2^n networks with dropout.
    w = np.arange(12).reshape(3, 4) / 7.0 - 0.6
    logits = np.stack([w @ md.dropout_original(X, m) for m in all_masks(4)])
    weights = np.array([0.7**m.sum() * 0.3**(~m).sum() for m in all_masks(4)])
    geometric = np.exp(weights @ np.log(md.functional.softmax(logits)))
    shrunken = md.functional.softmax((w @ md.dropout_original_expect(X, 0.3))[None])[0]
    assert_allclose(geometric / geometric.sum(), shrunken, atol=1e-12)


# --- (dropout.6) and (dropout.7): marginalised linear regression ----------------------------------

DATA = np.array([[1.0, 2.0], [0.5, -1.0], [-2.0, 0.3], [0.7, 0.9]])
TARGETS, WEIGHTS = np.array([1.0, -0.5, 2.0, 0.3]), np.array([0.8, -1.1])


@pytest.mark.parametrize("p", RATES)
def test_dropout_6_expected_squared_error_over_all_masks(xp, p):
    def error(mask):
        return np.array(((TARGETS - md.dropout_original(DATA, mask) @ WEIGHTS) ** 2).sum())

    q, gamma = 1 - p, np.sqrt(np.diag(DATA.T @ DATA))
    due = ((TARGETS - q * DATA @ WEIGHTS) ** 2).sum() + p * q * ((gamma * WEIGHTS) ** 2).sum()
    assert_allclose(exact_moments(error, DATA.shape, p)[0], due, rtol=1e-12)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropout_7_training_on_all_masks_at_once_ends_in_ridge_regression(xp, p):
    # Stack all 2^8 masked data sets, each row weighted by the root of its probability: least
    # squares on the stack minimises the expectation.  Its solution times q is the ridge solution.
    masks = [m.reshape(DATA.shape) for m in all_masks(DATA.size)]
    root = [np.sqrt((1 - p)**m.sum() * p**(~m).sum()) for m in masks]
    rows = np.concatenate([r * md.dropout_original(DATA, m)
                           for r, m in zip(root, masks, strict=True)])
    w = np.linalg.lstsq(rows, np.concatenate([r * TARGETS for r in root]), rcond=None)[0]
    gram = DATA.T @ DATA
    ridge = np.linalg.solve(gram + p / (1 - p) * np.diag(np.diag(gram)), DATA.T @ TARGETS)
    assert_allclose((1 - p) * w, ridge, atol=1e-12)


# --- the module -----------------------------------------------------------------------------------

def test_dropout_module_follows_the_mode(xp, backend):
    layer, x = md.Dropout(0.5).init(3).to(backend), xp.ones((8, 8))
    noisy = layer(x)
    assert_array_equal(host(noisy), 2 * host(layer.noise))
    assert 0 < host(layer.noise).sum() < 64       # both ends have probability 2^-64
    assert layer.eval()(x) is x


@pytest.mark.parametrize("scaling, noisy, calm", [("inverted", [2, 0, 6, 8], [1, 2, 3, 4]),
                                                  ("paper", [1, 0, 3, 4], [0.5, 1, 1.5, 2])])
def test_dropout_module_has_both_scalings(xp, scaling, noisy, calm):
    layer, x = md.Dropout(0.5, scaling=scaling), xp.asarray(np.array([1.0, 2, 3, 4]))
    layer.rng = Replay(keep(xp, 1, 0, 1, 1))
    assert_array_equal(host(layer(x)), noisy)
    layer.eval().rng = Forbid()
    assert_array_equal(host(layer(x)), calm)


def test_dropout_module_draws_one_mask_of_the_inputs_shape(xp, backend):
    layer = md.Dropout(0.25)
    layer.rng = Record(md.Stream(0, "", backend))
    layer(xp.ones((2, 3, 4)))
    assert [(name, args) for name, args, _ in layer.rng.draws] == [("bernoulli", (0.75, (2, 3, 4)))]


def test_dropout_module_repeats_its_masks_after_init(xp, backend):
    layer, x = md.Dropout(0.5), xp.ones(100)
    first, again = ([host(layer.init(9).to(backend)(x)), host(layer(x))] for _ in range(2))
    assert_array_equal(first, again)
    assert (first[0] != first[1]).any()


# --- "Differs" ------------------------------------------------------------------------------------

def test_dropout_5_shrinking_the_units_is_shrinking_the_outgoing_weights(xp):
    w, b = xp.asarray(np.arange(8.0).reshape(2, 4)), xp.asarray(np.array([5.0, -1.0]))
    x = xp.asarray(X)
    assert_allclose(host(w @ md.dropout_original_expect(x, 0.3) + b), host((0.7 * w) @ x + b))


def test_dropout_2_and_4_have_gradients_that_differ_by_q(xp):
    w, mask, q = md.Tensor(xp.asarray(X), requires_grad=True), keep(xp, 1, 0, 1, 1), 0.5
    inverted = md.grad((md.dropout(xp.asarray(X), mask, 1 - q) * w).sum(), w)
    original = md.grad((md.dropout_original(xp.asarray(X), mask) * w).sum(), w)
    assert_allclose(host(inverted) * q, host(original))
    assert host(original).any()


def test_dropout_2_a_dropped_infinity_is_nan(xp):
    with np.errstate(invalid="ignore"):
        y = md.dropout(xp.asarray(np.array([1, np.inf, np.nan, -2.0])), xp.zeros(4, bool), 1.0)
    assert_array_equal(host(y), [0, np.nan, np.nan, 0])


def test_dropout_2_leaves_its_input_alone(xp):
    x, mask = xp.asarray(X.copy()), keep(xp, 1, 0, 1, 1)
    md.dropout(x, mask, 0.5), md.dropout_original(x, mask), md.Dropout(0.5).init(0)
    assert_array_equal(host(x), X)
    assert_array_equal(host(mask), [True, False, True, True])


# --- bad input ------------------------------------------------------------------------------------

@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), float("inf")])
def test_rates_outside_0_1_are_refused_wherever_they_enter(xp, p):
    x, mask, layer = xp.ones(4), xp.ones(4, bool), md.Dropout(0.5).init(0)
    layer.p = p                                   # goes past __init__, so the sampler must look
    for use in (lambda: md.Dropout(p), lambda: md.dropout_mask(0, 4, p), lambda: layer(x),
                lambda: md.dropout(x, mask, p), lambda: md.dropout_original_expect(x, p)):
        with pytest.raises(ValueError, match=r"p is a probability and must lie in \[0, 1\], got"):
            use()


def test_what_does_not_fit_is_refused_in_one_sentence(xp):
    x, mask = xp.ones((2, 3)), xp.ones((2, 3), bool)
    for error, words, use in [
            (TypeError, "x must hold floats", lambda: md.dropout(x.astype(int), mask, 0.5)),
            (TypeError, "x must be a NumPy", lambda: md.dropout([1.0, 2.0], mask, 0.5)),
            (ValueError, "mask has shape", lambda: md.dropout(x, mask[:, :2], 0.5)),
            (ValueError, "mask has shape", lambda: md.dropout(x[0], mask, 0.5)),
            (TypeError, "mask must be boolean", lambda: md.dropout(x, x * 0.5, 0.5)),
            (TypeError, "mask must be a boolean array", lambda: md.dropout(x, None, 0.5)),
            (ValueError, "scaling must be one of", lambda: md.Dropout(0.5, scaling="inverse")),
            (TypeError, "p must be a number", lambda: md.Dropout("0.5")),
            (TypeError, "rng must be a Stream", lambda: md.dropout_mask(None, 4, 0.5)),
            (ValueError, "init", lambda: md.Dropout(0.5)(x))]:
        with pytest.raises(error, match=words):
            use()


def test_a_mask_of_zeros_and_ones_counts_as_boolean(xp):
    mask = xp.asarray(np.array([1, 0, 1, 1]))
    assert_array_equal(host(md.dropout(xp.ones(4), mask, 0.5)), [2, 0, 2, 2])


def test_every_memory_order_gives_the_same_numbers(xp):
    x = np.arange(120.0).reshape(2, 3, 4, 5) + 1
    mask = host(md.dropout_mask(1, x.shape, 0.5))
    due = x * mask * 2
    for axes in itertools.permutations(range(4)):
        back = np.argsort(axes)
        turned = xp.asarray(np.ascontiguousarray(x.transpose(axes))).transpose(*map(int, back))
        assert_array_equal(host(md.dropout(turned, xp.asarray(mask), 0.5)), due)


def test_units_before_dropout_can_be_taken_away():
    net = md.nn.Sequential(md.nn.Linear(4, 6), md.Dropout(0.5), md.nn.Linear(6, 2)).init(0).eval()
    md.prune(net, 0.5, unit=True)
    small, x = md.compress(net), np.ones((1, 4), "float32")
    assert small[0].weight.shape == (3, 4) and small[2].weight.shape[1] == 3
    assert_allclose(small(x).data, net(x).data, rtol=1e-6)
