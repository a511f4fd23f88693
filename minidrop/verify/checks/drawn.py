"""The checks of a Bernoulli layer that count: which units die together, how many, and how often."""

import math
from functools import partial

import numpy as np

from ..box import Unseen
from ..technique import fails, held
from .reading import (
    RATES,
    close,
    independent,
    masks,
    of_units,
    right_values,
    shapes,
    units_dropped,
    ways,
)

COUNTED = *RATES, 0.05, 0.9, 0.002, 0.98               # small and large rates show what rounds them
MANY = 200                                        # units up to which all pairs are looked at


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


def anew(law, box):
    """Every call draws anew."""
    for shape, calls in law.counting(box.options):
        p = box.choices("p", 0.5)[0]
        mask = units_dropped(law, box, shape, calls, p)
        if calls < 50 or mask[0].size > MANY:
            continue
        if found := _shared_at_a_distance(box, mask, 0, law.odds(p), each=True):
            distance, share, pairs = found
            return fails(f"{calls} calls on random {shape}, p = {p:g}",
                         f"in calls {distance} apart a unit has the same fate in {share:.4f} of "
                         f"{pairs} pairs", f"{_alike(law.odds(p)):.4f}")
    return held(f"all distances of up to {max(one for _, one in law.counting(box.options))} calls")


def apart(law, box):
    """Units are dropped independently of each other, near or far."""
    for shape, calls in law.counting(box.options):
        p = box.choices("p", 0.5)[0]
        mask = units_dropped(law, box, shape, calls, p)
        if "anew" in box.failed:                  # calls alike say nothing new
            mask, calls = mask[:1], 1
        alike = _alike(law.odds(p))
        found = [(abs(one[1] - alike), axis, *one) for axis in range(1, mask.ndim)
                 if (one := _shared_at_a_distance(box, mask, axis, law.odds(p)))]
        if found:                                 # where one axis is shared, pairs along others
            _, axis, distance, share, pairs = max(found)         # count too often: the worst one
            return fails(f"{calls} x random {shape}, p = {p:g}",
                         f"units {distance} apart along axis {axis - 1} share their fate in "
                         f"{share:.4f} of {pairs} pairs", f"{alike:.4f}")
        if 1 < mask[0].size <= MANY and (found := _pair_that_agrees(box, mask, law.odds(p))):
            return fails(f"{calls} x random {shape}, p = {p:g}", found,
                         f"{_alike(law.odds(p)):.4f} of the calls")
        for axis in range(1, mask.ndim):
            if found := _slices_that_agree(box, mask, axis, law.odds(p)):
                share, pairs, due = found
                return fails(f"{calls} x random {shape}, p = {p:g}",
                             f"neighbouring slices along axis {axis - 1} drop the same number in "
                             f"{share:.4f} of {pairs} pairs", f"{due:.4f}")
    return held(f"every axis and distance of up to {calls} x {shape}")


def afresh(law, box):
    """Two calls share no more of their masks than chance has it."""
    if box.failed & {"together", "apart", "anew"}:
        raise Unseen("units or calls depend on each other already")
    for shape, calls in law.counting(box.options):
        p = box.choices("p", 0.5)[0]
        mask = units_dropped(law, box, shape, calls, p)
        if found := _shared_at_a_distance(box, mask, 0, law.odds(p)):
            distance, share, pairs = found
            return fails(f"{calls} calls on random {shape}, p = {p:g}",
                         f"in calls {distance} apart units have the same fate in {share:.4f} of "
                         f"{pairs} pairs", f"{_alike(law.odds(p)):.4f}")
    return held(f"all units of up to {calls} x {shape} together")


def how_many(law, box):
    """How much a call drops varies as if each unit were drawn by itself."""
    tried = []
    for shape, calls in law.counting(box.options):
        for p in box.choices("p", 0.5, 0.2) if calls >= 50 else ():
            mask = masks(law, box, shape, calls, p)
            units, odds = of_units(law, box, mask)[0].size, law.odds(p)
            counts = mask.reshape(calls, -1).mean(1) * units
            if not any(box.chance.distribution(counts, partial(binomial_cdf, n=units, p=rate))
                       for rate in (odds, mask.mean())):
                return fails(f"{calls} calls on random {shape}, p = {p:g}",
                             "the share that is dropped has the variance "
                             f"{counts.var() / units**2:.4g}",
                             f"{odds * (1 - odds) / units:.4g}, as of {units} units")
            tried.append(f"{units}")
    return held(f"{', '.join(dict.fromkeys(tried))} units a call")


