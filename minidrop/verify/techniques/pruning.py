"""What magnitude pruning is held to: f(w, sparsity, unit), a mask of what is kept.

Of single weights the mask has the shape of w (out, ...), of units (out,) or that of w.  Weights
with zeros in the place of what is pruned tell the same.
"""

import numpy as np

from ..box import Trouble, Unseen
from ..checks.candidates import candidates, weights
from ..checks.formulas import unless
from ..technique import Technique, fails, held, shown, states

SHAPES = (1, 2), (2, 4), (3, 5), (5, 3), (4, 2, 3, 2)
SHARES = 0.5, 0.25, 0.75


def kept(box, w, sparsity, unit):
    """Which weights one call keeps: boolean, in the shape of w."""
    given = {"unit": unit} if box.takes("unit") else {}
    y = box.train(w, like=None, sparsity=sparsity, **given).y
    if y.shape != w.shape and not (unit and y.shape == w.shape[:1]):
        raise Trouble(f"an array of the shape {y.shape}",
                      f"{w.shape[:1]} or {w.shape}" if unit else f"{w.shape}")
    if y.shape != w.shape:
        y = np.broadcast_to(y.reshape(-1, *[1] * (w.ndim - 1)), w.shape)
    if y.dtype != bool and not np.isin(y, (0, 1)).all() and not (
            (y == 0) | np.isclose(y, w, rtol=2e-5)).all():
        raise Trouble(shown(y), "a mask, or weights that are 0 or as they were")
    return y != 0


def forms(box):
    """False for single weights, True for units: those that it can be asked for."""
    return (False, True) if box.takes("unit") else (box.options["of"] == "units",)


def removed(w, sparsity, unit, options):
    """Which weights go in a form: boolean, in the shape of w."""
    w = w.reshape(1, -1) if options["among"] == "the layer" and not unit else w
    return candidates(w, sparsity, unit, {"chosen": "smallest", **options, "among": "rows"})


def _named(w, sparsity, unit):
    array = shown(w) if w.size <= 8 else f"random {w.shape}"
    return f"w = {array}, sparsity = {sparsity:g}, unit = {unit}"


def _smallest(box, unit):
    for shape in SHAPES:
        for sparsity in SHARES:
            w = weights(box, shape)
            mask = kept(box, w, sparsity, unit)
            due = ~removed(w, sparsity, unit, box.options).reshape(shape)
            if not np.array_equal(mask, due):
                return fails(_named(w, sparsity, unit), f"keeps {shown(mask, 24)}", shown(due, 24))
    return held(f"{len(SHAPES)} shapes up to {SHAPES[-1]}")


@states("pruning.1")
def largest_weights(box):
    """Of each row the largest weights are kept."""
    if False not in forms(box):
        raise Unseen("it prunes units")
    return _smallest(box, False)


@states("pruning.2")
def largest_units(box):
    """The rows of the largest L2 norms are kept."""
    if True not in forms(box):
        raise Unseen("it prunes single weights")
    lengths = np.array([[3.0, 0.0], [-2.0, 2.0], [0.5, 4.0], [-1.0, -1.0]], "float32")   # not by L1
    mask = kept(box, lengths, 0.5, True) | (lengths == 0)
    due = ~removed(lengths, 0.5, True, box.options) | (lengths == 0)
    if not np.array_equal(mask, due):
        return fails(_named(lengths, 0.5, True), f"keeps {shown(mask)}", shown(due))
    return _smallest(box, True)


def _number(n, sparsity, options):
    small = weights_in_a_row(n)
    return int(removed(small, sparsity, False, options).sum())


def weights_in_a_row(n):
    """1, 2, ..., n, a row."""
    return np.arange(1.0, n + 1, dtype="float32")[None]


