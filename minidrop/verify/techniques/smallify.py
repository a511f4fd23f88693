"""What Smallify is held to: the signs of switches, who dies of them, and the switch itself.

what="alive": f(signs, decay, threshold) with signs (steps, n), who is alive after each step, of 1
and 0 or booleans (steps, n); "variance": f(signs, decay), the moving variance after each step;
"switch": f(x, switch), the outputs x (N, n) of a layer behind their switches (n,).
"""

import numpy as np

from ..checks.formulas import Formula, agrees, gradient, manners
from ..technique import Technique, of_form


def variances(x, *, options, decay):
    """The moving variance after each step, written out; the mean starts at 1."""
    a, v, found = 0 * x[0] + (options["mean starts at"] == 1), 0 * x[0], []
    for s in x:
        if options["variance is about"] == "the mean before":
            v, a = decay * v + (1 - decay) * (s - a)**2, decay * a + (1 - decay) * s
        else:
            a = decay * a + (1 - decay) * s
            v = decay * v + (1 - decay) * (s - a)**2
        found.append(v)
    return np.stack(found)


def alive(x, *, options, decay, threshold):
    """Who is alive after each step, written out."""
    v = variances(x, options=options, decay=decay)
    if options["dies by"] == "a change of sign":
        lives = x == 1
    elif options["at the threshold"] == "lives":
        lives = v <= threshold + 1e-6
    else:
        lives = v < threshold - 1e-6
    return lives if options["may revive"] else np.logical_and.accumulate(lives, axis=0)


def _signs(steps):
    """Signs that alternate, that change once for good, once and back, and never."""
    t = np.arange(steps)
    columns = [np.where(t % 2, 1, -1), 0 * t - 1, np.where(t, 1, -1), 0 * t + 1]
    return np.stack(columns, axis=1).astype(float)


def _runs(options):
    yield (-np.ones((1, 1)),), {"decay": 0.75}
    yield (-np.ones((2, 1)),), {"decay": 0.9}
    for steps, decay in ((3, 0.9), (8, 0.75), (36, 0.99)):
        yield (_signs(steps),), {"decay": decay}


def _ends(options):
    for (x,), numbers in _runs(options):
        yield (x,), {**numbers, "threshold": 0.5}
    yield (_signs(4),), {"decay": 0.875, "threshold": 0.5}


def _for_good(options):
    return (((-np.ones((k, 1)),), {"decay": decay}) for k in (1, 2, 5) for decay in (0.9, 0.5))


def _switches(options):
    yield (np.array([[2.0]]), np.array([0.5])), {}
    yield (np.array([[1.0, -2.0], [3.0, 4.0]]), np.array([0.5, -1.0])), {}
    yield (np.arange(-7.0, 5.0).reshape(4, 3), np.array([0.25, 0.0, -2.0])), {}


def _switched(x, w, *, options):
    size = {"the switch": w, "its size": abs(w)}[options["factor"]]
    return x * size


VARIANCE, ALIVE = Formula(variances, _runs), Formula(alive, _ends)
SWITCH = Formula(_switched, _switches)
LOSS, FOLD = "about the loss of a whole network", "about the layers that a network is left with"

TECHNIQUE = Technique(
    "smallify", arrays=("x", "w"), parameters=("decay", "threshold"),
    checks=(
        *of_form("switch",
                 agrees(SWITCH, ("smallify.1",), "Every output times its switch", "switch"),
                 gradient(SWITCH, ("smallify.2",), "What switches and outputs learn from",
                          "gradient", (0, 1), after=("switch",))),
        *of_form("variance",
                 agrees(VARIANCE, ("smallify.9",), "After one change for good 4 rho^(k - 1) "
                        "(1 - rho^k)", "change for good", cases=_for_good),
                 agrees(VARIANCE, ("smallify.7",), "The moving variance of the sign, about the "
                        "mean before", "variance")),
        *of_form("alive", agrees(ALIVE, ("smallify.8",), "Dead once the variance is above the "
                                 "threshold, and for ever", "alive")),
        *of_form("switch", *manners(SWITCH)), *of_form("variance", *manners(VARIANCE))),
    options={"what": ("alive", "variance", "switch"), "at the threshold": ("lives", "dies"),
             "dies by": ("the variance", "a change of sign"), "may revive": (False, True),
             "mean starts at": (1, 0), "variance is about": ("the mean before", "the mean after"),
             "factor": ("the switch", "its size")},
    variants={"a variance at the threshold kills (targeted dropout's version)":
              {"at the threshold": "dies"},
              "the first change of sign kills": {"dies by": "a change of sign"},
              "the dead may come alive again": {"may revive": True},
              "the mean of the sign starts at 0": {"mean starts at": 0},
              "the mean moves before the variance": {"variance is about": "the mean after"},
              "the size of the switch, without its sign": {"factor": "its size"}},
    unseen={"smallify.3": LOSS, "smallify.4": LOSS, "smallify.5": LOSS, "smallify.6": LOSS,
            "smallify.10": FOLD},
    layers=False)
