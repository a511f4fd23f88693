"""minidrop.verify of multi-sample dropout, its masks given: right ones hold, wrong ones are named.
"""

import numpy as np
import pytest

import minidrop as md
from minidrop.functional import cross_entropy
from minidrop.tape import data_of
from minidrop.verify import check
from minidrop.verify.field.wrappers_ours import multi_sample

pytestmark = pytest.mark.slow


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def by_einsum(features, weight, bias, labels, masks, p):
    z = np.einsum("mnd,nd,kd->mnk", masks, features, weight) / (1 - p) + bias
    return -np.log(softmax(z)[:, np.arange(len(labels)), labels]).mean()


def in_loops(x, w, b, targets, masks, keep):
    total = 0.0
    for mask in masks:
        for row, kept, k in zip(x, mask, targets, strict=True):
            z = w @ np.where(kept, row / keep, 0) + b
            total += np.log(np.exp(z).sum()) - z[k]
    return float(total) / masks.shape[0] / len(x)


def gradients(h, w, b, y, masks, p):
    m, n = masks.shape[:2]
    samples = masks * h / (1 - p)
    delta = (softmax(samples @ w.T + b) - np.eye(len(w))[y]) / n
    return ((masks / (1 - p) * (delta @ w)).mean(0), np.einsum("mnk,mnd->kd", delta, samples) / m,
            delta.mean(0).sum(0))


def each(h, w, b, masks, scale):
    return [(h * (mask * scale)) @ w.T + b for mask in masks]


def of_the_mean_logits(h, w, b, y, masks, p):
    return md.multi_sample_loss(lambda x: x @ w.T + b, h, y, masks, p, reduce="logits")


def summed(h, w, b, y, masks, p):
    return len(masks) * multi_sample(h, w, b, y, masks, p)


def not_scaled(h, w, b, y, masks, p):
    return sum(cross_entropy(z, y) for z in each(h, w, b, masks, 1.0)) / len(masks)


def one_mask(h, w, b, y, masks, p):
    return multi_sample(h, w, b, y, masks[:1], p)


def of_inputs_by_outputs(h, w, b, y, masks, p):
    return multi_sample(h, w.T, b, y, masks, p)


def of_the_first_example(h, w, b, y, masks, p):
    return multi_sample(h, w, b, y, np.repeat(masks[:, :1], len(h), 1), p)


def of_the_best_sample(h, w, b, y, masks, p):
    return np.array(min(float(multi_sample(h, w, b, y, mask[None], p)) for mask in masks))


def divided_twice(h, w, b, y, masks, p):
    return multi_sample(h, w, b, y, masks, p) / len(masks)


def with_the_gradient_of_the_first_sample(h, w, b, y, masks, p):
    first = one_mask(h, w, b, y, masks, p)
    return first + data_of(multi_sample(h, w, b, y, masks, p)) - data_of(first)


WRONG = [(of_the_mean_logits, "4 5", "the loss of the mean logits"),
         (summed, "4 5", "the losses are summed, not averaged"),
         (not_scaled, "2 3", "what is kept is not scaled by 1/q"),
         (one_mask, "2 5", "one mask for all samples"),
         (of_the_first_example, "2 3 5", ""), (of_the_best_sample, "4 5 9", ""),
         (divided_twice, "4 5 9", ""), (with_the_gradient_of_the_first_sample, "6 10", "")]


def words(impl, **settings):
    """{number of an equation: its word} of an implementation that holds."""
    report = check(impl, "multi_sample", **settings)
    assert report.holds, report
    return {int(tag.rpartition(".")[2]): word for tag, word, _ in report.equations()}


def holding(found):
    return [tag for tag, word in found.items() if word == "holds"]


def test_ours_holds_with_its_gradients_and_their_spread():
    assert holding(words(multi_sample, framework="minidrop")) == [2, 3, 4, 5, 6, 7, 9, 10]
    found = words(of_the_mean_logits, framework="minidrop", reduce="logits")
    assert holding(found) == [2, 3, 8, 9, 10]


@pytest.mark.parametrize("impl", [by_einsum, in_loops])
def test_a_right_one_in_another_style_holds(impl):
    assert holding(words(impl)) == [2, 3, 4, 5, 9]


def test_gradients_written_by_hand_hold_and_a_wrong_one_does_not():
    assert holding(words(gradients, what="gradients")) == [6, 10]
    report = check(lambda h, w, b, y, masks, p: (gradients(h, w, b, y, masks[:1], p)),
                   "multi_sample", what="gradients")
    assert report.broken == ["multi_sample.6", "multi_sample.10"], report
    assert report.variant == "one mask for all samples", report


@pytest.mark.parametrize("impl, tags, variant", WRONG)
def test_a_wrong_one_fails_at_its_equations_and_is_named(impl, tags, variant):
    report = check(impl, "multi_sample", framework="minidrop")
    assert report.broken == [f"multi_sample.{tag}" for tag in tags.split()], report
    explained = report.variant.partition(" (which does not explain ")
    assert variant == ("" if explained[1] else explained[0]), report


def test_weights_in_the_other_order_are_named():
    report = check(of_inputs_by_outputs, "multi_sample", framework="minidrop")
    assert report.variant == "weights are (in, out)", report


def test_the_numbers_of_the_smallest_case():
    finding = check(of_the_mean_logits, "multi_sample", framework="minidrop").failures[0]
    assert finding.input.startswith("h = [[2, 1]], w = [[1, 0], [0, 1]], b = [0, 0]")
    assert (finding.found[:7], finding.due[:7]) == ("0.04858", "0.07253")
