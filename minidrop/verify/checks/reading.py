"""Inputs that are easy to read, and how a mask is read from what came out."""

import numpy as np

from ..box import Unseen

RATES = 0.5, 0.2, 0.75
CLOSE = 2e-5                                      # relative, for float32 and a few operations


def ramp(shape):
    """1, -2, 3, -4, ...: no zeros, no two alike, to be read easily."""
    count = np.arange(1, np.prod(shape, dtype=int) + 1, dtype=np.float32)
    return (count * np.where(count % 2, 1, -1)).astype(np.float32).reshape(shape)


def distinct(random, shape):
    """Numbers in random order within 1/2 and 3/2, with signs: no two alike, nor after scaling."""
    size = int(np.prod(shape, dtype=int))
    steps = (0.5 + random.permutation(size) / max(size, 1)).astype(np.float32)
    return (steps * random.choice(np.array([-1, 1], np.float32), size)).reshape(shape)


def close(a, b):
    """Equal to a few units in the last place of float32, entry by entry."""
    return np.isclose(a, b, rtol=CLOSE, atol=1e-6)


def shapes(law, box):
    """The shapes of the small inputs, from the smallest up."""
    return law.shapes(box.options) if callable(law.shapes) else law.shapes


def small(law, box, rates=RATES):
    """The small inputs with their rates, from the smallest up."""
    for shape in shapes(law, box):
        for p in box.choices("p", *rates):
            yield ramp(shape), p


def dropped_in(y, due=0.0):
    """Where an input of distinct numbers was dropped.

    It is where the outputs share one value, whatever that is; and if all differ, the entry that has
    the value that is `due`.
    """
    for part in (y.ravel()[:1000], y):               # few do, as a rule
        values, counts = np.unique(part, return_counts=True)
        if counts.size and counts.max() > 1:
            return y == values[counts.argmax()]
    return close(y, due)


def masks(law, box, shape, calls, p):
    """Where entries of distinct numbers, others in each call, were dropped: (calls, *shape).

    Checks that ask for the same calls get the same ones: false alarms are added up, so they need
    not be independent of each other.
    """
    def draw():
        x = distinct(box.random, (calls, *shape))
        return x, np.stack([box.train(one, p=p).y for one in x])

    def read():
        x, y = box.once((shape, calls, p), draw)
        return (law.read or _read)(law, x, y, p, box.options)

    return box.once(("masks", shape, calls, p, *box.options.values()), read)


def _read(law, x, y, p, options):
    return dropped_in(y, float(law.dropped(np.ones(1, np.float32), p, options)[0]))


def of_units(law, box, mask):
    """One entry for each unit: what it shares is taken at the first place."""
    units = law.units(mask.shape[1:], box.options)
    return mask[:, *(slice(None, 1) if one == 1 else slice(None) for one in units)]


def units_dropped(law, box, shape, calls, p):
    """Which units were dropped in each of several calls: (calls, *units)."""
    return of_units(law, box, masks(law, box, shape, calls, p))


def independent(box):
    """Unseen where draws are known to depend on each other, so that their number says little."""
    if box.failed & {"together", "apart", "anew"}:
        raise Unseen("the draws depend on each other, so that counting them proves nothing")


def end(box, p):
    """The rate p, where the implementation can be asked for it."""
    if box.choices("p", p)[0] != p:
        raise Unseen(f"the layer was made with p = {box.fixed['p']}")
    return p


def ways(law, box, x, p):
    """(what x becomes if kept, if dropped, the slope of what is kept)."""
    ones = np.ones(1, np.float32)
    slope = law.kept(ones, p, box.options) - law.kept(0 * ones, p, box.options)
    return law.kept(x, p, box.options), law.dropped(x, p, box.options) + 0 * x, slope[0]


def right_values(box):
    """Unseen where finite values are known to be wrong, so that others say nothing."""
    if box.failed & {"values", "line", "stretch"}:
        raise Unseen("finite values are wrong already")
