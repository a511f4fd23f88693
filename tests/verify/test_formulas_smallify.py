"""Smallify: rules and switches of any style hold, wrong ones fail at their equation."""

import numpy as np
import pytest

from minidrop.tape import primitive
from minidrop.verify import check
from minidrop.weights.smallify import sign_variance

pytestmark = pytest.mark.slow


def minidrop_variance(signs, decay):
    mean, variance, seen = np.ones_like(signs[0]), np.zeros_like(signs[0]), []
    for sign in signs:
        mean, variance = sign_variance(sign, mean, variance, decay)
        seen.append(variance)
    return seen


def looped_variance(signs, decay, start=1.0, after=False):
    seen = np.empty_like(signs)
    for i in range(signs.shape[1]):
        a, v = start, 0.0
        for t, s in enumerate(signs[:, i]):
            d = s - a
            a += (1 - decay) * d
            v = decay * v + (1 - decay) * (s - a if after else d)**2
            seen[t, i] = v
    return seen


def rule(kills=lambda v, threshold: v > threshold, revives=False, **changes):
    def alive(signs, decay, threshold):
        dead = kills(looped_variance(signs.astype("float64"), decay, **changes).round(9), threshold)
        return ~(dead if revives else np.logical_or.accumulate(dead, axis=0))

    return alive


def first_change(signs, decay, threshold):
    return np.logical_and.accumulate(signs > 0, axis=0).astype(signs.dtype)


def switched(x, switch):
    return x * switch


@pytest.mark.parametrize("what, impl", [
    ("variance", minidrop_variance), ("variance", looped_variance), ("alive", rule()),
    ("switch", switched), ("switch", lambda h, beta: np.einsum("ni,i->ni", h, beta))])
def test_smallify_holds(what, impl):
    report = check(impl, "smallify", what=what)
    assert report.holds, report


def test_the_gradients_of_switches_are_seen():
    report = check(switched, "smallify", what="switch", framework="minidrop")
    assert report.json()["equations"]["smallify.2"] == "holds", report


@pytest.mark.parametrize("what, impl, broken, variant", [
    ("variance", lambda signs, decay: looped_variance(signs, decay, start=0.0),
     ["smallify.7", "smallify.9"], "the mean of the sign starts at 0"),
    ("variance", lambda signs, decay: looped_variance(signs, decay, after=True),
     ["smallify.7", "smallify.9"], "the mean moves before the variance"),
    ("variance", lambda signs, decay: looped_variance(signs, 1 - decay),
     ["smallify.7", "smallify.9"], ""),
    ("variance", lambda signs, decay: np.where(
        (signs < 0).all(0), looped_variance(signs, decay), signs * 0), ["smallify.7"], ""),
    ("alive", rule(lambda v, threshold: v >= threshold), ["smallify.8"],
     "a variance at the threshold kills (targeted dropout's version)"),
    ("alive", rule(revives=True), ["smallify.8"], "the dead may come alive again"),
    ("alive", first_change, ["smallify.8"], "the first change of sign kills"),
    ("alive", lambda signs, decay, threshold: ~rule()(signs, decay, threshold), ["smallify.8"], ""),
    ("switch", lambda x, switch: x * abs(switch), ["smallify.1"],
     "the size of the switch, without its sign"),
    ("switch", lambda x, switch: x * (switch > 0), ["smallify.1"], ""),
    ("switch", lambda x, switch: x + switch, ["smallify.1"], ""),
])
def test_wrong_ones_fail_at_their_equation_and_are_named(what, impl, broken, variant):
    report = check(impl, "smallify", what=what)
    assert report.broken == broken and report.variant == variant, report


@pytest.mark.usefixtures("registered")
def test_a_wrong_gradient_fails_at_its_equation_alone():
    @primitive
    def multiplied(x, w):
        return x * w

    multiplied.vjps(lambda g, y, x, w: g, lambda g, y, x, w: (g * x).sum(0))
    report = check(lambda x, switch: multiplied(x, switch), "smallify", what="switch",
                   framework="minidrop")
    assert report.broken == ["smallify.2"], report
