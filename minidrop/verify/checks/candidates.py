"""Which weights targeted dropout may drop, in its forms, and how an implementation is called."""

import math

import numpy as np

from ..box import Unseen


def run(box, w, gamma, alpha, unit, training=True, gradient=False):
    """One call; alpha is what drops."""
    given = {"gamma": gamma, "alpha": 1 - alpha if box.options["alpha"] == "keeps" else alpha}
    given |= {"unit": unit} if box.takes("unit") else {}
    exchanged = box.options["modes"] == "exchanged"
    if exchanged and not box.has_evaluation():
        raise Unseen("it has no evaluation mode")
    call = box.train if training != exchanged else box.evaluate
    return call(w, gradient=gradient, **given)


def forms(box):
    """False for single weights, True for units: those that it can be asked for."""
    if box.takes_noise:
        raise Unseen("the mask is given to it, so nothing is drawn")
    return box.choices("unit", False, True) if box.takes("unit") else (
        box.options["of"] == "units",)


def weights(box, shape):
    """Weights in random order, no two of one size, and no two rows or columns of one norm."""
    while True:
        sizes = (1 + box.random.permutation(int(np.prod(shape)))).reshape(shape)
        sums = [np.moveaxis(sizes**2, axis, 0).reshape(n, -1).sum(1)
                for axis, n in enumerate(shape[:2])]
        if all(len(np.unique(of)) == len(of) for of in sums):
            signs = np.where(box.random.random(shape) < 0.5, -1, 1)
            return (sizes * signs).astype("float32") / 8


def candidates(w, gamma, unit, options):
    """Which weights may be dropped in a form, where no two are of one size: boolean, as w."""
    rows = np.abs(w.reshape(len(w), -1).astype(float))
    if options["among"] == "columns":
        rows = np.abs(np.moveaxis(w, 1, 0).reshape(w.shape[1], -1).astype(float))
    if unit:
        rows = np.sqrt((rows * rows).sum(1))[None]
    elif options["among"] == "the layer":
        rows = rows.reshape(1, -1)
    n = rows.shape[1]
    k = round(gamma * n) if options["rounding"] == "nearest" else math.floor(
        gamma * n + (1e-9 if options["rounding"] == "down" else 0))
    k += options["chosen"] == "one more" and k < n
    ranks = (-rows if options["chosen"] == "largest" else rows).argsort(1).argsort(1)
    chosen = ranks < k
    first, second = (w.shape[1], w.shape[0]) if options["among"] == "columns" else w.shape[:2]
    if unit:
        chosen = np.broadcast_to(chosen.reshape(-1, *[1] * (w.ndim - 1)), (first, second,
                                                                          *w.shape[2:]))
    chosen = chosen.reshape(first, second, *w.shape[2:])
    return np.moveaxis(chosen, 0, 1) if options["among"] == "columns" else chosen


def scale(gamma, alpha, options):
    """What a kept weight is multiplied by."""
    return 1 / max(1 - gamma * alpha, 1e-6) if options["scaling"] == "inverted" else 1.0
