"""What the techniques on weights share: calls in every style, and masks seen as those of entries.

A mask of weights that was read from an output is put before the checks of a Bernoulli mask as if an
input of its shape had been dropped by it.
"""

from types import SimpleNamespace

import numpy as np

from ..box import Unseen
from ..technique import fails, held, shown, states
from . import drawn
from .masks import Law


class Entries:
    """A Box seen through its mask: `train(x, p)` gives x where the mask keeps, and 0 elsewhere.

    `kept(box, shape, p)` reads one mask of the shape of x; all else is the box's own.
    """

    def __init__(self, box, kept):
        self._box, self._kept = box, kept

    def __getattr__(self, name):
        return getattr(self._box, name)

    def train(self, x, p):
        """What `x` becomes under a mask that was read."""
        return SimpleNamespace(y=np.where(self._kept(self._box, x.shape, p), x, np.float32(0)))


def counted(units, counting, kept, tags):
    """The checks of a Bernoulli mask that count its entries, for masks read by `kept`."""
    law = Law(kept=lambda x, p, options: x, dropped=lambda x, p, options: 0 * x,
                    evaluated=lambda x, p, options: x, units=units, shapes=(), counting=counting)

    def tied(check):
        def run(box):
            return check(law, Entries(box, kept))

        run.__name__, run.__doc__ = check.__name__, check.__doc__
        return states(*tags)(run)

    return tuple(map(tied, (drawn.together, drawn.apart, drawn.anew, drawn.how_many, drawn.rate)))


def manners(call, inputs):
    """Checks of no equation, for `call(box, *arrays)` in training.

    `inputs(box, dtype)` gives the arrays to try, from the smallest up.
    """
    @states()
    def same_seed(box):
        """The same seed gives the same noise"""
        *_, arrays = inputs(box, "float32")
        outputs = []
        for seed in (5, 5):
            box.restart(seed)
            outputs.append(np.stack([call(box, *arrays).y for _ in range(8)]))
        if not np.array_equal(outputs[0], outputs[1], equal_nan=True):
            return fails(f"8 calls on {named(box, arrays)}, seeded twice alike", "other outputs",
                         "the same outputs")
        return held("8 calls, seeded twice alike")

    @states()
    def input_untouched(box):
        """The input is not written over"""
        for arrays in inputs(box, "float32"):
            after = call(box, *arrays).inputs
            for role, before, now in zip(box.adapter.arrays, arrays, after, strict=False):
                if not np.array_equal(before, now):
                    return fails(named(box, arrays), f"afterwards {role} = {shown(now)}",
                                 shown(before))
        return held(f"up to {named(box, arrays)}")

    @states()
    def dtype(box):
        """The floating type stays what it is"""
        for name in box.adapter.dtypes:
            *_, arrays = inputs(box, name)
            if (found := call(box, *arrays).y.dtype) != name:
                return fails(f"arrays of {name}", str(found), name)
        return held(", ".join(box.adapter.dtypes))

    return same_seed, input_untouched, dtype


def named(box, arrays, **parameters):
    """How an input is named in a finding, each array by its role: "w = [[1, 2]], p = 0.5"."""
    text = [f"{role} = {shown(array)}"
            for role, array in zip(box.adapter.arrays, arrays, strict=False) if box.takes(role)]
    return ", ".join(text + [f"{name} = {value:.6g}" if isinstance(value, float)
                             else f"{name} = {value}" for name, value in parameters.items()])


def after(box, *checks, reason="what comes out differs already"):
    """Unseen where one of these checks has failed."""
    if box.failed & set(checks):
        raise Unseen(reason)
