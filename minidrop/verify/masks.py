"""The checks that all layers with a Bernoulli mask share: a unit is kept or dropped as a whole.

A `Law` says what one technique makes of a kept entry and of a dropped one, what it does without
noise, and which entries live or die together.  `checks(law, ...)` are then the checks, each tied to
the equations that it is about.  What is dropped is read from the outputs: in input of distinct
numbers, the value that comes out again and again is that of a dropped entry.
"""

from collections.abc import Callable
from typing import NamedTuple

from . import drawn, exact
from .technique import states


class Law(NamedTuple):
    """One technique's rule, for entries x with a rate p; each function also gets the options."""

    kept: Callable                                # (x, p, options) -> what a kept entry becomes
    dropped: Callable                             # (x, p, options) -> what a dropped entry becomes
    evaluated: Callable                           # (x, p, options) -> what comes without noise
    units: Callable                               # (shape, options) -> 1 on the axes that share
    shapes: tuple                                 # inputs, from the smallest up
    counting: Callable                            # options -> ((shape, calls), ...), from few up
    given: tuple = ()                             # inputs of few units, for masks handed over


def checks(law, *, evaluation, ends, values, rate, mean=(), units=(), gradient=()):
    """The checks of a law; each argument names the equations of one, or is a function of options.

    `units`: what is dropped together and what apart, and that every call draws anew.  Without
    `mean` the moments of an entry are not looked at.
    """
    def tied(tags, function):
        def run(box):
            return function(law, box)

        run.__name__, run.__doc__ = function.__name__, function.__doc__
        return states(*((tags,) if callable(tags) else tags))(run)

    return (
        tied(evaluation, exact.evaluation), tied(ends, exact.rate_0),
        tied(ends, exact.rarest_draw), tied(ends, exact.rate_1), tied(values, exact.values),
        tied(values, exact.every_mask), tied(units, drawn.together), tied(units, drawn.anew),
        tied(units, drawn.apart), tied(units, drawn.how_many), tied(rate, drawn.rate),
        *([tied(mean, drawn.moments)] if mean else []), tied(gradient, exact.gradient),
        tied(gradient, drawn.gradient_at_zero), tied(gradient, exact.gradient_at_the_ends),
        *(tied((), manners) for manners in (
            exact.same_seed, exact.infinite_input, exact.input_untouched, exact.dtype,
            exact.empty_batch, exact.memory_order)))
