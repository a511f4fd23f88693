"""The checks that all norms share: which entries share a mean, the statistics, the gradients.

Batch, layer, instance and group norm are one formula over different axes.  `shared(x, options,
**numbers)` turns x into (an array that the formula averages over `axes`, axes), and `Norm` knows
what is due from it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..box import Unseen
from ..technique import fails, held, shown
from .formulas import Formula, agrees, due_for, gradient, inputs, made, numbered, states_as, unless

EPS: dict[str, tuple] = {"eps": (1e-5, 1e-3, 1e-6), "place": ("inside the root", "outside"),
       "variance": ("biased", "unbiased")}
VARIANTS: dict[str, dict] = {
    "its eps is 1e-3": {"eps": 1e-3},
    "its eps is 1e-6": {"eps": 1e-6},
    "eps is added to the deviation, outside the root": {"place": "outside"},
    "normalises by the unbiased variance": {"variance": "unbiased"},
}
NEUTRAL = {"w": 1.0, "b": 0.0}
MOVED, STILL = 0.05, 0.01                         # what a change of an output is, and what is none


class Norm(NamedTuple):
    """One of the norms."""

    split: Callable                               # (x, options, **numbers) -> (x split, axes)
    affine: Callable                              # (w or b, x, options) -> fits x
    shapes: Callable                              # options -> ((shape, numbers), ...)
    weights: Callable                             # (shape, options) -> the shape of w and b

    def due(self, x, w, b, *others, options, eps, **numbers):
        """The output, for arrays and for Tensors."""
        parts, axes = self.split(x, options, **numbers)
        y = normalised(parts, axes, eps, options).reshape(x.shape)
        return y * self.affine(w, x, options) + self.affine(b, x, options)

    def cases(self, options, scale=1.0, plain=False, eps=(0.5,)):
        """Inputs of the given size, with w and b that do something, or are 1 and 0."""
        for shape, numbers in self.shapes(options):
            of_weights = self.weights(shape, options)
            w, b = (numbered(of_weights, start) / 4 for start in (2, 5))
            if plain:
                w, b = 1 + 0 * w, 0 * b
            for one in eps:
                yield (numbered(shape) * scale, w, b), {"eps": one, **numbers}

    def formula(self):
        """Its Formula."""
        return Formula(self.due, self.cases, NEUTRAL)


def normalised(x, axes, eps, options):
    """(x - mean) / sqrt(variance + eps), or its known variants, written out."""
    m = int(np.prod([x.shape[axis] for axis in axes]))
    away = x - x.mean(axes, keepdims=True)
    var = (away * away).mean(axes, keepdims=True)
    if options["variance"] == "unbiased":
        var = var * (m / (m - 1))
    if options["place"] == "outside":
        return away / (var ** 0.5 + eps)
    return away / (var + eps) ** 0.5


def checks(norm, *, sharing, statistics, output, affine_gradient, input_gradient):
    """The checks of a norm; each argument names the equations of one."""
    formula = norm.formula()
    first = ("sharing", "statistics")
    return (
        sharing_(norm, formula, sharing),
        agrees(formula, statistics, "Each mean becomes 0 and each variance 1", "statistics",
               after=("sharing",), relative=1e-4,
               cases=lambda options: norm.cases(options, scale=100.0, plain=True, eps=(1e-5,))),
        agrees(formula, output, "Normalised, times weight, plus bias", after=first,
               cases=lambda options: [*norm.cases(options, eps=(0.5, 1e-5)),
                                      *norm.cases(options, scale=0.01, eps=(1e-5,))]),
        gradient(formula, affine_gradient, "The gradients of weight and bias are sums over the "
                 "examples", "gradient of weight and bias", which=(1, 2),
                 after=(*first, "output")),
        gradient(formula, input_gradient, "The gradient of the input runs through mean and "
                 "variance too", "gradient of the input", which=(0,), after=(*first, "output")))


def sharing_(norm, formula, tags):
    """A check: a change of one entry moves those it shares a mean with, and no others."""
    @states_as(tags, "sharing", "An entry depends on those with which it shares a mean, and on no "
                                "others")
    def check(box):
        text = ""
        for (x, *others), numbers in norm.cases(box.options, plain=True, eps=(1e-5,)):
            before = made(formula, box, (x, *others), numbers)
            y, due = _outputs(formula, box, before)
            text = before.text
            for at in (0, x.size // 2, x.size - 1):
                other = x.copy()
                other.flat[at] += 8
                after = made(formula, box, (other, *others), numbers)
                moved, right = _outputs(formula, box, after)
                found, wanted = np.abs(moved - y), np.abs(right - due)
                odd = (found > MOVED) & (wanted < STILL) | (found < STILL) & (wanted > MOVED)
                if odd.any():
                    place = [int(i) for i in np.unravel_index(at, x.shape)]
                    return fails(f"{text}, x{place} raised by 8", _moved(found > MOVED),
                                 _moved(wanted > MOVED))
        return held(f"up to {text}")

    return check


def _outputs(formula, box, x):
    y = box.train(*x.arrays, **x.numbers).y
    return y, due_for(formula, box, x)[0]


def _moved(places):
    where = [list(map(int, at)) for at in np.argwhere(places)]
    some = ", ".join(map(str, where[:6])) + (", ..." if len(where) > 6 else "")
    return f"y moves at {len(where)} of {places.size} places: {some}"


def channel(v, x, options):
    """w or b (C,), to fit x (N, C, ...)."""
    return v.reshape(1, -1, *[1] * (x.ndim - 2))


def alone(formula):
    """A check: what an example becomes does not depend on the rest of the batch."""
    @states_as((), "examples alone", "An example becomes the same whatever else is in the batch")
    def check(box):
        unless(box, "sharing", "output")
        x = None
        for x in inputs(formula, box):
            if len(x.arrays[0]) < 2:
                continue
            whole = box.train(*x.arrays, **x.numbers).y[:1]
            one = box.train(x.arrays[0][:1], *x.arrays[1:], **x.numbers).y
            if not np.allclose(whole, one, rtol=1e-4, atol=1e-5):
                return fails(f"{x.text}, and its first example alone", shown(whole), shown(one))
        if x is None:
            raise Unseen("no input")
        return held(f"up to {x.text}")

    return check
