"""Techniques that draw nothing: right ones of any style hold, wrong ones fail at their equation."""

import math

import numpy as np
import pytest

import minidrop as md
from minidrop.verify import check

pytestmark = pytest.mark.slow


class Adam:
    """Adam as a function, with places to be wrong in."""

    corrected, root, place, decoupled, swapped, first = True, True, "beside", False, False, 1

    def __call__(self, w, gradients, lr, beta1, beta2, eps, weight_decay=0.0):
        m, v, found = np.zeros_like(w), np.zeros_like(w), []
        if self.swapped:
            beta1, beta2 = beta2, beta1
        for t, g in enumerate(gradients, self.first):
            if self.decoupled:
                w = w - lr * weight_decay * w
            else:
                g = g + weight_decay * w
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g * g
            of_m, of_v = (1 - beta1**t, 1 - beta2**t) if self.corrected else (1, 1)
            if self.place == "within":
                size = np.sqrt(v / of_v + eps)
            elif self.place == "before":
                size = (np.sqrt(v) + eps) / math.sqrt(of_v)
            else:
                size = (np.sqrt(v / of_v) if self.root else v / of_v) + eps
            w = w - lr * m / of_m / size
            found.append(w)
        return np.stack(found)


def adam_with(**changes):
    rule = type("Changed", (Adam,), changes)()
    return lambda w, gradients, lr, beta1, beta2, eps, weight_decay=0.0: rule(
        w, gradients, lr, beta1, beta2, eps, weight_decay)


def adam_by_weights(w, gradients, lr, beta1, beta2, eps):
    """One weight and one step after the other, as sums over all gradients so far."""
    steps, n = gradients.shape
    found = np.empty_like(gradients)
    for i in range(n):
        at = w[i]
        for t in range(1, steps + 1):
            ages = np.arange(t)[::-1]
            m = (beta1**ages * gradients[:t, i]).sum() / (beta1**ages).sum()
            v = (beta2**ages * gradients[:t, i]**2).sum() / (beta2**ages).sum()
            at = found[t - 1, i] = at - lr * m / (math.sqrt(v) + eps)
    return found


def minidrop_adam(w, gradients, lr, beta1, beta2, eps, weight_decay=0.0):
    rule, w = md.optim.Adam(lr, (beta1, beta2), eps, weight_decay), w.copy()
    m, v, found = np.zeros_like(w), np.zeros_like(w), []
    for t, g in enumerate(gradients, 1):
        rule.update(w, g, m, v, t)
        found.append(w.copy())
    return found


@pytest.mark.parametrize("impl", [adam_with(), adam_by_weights, minidrop_adam])
def test_adam_holds(impl):
    assert check(impl, "adam").holds


def test_adamw_holds_in_its_own_form():
    assert check(adam_with(decoupled=True), "adam", decay="decoupled").holds


@pytest.mark.parametrize("changes, broken, variant", [
    ({"corrected": False}, ["adam.3", "adam.7"], "nothing is corrected"),
    ({"root": False}, ["adam.4"], "divides by v, without the square root"),
    ({"place": "within"}, ["adam.4"], "eps is added within the root"),
    ({"place": "before"}, ["adam.3", "adam.7"],
     "eps is added before v is corrected, which makes it smaller (Keras)"),
    ({"decoupled": True}, ["adam.5"], "decoupled weight decay (AdamW)"),
    ({"swapped": True}, ["adam.1", "adam.2"], ""),
    ({"first": 2}, ["adam.3", "adam.7"], ""),
])
def test_wrong_adams_fail_at_their_equation_and_are_named(changes, broken, variant):
    report = check(adam_with(**changes), "adam")
    assert report.broken == broken and report.variant == variant, report


