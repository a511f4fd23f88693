"""What targeted dropout is held to: f(w, gamma, alpha, unit, rng), the weights of a training step.

Weights and norms of the inputs differ by so much that every float32 ranks them alike; equal ones
are looked at by themselves, where the number that is dropped is due, and not which they are.
"""

import math

import numpy as np

from ..box import Unseen
from ..checks.candidates import candidates, forms, run, scale, weights
from ..checks.on_weights import counted, manners, named
from ..checks.reading import close, ramp
from ..technique import Technique, fails, held, shown, states

SHAPES = (1, 2), (2, 4), (3, 5), (5, 3), (4, 2, 3, 2)
SHARES = 0.5, 0.25, 0.75
OF_100 = {"down": 29, "int": 28}                  # candidates for a gamma of 0.29


def _chosen(box, unit):
    for shape in SHAPES:
        for gamma in box.choices("gamma", *SHARES):
            w = weights(box, shape)
            dead = candidates(w, gamma, unit, box.options)
            y = run(box, w, gamma, _one(box), unit).y
            if not np.array_equal(y == 0, dead):
                return fails(named(box, (w,), gamma=gamma, alpha=1.0, unit=unit),
                             shown(y), f"0 in {shown(dead)}, nowhere else")
    return held(f"{len(SHAPES)} shapes up to {SHAPES[-1]}")


def _one(box):
    if box.choices("alpha", 1.0)[0] != 1:
        raise Unseen(f"the layer was made with alpha = {box.fixed['alpha']:g}")
    return 1.0


@states("targeted.3")
def smallest_weights(box):
    """Candidates are the floor(gamma n) smallest of each row: at alpha = 1 all of them go"""
    if False not in forms(box):
        raise Unseen("it drops units")
    return _chosen(box, False)


@states("targeted.4")
def smallest_units(box):
    """Candidates are the floor(gamma n) rows of the smallest norms: at alpha = 1 all of them go"""
    if True not in forms(box):
        raise Unseen("it drops single weights")
    lengths = np.array([[3.0, 0.0], [-2.0, 2.0], [0.5, 4.0], [-1.0, -1.0]], "float32")   # not by L1
    dead = run(box, lengths, 0.5, _one(box), True).y == 0 if box.choices("gamma", 0.5)[0] == 0.5 \
        else None
    due = candidates(lengths, 0.5, True, box.options)
    if dead is not None and not np.array_equal(dead | (lengths == 0), due | (lengths == 0)):
        return fails(named(box, (lengths,), gamma=0.5, alpha=1.0, unit=True), shown(dead),
                     f"0 in {shown(due)}")
    return _chosen(box, True)


@states("targeted.3", "targeted.4")
def of_100(box):
    """A gamma of 0.29 of 100 is 29"""
    if box.choices("gamma", 0.29)[0] != 0.29:
        raise Unseen(f"the layer was made with gamma = {box.fixed['gamma']:g}")
    due = OF_100[box.options["rounding"]] + (box.options["chosen"] == "one more")
    for unit in forms(box):
        columns = box.options["among"] == "columns"
        w = weights(box, (100, 2) if unit != columns else (2, 100))
        gone = int((run(box, w, 0.29, _one(box), unit).y == 0).sum())
        per = gone / 2
        if per != due:
            return fails(f"random {w.shape}, gamma = 0.29, alpha = 1, unit = {unit}",
                         f"{per:g} of 100 gone", f"{due}")
    return held("units and weights" if len(forms(box)) > 1 else "100 of a row")


@states("targeted.3", "targeted.4")
def equal_sizes(box):
    """Of equal sizes as many are candidates as of others"""
    kinds = []
    for unit in forms(box):
        w = np.ones((4, 4), "float32")
        for gamma in box.choices("gamma", 0.5, 0.25):
            y = run(box, w, gamma, _one(box), unit).y
            k = math.floor(4 * gamma + 1e-9)
            due = 4 * k * (box.options["ties"] == "counted")
            due += 4 * (box.options["chosen"] == "one more" and k < 4)
            gone = int((y == 0).sum())
            if gone != due:
                return fails(named(box, (w,), gamma=gamma, alpha=1.0, unit=unit) + ", all alike",
                             f"{gone} of 16 gone", f"{due} of 16")
            first = not y[:k].any() if unit else not y[:, :k].any()
            kinds.append("the first" if first else "others than the first")
    return held(f"of equal ones {', or '.join(dict.fromkeys(kinds))}")


