"""The checks that all layers with a Bernoulli mask share: a unit is kept or dropped as a whole.

A `Law` says what one technique makes of a kept entry and of a dropped one, what it does without
noise, and which entries live or die together.  `checks(law, ...)` are then the checks, each tied to
the equations that it is about.  What is dropped is read from the outputs: in random input no two
entries are alike, so the value that comes out again and again is that of a dropped one.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .box import Trouble, Unseen
from .technique import call, fails, held, shown, states

RATES = 0.5, 0.2, 0.75
CLOSE = 2e-5                                      # relative, for float32 and a few operations


class Law(NamedTuple):
    """One technique's rule, for entries x with a rate p; each function also gets the options."""

    kept: Callable                                # (x, p, options) -> what a kept entry becomes
    dropped: Callable                             # (x, p, options) -> what a dropped entry becomes
    evaluated: Callable                           # (x, p, options) -> what comes without noise
    units: Callable                               # (shape, options) -> 1 on the axes that share
    shapes: tuple                                 # inputs, from the smallest up
    counting: Callable                            # options -> ((shape, calls), ...), from few up


def checks(law, *, evaluation, ends, values, rate, mean=(), units=(), gradient=()):
    """The checks of a law; each argument names the equations of one, or is a function of options.

    `units`: what is dropped together and what apart, and that every call draws anew.
    """
    def tied(tags, function, name=None):
        def run(box):
            return function(law, box)

        run.__name__, run.__doc__ = name or function.__name__, function.__doc__
        return states(*((tags,) if callable(tags) else tags))(run)

    return (
        tied(evaluation, evaluate, "evaluation"), tied(ends, rate_0), tied(ends, rarest_draw),
        tied(ends, rate_1), tied(values, values_), tied(units, together), tied(units, apart),
        tied(units, anew), tied(rate, rate_), tied(mean, mean_), tied(gradient, gradient_),
        tied((), same_seed), tied((), infinite_input), tied((), input_untouched), tied((), dtype))


def ramp(shape):
    """1, -2, 3, -4, ...: no zeros, no two alike, to be read easily."""
    count = np.arange(1, np.prod(shape, dtype=int) + 1, dtype=np.float32)
    return (count * np.where(count % 2, 1, -1)).astype(np.float32).reshape(shape)


def close(a, b):
    """Equal to a few units in the last place of float32, entry by entry."""
    return np.isclose(a, b, rtol=CLOSE, atol=1e-6)


def dropped_in(y):
    """Where a random input was dropped: the entries that share their value with most others."""
    values, counts = np.unique(y, return_counts=True)
    return y == values[counts.argmax()] if counts.max() > 2 else np.zeros(y.shape, bool)


def small(law, box):
    """The small inputs with their rates, from the smallest up."""
    for shape in law.shapes:
        for p in box.choices("p", *RATES):
            yield ramp(shape), p


def evaluate(law, box):
    """In evaluation nothing is random."""
    for x, p in small(law, box):
        due = law.evaluated(x, p, box.options)
        for _ in range(3):
            y = box.evaluate(x, p=p).y
            if not close(y, due).all():
                return fails(call(x, p=p), shown(y), shown(due))
    return held(f"{len(law.shapes)} shapes up to {law.shapes[-1]}")


def rate_0(law, box):
    """p = 0 changes nothing."""
    for shape in law.shapes:
        x, p = ramp(shape), _end(box, 0.0)
        y = box.train(x, p=p).y
        if not close(y, x).all():
            return fails(call(x, p=p), shown(y), shown(x))
    return held(f"{len(law.shapes)} shapes up to {law.shapes[-1]}")


def rarest_draw(law, box):
    """p = 0 changes nothing, for the rarest of draws too."""
    x, p = ramp(law.shapes[-1]), _end(box, 0.0)
    with box.starved():
        y = box.train(x, p=p).y
    if not close(y, x).all():
        return fails(f"{call(x, p=p)}, every random number 0",
                     f"{int((y != x).sum())} of {x.size} entries dropped", "none dropped")
    return held("every random number 0")


def rate_1(law, box):
    """p = 1 keeps nothing."""
    for shape in law.shapes:
        x, p = ramp(shape), _end(box, 1.0)
        due = law.dropped(x, p, box.options)
        try:
            y = box.train(x, p=p).y
        except Trouble as trouble:
            if trouble.refusal:
                raise Unseen(f"p = 1 is refused ({trouble.found})") from None
            raise
        if not close(y, due).all():
            return fails(call(x, p=p), shown(y), shown(due + 0 * x))
    return held(f"{len(law.shapes)} shapes up to {law.shapes[-1]}")