def rate(law, box):
    """Units are dropped with the probability p."""
    independent(box)
    for shape, calls in law.counting(box.options):
        rates = box.choices("p", *(COUNTED if np.prod(shape) * calls > 1000 else RATES))
        for p in rates:
            mask = units_dropped(law, box, shape, calls, p)
            if not box.chance.rate(mask.sum(), mask.size, p):
                return fails(f"{calls} x random {shape}, p = {p:g}",
                             f"{mask.mean():.4f} of {mask.size} dropped", f"{p:g}")
    return held(f"up to {mask.size} units, p = {', '.join(map('{:g}'.format, rates))}")


def moments(law, box):
    """Mean and variance are those of an entry that is kept with probability 1 - p."""
    independent(box)
    for shape, calls in law.counting(box.options)[1:]:
        for p in box.choices("p", 0.5, 0.2):
            x = np.ones(shape, np.float32)
            dropped, kept = (float(rule(x, p, box.options).flat[0])
                             for rule in (law.dropped, law.kept))
            due, (low, high) = p * dropped + (1 - p) * kept, sorted((dropped, kept))
            drawn = of_units(law, box, np.stack([box.train(x, p=p).y for _ in range(calls)]))
            tried = f"{calls} x ones {shape}, p = {p:g}"
            if not box.chance.mean(np.clip(drawn, low, high), due, low, high):
                return fails(tried, f"a mean of {drawn.mean():.4f}", f"{due:g}")
            spread, most = (drawn - due) ** 2, max(high - due, due - low) ** 2
            variance = (high - low) ** 2 * p * (1 - p)
            if not box.chance.mean(np.clip(spread, 0, most), variance, 0, most):
                return fails(tried, f"a variance of {spread.mean():.4f}", f"{variance:g}")
    return held(f"up to {drawn.size} units")


def any_size(law, box):
    """Small, large, negative entries and zeros are treated as all others."""
    right_values(box)
    shape, p, calls = shapes(law, box)[-1], box.choices("p", 0.5)[0], 100
    kinds = np.array([1e-4, -1e-4, 1, -1, 1e4, -1e4, 0.0, -0.0], np.float32)
    x = np.resize(kinds, shape)
    kept, dropped, _ = ways(law, box, x, p)
    y = np.stack([box.train(x, p=p).y for _ in range(calls)])
    wrong = ~(close(y, kept) | close(y, dropped))
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0])
        return fails(f"an entry {x[at[1:]]:g}, p = {p:g}", f"{y[at]:g}",
                     f"{kept[at[1:]]:g} if kept, {dropped[at[1:]]:g} if dropped")
    if law.units(shape, box.options) != shape or box.failed & {
            "together", "anew", "apart", "afresh", "rate"}:
        return held(f"the values, {calls} x {shape}")
    for kind in kinds:
        which = (x == kind) & ~close(kept, dropped)
        dead = close(y[:, which], dropped[which])
        if dead.size and not box.chance.rate(dead.sum(), dead.size, law.odds(p)):
            return fails(f"entries {kind:g}, p = {p:g}",
                         f"{dead.mean():.4f} of {dead.size} dropped", f"{law.odds(p):g}")
    return held(f"entries of 1e-4 to 1e4, {calls} x {shape}")


def gradient_at_zero(law, box):
    """The gradient where the input is 0 is that of a kept entry as often as entries are kept."""
    independent(box)
    for shape, calls in law.counting(box.options)[:3]:
        p = box.choices("p", 0.5)[0]
        x, ones = np.zeros(shape, np.float32), np.ones(shape, np.float32)
        slope = law.kept(ones, p, box.options) - law.kept(x, p, box.options)
        found = np.stack([box.train(x, p=p, gradient=True).gradient(ones) for _ in range(calls)])
        dead = close(found, 0)
        if not (dead | close(found, slope)).all():
            odd = found[~(dead | close(found, slope))].flat[0]
            return fails(f"zeros {shape}, p = {p:g}, g = 1", f"{odd:g}",
                         f"{slope.flat[0]:g} if kept, 0 if dropped")
        dead = of_units(law, box, dead)
        if not box.chance.rate(dead.sum(), dead.size, p):
            return fails(f"{calls} x zeros {shape}, p = {p:g}, g = 1",
                         f"a gradient of 0 for {dead.mean():.4f} of {dead.size}", f"{p:g}")
    return held(f"up to {dead.size} zeros")


