r"""Normalise: subtract a mean and divide by a standard deviation, the formula that all norms share.

Paper    Ioffe, Szegedy, "Batch normalization: accelerating deep network training by reducing
         internal covariate shift", ICML 2015, arXiv:1502.03167: "Ioffe & Szegedy 2015".
Where    Norms: any array; the axes that are averaged over are all that tells the norms apart.
Symbols  $x_i$ the $m$ entries that share a mean, $\mu$ their mean, $\sigma^2$ their biased
         variance, $s$ their deviation, $\hat x$ the normalised and $y$ the output, $\gamma$ weight,
         $\beta$ bias, $\hat g$ the cotangent of $\hat x$, $L$ the loss, $[i = j]$ is 1 or 0.

Ioffe & Szegedy 2015, Algorithm 1, over any axes: normalise, scale and shift
$$ \hat x_i = (x_i - \mu) / s, \qquad s = \sqrt{\sigma^2 + \epsilon}, \qquad
   y_i = \gamma_i \hat x_i + \beta_i                                       \tag{normalise.1} $$
From $\mu = \frac{1}{m} \sum_i x_i$ and $s^2 = \frac{1}{m} \sum_i (x_i - \mu)^2 + \epsilon$: slopes
$$ \frac{\partial \mu}{\partial x_j} = \frac{1}{m}, \qquad
   \frac{\partial s}{\partial x_j} = \frac{\hat x_j}{m}, \qquad
   \frac{\partial \hat x_i}{\partial x_j}
   = \frac{1}{s} \left( [i = j] - \frac{1}{m} - \frac{\hat x_i \hat x_j}{m} \right)
                                                                            \tag{normalise.2} $$
From (normalise.2), summed over i against the cotangent: the gradient of the input
$$ \frac{\partial L}{\partial x_j} = \frac{1}{s} \left( \hat g_j - \frac{1}{m} \sum_i \hat g_i
   - \frac{\hat x_j}{m} \sum_i \hat g_i \hat x_i \right)                   \tag{normalise.3} $$

For the slope of $s$: $2 s \, \partial s / \partial x_j = 2 (x_j - \mu) / m$.  Nothing comes through
$\mu$, because the deviations sum to zero.  The gradient sums to zero too, and (but for $\epsilon$)
so does its product with $\hat x$: what a norm takes out of $x$ cannot matter.

Without noise  The same, in training and in evaluation.

Differs
- From the mean of the squares less the square of the mean, where a mean is large beside the spread:
  it is then subtracted before anything is squared.  [test_normalise_1_a_large_mean_costs_no_digits]
"""

from ..arguments import axes_of, describe, fitting, number, varied, wide_enough
from ..functional import normal


def normalise(x, axes, eps=1e-5, weight=None, bias=None, known=None):
    """(x - mean) / sqrt(var + eps) over `axes`, times `weight`, plus `bias`, in few passes.

    `axes` is an int or a tuple; var is biased (the mean of the squared deviations).  `weight` and
    `bias` broadcast to x's shape.  `known`: `functional.moments(x, axes)`, if it was found before.
    ValueError for axes that x has not or that hold no entries, and for shapes that do not fit.

    >>> import numpy as np
    >>> normalise(np.array([[1.0, 3.0], [10.0, 10.0]]), axes=1).round(4)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """
    axes = axes_of(axes, wide_enough(x).shape)
    weight, bias = fitting(weight, x, "weight"), fitting(bias, x, "bias")
    due = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    given = known if isinstance(known, tuple) else (known,)
    if known is not None and [getattr(v, "shape", None) for v in given] != [due, due]:
        raise ValueError(f"known must be a mean and a variance of shape {due}, got "
                         f"{describe(known)}")
    weight, bias = 1.0 if weight is None else weight, 0.0 if bias is None else bias
    eps = number(eps, "eps")
    if not eps:
        varied(x, axes)
    return normal(x, weight, bias, axes=axes, eps=eps, known=known)
