r"""Batch statistics: give batch norms the mean and variance that belong to the weights of now.

Paper    Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, "Averaging weights leads to wider optima
         and better generalization", UAI 2018, arXiv:1803.05407: "Izmailov 2018".  Official code:
         timgaripov/swa.
Where    Every batch norm of a network whose weights were averaged, interpolated or pruned: no
         training has seen these weights, so the running statistics are those of others.
Symbols  $b$ examples of a batch, $n$ those of the batches before it, $m$ values in a channel of the
         batch, $\mu$ and $\sigma^2$ their mean and biased variance, $r$ and $v$ what is kept.

Izmailov 2018, official code: one pass over the data, in which every example weighs the same
$$ r \leftarrow (1 - k) \, r + k \, \mu, \quad
   v \leftarrow (1 - k) \, v + k \, \tfrac{m}{m - 1} \sigma^2, \qquad k = \frac{b}{n + b}
                                                                    \tag{batch_statistics.1} $$

The variance is the mean of the variances within batches.  The means of batches differ as well, and
that does not count, so batches should be like each other: shuffle data that lies class by class.

Differs
- From PyTorch's `update_bn`, where every batch weighs the same: they agree on batches of one size;
  of the batches {0, 0} and {6} of a convolution the mean is 2 here and 3 there.
  [test_batch_statistics_1_every_example_weighs_the_same]
- From both, which put the whole network into training: here dropout and its relatives are off, so
  that nothing is drawn and the statistics are those of evaluation.  `noisy=True` is their way.
  [test_batch_statistics_1_noise_is_off_or_on_by_name]
"""

import contextlib
from typing import Any

from .arguments import COUNTED, count, describe, flag, floating
from .nn import Module, evaluation, noise_on
from .norms.batch_norm import BatchNorm
from .tape import data_of
from .xp import array_module


def batch_norm_statistics(net, x, batch_size=1024, noisy=False):
    """Recompute running mean and variance of every batch norm in one pass over `x`; returns `net`.

    `x` is an array (N, ...) of inputs, taken in its order, `batch_size` rows at a time.  Weights
    and modes stay, the statistics of before are forgotten, `num_batches_tracked` is the number of
    batches, and batch norms that the pass does not meet are left as they are; so is a network
    without any.  `noisy` False: noise is off and nothing is drawn (but for inferences that draw,
    as in `evaluate`); True: on.  ValueError, and nothing is changed, where a batch holds one value
    in a channel, as the last batch may.

    Source: Izmailov 2018, official code.

    >>> import numpy as np
    >>> layer = BatchNorm(1).init(seed=0)
    >>> x = np.array([[1.0], [3.0], [6.0], [8.0]], "float32")
    >>> batch_norm_statistics(layer, x, batch_size=2).running_mean, layer.running_var
    (array([4.5], dtype=float32), array([2.], dtype=float32))
    """
    if not isinstance(net, Module):
        raise TypeError(f"net must be a Module, got {describe(net)}")
    x, batch_size = data_of(floating(x)), count(batch_size, "batch_size", most=COUNTED)
    if x.ndim < 2 or len(x) == 0:
        raise ValueError(f"x must be inputs (N, ...) and not be empty, got shape {x.shape}")
    norms = [module for _, module in net.named_modules() if isinstance(module, BatchNorm)]
    found = {norm: _Averages() for norm in norms}
    with evaluation(net), _kept(norms):
        if flag(noisy, "noisy"):
            noise_on(net)
        for norm in norms:
            norm.training, norm.momentum = True, None             # the plain mean, from nothing
        for i in range(0, len(x) if norms else 0, batch_size):
            _empty(norms)
            batch = x[i:i + batch_size]
            net(batch)
            for norm, averages in found.items():
                averages.add(norm, len(batch))
    for norm, averages in found.items():
        averages.give(norm)
    return net


class _Averages:
    """The statistics of a batch norm over the batches so far, in float64."""

    def __init__(self):
        self.n, self.batches = 0, 0
        self.mean: Any = 0.0
        self.var: Any = 0.0

    def add(self, norm, b):
        if int(norm.num_batches_tracked) == 0:    # a closed branch
            return
        k = b / (self.n + b)
        mean, var = norm.running_mean.astype("float64"), norm.running_var.astype("float64")
        self.mean = (1 - k) * self.mean + k * mean          # Eq. (batch_statistics.1)
        self.var = (1 - k) * self.var + k * var             # Eq. (batch_statistics.1)
        self.n, self.batches = self.n + b, self.batches + 1

    def give(self, norm):
        if self.batches:
            xp, dtype = array_module(norm.running_mean), norm.running_mean.dtype
            norm.running_mean, norm.running_var = self.mean.astype(dtype), self.var.astype(dtype)
            norm.num_batches_tracked = xp.asarray(self.batches)


def _empty(norms):
    for norm in norms:
        for name in norm.buffers:
            buffer = getattr(norm, name)
            setattr(norm, name, array_module(buffer).zeros_like(buffer))


@contextlib.contextmanager
def _kept(norms):
    """Give the norms their momentum and their buffers back, whatever happens within."""
    names = ("momentum", *BatchNorm.buffers)
    held = [(norm, {name: getattr(norm, name) for name in names}) for norm in norms]
    try:
        yield
    finally:
        for norm, has in held:
            vars(norm).update(has)