def values_(law, box):
    """An entry comes out as if kept, or as if dropped."""
    for x, p in small(law, box):
        kept, dropped = (rule(x, p, box.options) for rule in (law.kept, law.dropped))
        for _ in range(4):
            y = box.train(x, p=p).y
            if not (close(y, kept) | close(y, dropped)).all():
                return fails(call(x, p=p), shown(y),
                             f"of {shown(kept)} if kept, of {shown(dropped)} if dropped")
    return held(f"{len(law.shapes)} shapes up to {law.shapes[-1]}, 4 calls each")


def masks(law, box, shape, calls, p):
    """Where entries of random input were dropped: (calls, *shape)."""
    x = box.random.normal(size=shape).astype(np.float32)
    return np.stack([dropped_in(box.train(x, p=p).y) for _ in range(calls)])


def of_units(law, box, mask):
    """One entry for each unit: what it shares is taken at the first place."""
    units = law.units(mask.shape[1:], box.options)
    return mask[:, *(slice(None, 1) if one == 1 else slice(None) for one in units)]


def rate_(law, box):
    """Units are dropped with the probability p."""
    _independent(box)
    for shape, calls in law.counting(box.options):
        for p in box.choices("p", *RATES):
            mask = of_units(law, box, masks(law, box, shape, calls, p))
            if not box.chance.rate(mask.sum(), mask.size, p):
                return fails(f"{calls} x random {shape}, p = {p:g}",
                             f"{mask.mean():.4f} of {mask.size} dropped", f"{p:g}")
    return held(f"up to {mask.size} units, p = {', '.join(map('{:g}'.format, RATES))}")


def together(law, box):
    """What belongs to one unit lives or dies together."""
    for shape, calls in law.counting(box.options):
        for p in box.choices("p", *RATES):
            mask = masks(law, box, shape, calls, p)
            if (mask != of_units(law, box, mask)).any():
                units = law.units(shape, box.options)
                return fails(f"random {shape}, p = {p:g}",
                             "entries of one unit live and die apart",
                             f"a mask that is constant on the axes of length 1 of {units}")
    return held(f"up to {calls} x {shape}")


def apart(law, box):
    """Units are dropped independently of each other."""
    for shape, calls in law.counting(box.options):
        p = box.choices("p", 0.5)[0]
        mask = of_units(law, box, masks(law, box, shape, calls, p))
        for axis in range(1, mask.ndim):
            pairs = np.moveaxis(mask, axis, 0)
            half = len(pairs) // 2
            agree = pairs[0:2 * half:2] == pairs[1:2 * half:2]
            if half and not box.chance.rate(agree.sum(), agree.size, p**2 + (1 - p)**2):
                return fails(f"{calls} x random {shape}, p = {p:g}",
                             f"neighbours along axis {axis - 1} share their fate in "
                             f"{agree.mean():.4f} of {agree.size} pairs",
                             f"{p**2 + (1 - p)**2:.4f}")
    return held(f"every axis of up to {calls} x {shape}")


def anew(law, box):
    """Every call draws anew."""
    for shape, calls in law.counting(box.options):
        p, calls = box.choices("p", 0.5)[0], max(2, calls)
        mask = of_units(law, box, masks(law, box, shape, calls, p))
        half = len(mask) // 2
        agree = mask[0:2 * half:2] == mask[1:2 * half:2]
        if not box.chance.rate(agree.sum(), agree.size, p**2 + (1 - p)**2):
            return fails(f"two calls on random {shape}, p = {p:g}",
                         f"{agree.mean():.4f} of {agree.size} units share their fate",
                         f"{p**2 + (1 - p)**2:.4f}")
    return held(f"pairs of calls on {shape}")