def cosine(t, total, cycles, lr0):
    c = -(-total // cycles)
    return lr0 / 2 * (math.cos(math.pi * ((t - 1) % c) / c) + 1)


def cosine_by_loops(t, total, cycles, lr0):
    place, c = 0, math.ceil(total / cycles)
    for _ in range(t - 1):
        place = 0 if place == c - 1 else place + 1
    return np.float64(lr0 * math.cos(math.pi * place / c / 2)**2)


def from_0(t, total, cycles, lr0):
    return cosine(t + 1, total, cycles, lr0)


def floor(t, total, cycles, lr0):
    c = total // cycles
    return lr0 / 2 * (math.cos(math.pi * ((t - 1) % c) / c) + 1)


def never(t, total, cycles, lr0):
    return cosine(t, total, 1, lr0)


def linear(t, total, cycles, lr0):
    c = -(-total // cycles)
    return lr0 * (1 - (t - 1) % c / c)


def official(t, total, cycles, lr0):
    c = total // cycles
    last = total - (cycles - 1) * c if t > (cycles - 1) * c else c
    return lr0 / 2 * (math.cos(math.pi * ((t - 1) % last + 1) / last) + 1)


@pytest.mark.parametrize("impl", [cosine, cosine_by_loops, md.cyclic_cosine])
def test_cyclic_rates_hold(impl):
    report = check(impl, "snapshot")
    assert report.holds, report
    assert [word for _, word, _ in report.equations()][:3] == ["holds"] * 3, report


@pytest.mark.parametrize("impl, broken, variant", [
    (from_0, ["snapshot.1"], "t counts from 0"),
    (floor, ["snapshot.1"], "a cycle has floor(T / M) iterations"),
    (never, ["snapshot.1"], "the rate never restarts"),
    (linear, ["snapshot.2", "snapshot.3"], ""),
    (official, ["snapshot.1"],
     "one iteration ahead, so that a cycle ends at 0 (the official code), and floor(T / M) "
     "iterations, and the last cycle the rest (the official code)"),
])
def test_wrong_rates_fail_at_their_equation_and_are_named(impl, broken, variant):
    report = check(impl, "snapshot")
    assert report.broken == broken and report.variant == variant, report


@pytest.mark.parametrize("what, impl", [
    ("steps", md.snapshot_steps), ("mean", md.average_probabilities), ("vote", md.majority_vote),
    ("steps", lambda total, cycles: [t for t in range(1, total + 1)
                                     if t % -(-total // cycles) == 0 or t == total]),
    ("mean", lambda probs: np.einsum("mnk->nk", probs) / np.float32(len(probs))),
    ("log mean", lambda probs: np.logaddexp.reduce(np.log(probs)) - np.log(len(probs))),
    ("vote", lambda probs: np.array([np.bincount(row).argmax() for row in probs.argmax(-1).T]))])
def test_the_other_functions_of_snapshot_ensembles_hold(what, impl):
    manners = {"dtype"} if what in ("mean", "log mean") else set()
    report = check(impl, "snapshot", what=what)
    assert {finding.check for finding in report.failures} <= manners, report


@pytest.mark.parametrize("what, impl, broken, variant", [
    ("steps", lambda total, cycles: [total // cycles * j for j in range(1, cycles + 1)],
     ["snapshot.4"], "a cycle has floor(T / M) iterations"),
    ("steps", lambda total, cycles: [*range(0, total, -(-total // cycles))], ["snapshot.4"], ""),
    ("mean", lambda probs: probs.sum(0), ["snapshot.5"],
     "the outputs are added, not averaged (the official code)"),
    ("mean", lambda probs: probs[-1], ["snapshot.5", "snapshot.7"], ""),
    ("log mean", lambda probs: np.log(probs).mean(0), ["snapshot.6"], ""),
    ("vote", lambda probs: probs.mean(0).argmax(-1), ["snapshot.8"], ""),
])
def test_wrong_ones_fail_at_their_equation(what, impl, broken, variant):
    report = check(impl, "snapshot", what=what)
    assert report.broken == broken and report.variant == variant, report


def test_the_smallest_input_is_told_with_the_numbers():
    finding = check(linear, "snapshot").failures[0]
    assert finding.input == "t = 2, total = 8, cycles = 2, lr = 0.1"
    assert finding.found == "0.075" and finding.due == "0.0853553"


def test_a_rate_that_is_no_number_gets_a_verdict():
    report = check(lambda t, total, cycles, lr0: None, "snapshot")
    assert not report.holds and report.failures[0].found == "a NoneType"
