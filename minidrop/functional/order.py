"""Order: which entries of a row are its smallest."""

import math

from ..arguments import floating, probability
from ..tape import data_of
from ..xp import array_module


def smallest(scores, share):
    """Which entries are among the smallest of their row: boolean, in the shape of `scores`.

    Of a row of n, exactly floor(share n + 1e-9) entries, so that 0.29 of 100 are 29; of equal ones
    the first.  `scores` is a floating array (..., n) without nan, `share` lies in [0, 1].

    >>> import numpy as np
    >>> smallest(np.array([0.3, 0.1, 0.2, 0.1, 0.1]), share=0.4).astype(int)
    array([0, 1, 0, 1, 0])
    """
    values, share = data_of(floating(scores, "scores")), probability(share, "share")
    if values.ndim == 0 or values.size == 0:
        raise ValueError(f"scores must have rows that are not empty, got shape {values.shape}")
    xp, n = array_module(values), values.shape[-1]
    k = math.floor(share * n + 1e-9)
    if k in (0, n):
        return xp.full(values.shape, k == n)
    last = xp.partition(values, k - 1, axis=-1)[..., k - 1:k]     # the k-th smallest of each row
    below, equal = values < last, values == last
    room = k - below.sum(axis=-1, keepdims=True)                  # for the first of the equal ones
    return below | (equal & (equal.cumsum(axis=-1) <= room))
