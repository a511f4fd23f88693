"""What Attentive CutMix is held to, with the cells and the partners handed over: no noise at all.

`giver` says whose pixels go where: "example" is the docstring's x[i] within its cells and
x[order[i]] elsewhere, "partner" the same with both exchanged: the cells of order[i], pasted from it
into x[i].
"""

import numpy as np

from ..checks import mixing
from ..checks.boxes import coded, origins
from ..checks.mixing import CLOSE, mixed, one_hot, sparse
from ..technique import Technique, call, fails, held, shown, states


def inputs(box):
    """(x, y, cells, order) from the smallest up; all of an image's cells, none, and in between."""
    for cells, shape in (((2, 1, 2), (2, 1, 1, 2)), ((2, 1, 2), (2, 1, 2, 4)),
                         ((4, 2, 3), (4, 2, 4, 3)), ((6, 7, 7), (6, 3, 14, 21))):
        n, rows, columns = cells
        x, orders = coded(shape), [np.arange(n)[::-1].copy(), np.roll(np.arange(n), 1)]
        for order in (*orders, box.random.permutation(n)):
            for count in sorted({0, 1, rows * columns // 2, rows * columns}):
                chosen = np.argsort(box.random.random((n, rows * columns)), 1) < count
                yield x, one_hot(n), chosen.reshape(cells), order


def due(box, x, cells, order):
    """(whose pixel is due where (N, H, W), the share (N,) of label i's own in the output)."""
    rows, columns = x.shape[2] // cells.shape[1], x.shape[3] // cells.shape[2]
    share, index = cells.mean((1, 2)), np.arange(len(x)).reshape(-1, 1, 1)
    giver = box.options["giver"]
    if giver == "partner":
        cells, share = ~cells[order], 1 - share[order]
    elif giver == "holes":
        cells, share = ~cells, 1 - share
    inside = cells.repeat(rows, 1).repeat(columns, 2)
    return np.where(inside, index, order.reshape(-1, 1, 1)), share


def calls(box):
    """(how the input is named, x, cells, order, the answer) from the smallest up."""
    for x, y, cells, order in inputs(box):
        tried = f"coded x {x.shape}, cells = {shown(cells, 12)}, order = {shown(order)}"
        yield tried, x, cells, order, mixed(box, x, y, cells, order)


@states("attentive_cutmix.3")
def paste(box):
    """The cells of an image are pasted into its partner, where they were."""
    count = 0
    for tried, x, cells, order, answer in calls(box):
        whose, wanted = origins(x, answer.y), due(box, x, cells, order)[0]
        for i in range(len(x)):
            if (whose[i] != wanted[i]).any():
                channel = int((whose[i] != wanted[i]).any((1, 2)).argmax())
                return fails(f"{tried}, image {i}, channel {channel}",
                             f"its pixels are those of {shown(whose[i, channel], 36)} (-1 is "
                             "nobody)", shown(wanted[i], 36))
        count += 1
    return held(f"{count} inputs, x up to {x.shape}, cells up to {cells.shape}")


@states("attentive_cutmix.4")
def share(box):
    """The share of an image's label is that of its cells."""
    mixing.readable(box, "labels", "the labels are not mixed so")
    return _labels(box, lambda found, wanted, i, j: abs(found[i] - wanted[i]) < CLOSE)


@states("attentive_cutmix.5")
def labels(box):
    """Labels are mixed with those of the partners, with the same share for all."""
    def right(found, wanted, i, j):
        rest = np.delete(found, [i, j])
        exchanged = abs(found[i] - wanted[j]) < CLOSE < abs(found[i] - wanted[i])
        kept = found[i] == 1 != wanted[i]
        mixed_up = rest.any() or exchanged or kept
        return abs(found[i] + found[j] - 1) < CLOSE and not mixed_up

    return _labels(box, right)


def _labels(box, right):
    """Hold the label of every image that meets another against right(found, due, i, j)."""
    count = 0
    for tried, x, cells, order, answer in calls(box):
        own, eye = due(box, x, cells, order)[1], one_hot(len(x))
        kind = box.options["labels"]
        own = {"kept": np.ones_like(own), "swapped": 1 - own}.get(kind, own)
        wanted = own[:, None] * eye + (1 - own[:, None]) * eye[order]
        for i in np.flatnonzero(order != np.arange(len(x))):
            if not right(answer.outputs[1][i], wanted[i], i, order[i]):
                return fails(f"{tried}, image {i}", sparse(answer.outputs[1][i]),
                             sparse(wanted[i]))
            count += 1
    return held(f"{count} labels")


@states()
def alone(box):
    """An image that meets itself stays as it is."""
    x, y = coded((3, 2, 4, 4)), one_hot(3)
    cells, order = box.random.random((3, 2, 2)) < 0.5, np.arange(3)
    for found, wanted in zip(mixed(box, x, y, cells, order).outputs, (x, y), strict=False):
        if not np.allclose(found, wanted, atol=CLOSE):
            return fails(f"coded x {x.shape}, order = [0, 1, 2]", shown(found), shown(wanted))
    return held("order = [0, 1, 2]")


@states()
def repeated(box):
    """Nothing is random."""
    for x, y, cells, order in inputs(box):
        one, two = (mixed(box, x, y, cells, order).outputs for _ in range(2))
        if not all(np.array_equal(a, b) for a, b in zip(one, two, strict=True)):
            return fails(call(x, y) + ", twice", "other outputs", "the same outputs")
    return held("every input twice")


@states()
def input_untouched(box):
    """The input is not written over."""
    *_, (x, _, cells, order) = inputs(box)
    cells = box.random.random(cells.shape) < 0.5
    return mixing.input_check(box, x, cells, order[::-1].copy())


@states()
def dtype(box):
    """The floating type stays what it is."""
    x, _, cells, order = next(iter(inputs(box)))
    return mixing.dtype_check(box, x, cells, order)


TECHNIQUE = Technique(
    "attentive_cutmix", arrays=("x", "y", "cells", "order"), parameters=(),
    checks=(paste, labels, share, alone, repeated, input_untouched, dtype),
    options={"giver": ("example", "partner", "holes"), "labels": ("mixed", "kept", "swapped"),
             "input": ("untouched", "overwritten")},
    variants={
        "the partner's cells are pasted into the example": {"giver": "partner"},
        "the partner's pixels go where the example's cells are": {"giver": "holes"},
        "labels are not mixed": {"labels": "kept"},
        "labels take the share of the other image": {"labels": "swapped"},
        **mixing.OVERWRITTEN,
    },
    unseen={"attentive_cutmix.1": "the cells are handed over, whatever chose them",
            "attentive_cutmix.2": "the cells are handed over, whatever chose them"})
