r"""Batch norm: give each channel mean 0 and variance 1 over the batch, then a scale and a shift.

Paper    Ioffe, Szegedy, "Batch normalization: accelerating deep network training by reducing
         internal covariate shift", ICML 2015, arXiv:1502.03167: "Ioffe & Szegedy 2015".
Where    Norms: (N, C), (N, C, L), (N, C, H, W) or (N, C, D, H, W), averaged over all axes but C.
Symbols  $x_i$ the $m$ entries of one channel, $\mu$ their mean, $\sigma^2$ their biased variance,
         $\hat x$ the normalised and $y$ the output, $\gamma$ weight, $\beta$ bias, $r$ and $v$ the
         running mean and variance, $k$ momentum, $g$ the cotangent of $y$, $L$ the loss.

Ioffe & Szegedy 2015, Algorithm 1: mean and variance of the mini-batch
$$ \mu = \frac{1}{m} \sum_i x_i, \qquad \sigma^2 = \frac{1}{m} \sum_i (x_i - \mu)^2
                                                                           \tag{batch_norm.1} $$
Ioffe & Szegedy 2015, Algorithm 1: normalise, scale and shift
$$ \hat x_i = (x_i - \mu) / \sqrt{\sigma^2 + \epsilon}, \qquad y_i = \gamma \hat x_i + \beta
                                                                           \tag{batch_norm.2} $$
Ioffe & Szegedy 2015, Algorithm 2, averaged as PyTorch does: running mean and unbiased variance
$$ r \leftarrow (1 - k) \, r + k \, \mu, \qquad
   v \leftarrow (1 - k) \, v + k \, \tfrac{m}{m - 1} \, \sigma^2           \tag{batch_norm.3} $$
Ioffe & Szegedy 2015, Algorithm 2: in evaluation, one affine map for each channel
$$ y = \gamma \, (x - r) / \sqrt{v + \epsilon} + \beta                     \tag{batch_norm.4} $$
From (batch_norm.2): the gradients of scale and shift
$$ \frac{\partial L}{\partial \gamma} = \sum_i g_i \hat x_i, \qquad
   \frac{\partial L}{\partial \beta} = \sum_i g_i                          \tag{batch_norm.5} $$
From (batch_norm.1) and (batch_norm.2), as follows: the gradient of the input
$$ \frac{\partial L}{\partial x_j} = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} \left( g_j
   - \frac{1}{m} \sum_i g_i - \frac{\hat x_j}{m} \sum_i g_i \hat x_i \right)
                                                                           \tag{batch_norm.6} $$

Write $s = \sqrt{\sigma^2 + \epsilon}$.  Then $\partial \mu / \partial x_j = 1 / m$, and from
$2 s \, \partial s / \partial x_j = 2 (x_j - \mu) / m$ (through $\mu$ comes nothing, since the
deviations sum to zero) $\partial s / \partial x_j = \hat x_j / m$.  Hence
$\partial \hat x_i / \partial x_j = ([i = j] - 1 / m - \hat x_i \hat x_j / m) / s$.  The sum over
$i$ against $\gamma g_i$ is (batch_norm.6), and the two sums in it are those of (batch_norm.5).

Without noise  (batch_norm.4), in evaluation: nothing depends on the rest of the batch.

Differs
- From Algorithm 2, which averages the statistics of many batches when training is over: here they
  are averaged while training, with the weight $k$ on the newest, as PyTorch does.
  [test_batch_norm_3_over_several_steps]
- From Keras, whose `momentum` is the weight of the old average: its 0.99 is 0.01 here, and its eps
  is 1e-3.  [test_batch_norm_3_momentum_is_the_weight_of_the_new]
- From PyTorch, which has a class for each number of axes: one class takes 2 to 5 of them.
  [test_batch_norm_2_for_every_number_of_axes]
- It is no noise, though a batch is drawn at random: `noise_on` leaves it in evaluation.
  [test_batch_norm_4_holds_under_noise_on]
"""

from ..arguments import (
    count,
    flag,
    floating,
    has_channels,
    not_below_zero,
    number,
    per_channel,
    wide_enough,
)
from ..functional import moments, rescale
from ..nn import Module, Parameter, constant
from ..xp import array_module
from .normalise import normalise