def mean_(law, box):
    """The mean is that of evaluation."""
    _independent(box)
    for shape, calls in law.counting(box.options):
        for p in box.choices("p", 0.5, 0.2):
            x = np.ones(shape, np.float32)
            bounds = [float(rule(x, p, box.options).flat[0]) for rule in (law.dropped, law.kept)]
            y = np.stack([box.train(x, p=p).y for _ in range(calls)])
            due = float(law.evaluated(x, p, box.options).flat[0])
            drawn = of_units(law, box, y).ravel()
            if not box.chance.mean(np.clip(drawn, min(bounds), max(bounds)), due, *bounds):
                return fails(f"{calls} x ones {shape}, p = {p:g}", f"{drawn.mean():.4f}",
                             f"{due:g}")
    return held(f"up to {drawn.size} units")


def gradient_(law, box):
    """The gradient is that of the same mask."""
    for x, p in small(law, box):
        x = x.copy()
        x.flat[-1] = 0.0 if x.size > 2 else x.flat[-1]       # of a zero the output tells nothing
        g = np.flip(ramp(x.shape)) / 2
        kept, dropped = (rule(x, p, box.options) for rule in (law.kept, law.dropped))
        unit = np.ones_like(x)
        slope = law.kept(unit, p, box.options) - law.kept(0 * unit, p, box.options)
        for _ in range(4):
            answer = box.train(x, p=p, gradient=True)
            found = answer.gradient(g)
            lives, dies = close(answer.y, kept), close(answer.y, dropped)
            right = lives & close(found, g * slope) | dies & close(found, 0 * g)
            right |= ~lives & ~dies                          # another check is about those
            if not right.all():
                return fails(f"{call(x, p=p)}, y = {shown(answer.y)}, g = {shown(g)}",
                             shown(found), shown(np.where(lives, g * slope, 0)))
    return held(f"{len(law.shapes)} shapes up to {law.shapes[-1]}, 4 calls each")


def same_seed(law, box):
    """The same seed gives the same mask."""
    (shape, _), p = law.counting(box.options)[0], box.choices("p", 0.5)[0]
    x, outputs = ramp(shape), []
    for seed in (5, 5):
        box.restart(seed)
        outputs.append(np.stack([box.train(x, p=p).y for _ in range(8)]))
    if not np.array_equal(outputs[0], outputs[1]):
        return fails(f"8 calls on {shape}, p = {p:g}, seeded twice alike", "other masks",
                     "the same masks")
    return held(f"8 calls on {shape}, seeded twice alike")


def infinite_input(law, box):
    """An infinite entry stays infinite where it is kept."""
    shape, p = law.shapes[-1], box.choices("p", 0.5)[0]
    x, ways = ramp(shape), set()
    x.flat[:2] = np.inf, -np.inf
    y = box.evaluate(x, p=p).y if box.has_evaluation() else x
    if not np.array_equal(np.isinf(y), np.isinf(x)):
        return fails(f"{call(x, p=p)}, in evaluation", shown(y), "what is infinite stays so")
    for _ in range(8):
        y = box.train(x, p=p).y.flat[:2]
        dead = law.dropped(np.ones(2, np.float32), p, box.options)
        if not (np.isinf(y) | np.isnan(y) | close(y, dead)).all():
            return fails(call(x, p=p), shown(y), "infinite if kept, if dropped nan or a dropped "
                         "entry's value")
        ways |= {"nan" for one in y if np.isnan(one)} | {"finite" for one in y if np.isfinite(one)}
    return held("a dropped inf comes out as " + (" or ".join(sorted(ways)) or "inf"))


def input_untouched(law, box):
    """The input is not written over."""
    for x, p in small(law, box):
        answer = box.train(x, p=p)
        if not np.array_equal(answer.inputs[0], x):
            return fails(call(x, p=p), f"afterwards x = {shown(answer.inputs[0])}", shown(x))
    return held(f"{len(law.shapes)} shapes")


def dtype(law, box):
    """The floating type stays what it is."""
    for name in box.adapter.dtypes:
        x, p = ramp(law.shapes[-1]).astype(name), box.choices("p", 0.5)[0]
        if (found := box.train(x, p=p).y.dtype) != name:
            return fails(f"x of {name}, p = {p:g}", str(found), name)
    return held(", ".join(box.adapter.dtypes))


def _independent(box):
    """Unseen where draws are known to depend on each other, so that their number says little."""
    if box.failed & {"together", "apart", "anew"}:
        raise Unseen("the draws depend on each other, so that counting them proves nothing")


def _end(box, p):
    """The rate p, where the implementation can be asked for it."""
    if box.choices("p", p)[0] != p:
        raise Unseen(f"the layer was made with p = {box.fixed['p']}")
    return p
