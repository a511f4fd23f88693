"""CutMix as a black box: what is right holds in every style, what is wrong fails where it is."""

import numpy as np
import pytest

import minidrop as md
from minidrop.verify import check
from minidrop.verify.checks.boxes import law_of, mean_share
from tests.verify.gallery import SEEDS
from tests.verify.right_inputs import right
from tests.verify.wrong_mixes import pasted, wrong

pytestmark = pytest.mark.slow

RIGHT = [entry.impl for entry in right if entry.technique == "cutmix"]
WRONG = {entry.name: entry.impl for entry in wrong if entry.technique == "cutmix"}


def a_box_for_each(x, y, alpha, rng):
    """Partners by a permutation, boxes one by one."""
    images, labels, order = x.copy(), y.copy(), rng.permutation(len(x))
    for i, j in enumerate(order):
        weight = rng.beta(alpha, alpha) if alpha else 1.0
        center = int(rng.integers(x.shape[2])), int(rng.integers(x.shape[3]))
        top, bottom, left, right_ = md.cutmix_box(weight, center, *x.shape[2:])
        images[i, :, top:bottom, left:right_] = x[j, :, top:bottom, left:right_]
        share = 1 - (bottom - top) * (right_ - left) / (x.shape[2] * x.shape[3])
        labels[i] = share * y[i] + (1 - share) * y[j]
    return images, labels


def odd(x, y, alpha, rng):
    """The odd sides of timm."""
    def sides(weight, row, column, height, width):
        h, w = int(height * np.sqrt(1 - weight)), int(width * np.sqrt(1 - weight))
        return (max(row - h // 2, 0), min(row + (h + 1) // 2, height),
                max(column - w // 2, 0), min(column + (w + 1) // 2, width))

    return pasted(x, y, alpha, rng, sides)


def unmixed(x, y, alpha, rng):
    return pasted(x, y, alpha, rng)[0], y


def test_minidrops_own_holds():
    report = check(md.CutMix(alpha=1.0), "cutmix", fixed={"alpha": 1.0})
    assert report.holds and 0 < report.alarm < 1e-6, report


@pytest.mark.parametrize("impl, options", [
    *((impl, {}) for impl in RIGHT), (odd, {"sides": "odd"}), (a_box_for_each, {"per": "example"})])
def test_right_ones_hold_for_many_seeds(impl, options):
    for seed in range(SEEDS):
        report = check(impl, "cutmix", seed=seed, **options)
        assert report.holds and report.alarm < 1e-6, report


@pytest.mark.parametrize("impl, broken, variant", [
    (WRONG["label not recounted"], [6], "label weight is the weight drawn, not recounted"),
    (WRONG["height and width exchanged"], [3], "height and width exchanged"),
    (odd, [3], "odd sides are kept (timm)"), (unmixed, [7], "labels are not mixed"),
    (a_box_for_each, [2], "a box for each example (Keras)"),
    (WRONG["side without the root"], [1, 3], ""), (WRONG["weight of one half"], [1, 3], ""),
    (WRONG["centres in the middle"], [2, 4], ""), (WRONG["box always inside"], [4], ""),
    (WRONG["only the first channel"], [5], ""),
    (lambda x, y, alpha, rng: pasted(x, y, alpha, rng)[0], [1, 5], ""),
])
def test_a_wrong_one_fails_at_its_equation_and_is_named(impl, broken, variant):
    report = check(impl, "cutmix", seconds=60)
    assert report.broken == [f"cutmix.{k}" for k in broken], report
    assert report.variant == variant, report


@pytest.mark.parametrize("shape, alpha", [((4, 6), 1.0), ((5, 7), 0.5)])
def test_the_law_of_the_boxes_is_that_of_many_draws(shape, alpha):
    """6 standard errors of 20,000 draws, for each of the boxes."""
    law, rng, n = law_of(shape, alpha, "half"), np.random.default_rng(0), 20_000
    counts = dict.fromkeys(law, 0)
    for weight in rng.beta(alpha, alpha, n):
        center = int(rng.integers(shape[0])), int(rng.integers(shape[1]))
        box = md.cutmix_box(weight, center, *shape)
        counts[box if box[0] < box[1] and box[2] < box[3] else (0, 0, 0, 0)] += 1
    for box, p in law.items():
        assert abs(counts[box] / n - p) <= 6 * (p / n)**0.5 + 1e-5, box
    assert abs(sum(law.values()) - 1) < 3e-3


def test_the_mean_share_nears_the_integral_of_large_images():
    assert abs(mean_share((32, 32), 1.0, "half") - 0.2993) < 5e-5
    assert abs(mean_share((32, 32), 1.0, "inside") - 1 / 2) < 0.02