@states("targeted.3", "targeted.4")
def share_0_and_1(box):
    """gamma = 0 has no candidates, gamma = 1 no others"""
    if box.options["chosen"] == "one more" or box.options["ties"] == "fewer" or _others(box):
        raise Unseen("this form has others at the ends")
    return _unchanged(box, ((0.0, 1.0), (1.0, 1.0)))


@states("targeted.6")
def rate_0(box):
    """alpha = 0 drops nothing"""
    if _others(box):
        raise Unseen("this form drops others")
    return _unchanged(box, ((0.5, 0.0),))


def _unchanged(box, rates):
    for unit in forms(box):
        for gamma, alpha in rates:
            if box.choices("gamma", gamma)[0] != gamma or box.choices("alpha", alpha)[0] != alpha:
                continue
            for shape in SHAPES[:3]:
                w = weights(box, shape)
                due = w * (gamma * alpha < 1) * scale(gamma, alpha, box.options)
                y = run(box, w, gamma, alpha, unit).y
                if not close(y, due).all():
                    return fails(named(box, (w,), gamma=gamma, alpha=alpha, unit=unit), shown(y),
                                 shown(due))
    return held("3 shapes")


@states("targeted.1", "targeted.6")
def values(box):
    """A weight is used as it is, or is 0 if it is a candidate"""
    for unit in forms(box):
        for shape in SHAPES:
            gamma, alpha = box.choices("gamma", 0.5)[0], box.choices("alpha", 0.5)[0]
            w = weights(box, shape)
            for _ in range(4):
                y = run(box, w, gamma, alpha, unit).y
                kept = w * scale(gamma, alpha, box.options)
                may = candidates(w, gamma, unit, box.options) | _other_candidates(box)
                gone = (y == 0) & (may | _others(box))
                if not (gone | close(y, kept) & ~(may & _others(box))).all():
                    return fails(named(box, (w,), gamma=gamma, alpha=alpha, unit=unit), shown(y),
                                 f"of {shown(kept)} all, but for 0 where it may be: {shown(may)}")
    return held(f"{len(SHAPES)} shapes up to {SHAPES[-1]}, 4 calls each")


def _other_candidates(box):
    """Has it other candidates than it should, which is said already?"""
    return bool(box.failed & {"smallest weights", "smallest units"})


def _others(box):
    return box.options["chosen"] == "others too"


@states("targeted.2", "targeted.6")
def whole_units(box):
    """A unit is dropped as a whole, and some are not"""
    if True not in forms(box):
        raise Unseen("it drops single weights")
    gamma, alpha = box.choices("gamma", 0.5)[0], box.choices("alpha", 0.5)[0]
    for shape in SHAPES[1:]:
        for _ in range(8):
            w = weights(box, shape)
            dead = (run(box, w, gamma, alpha, True).y == 0).reshape(len(w), -1)
            if box.options["dropped"] == "units" and (dead.any(1) != dead.all(1)).any():
                return fails(named(box, (w,), gamma=gamma, alpha=alpha, unit=True),
                             f"0 in {shown(dead)}", "rows that are 0 as a whole")
    return held(f"{len(SHAPES) - 1} shapes up to {SHAPES[-1]}, 8 calls each")


def dropped_of_candidates(box, shape, alpha):
    """Which candidates of one call were kept, in the shape (rows, candidates)."""
    rows, few = shape
    unit = forms(box)[0]
    if _other_candidates(box):
        raise Unseen("its candidates are others")
    gamma = box.choices("gamma", 0.5)[0]
    n = max(few, round(few / gamma))
    w = weights(box, (rows * n, 1, 2) if unit else (rows, n))
    if unit and box.options["dropped"] != "units" or box.options["among"] == "columns":
        raise Unseen("it is another form, whose candidates are not counted")
    may = candidates(w, gamma, unit, box.options)
    kept = run(box, w, gamma, alpha, unit).y != 0
    if _others(box):
        kept, may = ~kept, ~may
    kept = (kept[:, 0, 0][may[:, 0, 0]] if unit else kept[may])
    if kept.size < rows * few:
        raise Unseen("gamma leaves too few candidates to count them")
    return kept[:rows * few].reshape(shape)


