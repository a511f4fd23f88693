r"""Group norm: give each group of channels of each example mean 0 and variance 1.

Paper    Wu, He, "Group normalization", ECCV 2018, arXiv:1803.08494: "Wu & He 2018".
Where    Norms: (N, C, ...), averaged over the channels of a group and all that follows C.
Symbols  $i$ and $k$ entries of $x$, $i_N$ and $i_C$ the example and channel of entry $i$, $G$ the
         number of groups, $S_i$ the $m$ entries that share a mean with $x_i$, $\mu_i$ that mean,
         $\sigma_i^2$ their biased variance, $s_i = \sqrt{\sigma_i^2 + \epsilon}$, $\hat x$ the
         normalised and $y$ the output, $\gamma_c$ and $\beta_c$ weight and bias of channel $c$,
         $g$ the cotangent of $y$, $L$ the loss.

Wu & He 2018, section 3.1: the entries that are normalised together
$$ S_i = \{ k : k_N = i_N, \ \lfloor k_C / (C / G) \rfloor = \lfloor i_C / (C / G) \rfloor \}
                                                                           \tag{group_norm.1} $$
Wu & He 2018, section 3.1: normalise, then scale and shift each channel
$$ \hat x_i = \frac{1}{s_i} (x_i - \mu_i), \qquad \mu_i = \frac{1}{m} \sum_{k \in S_i} x_k, \qquad
   y_i = \gamma_{i_C} \hat x_i + \beta_{i_C}                               \tag{group_norm.2} $$
From (group_norm.2), summed over examples and places: the gradients of weight and bias
$$ \frac{\partial L}{\partial \gamma_c} = \sum_{i : i_C = c} g_i \hat x_i, \qquad
   \frac{\partial L}{\partial \beta_c} = \sum_{i : i_C = c} g_i            \tag{group_norm.3} $$
From (group_norm.1) and (group_norm.2), as follows: the gradient of the input
$$ \frac{\partial L}{\partial x_j} = \frac{1}{s_j} \left( \gamma_{j_C} g_j
   - \frac{1}{m} \sum_{i \in S_j} \gamma_{i_C} g_i
   - \frac{\hat x_j}{m} \sum_{i \in S_j} \gamma_{i_C} g_i \hat x_i \right) \tag{group_norm.4} $$

Within a group an entry $x_j$ moves $\mu$ by $1 / m$ and $s$ by $\hat x_j / m$, hence
$\partial \hat x_i / \partial x_j = ([i = j] - 1 / m - \hat x_i \hat x_j / m) / s$, and zero between
groups.  The cotangent of $\hat x_i$ is $\gamma_{i_C} g_i$, which differs from channel to channel
of a group: it stays inside the sums, as in layer norm.

Without noise  The same: the statistics are the example's own, in training and in evaluation.

Differs
- From PyTorch, which normalises a group of one entry if the batch holds several: one entry is its
  own mean, the input would be lost, and it is refused.
  [test_group_norm_refuses_what_does_not_fit]
"""

import math

from ..arguments import count, flag, floating, has_channels, number, per_channel
from ..nn import Module, Parameter, constant
from .normalise import normalise


def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    """Normalise each group of channels of each example of x (N, C, ...) by itself.

    `groups` divides C; weight and bias are (C,).  One group is layer norm over all axes but the
    first, C groups are instance norm.  ValueError for other shapes, and where a group has a single
    entry, which is its own mean.

    Source: Wu & He 2018, section 3.1.

    >>> import numpy as np
    >>> group_norm(np.array([[1.0, 3.0, 10.0, 50.0]]), groups=2).round(4)
    array([[-1.,  1., -1.,  1.]])
    """
    if floating(x).ndim < 2:
        raise ValueError(f"x must have shape (N, C, ...), got {x.shape}")
    n, c, *places = x.shape
    if c % count(groups, "groups"):
        raise ValueError(f"groups must divide the {c} channels of x, got {groups}")
    if math.prod(x.shape[1:]) == groups:
        raise ValueError(f"x must have more than one entry in a group, got shape {x.shape} and "
                         f"{groups} groups")
    weight, bias = per_channel(weight, x, "weight"), per_channel(bias, x, "bias")
    x = x.reshape(n, groups, c // groups, *places)                             # Eq. (group_norm.1)
    weight, bias = (v if v is None else v.reshape(1, groups, c // groups, *v.shape[2:])
                    for v in (weight, bias))
    axes = tuple(range(2, x.ndim))
    return normalise(x, axes, eps, weight, bias).reshape(n, c, *places)        # Eq. (group_norm.2)


class GroupNorm(Module):
    """Group norm as a layer: a weight (1 at first) and a bias (0) per channel, unless not `affine`.

    >>> import numpy as np
    >>> GroupNorm(2, 4).init(seed=0)(np.array([[1.0, 3.0, 10.0, 50.0]], "float32")).data.round(4)
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    def __init__(self, groups, channels, eps=1e-5, affine=True):
        self.groups, self.channels = count(groups, "groups"), count(channels, "channels")
        if channels % groups:
            raise ValueError(f"groups must divide channels = {channels}, got {groups}")
        self.eps = number(eps, "eps")
        self.weight = Parameter((channels,), constant(1)) if flag(affine, "affine") else None
        self.bias = Parameter((channels,), constant(0)) if affine else None

    def forward(self, x):
        x = has_channels(x, self.channels)
        return group_norm(x, self.groups, self.weight, self.bias, self.eps)
