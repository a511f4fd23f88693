"""What techniques that mix two examples share: labels that name examples, and their checks.

Whatever mixes examples i and j is read from batches in which every example can be told from all
others: its label is a row of its own, and its pixels say whose they are.  `Mixed` is what was read
from one call.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from ..box import Trouble, Unseen
from ..technique import call, fails, held, shown

CLASSES = BATCH = 10                              # so that every example has a class of its own
CLOSE = 1e-5                                      # shares are near 1, in float32
EDGE = 1e-4                                       # weights nearer to 0 and 1 are not told apart
LONERS = 30                                       # of 4 random orders, more of i = j: below 1e-16
ALPHAS = 1.0, 0.2, 4.0

PARTNERS = {                                      # a variant's name: the option it changes
    "the partner is the flipped batch (timm)": {"partner": "flip"},
    "the partner is the neighbour in the batch (torchvision)": {"partner": "neighbour"},
    "partners are drawn with replacement": {"partner": "any"},
}
OPTIONS = {"partner": ("permutation", "flip", "neighbour", "any"),
           "input": ("untouched", "overwritten")}
OVERWRITTEN = {"the input is overwritten (timm, the official code)": {"input": "overwritten"}}


class Mixed(NamedTuple):
    """One call, read: of each example its own share, its partner, and the shares in its label."""

    own: np.ndarray                               # (N,) the share of example i in output i
    partner: np.ndarray                           # (N,) j, or -1 where none is seen
    labels: np.ndarray                            # (N, classes)


def one_hot(n):
    """Labels (n, CLASSES): example i has the class i, and begins again after the last."""
    return np.eye(CLASSES, dtype=np.float32)[np.arange(n) % CLASSES]


def mixed(box, *arrays, gradient=False, **parameters):
    """One call on (x, y, ...) that has to give images and labels of their shapes."""
    answer = box.train(*arrays, gradient=gradient, **parameters)
    if len(answer.outputs) < 2:
        raise Trouble("one array", "examples and labels")
    if answer.outputs[1].shape != arrays[1].shape:
        raise Trouble(f"labels of the shape {answer.outputs[1].shape}", f"{arrays[1].shape}")
    return answer


def answers(box, check, draws):
    """All `draws`; where one has no answer `check` has failed, and says it for those after it."""
    try:
        return [*draws]
    except Trouble:
        box.failed.add(check)
        raise


def label_check(box, draws, due):
    """Compare the labels of draws with due(read), for draws (input, read) from the smallest up."""
    count = 0
    for tried, read in draws:
        wanted = due(read)
        if not np.allclose(read.labels, wanted, atol=CLOSE):
            i = int(np.abs(read.labels - wanted).max(1).argmax())
            return fails(f"{tried}, example {i}",
                         f"own share {read.own[i]:.6g}, label {sparse(read.labels[i])}",
                         f"label {sparse(wanted[i])}")
        count += 1
    return held(f"{count} draws")


def sparse(row):
    """The entries of a row that are not 0: "0.75 of class 1, 0.25 of class 3"."""
    return ", ".join(f"{row[k]:.6g} of class {k}" for k in np.flatnonzero(np.abs(row) > 1e-7)) \
        or "nothing"


def partner_check(box, reads, tried):
    """Are the partners those of the option "partner"?  `reads` are of batches of BATCH examples."""
    rule, index = box.options["partner"], np.arange(BATCH)
    fixed = {"flip": [index[::-1]], "neighbour": [np.roll(index, 1), np.roll(index, -1)]}
    table, orders = np.zeros((BATCH, BATCH)), fixed.get(rule)
    for read in reads:
        seen = np.flatnonzero(read.partner >= 0)
        found = read.partner[seen]
        if orders is not None:
            orders = [order for order in orders if (found == order[seen]).all()]
            if not orders:
                return fails(tried, f"the partners of {seen.tolist()} are {found.tolist()}",
                             f"{fixed[rule][0][seen].tolist()}")
        elif rule == "permutation" and len(set(found)) < len(found):
            return fails(tried, f"the partners of {seen.tolist()} are {found.tolist()}",
                         "no example twice")
        np.add.at(table, (seen, found), 1)
    if orders is None:
        for i in index:                           # given that i meets another, all are alike
            others, draws = np.delete(table[i], i), int(table[i].sum())
            if draws and not box.chance.rate(others, draws, 1 / (BATCH - 1)).all():
                j = int(np.delete(index, i)[np.abs(others - draws / (BATCH - 1)).argmax()])
                return fails(f"{draws} calls", f"example {i} meets {j} in {int(table[i, j])}",
                             f"each other one in a share of 1/{BATCH - 1}")
    return held(f"{int(table.sum())} pairs in batches of {BATCH}")


def agree(box, values, test):
    """Does test(values) hold, leaving out at most LONERS of the values that are 1?

    An example that meets itself looks like one of weight 1, whatever its weight is.
    """
    values = np.sort(np.clip(values, EDGE, 1 - EDGE))
    ones = int((values == 1 - EDGE).sum())
    return any(test(values[:values.size - left]) for left in range(min(ones, LONERS) + 1))


def beta_cdf(x, alpha):
    """P(weight <= x) of Beta(alpha, alpha), for an array x.

    Quadrature in u = t^min(alpha, 1), where the density is smooth.

    >>> beta_cdf(np.array([0.0, 0.25, 1.0]), 1.0).round(12).tolist()
    [0.0, 0.25, 1.0]
    """
    x, power = np.clip(np.asarray(x, float), 0, 1), min(alpha, 1.0)
    top = np.minimum(x, 1 - x)[..., None]**power
    nodes, weights = _quadrature()
    u = top * (nodes + 1) / 2
    density = u**(alpha / power - 1) * (1 - u**(1 / power))**(alpha - 1) / power
    scale = math.exp(math.lgamma(2 * alpha) - 2 * math.lgamma(alpha))
    part = scale * top[..., 0] / 2 * (density @ weights)
    return np.where(x <= 0.5, part, 1 - part)


@functools.cache
def _quadrature():
    return np.polynomial.legendre.leggauss(48)


def readable(box, check, reason):
    """Unseen for `reason` where `check` has failed, so that nothing can be read."""
    if check in box.failed:
        raise Unseen(reason)


# --- manners --------------------------------------------------------------------------------------

def alpha_0_check(box, x):
    """Of alpha 0, for which the papers have no law, the input has to come out."""
    if box.choices("alpha", 0.0)[0] != 0:
        raise Unseen(f"it was made with alpha = {box.fixed['alpha']}")
    y = one_hot(len(x))
    for _ in range(4):
        try:
            answer = mixed(box, x, y, alpha=0.0)
        except Trouble as trouble:
            raise Unseen(f"alpha = 0 is not taken ({trouble.found})") from None
        swapped = "swapped" in (box.options.get("labels"), box.options.get("label"))
        for found, due in zip(answer.outputs, (x,) if swapped else (x, y), strict=False):
            if not np.array_equal(found, due):
                return fails(call(x, y, alpha=0.0), shown(found), shown(due))
    return held("4 calls")


def anew_check(box, x, alpha):
    """Not all calls are alike."""
    y = one_hot(len(x))
    outputs = [mixed(box, x, y, alpha=alpha).y for _ in range(32)]
    if all(np.array_equal(outputs[0], one) for one in outputs):
        return fails(f"32 calls on x {x.shape}, alpha = {alpha:g}", "the same every time",
                     "draws of their own")
    return held("32 calls")


def same_seed_check(box, x, alpha):
    """Seeded twice alike, the outputs are alike."""
    y, outputs = one_hot(len(x)), []
    for seed in (5, 5):
        box.restart(seed)
        outputs.append([mixed(box, x, y, alpha=alpha).outputs for _ in range(4)])
    if not all(np.array_equal(a, b) for one, other in zip(*outputs, strict=True)
               for a, b in zip(one, other, strict=True)):
        return fails(f"4 calls on x {x.shape}, alpha = {alpha:g}, seeded twice alike",
                     "other outputs", "the same outputs")
    return held("4 calls, seeded twice alike")


def input_check(box, x, *more, **parameters):
    """The arrays that went in are as they were, unless the option "input" says overwritten."""
    arrays = x, one_hot(len(x)), *more
    for _ in range(12):
        answer = mixed(box, *arrays, **parameters)
        if box.options["input"] == "overwritten":
            return held("not asked for")
        for name, before, after in zip(("x", "y", "cells", "order"), arrays, answer.inputs,
                                       strict=False):
            if not np.array_equal(before, after):
                return fails(f"x {x.shape}, {call(**parameters)}", f"{name} is written over",
                             f"{name} as it was")
    return held("12 calls")


def dtype_check(box, x, *more, **parameters):
    """Examples keep their floating type, and labels are floating."""
    for name in box.adapter.dtypes:
        answer = mixed(box, x.astype(name), one_hot(len(x)), *more, **parameters)
        if answer.y.dtype != name:
            return fails(f"x of {name}", str(answer.y.dtype), name)
        if answer.outputs[1].dtype.kind != "f":
            return fails(f"x of {name}, y of float32", f"labels of {answer.outputs[1].dtype}",
                         "floating labels")
    return held(", ".join(box.adapter.dtypes))
