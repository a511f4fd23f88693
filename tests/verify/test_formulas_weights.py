"""Rules on weights: right ones of any style hold, wrong ones fail at their equation."""

import math

import numpy as np
import pytest

import minidrop as md
from minidrop.verify import check
from tests.verify import gallery
from tests.verify.right import RIGHT
from tests.verify.wrong import WRONG

pytestmark = pytest.mark.slow

HERE = "max_norm", "pruning"


def of_gallery(entries):
    return [pytest.param(entry, id=f"{entry.technique}: {entry.name}") for entry in entries
            if entry.technique in HERE]


@pytest.mark.parametrize("entry", of_gallery(RIGHT))
def test_all_that_is_right_holds(entry: gallery.Right):
    report = check(entry.impl, entry.technique, **entry.options)
    assert report.holds, report


@pytest.mark.parametrize("entry", of_gallery(WRONG))
def test_all_that_is_wrong_fails_at_its_equation(entry: gallery.Wrong):
    report = check(entry.impl, entry.technique, **entry.options)
    assert set(report.broken) & set(entry.tags), report


def lengths(w, axis=None):
    axis = tuple(range(1, w.ndim)) if axis is None else axis
    return np.sqrt((w * w).sum(axis, keepdims=True))


def keras_max_norm(w, max_value):
    sizes = lengths(w)
    return w * (np.clip(sizes, 0, max_value) / (1e-7 + sizes)).astype(w.dtype)


def einsum_max_norm(w, c):
    flat = w.reshape(len(w), -1)
    squares = np.einsum("oi,oi->o", flat, flat)
    return (flat / np.maximum(1, np.sqrt(squares) / c)[:, None].astype(w.dtype)).reshape(w.shape)


def in_place(w, limit):
    w *= np.minimum(1, limit / np.maximum(lengths(w), 1e-30)).astype(w.dtype)
    return w


@pytest.mark.parametrize("impl", [keras_max_norm, einsum_max_norm, in_place, md.max_norm])
def test_max_norms_hold(impl):
    report = check(impl, "max_norm")
    assert report.holds and {word for _, word, _ in report.equations()} == {"holds"}, report


def short_of_the_limit(w, limit):
    return w * np.minimum(1, 0.99 * limit / np.maximum(lengths(w), 1e-30)).astype(w.dtype)


def shrinking(w, limit):
    return w * (0.999 * np.minimum(1, limit / np.maximum(lengths(w), 1e-30))).astype(w.dtype)


def zeros_lost(w, limit):
    return (w / lengths(w) * np.minimum(lengths(w), limit)).astype(w.dtype)


BOTH = ["max_norm.1", "max_norm.2"]


@pytest.mark.parametrize("impl, broken, variant", [
    (lambda w, limit: w * np.minimum(1, limit / np.maximum(lengths(w, 0), 1e-30)).astype(w.dtype),
     BOTH, "norm over the other axis, the weights that leave a unit"),
    (lambda w, limit: w * (limit / np.maximum(lengths(w), 1e-30)).astype(w.dtype), BOTH,
     "every row is scaled to the limit"),
    (lambda w, limit: w * np.sqrt(np.minimum(1, limit / np.maximum(lengths(w), 1e-30)**2)).astype(
        w.dtype), BOTH, "bounds the squared length"),
    (lambda w, limit: w * np.minimum(1, limit / np.maximum(lengths(w, -1), 1e-30)).astype(w.dtype),
     BOTH, "norm over the last axis alone, so that the rows of a filter count one by one"),
    (lambda w, limit: w * w.dtype.type(min(1, limit / np.linalg.norm(w))), BOTH,
     "one norm for the whole matrix"),
    (lambda w, limit: np.clip(w, -limit, limit), BOTH, "entries are clipped"),
    (short_of_the_limit, BOTH, ""), (shrinking, BOTH, ""), (zeros_lost, ["max_norm.1"], ""),
    (lambda w, limit: w * 1, BOTH, ""),
])
def test_wrong_max_norms_fail_at_their_equation_and_are_named(impl, broken, variant):
    report = check(impl, "max_norm")
    assert report.broken == broken and report.variant == variant, report


def test_what_changes_again_fails_there_too():
    def moved(w, limit):
        once = np.minimum(1, limit / np.maximum(lengths(w), 1e-30))
        twice = np.isclose(lengths(w), limit, rtol=1e-4)           # it is there already
        return (w * np.where(twice, 0.5, once)).astype(w.dtype)

    assert check(moved, "max_norm").broken == ["max_norm.3"]


