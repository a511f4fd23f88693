"""Attentive CutMix as a black box: cells and partners are handed over, so all is exact."""

import numpy as np
import pytest

import minidrop as md
from minidrop.verify import check
from tests.verify.gallery import SEEDS

pytestmark = pytest.mark.slow


def mask_of(cells, x):
    rows, columns = x.shape[2] // cells.shape[1], x.shape[3] // cells.shape[2]
    return cells.repeat(rows, 1).repeat(columns, 2)[:, None]


def mix(share, y, order):
    share = share.astype(y.dtype)[:, None]
    return share * y + (1 - share) * y[order]


def by_loops(x, y, cells, order):
    n, h, w = cells.shape
    images, labels = x[order], y.copy()
    tall, wide = x.shape[2] // h, x.shape[3] // w
    for i, row, column in np.argwhere(cells):
        at = slice(row * tall, (row + 1) * tall), slice(column * wide, (column + 1) * wide)
        images[i, :, *at] = x[i, :, *at]
    for i in range(n):
        share = cells[i].sum() / (h * w)
        labels[i] = share * y[i] + (1 - share) * y[order[i]]
    return images, labels


def from_the_partner(x, y, cells, order):
    return (np.where(mask_of(cells[order], x), x[order], x),
            mix(1 - cells[order].mean((1, 2)), y, order))


def holes(x, y, cells, order):
    return np.where(mask_of(cells, x), x[order], x), mix(1 - cells.mean((1, 2)), y, order)


def unmixed(x, y, cells, order):
    return md.attentive_cutmix(x, y, cells, order)[0], y


def swapped(x, y, cells, order):
    return (md.attentive_cutmix(x, y, cells, order)[0],
            md.attentive_cutmix(x, y, ~cells, order)[1])


def one_share(x, y, cells, order):
    """Of the first image's cells, as all have as many."""
    share = np.broadcast_to(cells[:1].mean((1, 2)), len(x))
    return md.attentive_cutmix(x, y, cells, order)[0], mix(share, y, order)


def turned(x, y, cells, order):
    n, h, w = cells.shape
    other = cells.transpose(0, 2, 1).reshape(n, h, w)
    return md.attentive_cutmix(x, y, other, order)


def first_channel(x, y, cells, order):
    images, labels = md.attentive_cutmix(x, y, cells, order)
    images[:, 1:] = x[:, 1:]
    return images, labels


def elsewhere(x, y, cells, order):
    """Each image's cells into the next one's place in the order."""
    return (md.attentive_cutmix(x, y, cells, order)[0],
            md.attentive_cutmix(x, y, cells, np.roll(order, 1))[1])


def halves(x, y, cells, order):
    return md.attentive_cutmix(x, y, cells, order)[0], mix(np.full(len(x), 0.5), y, order)


@pytest.mark.parametrize("impl", [md.attentive_cutmix, by_loops, one_share])
def test_right_ones_hold_and_what_chose_the_cells_is_not_seen(impl):
    report = check(impl, "attentive_cutmix")
    assert report.holds, report
    assert [word for _, word, _ in report.equations()] == ["cannot be seen"] * 2 + ["holds"] * 3


def test_the_partner_may_be_the_one_who_gives():
    report = check(from_the_partner, "attentive_cutmix", giver="partner")
    assert report.holds, report


@pytest.mark.parametrize("impl", [md.attentive_cutmix, by_loops])
def test_right_ones_hold_for_many_seeds(impl):
    assert all(check(impl, "attentive_cutmix", seed=seed).holds for seed in range(SEEDS))


@pytest.mark.parametrize("impl, broken, variant", [
    (from_the_partner, [3, 5], "the partner's cells are pasted into the example"),
    (holes, [3, 5], "the partner's pixels go where the example's cells are"),
    (unmixed, [5], "labels are not mixed"),
    (swapped, [5], "labels take the share of the other image"),
    (halves, [4], ""), (turned, [3], ""), (first_channel, [3], ""), (elsewhere, [5], ""),
])
def test_a_wrong_one_fails_at_its_equation_and_is_named(impl, broken, variant):
    report = check(impl, "attentive_cutmix")
    assert report.broken == [f"attentive_cutmix.{k}" for k in broken], report
    assert report.variant == variant, report
