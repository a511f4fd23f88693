"""minidrop.verify of hard concrete gates: right ones hold, wrong ones fail, variants are named."""

import numpy as np
import pytest

from minidrop.verify import check
from minidrop.weights.l0 import hard_concrete, hard_concrete_noise, hard_concrete_nonzero
from tests.verify import right_weights, wrong_gates
from tests.verify.gallery import SEEDS

pytestmark = pytest.mark.slow

RIGHT = [entry for entry in right_weights.right if entry.technique == "l0"]
WRONG = [entry for entry in wrong_gates.wrong if entry.technique == "l0"]
VARIANTS = {"gate without the stretch": "no stretch, so that a gate is never exactly 0",
            "gate without the cut": "stretched and not cut off",
            "temperature in evaluation": "the temperature divides in evaluation too"}


def drawn(log_alpha, seed):
    return hard_concrete(hard_concrete_noise(seed, log_alpha.shape), log_alpha)


def of_no_temperature(log_alpha, rng):
    odds = rng.random(log_alpha.shape) ** -1 - 1
    return np.clip(1.2 / (1 + odds * np.exp(-log_alpha)) - 0.1, 0, 1).astype(log_alpha.dtype)


def a_quarter_as_before(log_alpha, rng):
    u = rng.random(log_alpha.shape)
    u[:u.size // 4] = np.random.default_rng(0).random(u.size // 4)
    z = 1.2 / (1 + (np.exp(-log_alpha) * (1 / u - 1)) ** 1.5) - 0.1
    return np.clip(z, 0, 1).astype(log_alpha.dtype)


def test_ours_holds_with_its_gradient():
    report = check(hard_concrete, "l0")
    assert report.holds, report
    words = {tag: word for tag, word, _ in report.equations()}
    assert [words[f"l0.{tag}"] for tag in (1, 2, 9)] == ["holds"] * 3
    assert check(hard_concrete_nonzero, "l0", what="open").holds


def test_drawn_gates_hold_for_many_seeds():
    for seed in range(SEEDS):
        report = check(drawn, "l0", framework="minidrop", seed=seed)
        assert report.holds and 0 < report.alarm < 1e-6, report


@pytest.mark.parametrize("entry", RIGHT, ids=lambda entry: entry.name)
def test_a_right_one_in_another_style_holds(entry):
    report = check(entry.impl, "l0")
    assert report.holds, report


@pytest.mark.parametrize("entry", WRONG, ids=lambda entry: entry.name)
def test_a_wrong_one_fails_at_its_equation_and_is_named(entry):
    report = check(entry.impl, "l0")
    assert set(entry.tags) & set(report.broken), report
    assert report.variant == VARIANTS.get(entry.name, ""), report


def test_a_temperature_that_is_ignored_is_seen_in_the_distribution():
    report = check(of_no_temperature, "l0")
    assert report.broken == ["l0.3", "l0.4", "l0.5"], report
    assert report.variant == "the temperature is ignored", report


def test_a_quarter_of_the_gates_that_is_not_drawn_anew_is_seen():
    report = check(a_quarter_as_before, "l0")
    assert [one.check for one in report.failures] == ["anew"], report