def _counting(options):
    return ((10, 10), 2), ((40, 50), 2), ((10, 10), 80)


@states("targeted.8")
def gradient(box):
    """The gradient is that of the same mask: what is dropped learns nothing in this step"""
    gamma, alpha = box.choices("gamma", 0.5)[0], box.choices("alpha", 0.5)[0]
    for unit in forms(box):
        for shape in SHAPES:
            w = weights(box, shape)
            g = ramp(shape) / 4
            answer = run(box, w, gamma, alpha, unit, gradient=True)
            found = answer.gradient(g)
            due = np.where(answer.y != 0, g * scale(gamma, alpha, box.options), 0)
            if not close(found, due).all():
                return fails(named(box, (w,), gamma=gamma, alpha=alpha, unit=unit)
                             + f", g = {shown(g)}", shown(found), shown(due))
    return held(f"{len(SHAPES)} shapes up to {SHAPES[-1]}")


@states()
def evaluation(box):
    """Without noise all weights are used, or in the form that prunes all but the candidates"""
    if not box.has_evaluation():
        raise Unseen("it has no evaluation mode")
    for unit in forms(box):
        for shape in SHAPES:
            gamma, alpha = box.choices("gamma", 0.5)[0], box.choices("alpha", 0.5)[0]
            w = weights(box, shape)
            pruned = box.options["evaluation"] == "pruned"
            due = np.where(pruned & candidates(w, gamma, unit, box.options), 0, w)
            for _ in range(3):
                y = run(box, w, gamma, alpha, unit, training=False).y
                if not close(y, due).all():
                    return fails(named(box, (w,), gamma=gamma, alpha=alpha, unit=unit)
                                 + ", in evaluation", shown(y), shown(due))
    return held(f"{len(SHAPES)} shapes up to {SHAPES[-1]}")


def _trained(box, w):
    return run(box, w, box.choices("gamma", 0.5)[0], box.choices("alpha", 0.5)[0], forms(box)[0])


def _tried(box, dtype):
    return [(ramp(shape).astype(dtype),) for shape in SHAPES]


TECHNIQUE = Technique(
    "targeted", arrays=("w",), parameters=("gamma", "alpha", "unit"),
    checks=(smallest_weights, smallest_units, values, of_100, equal_sizes, share_0_and_1, rate_0,
            whole_units,
            *counted(lambda shape, options: shape, _counting, dropped_of_candidates,
                     ("targeted.6", "targeted.7")),
            gradient, evaluation, *manners(_trained, _tried)),
    options={"of": ("weights", "units"), "evaluation": ("dense", "pruned"),
             "dropped": ("units", "single weights"), "ties": ("counted", "fewer"),
             "chosen": ("smallest", "largest", "one more", "others too"),
             "among": ("rows", "the layer", "columns"), "scaling": ("none", "inverted"),
             "alpha": ("drops", "keeps"), "rounding": ("down", "int"),
             "modes": ("as named", "exchanged")},
    variants={
        "single weights of the candidate units are dropped (as \"targeted_unit\" of the official "
        "code)": {"dropped": "single weights"},
        "candidates lie strictly below a threshold, so of equal ones there are fewer": {
            "ties": "fewer"},
        "the weight at the threshold is a candidate too": {"chosen": "one more"},
        "the largest are candidates": {"chosen": "largest"},
        "candidates are the smallest of the whole layer": {"among": "the layer"},
        "units lie along the axis of the inputs": {"among": "columns"},
        "what is kept is scaled by 1/(1 - gamma alpha)": {"scaling": "inverted"},
        "candidates are removed at any rate, and others dropped with 1 - alpha (as in the example "
        "of an issue of the official code)": {"chosen": "others too"},
        "alpha is a keep probability": {"alpha": "keeps"},
        "int(gamma n), where 0.29 of 100 is 28": {"rounding": "int"},
        "all candidates are gone in evaluation (as in the official code)": {
            "evaluation": "pruned"},
        "training and evaluation are exchanged": {"modes": "exchanged"},
        "training and evaluation are exchanged, and training prunes": {
            "modes": "exchanged", "evaluation": "pruned"},
    },
    unseen={"targeted.5": "about the loss that is to be small, not about a layer"})
