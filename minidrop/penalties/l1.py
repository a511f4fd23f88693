r"""L1 penalty: pull every weight towards zero with the same force.

Paper    Tibshirani, "Regression shrinkage and selection via the lasso", Journal of the Royal
         Statistical Society B 58 (1996) 267-288: "Tibshirani 1996".
Where    Penalties: a term of the loss, over the weights $w$ of any layers.
Symbols  $w_i$ all weights, $\lambda$ the strength, $u$ what the data alone would choose.

Tibshirani 1996, in the form of a penalty: the sum of the absolute values
$$ R(w) = \sum_i |w_i|                                                             \tag{l1.1} $$
From (l1.1): its gradient is the sign, whatever the size; 0 at 0
$$ \partial R / \partial w_i = \mathrm{sign}(w_i)                                  \tag{l1.2} $$
Tibshirani 1996, orthonormal designs: small weights become exactly zero, the others move by lambda
$$ \mathrm{argmin}_w \left( \tfrac12 (w - u)^2 + \lambda |w| \right)
   = \mathrm{sign}(u) \max(|u| - \lambda, 0)                                       \tag{l1.3} $$

Without noise  The same: the penalty is a part of the training loss, and `evaluate` does without it.

Differs
- From the lasso, whose minimum (l1.3) has exact zeros: a gradient step passes over zero instead of
  stopping there, so trained weights come near it and swing about it.
  [test_l1_2_a_gradient_step_passes_over_zero]
"""

from ..arguments import several


def l1(params):
    """The sum of the absolute values of `params`: a list of arrays or Tensors, or one of them.

    Scaled, it is added to the loss:
    `fit(..., penalty=lambda net, step: 1e-4 * l1(net.parameters()))`.
    It takes what it is given: `[w for w in net.parameters() if w.decay]` leaves gates out.

    >>> import numpy as np
    >>> float(l1([np.array([3.0, -4.0]), np.array([[-1.0]])]))
    8.0
    """
    return sum(abs(w).sum() for w in several(params))                          # Eq. (l1.1)
