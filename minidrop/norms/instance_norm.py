r"""Instance norm: give each channel of each example mean 0 and variance 1 over its places.

Paper    Ulyanov, Vedaldi, Lempitsky, "Instance normalization: the missing ingredient for fast
         stylization", arXiv:1607.08022 (2016): "Ulyanov et al. 2016".
Where    Norms: (N, C, L), (N, C, H, W) or (N, C, D, H, W), averaged over all that follows C.
Symbols  $x_i$ the $m$ entries of one channel of one example, $\mu$ their mean, $\sigma^2$ their
         biased variance, $s = \sqrt{\sigma^2 + \epsilon}$, $\hat x$ the normalised and $y$ the
         output, $\gamma$ and $\beta$ weight and bias of the channel, $g$ the cotangent of $y$,
         $L$ the loss, $n$ an example.

Ulyanov et al. 2016, its definition: normalise each channel of each image by itself
$$ \mu = \frac{1}{m} \sum_i x_i, \qquad \sigma^2 = \frac{1}{m} \sum_i (x_i - \mu)^2, \qquad
   \hat x_i = (x_i - \mu) / s                                           \tag{instance_norm.1} $$
PyTorch's InstanceNorm, where asked for: a scale and a shift for each channel
$$ y_i = \gamma \hat x_i + \beta                                        \tag{instance_norm.2} $$
From (instance_norm.2), summed over examples and places: the gradients of weight and bias
$$ \frac{\partial L}{\partial \gamma} = \sum_{n, i} g_{ni} \hat x_{ni}, \qquad
   \frac{\partial L}{\partial \beta} = \sum_{n, i} g_{ni}               \tag{instance_norm.3} $$
From (instance_norm.1) and (instance_norm.2), as follows: the gradient of the input
$$ \frac{\partial L}{\partial x_j} = \frac{\gamma}{s} \left( g_j
   - \frac{1}{m} \sum_i g_i - \frac{\hat x_j}{m} \sum_i g_i \hat x_i \right)
                                                                        \tag{instance_norm.4} $$

An entry $x_j$ moves $\mu$ by $1 / m$ and $s$ by $\hat x_j / m$, hence
$\partial \hat x_i / \partial x_j = ([i = j] - 1 / m - \hat x_i \hat x_j / m) / s$, summed over $i$
against $\gamma g_i$.  This is batch norm's gradient with sums over one image, so the sums in
(instance_norm.4) are not those of (instance_norm.3), which run over all images.

Without noise  The same, in training and in evaluation, as Ulyanov et al. 2016 use it.

Differs
- From PyTorch, which can keep running statistics (`track_running_stats`): there are none here.
  [test_instance_norm_1_is_the_same_in_training_and_evaluation]
- From PyTorch, which takes one example without its batch axis: a batch is needed.
  [test_instance_norm_refuses_what_does_not_fit]
"""

import math

from ..arguments import count, flag, floating, has_channels, number, per_channel
from ..nn import Module, Parameter, constant
from .normalise import normalise


def instance_norm(x, weight=None, bias=None, eps=1e-5):
    """Normalise each channel of each example of x by itself.

    x is (N, C, L), (N, C, H, W) or (N, C, D, H, W); weight and bias are (C,).  ValueError for other
    shapes, and for a single place, which is its own mean.

    Source: Ulyanov et al. 2016.

    >>> import numpy as np
    >>> instance_norm(np.array([[[1.0, 3.0], [10.0, 50.0]]])).round(4)
    array([[[-1.,  1.],
            [-1.,  1.]]])
    """
    if not 3 <= floating(x).ndim <= 5:
        raise ValueError(f"x must have shape (N, C, ...) with 3 to 5 axes, got {x.shape}")
    if math.prod(x.shape[2:]) == 1:
        raise ValueError(f"x must have more than one place in a channel, got shape {x.shape}")
    weight, bias = per_channel(weight, x, "weight"), per_channel(bias, x, "bias")
    axes = tuple(range(2, x.ndim))
    return normalise(x, axes, eps, weight, bias)          # Eq. (instance_norm.1), (instance_norm.2)


class InstanceNorm(Module):
    """Instance norm as a layer; with `affine` a weight (1 at first) and a bias (0) per channel.

    >>> import numpy as np
    >>> InstanceNorm(1)(np.array([[[1.0, 3.0]]])).round(4)
    array([[[-1.,  1.]]])
    """

    def __init__(self, channels, eps=1e-5, affine=False):
        self.channels, self.eps = count(channels, "channels"), number(eps, "eps")
        self.weight = Parameter((channels,), constant(1)) if flag(affine, "affine") else None
        self.bias = Parameter((channels,), constant(0)) if affine else None

    def forward(self, x):
        return instance_norm(has_channels(x, self.channels), self.weight, self.bias, self.eps)
