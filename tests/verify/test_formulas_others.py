"""Penalties, activations, dynamics, ramps and short cycles: right ones hold, wrong ones fail."""

import math

import numpy as np
import pytest

import minidrop as md
from minidrop.functional import gelu
from minidrop.verify import check

pytestmark = pytest.mark.slow


def triangle(t, cycle, alpha_1, alpha_2):
    """As the official code has it, for a step."""
    u = t % cycle / cycle
    if u < 0.5:
        return alpha_1 * (1 - 2 * u) + alpha_2 * 2 * u
    return alpha_1 * (2 * u - 1) + alpha_2 * (2 - 2 * u)


@pytest.mark.parametrize("what, impl", [
    ("rates", md.fge_rates), ("rates", triangle), ("steps", md.fge_steps),
    ("steps", lambda total, cycle: [t for t in range(1, total + 1) if t % cycle == cycle // 2]),
    ("mean", lambda probs: np.einsum("mnk->nk", probs) / probs.dtype.type(len(probs)))])
def test_short_cycles_hold(what, impl):
    report = check(impl, "fge", what=what)
    assert report.holds, report


@pytest.mark.parametrize("what, impl, broken, variant", [
    ("rates", lambda t, cycle, alpha1, alpha2: triangle(t, cycle, alpha2, alpha1),
     ["fge.1"], "a cycle begins at the smallest rate"),
    ("rates", lambda t, cycle, alpha1, alpha2: alpha1 + (alpha2 - alpha1) * (t % cycle) / cycle,
     ["fge.2"], "the rate falls all through a cycle"),
    ("rates", lambda t, cycle, alpha1, alpha2: triangle(t + 1, cycle, alpha1, alpha2), ["fge.1"],
     "one step ahead, as by counting from 1"),
    ("rates", lambda t, cycle, alpha1, alpha2: triangle(min(t, cycle), cycle, alpha1, alpha2),
     ["fge.2"], ""),
    ("rates", lambda t, cycle, alpha1, alpha2: triangle(t, 2 * cycle, alpha1, alpha2), ["fge.1"],
     ""),
    ("steps", lambda total, cycle: [*range(cycle, total + 1, cycle)], ["fge.3"],
     "networks are collected at the end of a cycle"),
    ("mean", lambda probs: probs.sum(0), ["fge.4"],
     "the outputs are added, not averaged (the official code)"),
    ("mean", lambda probs: probs[0], ["fge.4"], ""),
])
def test_wrong_cycles_fail_at_their_equation_and_are_named(what, impl, broken, variant):
    report = check(impl, "fge", what=what)
    assert report.broken == broken and report.variant == variant, report


def linspaced(start, end, total, steps):
    """As in miguelvr/dropblock: the last of so many steps has the value."""
    values = np.linspace(start, end, steps or total)
    return np.append(values, [end] * (total - len(values)))


def cubic(start, end, total, steps=None, first=0, power=3):
    n = (steps or total) - first
    return [end + (start - end) * (1 - min(1, max(0, (t - first) / n)))**power
            for t in range(total)]


def of_gamma(gamma, total, steps=None):
    return [gamma * np.interp(t / (steps or total), [0, 0.5, 1], [0, 0.95, 1])
            for t in range(total)]


@pytest.mark.parametrize("what, impl", [
    ("linear", md.linear_ramp), ("linear", lambda end, total: end * np.arange(total) / total),
    ("linear", lambda t, start, end, steps, total: start + (end - start) * min(
        1, t / (steps or total))),
    ("targeted", md.targeted_ramp), ("targeted", of_gamma),
    ("targeted", lambda alpha, total, steps=None: np.minimum(
        1, np.arange(total) / (steps or total)) * alpha),
    ("gradual", md.gradual_sparsity), ("gradual", cubic)])
def test_ramps_hold(what, impl):
    report = check(impl, "ramps", what=what)
    assert report.holds, report


def straight(gamma, alpha, total, steps=None):
    _, line = md.targeted_ramp(gamma, alpha, total, steps)
    return line * gamma / alpha, line


def exchanged(gamma, alpha, total, steps=None):
    return md.targeted_ramp(gamma, alpha, total, steps)[::-1]


@pytest.mark.parametrize("what, impl, broken, variant", [
    ("linear", lambda start, end, total, steps=None: linspaced(start, end, total, steps),
     ["ramps.1", "ramps.2"], "arrives a step earlier, in the last one (miguelvr's linspace)"),
    ("linear", lambda start, end, total, steps=None: md.linear_ramp(end, start, total, steps),
     ["ramps.1", "ramps.2"], ""),
    ("linear", lambda start, end, total, steps=None: md.linear_ramp(start, end, total),
     ["ramps.2"], ""),
    ("targeted", straight, ["ramps.3"], "gamma grows in a straight line"),
    ("targeted", exchanged, ["ramps.3", "ramps.4"], ""),
    ("targeted", lambda gamma, alpha, total, steps=None: (
        md.targeted_ramp(gamma, alpha, total, steps)[0], np.full(total, alpha)), ["ramps.4"], ""),
    ("gradual", lambda start, end, total, steps=None, first=0: cubic(
        start, end, total, steps, first, 1), ["ramps.5"], "the share grows in a straight line"),
    ("gradual", lambda start, end, total, steps=None, first=0: cubic(
        start, end, total, steps, first, 2), ["ramps.5"], "the second power of what is left"),
    ("gradual", lambda start, end, total, steps=None, first=0: cubic(start, end, total, steps),
     ["ramps.5"], ""),
])
def test_wrong_ramps_fail_at_their_equation_and_are_named(what, impl, broken, variant):
    report = check(impl, "ramps", what=what)
    assert report.broken == broken and report.variant == variant, report


@pytest.mark.parametrize("technique, impl", [
    ("l1", md.l1), ("l2", md.l2), ("l1", lambda w: np.linalg.norm(w.ravel(), 1)),
    ("l2", lambda w: w.ravel() @ w.ravel() / 2)])
def test_penalties_hold(technique, impl):
    assert check(impl, technique).holds


@pytest.mark.parametrize("technique, impl", [("l1", md.l1), ("l2", md.l2)])
def test_the_gradients_of_penalties_are_seen(technique, impl):
    words = dict(check(impl, technique).json()["equations"])
    assert words[f"{technique}.2"] == "holds"


@pytest.mark.parametrize("technique, impl, broken, variant", [
    ("l1", lambda w: np.abs(w).mean(), ["l1.1"], "the mean in place of the sum"),
    ("l1", lambda w: (w * w).sum(), ["l1.1"], "the sum of the squares"),
    ("l1", lambda w: w.sum(), ["l1.1"], ""), ("l1", lambda w: np.abs(w).max(), ["l1.1"], ""),
    ("l2", lambda w: (w * w).sum(), ["l2.1"], "without the half (Keras)"),
    ("l2", lambda w: (w * w).mean() / 2, ["l2.1"], "the mean in place of the sum"),
    ("l2", lambda w: np.sqrt((w * w).sum()), ["l2.1"], "the norm, with its root"),
    ("l2", lambda w: np.abs(w).sum() / 2, ["l2.1"], ""),
    ("l2", lambda w: w[0], ["l2.1"], ""),
])
def test_wrong_penalties_fail_at_their_equation_and_are_named(technique, impl, broken, variant):
    report = check(impl, technique)
    assert report.broken == broken and report.variant == variant, report


def units(grads):
    return grads / np.linalg.norm(grads, axis=1, keepdims=True)


def by_the_mean(grads):
    n, mean = len(grads), units(grads).mean(0)
    return (1 - (n * mean @ mean - 1) / (n - 1)) / 2


def by_pairs(grads, of=lambda cosine: (1 - cosine) / 2):
    u, n = units(grads), len(grads)
    return np.mean([of(u[i] @ u[j]) for i in range(n) for j in range(i)])


def by_distances(grads, reference):
    away = units(grads) - reference / np.linalg.norm(reference)
    return (away * away).sum() / 4 / len(grads)


@pytest.mark.parametrize("what, impl", [
    ("variance", md.gradient_direction_variance), ("error", md.gradient_direction_error),
    ("norm", md.gradient_norm), ("distance", md.model_distance), ("variance", by_pairs),
    ("variance", by_the_mean), ("error", by_distances),
    ("norm", lambda grads: [math.hypot(*g) for g in grads.tolist()]),
    ("distance", lambda params, params0: math.dist(params, params0))])
def test_dynamics_hold(what, impl):
    report = check(impl, "dynamics", what=what)
    assert report.holds, report


PAIRS, ERROR = ["dynamics.3", "dynamics.5", "dynamics.6"], ["dynamics.4", "dynamics.7"]


@pytest.mark.parametrize("what, impl, broken, variant", [
    ("variance", lambda grads: by_pairs(grads, lambda cosine: cosine), PAIRS,
     "mean cosine in place of the distance"),
    ("variance", lambda grads: by_pairs(grads, lambda cosine: 1 - cosine), PAIRS,
     "without the half"),
    ("variance", lambda grads: 2 * by_pairs(grads), PAIRS, "without the half"),
    ("variance", lambda grads: by_pairs(np.sign(grads) + 0 * grads + 1e-9), PAIRS, ""),
    ("variance", lambda grads: (np.linalg.norm(grads - grads.mean(0), axis=1)**2).mean(), PAIRS,
     ""),
    ("error", lambda grads, reference: by_distances(grads, grads.mean(0)), ERROR,
     "reference is the mean of the same gradients"),
    ("error", lambda grads, reference: 1 - 2 * by_distances(grads, reference), ERROR,
     "mean cosine in place of the distance"),
    ("error", lambda grads, reference: 2 * by_distances(grads, reference), ERROR,
     "without the half"),
    ("norm", lambda grads: np.abs(grads).sum(1), ["dynamics.1"], "the L1 norm"),
    ("norm", lambda grads: np.linalg.norm(grads, axis=0), ["dynamics.1"], ""),
    ("norm", lambda grads: np.linalg.norm(grads), ["dynamics.1"], ""),
    ("distance", lambda params, params0: ((params - params0)**2).sum(), ["dynamics.2"],
     "the square of the norm"),
    ("distance", lambda params, params0: abs(np.linalg.norm(params) - np.linalg.norm(params0)),
     ["dynamics.2"], ""),
])
def test_wrong_dynamics_fail_at_their_equation_and_are_named(what, impl, broken, variant):
    report = check(impl, "dynamics", what=what)
    assert report.broken == broken and report.variant == variant, report


class Selu:
    """SELU with a gradient of its own, and places to be wrong in."""

    alpha, scale = 1.6732632423543772, 1.0507009873554805
    slope = True

    def forward(self, x):
        self.x = x
        below = self.alpha * np.expm1(np.minimum(x, 0))
        return (self.scale * np.where(x > 0, x, below)).astype(x.dtype)

    def backward(self, g):
        below = self.alpha * np.exp(np.minimum(self.x, 0)) if self.slope else self.alpha
        return g * self.scale * np.where(self.x > 0, 1, below)


def erf(x):
    return np.vectorize(math.erf)(x).astype(x.dtype)


def exact_gelu(x):
    return x / 2 * (1 + erf(x / np.sqrt(x.dtype.type(2))))


def tanh_gelu(x):
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelu_of_minidrop(x):
    return gelu(x)


@pytest.mark.parametrize("what, impl", [
    ("gelu", exact_gelu), ("gelu tanh", tanh_gelu), ("gelu tanh", gelu_of_minidrop),
    ("selu", Selu), ("selu", lambda x: x * 0 + Selu().forward(x))])
def test_activations_hold(what, impl):
    report = check(impl, "activations", what=what)
    assert report.holds, report


@pytest.mark.parametrize("what, impl, broken, variant", [
    ("gelu", tanh_gelu, ["activations.1"], "the tanh form of GELU"),
    ("gelu tanh", exact_gelu, ["activations.2"], "the exact form of GELU"),
    ("gelu", lambda x: x / (1 + np.exp(-x.dtype.type(1.702) * x)), ["activations.1"],
     "x sigmoid(1.702 x)"),
    ("gelu", lambda x: np.maximum(x, 0), ["activations.1"], ""),
    ("gelu tanh", lambda x: x / 2 * (1 + np.tanh(0.79788456 * x + 0.044715 * x**3)),
     ["activations.2"], ""),
    ("selu", type("Elu", (Selu,), {"alpha": 1.0, "scale": 1.0}), ["activations.3"],
     "ELU: alpha and lambda are 1"),
    ("selu", type("Other", (Selu,), {"alpha": 1.6733, "scale": 1.05}), ["activations.3"], ""),
    ("selu", type("Line", (Selu,), {"slope": False}), ["activations.3"], ""),
])
def test_wrong_activations_fail_at_their_equation_and_are_named(what, impl, broken, variant):
    report = check(impl, "activations", what=what)
    assert report.broken == broken and report.variant == variant, report


def test_a_wrong_constant_that_only_the_moments_show_fails_there():
    def beyond(x):
        return np.where(x < -6.5, x.dtype.type(40), Selu().forward(x))

    assert check(beyond, "activations", what="selu").holds        # too rare to be seen

    def between(x):
        return Selu().forward(x) + ((x > 0.55) & (x < 0.95)).astype(x.dtype)

    report = check(between, "activations", what="selu")
    assert set(report.broken) & {"activations.3", "activations.4"}, report
