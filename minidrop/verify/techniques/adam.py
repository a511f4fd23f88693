"""What Adam is held to: (adam.1) to (adam.7), from the gradients that it gets to the weights.

An implementation takes w (n,) and the gradients (steps, n), and gives the weights after each of
them, (steps, n).  The memories are looked at one at a time: with 0 in the place of the other, and
up to a factor that depends on the step alone, which is for the correction to have.
"""

import numpy as np

from ..box import Unseen
from ..checks.formulas import Formula, agrees, inputs, manners, numbered, states_as, unless
from ..technique import Technique, fails, held, shown, states

PLACES = "beside the root", "within the root", "before the correction"


def weights(w, gradients, *, options, lr, beta1, beta2, eps, weight_decay=0.0):
    """The weights after each gradient, written out."""
    m, v, found = 0 * w, 0 * w, []
    for t, g in enumerate(gradients, 1):
        if options["decay"] == "L2":
            g = g + weight_decay * w
        else:
            w = w * (1 - lr * weight_decay)
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        w = w - lr * _direction(m, v, 1 - beta1**t, 1 - beta2**t, eps, options)
        found.append(w)
    return np.stack(found)


def _direction(m, v, of_m, of_v, eps, options):
    if not options["corrected"]:
        of_m = of_v = 1.0
    if options["eps is"] == "before the correction":
        return m / of_m * of_v**0.5 / (v**0.5 + eps)
    if options["eps is"] == "within the root":
        return m / of_m / (v / of_v + eps)**0.5
    return m / of_m / ((v / of_v)**(0.5 if options["root"] else 1) + eps)


def _cases(betas, eps, **more):
    def cases(options):
        for steps, n in ((1, 1), (2, 1), (2, 2), (4, 3)):
            arrays = 1 + numbered((n,)) / 4, (1 + numbered((steps, n))) / 4
            for one in eps:
                yield arrays, {"lr": 0.25, "beta1": betas[0], "beta2": betas[1], "eps": one, **more}

    return cases


FORMULA = Formula(weights, _cases((0.75, 0.5), (0.5, 1e-8)))


def _memory(tags, name, claim, betas, signal):
    """A check of one memory; `signal` turns moves and gradients into (it, what is due)."""
    @states_as(tags, name, claim)
    def check(box):
        unless(box, "step", reason="its step differs already")
        text = ""
        for x in inputs(FORMULA, box, _cases(betas, (1e-8,))(box.options)):
            w, gradients = (np.asarray(one, "float64") for one in x.arrays)
            after = np.asarray(box.train(*x.arrays, like=1, **x.numbers).y, "float64")
            moves = np.diff(np.concatenate([w[None], after]), axis=0) / -x.known["lr"]
            power = 1 if box.options["root"] else 2              # of |g| in the size of a step
            found, due = signal(moves, gradients, max(betas), power)
            text = x.text
            ratio = found / due
            if not np.allclose(ratio, ratio[:, :1], rtol=2e-4):
                t = int(np.argmax(np.abs(ratio / ratio[:, :1] - 1).max(axis=1)))
                return fails(f"{text}: the memory after gradient {t + 1}, up to a factor",
                             shown(found[t] * due[t, 0] / found[t, 0]), shown(due[t]))
        return held(f"up to {text}, up to a factor of the step")

    return check


def averaged(values, beta):
    """The running mean of values (steps, n), from zero."""
    found, m = [], 0 * values[0]
    for value in values:
        m = beta * m + (1 - beta) * value
        found.append(m)
    return np.stack(found)


step = agrees(FORMULA, ("adam.4",), "Without memory a step is lr g / (|g| + eps)", "step",
              cases=_cases((0.0, 0.0), (0.5, 1e-8)))
mean = _memory(("adam.1",), "memory of the gradient", "m forgets by beta1", (0.75, 0.0),
               lambda moves, g, beta, power: (moves * np.abs(g)**power, averaged(g, beta)))
square = _memory(("adam.2",), "memory of the square", "v forgets by beta2", (0.0, 0.75),
                 lambda moves, g, beta, power: ((g / moves)**(2 / power),
                                                averaged(g * g, beta)))
BEFORE = "step", "memory of the gradient", "memory of the square"
corrected = agrees(FORMULA, ("adam.3",), "Both memories are divided by the weight seen so far",
                   "correction", after=BEFORE)
first = agrees(FORMULA, ("adam.7",), "The first step has the size of the rate", "first step",
               after=("step",), cases=lambda options: [*_cases((0.75, 0.5), (0.5, 1e-8))(
                   options)][:2])


@states(lambda options: ("adam.5",) if options["decay"] == "L2" else ("adam.6",))
def weight_decay(box):
    """Weight decay is part of the gradient (L2), or beside the step (AdamW)."""
    if not box.takes("weight_decay"):
        raise Unseen("it takes no weight_decay")
    unless(box, *BEFORE, "correction")
    return agrees(FORMULA, (), "", cases=_cases((0.75, 0.5), (0.5,), weight_decay=0.5))(box)


TECHNIQUE = Technique(
    "adam", arrays=("w", "gradients"), parameters=("lr", "beta1", "beta2", "eps", "weight_decay"),
    checks=(step, mean, square, corrected, first, weight_decay,
            *manners(FORMULA, overwrites=("w", "gradients"))),
    options={"decay": ("L2", "decoupled"), "eps is": PLACES, "corrected": (True, False),
             "root": (True, False), "eps": (1e-8, 1e-7)},
    variants={"decoupled weight decay (AdamW)": {"decay": "decoupled"},
              "eps is added within the root": {"eps is": "within the root"},
              "eps is added before v is corrected, which makes it smaller (Keras)":
              {"eps is": "before the correction"},
              "nothing is corrected": {"corrected": False},
              "divides by v, without the square root": {"root": False},
              "its eps is 1e-7": {"eps": 1e-7}},
    layers=False)
