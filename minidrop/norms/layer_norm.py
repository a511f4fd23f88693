r"""Layer norm: give the features of each example mean 0 and variance 1, then a scale and a shift.

Paper    Ba, Kiros, Hinton, "Layer normalization", arXiv:1607.06450 (2016): "Ba et al. 2016".
Where    Norms: the last axes, (N, D) or (N, T, D) over D, (N, C, H, W) over (C, H, W).
Symbols  $x_i$ the $m$ entries of one example, $\mu$ their mean, $\sigma^2$ their biased variance,
         $s = \sqrt{\sigma^2 + \epsilon}$, $\hat x$ the normalised and $y$ the output, $\gamma_i$
         weight (Ba et al. 2016 call it gain) and $\beta_i$ bias of entry $i$, $g$ the cotangent of
         $y$, $L$ the loss, $n$ an example.

Ba et al. 2016, section 3: normalise the units of a layer, one example at a time
$$ \mu = \frac{1}{m} \sum_i x_i, \qquad \sigma^2 = \frac{1}{m} \sum_i (x_i - \mu)^2, \qquad
   y_i = \gamma_i \, (x_i - \mu) / s + \beta_i                             \tag{layer_norm.1} $$
From (layer_norm.1), summed over the examples: the gradients of weight and bias
$$ \frac{\partial L}{\partial \gamma_i} = \sum_n g_{ni} \hat x_{ni}, \qquad
   \frac{\partial L}{\partial \beta_i} = \sum_n g_{ni}                     \tag{layer_norm.2} $$
From (layer_norm.1), as follows: the gradient of the input
$$ \frac{\partial L}{\partial x_j} = \frac{1}{s} \left( \gamma_j g_j
   - \frac{1}{m} \sum_i \gamma_i g_i - \frac{\hat x_j}{m} \sum_i \gamma_i g_i \hat x_i \right)
                                                                           \tag{layer_norm.3} $$

An entry $x_j$ moves $\mu$ by $1 / m$ and $s$ by $\hat x_j / m$, hence
$\partial \hat x_i / \partial x_j = ([i = j] - 1 / m - \hat x_i \hat x_j / m) / s$.  The cotangent
of $\hat x_i$ is $\gamma_i g_i$: the weight differs from entry to entry and stays inside the sums,
unlike in batch norm.

Without noise  The same: the statistics are the example's own, in training and in evaluation.

Differs
- From Ba et al. 2016, whose formula has no $\epsilon$: it is added inside the root, as PyTorch
  does, so that constant features give the bias.
  [test_layer_norm_1_of_constant_features_is_the_bias]
- From the layer norm of Wu & He 2018, which has one weight for each channel: here every entry has
  its own, as in PyTorch; theirs is group norm with one group.
  [test_group_norm_with_one_group_is_layer_norm]
"""

from ..arguments import describe, flag, floating, number, shape_of
from ..nn import Module, Parameter, constant
from .normalise import normalise


def layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    """Normalise x over its last axes, whose sizes are `shape` (an int for one axis).

    weight and bias have that shape.  ValueError where x does not end in it.

    Source: Ba et al. 2016, section 3.

    >>> import numpy as np
    >>> layer_norm(np.array([[1.0, 3.0], [10.0, 50.0]]), 2).round(4)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    shape = shape_of(shape)
    if not shape or floating(x).shape[-len(shape):] != shape:
        raise ValueError(f"shape must be the sizes of x's last axes, x has shape {x.shape}, got "
                         f"{shape}")
    for v, name in ((weight, "weight"), (bias, "bias")):
        if v is not None and getattr(v, "shape", None) != shape:
            raise ValueError(f"{name} must be an array of shape {shape}, got {describe(v)}")
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    return normalise(x, axes, eps, weight, bias)                               # Eq. (layer_norm.1)


class LayerNorm(Module):
    """Layer norm over the last axes, of sizes `shape`; weight 1 and bias 0 to begin with.

    With `affine` False there is neither weight nor bias.

    >>> import numpy as np
    >>> LayerNorm(2).init(seed=0)(np.array([[1.0, 3.0]], "float32")).data.round(4)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(self, shape, eps=1e-5, affine=True):
        self.shape, self.eps = shape_of(shape), number(eps, "eps")
        self.weight = Parameter(self.shape, constant(1)) if flag(affine, "affine") else None
        self.bias = Parameter(self.shape, constant(0)) if affine else None

    def forward(self, x):
        return layer_norm(x, self.shape, self.weight, self.bias, self.eps)