@states("pruning.3")
def how_many(box):
    """floor(s n) are removed: of 100, for s = 0.29, 29."""
    tried = (2, 0.5), (3, 0.5), (5, 0.3), (10, 0.7), (100, 0.29), (100, 0.57)
    for n, sparsity in (*tried, (4, 0.0), (4, 1.0)):
        for unit in forms(box):
            w = weights_in_a_row(n).reshape((n, 1) if unit else (1, n))
            found = int((~kept(box, w, sparsity, unit)).sum())
            if found != (due := _number(n, sparsity, box.options)):
                return fails(f"w = {shown(w)}, sparsity = {sparsity:g}, unit = {unit}",
                             f"{found} of {n} are removed", f"{due}")
    return held("rows of 2 to 100")


@states("pruning.3")
def equal_ones(box):
    """Of equal ones as many are removed as of others."""
    unless(box, "how many", reason="their number differs already")
    for unit in forms(box):
        for sparsity in (0.5, 0.25):
            gone = int((~kept(box, np.ones((4, 4), "float32"), sparsity, unit)).sum())
            due = {"counted": int(16 * sparsity), "fewer": 0, "more": 16}[box.options["ties"]]
            if gone != due:
                return fails(f"w of ones, (4, 4), sparsity = {sparsity:g}, unit = {unit}",
                             f"{gone} of 16 are removed", f"{due} of 16")
    return held("w of ones, (4, 4)")


@states("pruning.4")
def nested(box):
    """What a share removes is removed by a larger one too."""
    for unit in forms(box):
        for shape in SHAPES:
            w, before = weights(box, shape), None
            for sparsity in (0.0, 0.2, 0.5, 0.75, 1.0):
                mask = kept(box, w, sparsity, unit)
                if before is not None and (mask & ~before).any():
                    return fails(f"{_named(w, sparsity, unit)}, and a smaller share",
                                 f"keeps {shown(mask, 24)}", f"no more than {shown(before, 24)}")
                before = mask
    return held(f"{len(SHAPES)} shapes up to {SHAPES[-1]}, five shares each")


@states("pruning.5")
def again(box):
    """What has been pruned stays as it is when it is pruned again."""
    if box.options["chosen"] == "largest":
        raise Unseen("the form removes others")
    for unit in forms(box):
        for shape in SHAPES:
            for sparsity in SHARES:
                w = weights(box, shape)
                once = w * kept(box, w, sparsity, unit)
                twice = once * _kept_of_zeros(box, once, sparsity, unit)
                if not np.array_equal(once, twice):
                    return fails(f"{_named(w, sparsity, unit)}, and once more",
                                 f"{shown(twice, 24)}", f"{shown(once, 24)}")
    return held(f"{len(SHAPES)} shapes up to {SHAPES[-1]}")


def _kept_of_zeros(box, w, sparsity, unit):
    return kept(box, w, sparsity, unit) | (w == 0)


@states()
def untouched(box):
    """The input is not written over."""
    for unit in forms(box):
        w = weights(box, (2, 4))
        given = {"unit": unit} if box.takes("unit") else {}
        after = box.train(w, like=None, sparsity=0.5, **given).inputs[0]
        if not np.array_equal(after, w):
            return fails(_named(w, 0.5, unit), f"afterwards w = {shown(after)}", shown(w))
    return held("(2, 4)")


TECHNIQUE = Technique(
    "pruning", arrays=("w",), parameters=("sparsity", "unit"),
    checks=(largest_weights, largest_units, how_many, equal_ones, nested, again, untouched),
    options={"of": ("weights", "units"), "among": ("rows", "the layer"),
             "chosen": ("smallest", "largest"), "ties": ("counted", "fewer", "more"),
             "rounding": ("down", "int", "nearest")},
    variants={"one threshold for the whole layer": {"among": "the layer"},
              "the largest are removed": {"chosen": "largest"},
              "strict threshold: fewer where equal": {"ties": "fewer"},
              "all at the threshold are removed: more where equal": {"ties": "more"},
              "rounds in place of floor": {"rounding": "nearest"},
              "int(s n), where 0.29 of 100 is 28": {"rounding": "int"}},
    layers=False)
