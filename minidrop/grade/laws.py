"""Laws for draws that are no masks: where they lie, how they are distributed, how seldom alike."""

import numpy as np

from .judges import law
from .values import another_shape


def within(low, high):
    """The law `range`: each entry lies from `low(**arguments)` to `high(**arguments)`, arrays in
    the shape that is due."""
    @law("range")
    def holds(values, chance, **arguments):
        least, most = np.asarray(low(**arguments)), np.asarray(high(**arguments))
        if values.shape[1:] != least.shape:
            return another_shape(values.shape[1:], least.shape)
        outside = ~((values >= least) & (values <= most))
        if not outside.any():
            return ""
        first = tuple(np.argwhere(outside)[0])
        low_end, high_end = f"{least[first[1:]]:g}", f"{most[first[1:]]:g}"
        due = (f"{low_end} is due" if low_end == high_end
               else f"numbers from {low_end} to {high_end} are due")
        return f"{due}, and {values[first]:.6g} came"
    return holds


def distribution(cdf):
    """The law `distribution`: the entries have the distribution functions `cdf(x, **arguments)`.

    It is given an array whose last axes have the shape of a draw, and returns P(entry <= x).
    """
    @law("distribution")
    def holds(values, chance, **arguments):
        shape = values.shape[1:]
        for where in np.ndindex(shape):
            def one(numbers, where=where):
                each = np.reshape(numbers, (-1,) + (1,) * len(shape))
                at = cdf(np.broadcast_to(each, (len(numbers), *shape)), **arguments)
                return at[(slice(None), *where)]
            if not chance.distribution(values[(slice(None), *where)], one):
                entry = f"the entry {list(where)}" if shape else "what is returned"
                return f"{entry} does not come up as often as is due: its distribution is another"
        return ""
    return holds


def beside(cdf, middle):
    """The law `beside`: the two entries of a row are drawn each for itself.

    Both are at most `middle(**arguments)`, numbers in the shape of a draw, with the product of
    their probabilities `cdf(middle, **arguments)`.
    """
    @law("beside")
    def holds(values, chance, **arguments):
        limits = np.asarray(middle(**arguments), float)
        low = (values <= limits).reshape(len(values), -1, values.shape[-1])[:, 0, :2].all(1)
        due = cdf(limits, **arguments).reshape(-1, values.shape[-1])[0, :2].prod()
        if chance.rate(int(low.sum()), len(low), due):
            return ""
        return (f"both numbers of the first row are small in {int(low.sum())} of {len(low)} draws, "
                f"and {due * len(low):.6g} are due, about, where each is drawn for itself")
    return holds


def apart(equal):
    """The law `apart`: entries next to each other, and two calls, are equal by chance alone.

    `equal(**arguments)` is how likely a draw of each entry is what it was in the call before, an
    array in the shape of a draw; neighbours along the first axis have the same law.
    """
    @law("apart")
    def holds(values, chance, **arguments):
        due = np.broadcast_to(equal(**arguments), values.shape[1:])
        if values.ndim > 1 and values.shape[1] > 1:
            for same_as_next, expected in zip((values[:, 0] == values[:, 1]).T.reshape(
                    -1, len(values)), due[0].ravel(), strict=True):
                if not chance.rate(int(same_as_next.sum()), len(values), expected):
                    return (f"the first two rows are equal in {int(same_as_next.sum())} of "
                            f"{len(values)} draws, and {expected * len(values):.6g} are due, about")
        half = len(values) // 2
        again = (values[:half * 2:2] == values[1:half * 2:2]).sum(0)
        for count, expected in zip(np.ravel(again), due.ravel(), strict=True):
            if not chance.rate(int(count), half, expected):
                return (f"two calls in a row give the same {int(count)} times of {half}, and "
                        f"{expected * half:.6g} are due, about")
        return ""
    return holds