def order(sizes):
    return np.argsort(sizes, kind="stable")


def mask_with(count=lambda s, n: math.floor(s * n + 1e-9), largest=False, layer=False,
              size=lambda rows: np.sqrt((rows * rows).sum(1)), sign=False):
    def row(sizes, sparsity):
        keep = np.ones(len(sizes), bool)
        places = order(-sizes if largest else sizes)
        keep[places[:count(sparsity, len(sizes))]] = False
        return keep

    def mask(w, sparsity, unit):
        rows = w.reshape(len(w), -1)
        if unit:
            return row(size(rows), sparsity)
        rows = rows if sign else np.abs(rows)
        rows = rows.reshape(1, -1) if layer else rows
        return np.stack([row(one, sparsity) for one in rows]).reshape(w.shape)

    return mask


def of_rows(w, sparsity):
    k = math.floor(sparsity * w[0].size + 1e-9)
    rows = np.abs(w.reshape(len(w), -1))
    gone = np.argpartition(rows, k - 1, axis=1)[:, :k] if k else np.zeros((len(w), 0), int)
    mask = np.ones(rows.shape, w.dtype)
    np.put_along_axis(mask, gone, 0, axis=1)
    return mask.reshape(w.shape)


def pruned_weights(w, amount):
    return w * of_rows(w, amount)


def rows_of_weights(w, sparsity):
    keep = mask_with()(w, sparsity, True)
    return w * keep.reshape(-1, *[1] * (w.ndim - 1))


def last_of_equal_ones(w, sparsity, unit):
    rows = w.reshape(len(w), -1)[::-1, ::-1]
    mask = mask_with()(rows, sparsity, unit)
    return mask[::-1] if unit else mask[::-1, ::-1].reshape(w.shape)


@pytest.mark.parametrize("impl, form", [
    (mask_with(), {}), (md.magnitude_mask, {}), (of_rows, {}), (pruned_weights, {}),
    (rows_of_weights, {"of": "units"}), (last_of_equal_ones, {})])
@pytest.mark.parametrize("seed", [0, 1])
def test_pruning_holds(impl, form, seed):
    assert check(impl, "pruning", seed=seed, **form).holds


def threshold(w, sparsity, unit):
    """As the official code of targeted dropout prunes: what is at least as large as one entry."""
    rows = w.reshape(len(w), -1)
    sizes = np.sqrt((rows * rows).sum(1))[None] if unit else np.abs(rows)
    k = int(sparsity * sizes.shape[1])
    if k == sizes.shape[1]:
        keep = np.zeros(sizes.shape, bool)
    else:
        keep = sizes >= np.sort(sizes, axis=1)[:, k:k + 1]
    return keep[0] if unit else keep.reshape(w.shape)


ALL = ["pruning.1", "pruning.2"]


@pytest.mark.parametrize("impl, broken, variant", [
    (mask_with(count=lambda s, n: round(s * n)), [*ALL, "pruning.3"], "rounds in place of floor"),
    (mask_with(count=lambda s, n: int(s * n)), ["pruning.3"],
     "int(s n), where 0.29 of 100 is 28"),
    (mask_with(largest=True), [*ALL, "pruning.5"], "the largest are removed"),
    (mask_with(layer=True), ["pruning.1"], "one threshold for the whole layer"),
    (threshold, ["pruning.3"],
     "strict threshold: fewer where equal, and int(s n), where 0.29 of 100 is 28"),
    (mask_with(size=lambda rows: np.abs(rows).sum(1)), ["pruning.2"], ""),
    (mask_with(sign=True), ["pruning.1", "pruning.5"], ""),
    (lambda w, sparsity, unit: ~mask_with()(w, sparsity, unit), [*ALL, "pruning.3", "pruning.4",
                                                                 "pruning.5"], ""),
])
def test_wrong_pruning_fails_at_its_equation_and_is_named(impl, broken, variant):
    report = check(impl, "pruning")
    assert report.broken == broken and report.variant == variant, report


def test_a_mask_of_another_shape_or_other_numbers_fails():
    assert check(lambda w, sparsity: np.ones(3), "pruning").failures[0].due == "(1, 2)"
    report = check(lambda w, sparsity: w / 2, "pruning")
    assert report.failures[0].due == "a mask, or weights that are 0 or as they were"
