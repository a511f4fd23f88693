"""What the numbers of training's dynamics are held to, in four functions.

what="norm": of each gradient, f(x) with x (n, d); "distance": of weights from those of the start,
f(x, y), two vectors; "variance": of the directions of gradients, f(x); "error": of their directions
to that of a reference, f(x, y).
"""

import numpy as np

from ..checks.formulas import Formula, agrees, inputs, manners, numbered, unless
from ..technique import Technique, fails, held, of_form, states


def _unit(x):
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


def _distance(cosine, options):
    return {"half of 1 - cosine": (1 - cosine) / 2, "1 - cosine": 1 - cosine,
            "cosine": cosine}[options["of"]]


def variance(x, *, options):
    """The mean over the pairs, written out."""
    u, n = _unit(x), len(x)
    pairs = [_distance(u[i] @ u[j], options) for i in range(n) for j in range(i)]
    return np.asarray(np.mean(pairs) * (2 if options["pairs"] == "ordered" else 1))


def error(x, y, *, options):
    """The mean over the gradients, written out."""
    y = x.mean(0) if options["reference"] == "the mean of the gradients" else y
    return np.asarray(np.mean(_distance(_unit(x) @ _unit(y), options)))


PAIRS = [[1.0, 0.0], [0.0, 3.0]], [[1.0, 2.0], [-2.0, -4.0]], [[3.0, 4.0], [4.0, 3.0]]
MORE = [[1.0, 0.0], [0.0, 1.0], [-2.0, 1.0]], [[2.0, 1.0, 0.0]] * 3


def _several(options):
    yield from (((np.array(x),), {}) for x in (*PAIRS, *MORE))
    yield (1 + numbered((5, 4)) - 2 * numbered((5, 4), 7),), {}


def _beside(options):
    for x, y in ((PAIRS[0], [1.0, 1.0]), (PAIRS[1], [0.0, 2.0]), (MORE[0], [3.0, -1.0])):
        yield (np.array(x), np.array(y)), {}
    yield (1 + numbered((5, 4)) - 2 * numbered((5, 4), 7), 1 + numbered((4,), 3)), {}


def _two(options):
    for x, y in (([1.0], [3.0]), ([1.0, 2.0], [4.0, -2.0]), ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])):
        yield (np.array(x), np.array(y)), {}


def _norms(x, *, options):
    return np.sqrt((x * x).sum(-1)) if options["norm"] == "L2" else {
        "squared": (x * x).sum(-1), "L1": abs(x).sum(-1)}[options["norm"]]


NORM = Formula(_norms, _several)
DISTANCE = Formula(lambda x, y, *, options: _norms(x - y, options=options), _two)
VARIANCE = Formula(variance, _several)
ERROR = Formula(error, _beside)


def _model(options):
    """A signal along the reference, snr times as long as noises at right angles to it."""
    for n, snr in ((2, 1.0), (3, 0.5), (4, 2.0)):
        x = np.concatenate([np.full((n, 1), snr), np.eye(n)], axis=1)
        yield (x, np.eye(n + 1)[0])[:1 if options["what"] == "variance" else 2], {}


@states("dynamics.8")
def model(box):
    """A signal and noises: by rho, its cosine with each gradient."""
    name = box.options["what"]
    unless(box, "pairs", "output")
    formula = {"variance": VARIANCE, "error": ERROR}[name]
    for x in inputs(formula, box, _model(box.options)):
        snr = float(x.arrays[0][0, 0])
        rho = snr / np.sqrt(1 + snr**2)
        rho = rho if name == "error" else rho**2
        if box.options["reference"] == "the mean of the gradients" and name == "error":
            rho = float(np.mean(_unit(x.arrays[0]) @ _unit(x.arrays[0].mean(0))))
        due = _distance(rho, box.options) * (
            2 if box.options["pairs"] == "ordered" and name == "variance" else 1)
        found = float(box.train(*x.arrays, like=None).y)
        if abs(found - due) > 1e-5:
            return fails(f"{x.text}, snr = {snr:g}", f"{found:.7g}", f"{due:.7g}")
    return held("snr = 1, 0.5 and 2")


def _first(options):
    return (case for case in _several(options) if len(case[0][0]) == 2)


TECHNIQUE = Technique(
    "dynamics", arrays=("x", "y"), parameters=(),
    checks=(
        *of_form("norm", agrees(NORM, ("dynamics.1",), "The L2 norm of each gradient", "norm"),
                 *manners(NORM, dtype=False)),
        *of_form("distance", agrees(DISTANCE, ("dynamics.2",), "The L2 norm of the way from the "
                                    "start", "distance"), *manners(DISTANCE, dtype=False)),
        *of_form("variance",
                 agrees(VARIANCE, ("dynamics.3",), "Of two gradients half of 1 - cosine", "pairs",
                        cases=_first),
                 agrees(VARIANCE, ("dynamics.3", "dynamics.5", "dynamics.6"), "Of several the mean "
                        "over all pairs, and so half the variance of the directions", "output")),
        *of_form("error", agrees(ERROR, ("dynamics.4", "dynamics.7"), "The mean of half of "
                                 "1 - cosine with the reference", "output")),
        *of_form("variance", *manners(VARIANCE, dtype=False)),
        *of_form("error", *manners(ERROR, dtype=False)), model),
    options={"what": ("variance", "error", "norm", "distance"),
             "of": ("half of 1 - cosine", "1 - cosine", "cosine"),
             "pairs": ("unordered", "ordered"),
             "reference": ("given", "the mean of the gradients"), "norm": ("L2", "squared", "L1")},
    variants={"mean cosine in place of the distance": {"of": "cosine"},
              "without the half": {"of": "1 - cosine"},
              "ordered pairs counted twice": {"pairs": "ordered"},
              "reference is the mean of the same gradients":
              {"reference": "the mean of the gradients"},
              "the square of the norm": {"norm": "squared"}, "the L1 norm": {"norm": "L1"}},
    layers=False)
TECHNIQUE.checks[-1].applies = lambda options: options["what"] in ("variance", "error")
