"""How the mask of a linear layer's connections is read from its outputs.

A row of inputs is chosen so that every set of connections has a sum of its own: so one output shows
which of them were kept.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np

from ..box import Trouble, Unseen
from .reading import close

BASE = 5                                          # digits 0 and 1 stay apart if scaled by 2 or 4


class Seen(NamedTuple):
    """One call in training, with what it kept; `kept` is None where that cannot be read."""

    arrays: tuple
    answer: Any
    kept: Any                                     # (N, out, in)
    bias: Any                                     # (N, out)
    due: bool                                     # scaled, and with biases, as they should be


def run(box, x, w, b, p, training=True, noise=None, gradient=False):
    """One call; an answer of the shape (N, out), or Trouble."""
    w = w.T if (turned := box.options["weights"] == "(in, out)") else w
    if noise is not None:
        answer = box.apply(x, w, b, noise=noise, p=p, gradient=gradient, like=None)
    else:
        answer = (box.train if training else box.evaluate)(x, w, b, p=p, gradient=gradient,
                                                           like=None)
    if answer.y.shape != (len(x), len(b)):
        raise Trouble(f"an array of the shape {answer.y.shape}", f"{(len(x), len(b))}")
    if turned:
        answer.inputs[1] = answer.inputs[1].T
    return answer


def inputs(box, shape, dtype="float32"):
    """x, w and b by which a mask can be read: digits 0 and 1 of a number to the base 5."""
    n, out, n_in = shape
    size = (1.0 + np.arange(out) % 4) * np.where(np.arange(out) % 2, -1, 1)
    x = (1.0 + np.arange(n) % 4)[:, None] * float(BASE) ** np.arange(n_in)
    w = size[:, None] * np.ones(n_in) if box.takes("w") else np.eye(n_in)
    b = (size if box.takes("w") else np.ones(n_in)) / 4 * box.takes("b")
    return x.astype(dtype), w.astype(dtype), b.astype(dtype)


def scale(box, p):
    """By what the weights that are kept are multiplied."""
    if box.options["scaling"] == "none" or box.takes_noise and not (
            box.takes("p") or box.takes("keep")):
        return 1.0
    return 1 / (1 - p) if p < 1 else 1.0


def seen(box, shape, p, gradient=False):
    """One call in training on readable arrays.

    The mask is read from other forms too: from those that scale otherwise, or drop biases.
    """
    x, w, b = arrays = inputs(box, shape)
    noise = None
    if box.takes_noise:
        few = shape if box.options["per"] == "example" else shape[1:]
        noise = box.random.random(few) >= p
    answer = run(box, x, w, b, p, noise=noise, gradient=gradient)
    y, dropped = answer.y.astype(float), box.options["bias"] == "dropped"
    due = scale(box, p), dropped
    for form in (due, *itertools.product(dict.fromkeys([due[0], 1.0, 1 / (1 - p)]),
                                         (dropped, not dropped))):
        kept, bias = _read(y, x, w, b, *form) if box.takes("w") else _of_inputs(y, x, form[0])
        if kept is not None:
            told = noise is None or np.array_equal(kept, np.broadcast_to(noise, kept.shape))
            return Seen(arrays, answer, kept[:, :shape[1]], bias, form == due and told)
    return Seen(arrays, answer, None, None, False)


def _read(y, x, w, b, times, dropped):
    """(which connections, which biases) were kept, or (None, None)."""
    size, bias = w[:, 0], np.ones(y.shape, bool)
    if dropped:
        part = y / (times * size)
        bias = np.abs(part - np.floor(part) - 0.25) < 0.125
        number = (part - 0.25 * bias) / x[:, :1]
    else:
        number = (y - b) / (times * size * x[:, :1])
    digits = np.rint(number)[..., None] // BASE ** np.arange(w.shape[1]) % BASE
    whole = digits @ BASE ** np.arange(w.shape[1])
    if (np.abs(number - whole) < 0.05).all() and np.isin(digits, (0, 1)).all():
        return digits == 1, bias
    return None, None


def _of_inputs(y, x, times):
    """What it kept where it has no weights, so that they count as those of the identity."""
    kept = np.rint(y / (times * x))
    if close(y, times * x * kept).all() and np.isin(kept, (0, 1)).all():
        return np.repeat(kept[..., None] == 1, x.shape[1], 2), np.ones(y.shape, bool)
    return None, None


def kept(box, shape, p):
    """A mask that was read, (N, out, in)."""
    if (mask := seen(box, shape, p).kept) is None:
        raise Unseen("what comes out is no sum of weights, so the mask cannot be read from it")
    return mask


def extremes(box, x, w, b, s):
    """The least and the largest output of each unit over all masks."""
    parts = s * x[0] * w
    low, high = np.minimum(parts, 0).sum(1), np.maximum(parts, 0).sum(1)
    if box.options["bias"] == "dropped":
        return low + np.minimum(s * b, 0), high + np.maximum(s * b, 0)
    return low + b, high + b
