"""What the checks of techniques on images and feature maps share: inputs, and manners.

`manners(*tags, **parameters)` are the checks of what is no technique's own.
"""

import numpy as np

from ..box import Unseen
from ..technique import call, fails, held, states


def pictures(*shape):
    """1, 2, 3, ...: no zero, and no two pixels alike, so that each tells where it comes from."""
    return np.arange(1, np.prod(shape, dtype=int) + 1, dtype=np.float32).reshape(shape)


def trained(box, x, calls=1, **parameters):
    """What training makes of the images x (N, C, H, W): (calls, N, C, H, W).

    An implementation for single images, images="one", gets them one by one.
    """
    def batch():
        if box.options.get("images") == "one":
            return np.stack([box.train(one, **parameters).y for one in x])
        return box.train(x, **parameters).y

    return np.stack([batch() for _ in range(calls)])


def manners(*tags, **parameters):
    """The checks of evaluation (about the equations `tags`), seeds, the input, dtype, infinity."""
    def chosen(box):
        one = box.options.get("images") == "one"
        given = {name: box.choices(name, value)[0] for name, value in parameters.items()}
        least = given.get("block", 1)             # a larger one may be refused
        return pictures(*(2, 2, max(5, least), max(6, least + 1))[one:]), given

    @states(*tags)
    def evaluation(box):
        """In evaluation nothing happens."""
        x, given = chosen(box)
        if not box.has_evaluation():
            raise Unseen("it has no evaluation mode")
        for _ in range(3):
            if not np.allclose(y := box.evaluate(x, **given).y, x, rtol=1e-6):
                return fails(call(x, **given), f"{(y != x).sum()} of {x.size} entries changed",
                             "none changed")
        return held(f"3 calls on {x.shape}")

    @states()
    def same_seed(box):
        """The same seed gives the same draws."""
        (x, given), outputs = chosen(box), []
        for _ in range(2):
            box.restart(5)
            outputs.append(np.stack([box.train(x, **given).y for _ in range(8)]))
        if not np.array_equal(outputs[0], outputs[1], equal_nan=True):
            return fails(f"8 calls with {call(x, **given)}, seeded twice alike", "other outputs",
                         "the same outputs")
        return held(f"8 calls on {x.shape}, seeded twice alike")

    @states()
    def infinite_input(box):
        """What is infinite spoils no other entry."""
        (x, given), place = chosen(box), (..., 2, 2)
        x[place] = np.inf
        for _ in range(8):
            y = box.train(x, **given).y
            if (~np.isfinite(y)).sum() > np.isinf(x).sum():
                return fails(f"{call(x, **given)}, {np.isinf(x).sum()} of them inf",
                             f"{(~np.isfinite(y)).sum()} not finite",
                             f"at most {np.isinf(x).sum()}")
        return held(f"8 calls on {x.shape}")

    @states()
    def input_untouched(box):
        """The input is not written over."""
        x, given = chosen(box)
        for _ in range(8):
            after = box.train(x, **given).inputs[0]
            if not np.array_equal(after, x):
                return fails(call(x, **given), f"{(after != x).sum()} of {x.size} entries of x "
                             "are others afterwards", "x as it was")
        return held(f"8 calls on {x.shape}")

    @states()
    def dtype(box):
        """The floating type stays what it is."""
        x, given = chosen(box)
        for name in box.adapter.dtypes:
            if (found := box.train(x.astype(name), **given).y.dtype) != name:
                return fails(f"x of {name}", str(found), name)
        return held(", ".join(box.adapter.dtypes))

    return evaluation, same_seed, infinite_input, input_untouched, dtype
