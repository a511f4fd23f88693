"""minidrop.verify of variational dropout: right ones hold, wrong ones fail, variants are named."""

import numpy as np
import pytest

from minidrop.verify import check
from minidrop.verify.field.wrappers_ours import variational, variational_kept
from minidrop.weights.variational import variational_kl, variational_log_alpha
from tests.verify import right_weights, wrong_gates

pytestmark = pytest.mark.slow

RIGHT = [entry for entry in right_weights.right if entry.technique == "variational"]
WRONG = [entry for entry in wrong_gates.wrong if entry.technique == "variational"]
VARIANTS = {"variance for the deviation": "the variance in place of the deviation",
            "logarithm of the deviation": "log sigma in place of log sigma^2",
            "noise of the first example": "one noise for the whole batch, at the outputs"}


def drawn(x, theta, log_sigma2, rng):
    delta = x**2 @ np.exp(log_sigma2)
    return (x @ theta + np.sqrt(delta) * rng.standard_normal(delta.shape)).astype(x.dtype)


def drawn_in_loops(x, theta, log_sigma2, rng):
    rows = [[rng.normal(row @ mean, np.sqrt(np.square(row) @ np.exp(spread)))
             for mean, spread in zip(theta.T, log_sigma2.T, strict=True)] for row in x]
    return np.array(rows, x.dtype)


def drawn_weights(x, theta, log_sigma2, rng):
    noise = rng.standard_normal(theta.shape)
    return (x @ (theta + np.exp(log_sigma2 / 2) * noise)).astype(x.dtype)


def drawn_variances(x, theta, log_sigma2, rng):
    delta = x**2 @ np.exp(log_sigma2)
    return (x @ theta + delta * rng.standard_normal(delta.shape)).astype(x.dtype)


def outputs_first(x, theta, log_sigma2, rng):
    return drawn(x, theta.T, log_sigma2.T, rng)


def one_draw(x, theta, log_sigma2):
    return drawn(x, theta, log_sigma2, np.random.default_rng(0))


WRONG_DRAWS = [
    (drawn_weights, "4 6", "one noise for the whole batch (weights are drawn)"),
    (drawn_variances, "4", "the variance in place of the deviation"),
    (outputs_first, "4 6", "weights are (out, in)"), (one_draw, "4", "")]
WRONG_FUNCTIONS = [
    ("kl", lambda log_alpha: -variational_kl(log_alpha), "8 10", "minus the divergence"),
    ("kl", lambda log_alpha: variational_kl(log_alpha, "kingma"), "8 10",
     "the polynomial of 2015, for alpha up to 1"),
    ("kl", lambda log_alpha: variational_kl(log_alpha) - np.float32(0.63576), "8 10",
     "its constant is left out, so that the divergence ends at -0.64"),
    ("log alpha", lambda theta, log_sigma2: variational_log_alpha(theta, 2 * log_sigma2), "2",
     "log sigma in place of log sigma^2"),
    ("log alpha", lambda theta, log_sigma2: np.clip(variational_log_alpha(theta, log_sigma2), -8,
                                                    8), "2",
     "log alpha is cut to [-8, 8] (the authors' code)"),
    ("log alpha", lambda theta, log_sigma2: log_sigma2 - np.log(abs(theta)), "2", ""),
    ("keep", lambda theta, log_sigma2: theta * (theta**2 < np.exp(log_sigma2)), "12", "")]


def holding(impl, **settings):
    """The equations that hold, by number, of an implementation in which none fails."""
    report = check(impl, "variational", **settings)
    assert report.holds and report.alarm < 1e-6, report
    return [int(tag.rpartition(".")[2]) for tag, word, _ in report.equations() if word == "holds"]


def test_ours_holds_with_its_gradient():
    assert holding(variational, framework="minidrop") == [3, 4, 5]
    assert holding(variational_log_alpha, what="log alpha") == [2]
    assert holding(variational_kl, what="kl") == [8, 10]
    assert holding(variational_kept, what="keep") == [12]


def test_the_polynomial_of_2015_is_a_form():
    assert holding(lambda log_alpha: variational_kl(log_alpha, "kingma"), what="kl",
                   approximation="kingma") == [8, 9]


def test_a_divergence_may_be_a_sum_and_of_the_parameters():
    def total(theta, log_sigma2):
        return variational_kl(variational_log_alpha(theta, log_sigma2)).sum()

    assert holding(total, what="kl") == [8, 10]


@pytest.mark.parametrize("entry", RIGHT, ids=lambda entry: entry.name)
def test_a_right_one_in_another_style_holds(entry):
    assert holding(entry.impl) == [3, 4]


def test_drawn_noise_holds():
    assert holding(drawn) == [4, 6]


@pytest.mark.parametrize("impl", [drawn, drawn_in_loops])
def test_drawn_noise_holds_for_many_seeds(impl):
    for seed in range(20 if impl is drawn else 1):
        assert holding(impl, seed=seed) == [4, 6]


def test_drawn_weights_hold_in_their_own_form():
    assert holding(drawn_weights, noise="of each weight") == [1, 4, 6]


@pytest.mark.parametrize("entry", WRONG, ids=lambda entry: entry.name)
def test_a_wrong_one_fails_at_its_equation_and_is_named(entry):
    report = check(entry.impl, "variational")
    assert report.broken == [*entry.tags], report
    assert report.variant == VARIANTS.get(entry.name, ""), report


@pytest.mark.parametrize("impl, tags, variant", WRONG_DRAWS)
def test_wrong_noise_fails_at_its_equations_and_is_named(impl, tags, variant):
    report = check(impl, "variational")
    assert report.broken == [f"variational.{tag}" for tag in tags.split()], report
    assert report.variant == variant, report


@pytest.mark.parametrize("what, impl, tags, variant", WRONG_FUNCTIONS)
def test_a_wrong_function_fails_at_its_equations_and_is_named(what, impl, tags, variant):
    report = check(impl, "variational", what=what)
    assert report.broken == [f"variational.{tag}" for tag in tags.split()], report
    assert report.variant == variant, report
