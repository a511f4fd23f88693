"""Order: how large weights are, and which entries of a row are its smallest."""

import math

from ..arguments import flag, floating, probability
from ..tape import data_of
from ..xp import array_module, on_host


def smallest(scores, share):
    """Which entries are among the smallest of their row: boolean, in the shape of `scores`.

    Of a row of n, exactly floor(share n + 1e-9) entries, so that 0.29 of 100 are 29; of equal ones
    the first; nan counts as larger than any number.  `scores` is a floating array (..., n), `share`
    lies in [0, 1].

    >>> import numpy as np
    >>> smallest(np.array([0.3, 0.1, 0.2, 0.1, 0.1]), share=0.4).astype(int)
    array([0, 1, 0, 1, 0])
    """
    values, share = data_of(floating(scores, "scores")), probability(share, "share")
    if values.ndim == 0 or values.size == 0:
        raise ValueError(f"scores must have rows that are not empty, got shape {values.shape}")
    xp, n = array_module(values), values.shape[-1]
    k = math.floor(share * n + 1e-9)                                         # Eq. (pruning.3)
    if k in (0, n):
        return xp.full(values.shape, k == n)
    last = xp.partition(values, k - 1, axis=-1)[..., k - 1:k]     # the k-th smallest of each row
    if on_host(values):                           # on a GPU nothing waits for this count
        within = values <= last
        if int(xp.count_nonzero(within)) * n == k * values.size:
            return within                         # no row has an entry too many
    below, equal = values < last, values == last
    room = k - below.sum(axis=-1, keepdims=True)                  # for the first of the equal ones
    return below | (equal & (equal.cumsum(axis=-1) <= room))


def magnitudes(w, unit):
    """How large the weights `w` (out, ...) are: |w| as rows (out, n), or their L2 norms (out,).

    What magnitude pruning goes by: the norm of w[i] flattened with `unit` True, each weight by
    itself with False.  An array, also of a Tensor.  Norms are found without overflow, in the dtype
    of `w`, where what is equal on paper can differ in the last bit.

    >>> import numpy as np
    >>> w = np.array([[3.0, -4.0], [-1.0, 0.0]])
    >>> magnitudes(w, unit=False).tolist(), magnitudes(w, unit=True).tolist()
    ([[3.0, 4.0], [1.0, 0.0]], [5.0, 1.0])
    """
    if floating(w, "w").ndim < 2 or w.size == 0:
        raise ValueError(f"w must have shape (out, ...), not empty, got shape {w.shape}")
    rows = abs(data_of(w).reshape(w.shape[0], -1))
    if not flag(unit, "unit"):
        return rows
    xp, largest = array_module(rows), rows.max(axis=-1)
    usual = (largest > 0) & (largest < math.inf)
    unit = xp.where(usual, largest, float(xp.finfo(str(rows.dtype)).max))
    scaled = rows / unit[:, None]                                 # no number exceeds 1
    scaled *= scaled
    norms = unit * xp.sqrt(scaled.sum(axis=-1))
    return xp.where(usual, norms, largest)                        # inf stays inf, and nan nan