def batch_norm(x, mean=None, var=None, weight=None, bias=None, eps=1e-5):
    """Normalise each channel of x by the mean and variance of the batch, or by those given.

    x is (N, C), (N, C, L), (N, C, H, W) or (N, C, D, H, W); mean, var, weight and bias are (C,).
    Give both `mean` and `var`, or neither.  ValueError for other shapes, and for a batch with one
    value in a channel, whose variance says nothing.

    Source: Ioffe & Szegedy 2015, Algorithms 1 and 2.

    >>> import numpy as np
    >>> batch_norm(np.array([[1.0], [2.0], [3.0], [4.0]])).ravel().round(4)
    array([-1.3416, -0.4472,  0.4472,  1.3416])
    """
    if (mean is None) != (var is None):
        raise ValueError("mean and var must both be given, or neither")
    if mean is None:
        return _by_the_batch(x, weight, bias, eps)[0]
    mean = per_channel(mean, _checked(x), "mean")
    var = not_below_zero(per_channel(var, x, "var"), "var")
    weight = 1.0 if weight is None else per_channel(weight, x, "weight")
    bias = 0.0 if bias is None else per_channel(bias, x, "bias")
    return rescale(x, mean, var, weight, bias, eps=number(eps, "eps"))         # Eq. (batch_norm.4)


def _by_the_batch(x, weight, bias, eps):
    """The output, and the mean and variance it was made with."""
    if _checked(x).size <= x.shape[1]:
        raise ValueError("x must have more than one value in a channel while training (the last "
                         "mini-batch of an epoch may have one example), got shape "
                         f"{x.shape}")
    weight, bias = per_channel(weight, x, "weight"), per_channel(bias, x, "bias")
    axes = (0, *range(2, x.ndim))
    mean, var = moments(x, axes)                                               # Eq. (batch_norm.1)
    return normalise(x, axes, eps, weight, bias, (mean, var)), mean, var       # Eq. (batch_norm.2)


def _checked(x):
    if not 2 <= floating(x).ndim <= 5:
        raise ValueError(f"x must have shape (N, C) or (N, C, ...) with 2 to 5 axes, got {x.shape}")
    return wide_enough(x)


class BatchNorm(Module):
    """Batch norm as a layer: the batch's statistics in training, running ones in evaluation.

    The defaults are PyTorch's: weight 1 and bias 0 to begin with (neither, where `affine` is
    False), `momentum` the weight of the newest batch; with None all batches weigh the same.
    Buffers: `running_mean`, `running_var` and `num_batches_tracked`, kept without a graph.

    >>> import numpy as np
    >>> layer = BatchNorm(1, momentum=0.5).init(seed=0)
    >>> y = layer(np.array([[1.0], [2.0], [3.0], [4.0]], "float32"))
    >>> layer.running_mean, layer.running_var.round(4)             # 0.5 * 2.5, 0.5 + 0.5 * 5 / 3
    (array([1.25], dtype=float32), array([1.3333], dtype=float32))
    """

    channelwise = True
    buffers = ("running_mean", "running_var", "num_batches_tracked")

    def __init__(self, channels, momentum=0.1, eps=1e-5, affine=True):
        self.channels, self.eps = count(channels, "channels"), number(eps, "eps")
        self.momentum = None if momentum is None else number(momentum, "momentum", most=1.0)
        self.weight = Parameter((channels,), constant(1)) if flag(affine, "affine") else None
        self.bias = Parameter((channels,), constant(0)) if affine else None
        self.reset()

    def reset(self):
        xp = array_module()
        self.running_mean = xp.zeros(self.channels, "float32")
        self.running_var = xp.ones(self.channels, "float32")
        self.num_batches_tracked = xp.zeros((), "int64")

    def forward(self, x):
        has_channels(x, self.channels)
        if not self.training:
            return batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias,
                              self.eps)
        y, mean, var = _by_the_batch(x, self.weight, self.bias, self.eps)
        self._average(mean.reshape(-1), var.reshape(-1), x.size // self.channels)
        return y

    def _average(self, mean, var, m):
        seen = self.num_batches_tracked + 1
        k = 1 / int(seen) if self.momentum is None else self.momentum
        r, v = self.running_mean, self.running_var
        unbiased = var * (m / (m - 1))
        self.running_mean = (r * (1 - k) + mean * k).astype(r.dtype)           # Eq. (batch_norm.3)
        self.running_var = (v * (1 - k) + unbiased * k).astype(v.dtype)        # Eq. (batch_norm.3)
        self.num_batches_tracked = array_module(mean).asarray(seen)