def _shared_at_a_distance(box, mask, axis, p, each=False):
    """(distance, share of pairs that agree, pairs) at the first odd distance along an axis.

    Agreement is counted over all other axes, or for `each` unit by itself.
    """
    rows = np.moveaxis(mask, axis, 0).reshape(mask.shape[axis], -1)
    agreeing, pairs, distances = [], [], []
    for distance in range(1, min(len(rows), 300)):
        groups = np.arange(len(rows) - distance) // distance % 2
        for phase in (0, 1):                      # pairs (i, i + distance), no unit in two of them
            first = np.flatnonzero(groups == phase)
            if len(first):
                alike = (rows[first] == rows[first + distance]).sum(0)
                agreeing += list(alike) if each else [alike.sum()]
                pairs += [len(first)] * len(alike) if each else [len(first) * len(alike)]
                distances += [distance] * (len(alike) if each else 1)
    at = _odd_one(box, agreeing, np.array(pairs), _alike, mask, p) if pairs else None
    return None if at is None else (distances[at], agreeing[at] / pairs[at], pairs[at])


def _pair_that_agrees(box, mask, p):
    """What is odd about the first two units, of all pairs, that do not live and die apart."""
    calls, signs = len(mask), np.where(mask, 1.0, -1.0).reshape(len(mask), -1)
    first, second = np.triu_indices(signs.shape[1], 1)
    agreeing = ((calls + signs.T @ signs) / 2)[first, second]
    at = _odd_one(box, agreeing, calls, _alike, mask, p)
    if at is None:
        return ""
    one, two = (tuple(map(int, np.unravel_index(units[at], mask.shape[1:])))
                for units in (first, second))
    return f"units {one} and {two} share their fate in {agreeing[at] / calls:.4f} of the calls"


def _slices_that_agree(box, mask, axis, p):
    """(share of pairs of neighbours with equal numbers dropped, pairs, what is due) if odd."""
    slices = np.moveaxis(mask, axis, 1).reshape(len(mask), mask.shape[axis], -1)
    counts, half, n = slices.sum(2), mask.shape[axis] // 2, slices.shape[2]
    agree = counts[:, 0:2 * half:2] == counts[:, 1:2 * half:2]

    def due(p):
        return float((np.diff(binomial_cdf(np.arange(-1, n + 1), n, p)) ** 2).sum())

    if not half or _odd_one(box, [agree.sum()], agree.size, due, mask, p) is None:
        return None
    return agree.mean(), agree.size, due(p)


def _odd_one(box, successes, draws, due, mask, p):
    """The place of the first number of successes that is odd, or None.

    Odd is what agrees neither with due(p) nor with due(the share that is dropped): a wrong rate is
    found elsewhere, and is no dependence.
    """
    fine = np.atleast_1d(box.chance.rate(successes, draws, due(p)))
    if not fine.all():
        fine |= box.chance.rate(successes, draws, due(mask.mean()))
    return None if fine.all() else int(np.argmin(fine))


def _alike(p):
    return p**2 + (1 - p)**2


def binomial_cdf(k, n, p):
    """P(K <= k) for the number K of successes in n draws of probability p.

    >>> binomial_cdf(np.array([-1, 0, 0.5, 1, 2]), 2, 0.5)
    array([0.  , 0.25, 0.25, 0.75, 1.  ])
    """
    k = np.floor(k).astype(int)
    if p in (0, 1):
        return np.where(k >= n * p, 1.0, 0.0)
    steps = np.arange(1, n + 1)
    log = np.cumsum(np.log((n - steps + 1) / steps * p / (1 - p)))
    mass = np.exp(n * math.log1p(-p) + np.concatenate([[0.0], log]))
    below = np.concatenate([[0.0], np.cumsum(mass)])
    return np.minimum(below[np.clip(k + 1, 0, n + 1)], 1.0)
