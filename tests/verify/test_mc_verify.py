"""minidrop.verify of MC dropout: what is made of its passes, right, wrong, and named."""

import numpy as np
import pytest

from minidrop.verify import check
from minidrop.verify.field.wrappers_ours import mc_moments, mc_prediction

pytestmark = pytest.mark.slow


def entropy(p):
    return -(p * np.log(p + 1e-10)).sum(axis=-1)


def with_a_small_number_in_the_logarithm(probabilities):
    mean = np.mean(probabilities, axis=0)
    return mean, entropy(mean), entropy(mean) - entropy(probabilities).mean(axis=0)


def as_divergences_in_loops(probs):
    mean = sum(probs) / len(probs)
    entropies = np.array([-sum(k * np.log(k) for k in row if k > 0) + 0 * row[0] for row in mean])
    apart = [[sum(k * np.log(k / m) for k, m in zip(row, due, strict=True) if k > 0)
              for row, due in zip(p, mean, strict=True)] for p in probs]
    return mean, entropies, np.array(apart, probs.dtype).mean(0)


def in_bits(probs):
    mean, h, i = mc_prediction(probs)
    return mean, h / np.log(2), i / np.log(2)


def of_the_passes(probs):
    mean, h, i = mc_prediction(probs)
    return mean, h - i, i


def of_logits(probs):
    together = np.exp(np.log(np.maximum(probs, 1e-30)).mean(0))
    mean = together / together.sum(-1, keepdims=True)
    return mean, entropy(mean), entropy(mean) - entropy(probs).mean(0)


def without_the_entropy_within(probs):
    mean, h, _ = mc_prediction(probs)
    return mean, h, h


def nan_for_what_is_sure(probs):
    mean = probs.mean(0)
    h = -(mean * np.log(mean)).sum(-1)
    return mean, h, h + (probs * np.log(probs)).sum(-1).mean(0)


WRONG = [
    (in_bits, "34", "logarithms of base 2"),
    (of_the_passes, "3", "the mean of the entropies in place of the entropy of the mean"),
    (of_logits, "2", ""), (without_the_entropy_within, "4", ""), (nan_for_what_is_sure, "5", "")]
WRONG_MOMENTS = [
    (lambda y: (y.mean(0), y.var(0, ddof=1)), "7", "the variance of a sample, divided by T - 1"),
    (lambda y: (y.mean(0), y.std(0)), "7", "the deviation in place of the variance"),
    (lambda y: (np.median(y, 0), y.var(0)), "6", "")]


def test_ours_holds():
    report = check(mc_prediction, "mc")
    assert report.holds, report
    words = {tag: word for tag, word, _ in report.equations()}
    assert [words[f"mc.{tag}"] for tag in (2, 3, 4, 5)] == ["holds"] * 4
    report = check(mc_moments, "mc", what="moments")
    words = {tag: word for tag, word, _ in report.equations()}
    assert report.holds and words["mc.6"] == words["mc.7"] == "holds", report


@pytest.mark.parametrize("impl", [with_a_small_number_in_the_logarithm, as_divergences_in_loops])
def test_a_right_one_in_another_style_holds(impl):
    report = check(impl, "mc")
    assert report.holds, report


@pytest.mark.parametrize("impl, tags, variant", WRONG)
def test_a_wrong_one_fails_at_its_equations_and_is_named(impl, tags, variant):
    report = check(impl, "mc")
    assert report.broken == [f"mc.{tag}" for tag in tags], report
    assert report.variant == variant, report


@pytest.mark.parametrize("impl, tags, variant", WRONG_MOMENTS)
def test_a_wrong_moment_fails_at_its_equation_and_is_named(impl, tags, variant):
    report = check(impl, "mc", what="moments")
    assert report.broken == [f"mc.{tag}" for tag in tags], report
    assert report.variant == variant, report


def test_what_is_found_is_beside_what_is_due():
    finding = check(in_bits, "mc").failures[0]
    assert finding.input == "probs = [[[0.75, 0.25]]]"
    assert (finding.found, finding.due) == ("[0.811278]", "[0.562335]")
