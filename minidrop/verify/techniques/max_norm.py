"""What max-norm is held to: f(w, limit), the weights (out, ...) after the projection.

Libraries add some 1e-7 to a length before they divide by it, and are not failed for that.
"""

import numpy as np

from ..box import Unseen
from ..checks.formulas import Formula, agrees, differs, inputs, manners, unless
from ..technique import Technique, fails, held, shown, states

GUARD = 1e-6                                      # relative: what is added so as not to divide by 0
OVER = "rows", "columns", "the last axis", "the matrix", "entries"


def _lengths(w, options):
    axes = {"rows": tuple(range(1, w.ndim)), "columns": 0, "the last axis": -1,
            "the matrix": None, "entries": ()}[options["norm over"]]
    return (w * w).sum(axis=axes, keepdims=True)**(0.5 if options["bounds"] == "length" else 1)


def projected(w, *, options, limit):
    """The weights with what is too long shortened, written out."""
    sizes = _lengths(w, options)
    share = limit / np.where(sizes > 0, sizes, 1)
    if options["shortens"] == "what is too long":
        share = np.minimum(1, np.where(sizes > 0, share, 1))
    return w * share**(1 if options["bounds"] == "length" else 0.5)


def _cases(options):
    for w in ([[3.0, 4.0]], [[3.0, 4.0], [1.0, 2.0]], [[0.0, 0.0], [-6.0, 8.0]],
              [[0.5, -0.5, 1.0], [2.0, -3.0, 6.0]]):
        for limit in (3.0, 0.5):
            yield (np.array(w),), {"limit": limit}
    yield (np.arange(-11.0, 13.0).reshape(2, 3, 2, 2) / 4,), {"limit": 3.0}


def _long(options):
    return (case for case in _cases(options) if (projected(
        *case[0], options=options, **case[1]) != case[0][0]).any())


FORMULA = Formula(projected, _cases)


def _inside(options):
    for w in ([[1.0, 2.0]], [[0.0, 0.0], [0.5, -1.0]]):
        yield (np.array(w),), {"limit": 8.0}


@states("max_norm.2")
def nearest(box):
    """No other point of the ball is as near to the weights."""
    if box.options["norm over"] != "rows" or box.options["bounds"] != "length" or \
            box.options["shortens"] != "what is too long":
        raise Unseen("the form is another than the projection onto a ball")
    for x in inputs(FORMULA, box):
        y = np.asarray(box.train(*x.arrays, like=0, **x.numbers).y, "float64")
        rows = x.arrays[0].astype("float64").reshape(len(y), -1)
        y, limit = y.reshape(rows.shape), x.known["limit"]
        away, long = (np.linalg.norm(one, axis=1) for one in (y - rows, y))
        due = np.maximum(np.linalg.norm(rows, axis=1) - limit, 0)
        wrong = (long > limit * (1 + 2e-5)) | (away > due + 2e-5 * (limit + due))
        if wrong.any():
            i = int(np.argmax(wrong))
            return fails(f"{x.text}, row {i}", f"of length {long[i]:.6g}, {away[i]:.6g} from where "
                         "it was", f"of length {limit:.6g} at most, {due[i]:.6g} from where it was")
    return held(f"up to {x.text}")


@states("max_norm.3")
def again(box):
    """A second projection changes nothing."""
    unless(box, "output", reason="the first differs already")
    if box.options["bounds"] == "square" and box.options["shortens"] == "everything":
        raise Unseen("the form is another than the projection onto a ball")
    for x in inputs(FORMULA, box):
        once = np.asarray(box.train(*x.arrays, like=0, **x.numbers).y, x.dtype)
        twice = box.train(once, like=0, **x.numbers).y
        if differs(twice, once, x.dtype, GUARD):
            return fails(f"{x.text}, and once more", shown(twice), shown(once))
    return held(f"up to {x.text}")


TECHNIQUE = Technique(
    "max_norm", arrays=("w",), parameters=("limit",),
    checks=(
        agrees(FORMULA, ("max_norm.1",), "What is within the limit stays as it is", "within",
               cases=_inside, relative=GUARD),
        agrees(FORMULA, ("max_norm.1",), "A row that is too long is shortened to the limit",
               "output", cases=_long, relative=GUARD),
        nearest, again, *manners(FORMULA, overwrites=("w",))),
    options={"norm over": OVER, "bounds": ("length", "square"),
             "shortens": ("what is too long", "everything")},
    variants={"norm over the other axis, the weights that leave a unit": {"norm over": "columns"},
              "every row is scaled to the limit": {"shortens": "everything"},
              "bounds the squared length": {"bounds": "square"},
              "norm over the last axis alone, so that the rows of a filter count one by one":
              {"norm over": "the last axis"},
              "one norm for the whole matrix": {"norm over": "the matrix"},
              "entries are clipped": {"norm over": "entries"}},
    layers=False)
