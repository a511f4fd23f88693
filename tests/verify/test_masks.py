"""The checks of a Bernoulli mask: each finds what it is for, from the smallest input up."""

import numpy as np
import pytest

import minidrop as md
from minidrop.verify import check
from minidrop.verify.checks.drawn import binomial_cdf
from tests.verify.gallery import SEEDS

pytestmark = pytest.mark.slow


def masked(x, keep, p):
    scale = x.dtype.type(1 / (1 - p) if p < 1 else 0)
    return x * keep.reshape(x.shape) * scale


def dropout(x, p, training, rng):
    return masked(x, rng.random(x.shape) >= p, p) if training else x


def of_keep(keep):
    """A layer that does everything right but for the mask, keep(x, p, rng)."""
    def layer(x, p, training, rng):
        return masked(x, keep(x, p, rng), p) if training else x

    return layer


@of_keep
def exactly_p_n(x, p, rng):
    order = rng.permutation(x.size)
    return order >= round(p * x.size)


@of_keep
def one_row_in_other_orders(x, p, rng):
    row = rng.random(x.size // max(len(x), 1)) >= p
    return np.array([rng.permutation(row) for _ in x])


@of_keep
def second_half_alike(x, p, rng):
    half = rng.random((*x.shape[:-1], (x.shape[-1] + 1) // 2))
    return np.concatenate([half, half], -1)[..., :x.shape[-1]] >= p


@of_keep
def antithetic(x, p, rng):
    half = rng.random((x.size + 1) // 2)
    return np.concatenate([half, 1 - half])[:x.size] >= p


@of_keep
def every_second_row_alike(x, p, rng):
    rows = rng.random((2, *x.shape[1:]))
    return rows[np.arange(len(x)) % 2] >= p


@of_keep
def rare_ones_never(x, p, rng):
    return rng.random(x.shape) >= (0 if p < 0.1 else p)


@of_keep
def first_unit_always_lives(x, p, rng):
    keep = rng.random(x.shape) >= p
    keep.flat[0] |= 0 < p < 1
    return keep


@of_keep
def strictly_above(x, p, rng):
    return rng.random(x.shape) > p


def mask_kept_for_two_calls(calls=[]):            # noqa: B006  that is the fault
    def layer(x, p, training, rng):
        if not training:
            return x
        if len(calls) != 1 or calls[0].shape != x.shape:
            calls[:] = [rng.random(x.shape)]
            return masked(x, calls[0] >= p, p)
        return masked(x, calls.pop() >= p, p)

    return layer


class Layer:
    """Dropout with a backward of its own, as for homework."""

    def __init__(self, p, rng):
        self.p, self.rng, self.training = p, rng, True

    def train(self):
        self.training = True

    def eval(self):
        self.training = False

    def forward(self, x):
        self.x, self.scale = x, x.dtype.type(1 / (1 - self.p) if self.p < 1 else 0)
        self.mask = self.rng.random(x.shape) >= self.p
        self.y = x * self.mask * self.scale if self.training else x
        return self.y

    def backward(self, g):
        return g * self.mask * self.scale


class ReadsTheMaskFromTheOutput(Layer):
    def backward(self, g):
        return g * (self.y != 0) * self.scale


class DrawsAgain(Layer):
    def backward(self, g):
        return g * (self.rng.random(g.shape) >= self.p) * self.scale


class ForgetsTheMask(Layer):
    def backward(self, g):
        return g * self.scale


class ForgetsTheScale(Layer):
    def backward(self, g):
        return g * self.mask


class WearsOut(Layer):
    def backward(self, g):
        self.mask = ~(keep := self.mask)
        return g * keep * self.scale


def failing(impl, **given):
    """(the names of the checks that fail, the report)."""
    report = check(impl, "dropout", **given)
    return {finding.check for finding in report.failures}, report


DRAWN = [
    (exactly_p_n, {"apart", "how many"}, "random (1, 2)"),
    (one_row_in_other_orders, {"apart"}, "random (10, 10)"),
    (second_half_alike, {"apart"}, "random (1, 2)"),
    (every_second_row_alike, {"apart"}, "random (10, 10)"),
    (antithetic, {"apart", "how many"}, "random (1, 2)"),
    (rare_ones_never, {"rate"}, "p = 0.05"),
    (strictly_above, {"rarest draw"}, "every random number 0"),
    (mask_kept_for_two_calls(), {"anew"}, "random (1, 2)"),
    (first_unit_always_lives, {"anew"}, "random (1, 2)"),
]


@pytest.mark.parametrize("impl, due, smallest", [
    pytest.param(*one, marks=pytest.mark.slow if at > 1 else []) for at, one in enumerate(DRAWN)])
def test_a_mask_drawn_in_a_wrong_way_fails_at_its_law_alone(impl, due, smallest):
    names, report = failing(impl)
    assert due <= names <= due | {"how many", "same seed"}, report
    assert report.broken == ["dropout.1"], report
    assert smallest in report.failures[0].input, report


@pytest.mark.parametrize("impl, due", [
    (Layer, set()),
    pytest.param(ReadsTheMaskFromTheOutput, {"gradient at zero"}, marks=pytest.mark.slow),
    pytest.param(DrawsAgain, {"gradient"}, marks=pytest.mark.slow),
    pytest.param(ForgetsTheMask, {"gradient", "gradient at zero"}, marks=pytest.mark.slow),
    pytest.param(ForgetsTheScale, {"gradient", "gradient at zero"}, marks=pytest.mark.slow),
    pytest.param(WearsOut, {"gradient"}, marks=pytest.mark.slow),
])
def test_a_wrong_backward_fails_at_the_values_equation(impl, due):
    names, report = failing(impl)
    assert names == due and report.broken == (["dropout.2"] if due else []), report


def given_mask(x, mask, p):
    return x * mask / (1 - p)


def given_mask_unscaled(x, mask, p):
    return x * mask


def mask_is_what_is_dropped(x, mask, p):
    return x * (1 - mask) / (1 - p)


def draws_beside_the_mask(x, mask, p):
    return x * mask * np.random.permutation([1, 1, 1, 0]).reshape(x.shape) / (1 - p)  # noqa: NPY002


@pytest.mark.parametrize("impl, due", [
    (given_mask, []), (given_mask_unscaled, ["dropout.2"]),
    (mask_is_what_is_dropped, ["dropout.2"]),
    (draws_beside_the_mask, ["dropout.2"]), (lambda x, noise: x * noise, [])])
def test_with_the_mask_handed_over_every_mask_of_four_is_looked_at(impl, due):
    report = check(impl, "dropout")
    words = {finding.check: finding.word for finding in report.findings}
    assert report.broken == due and words["every mask"] == ("fails" if due else "holds"), report
    assert report.alarm == 0 or due, report       # nothing was left to chance


def test_the_binomial_law_is_that_of_counted_masks():
    counts = np.array([bits.bit_count() for bits in range(2**6)])
    for k in range(-1, 8):
        assert binomial_cdf(np.array([k]), 6, 0.5)[0] == pytest.approx((counts <= k).mean(), 1e-12)
    assert binomial_cdf(np.array([-1, 0, 3]), 3, 0.0).tolist() == [0, 1, 1]
    assert binomial_cdf(np.array([2, 3]), 3, 1.0).tolist() == [0, 1]


@pytest.mark.parametrize("impl", [md.Dropout, dropout, Layer])
def test_a_right_one_is_never_failed(impl):
    for seed in range(SEEDS):
        report = check(impl, "dropout", seed=seed)
        assert report.holds and report.alarm < 1e-6, (seed, report)
