"""The checks that all layers with a Bernoulli mask share: a unit is kept or dropped as a whole.

A `Law` says what one technique makes of a kept entry and of a dropped one, what it does without
noise, and which entries live or die together.  `checks(law, ...)` are then the checks, each tied to
the equations that it is about.  What is dropped is read from the outputs: in input of distinct
numbers, the value that comes out again and again is that of a dropped entry.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..technique import states
from . import drawn, exact


class Law(NamedTuple):
    """One technique's rule, for entries x with a rate p; each function also gets the options."""

    kept: Any                                     # (x, p, options) -> what a kept entry becomes
    dropped: Any                                  # (x, p, options) -> what a dropped entry becomes
    evaluated: Callable                           # (x, p, options) -> what comes without noise
    units: Callable                               # (shape, options) -> 1 on the axes that share
    shapes: Any                                   # inputs, from the smallest up, or options -> such
    counting: Callable                            # options -> ((shape, calls), ...), from few up
    given: Any = ()                               # inputs of few units, for masks handed over
    read: Callable | None = None                  # (law, x, y, p, options) -> what is dropped
    odds: Callable = lambda p: p                  # p -> how likely that is


def tied(law, tags, *functions):
    """Checks made of functions f(law, box), about the equations `tags` or tags(options)."""
    return tuple(_tied(law, tags, function) for function in functions)


def _tied(law, tags, function):
    def run(box):
        return function(law, box)

    run.__name__, run.__doc__ = function.__name__, function.__doc__
    return states(*((tags,) if callable(tags) else tags))(run)


def checks(law, *, evaluation, ends, values, rate, units, shared=None, counts=None, mean=(),
           gradient=(), last=None):
    """The checks of a law; each argument names the equations of one, or is a function of options.

    `units`: what is dropped apart, and that every call draws anew; `shared`: what is dropped
    together; `counts`: how many at once; `last`: p = 1; these three are as `units` and `ends` where
    they are not given.  Without `values` or `mean` those checks are left out.
    """
    one, sizes = ((exact.values,), (drawn.any_size,)) if values else ((), ())
    return (
        *tied(law, evaluation, exact.evaluation), *tied(law, ends, exact.rate_0),
        *tied(law, ends, exact.rarest_draw), *tied(law, last or ends, exact.rate_1),
        *tied(law, values, *one), *tied(law, values or gradient, exact.every_mask),
        *tied(law, shared or units, drawn.together),
        *tied(law, units, drawn.anew, drawn.apart, drawn.afresh, exact.own_source),
        *tied(law, counts or units, drawn.how_many), *tied(law, rate, drawn.rate),
        *tied(law, mean, *([drawn.moments] if mean else [])), *tied(law, values, *sizes),
        *tied(law, gradient, exact.gradient, drawn.gradient_at_zero, exact.gradient_at_the_ends),
        *manners(law))


def manners(law):
    """The checks that are about no equation."""
    return tied(law, (), exact.same_seed, exact.infinite_input, exact.input_untouched,
                exact.dtype, exact.empty_batch, exact.memory_order)
