r"""L2 penalty: half the sum of squares, which under SGD is weight decay and under Adam is not.

Papers   Krogh, Hertz, "A simple weight decay can improve generalization", NIPS 4 (1992) 950-957:
         "Krogh 1992".
         Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR 2019, arXiv:1711.05101:
         "Loshchilov 2019".
Where    Penalties: a term of the loss, over the weights $w$ of any layers.
Symbols  $w$ weights, $g$ the gradient of the loss without the penalty, $\lambda$ the strength,
         $\eta$ the learning rate, $\epsilon$ Adam's, $w_0$ and $w_1$ before and after one step.

Krogh 1992: half the sum of the squares
$$ R(w) = \tfrac12 \sum_i w_i^2                                                    \tag{l2.1} $$
From (l2.1): its gradient is the weight itself, a force that grows with the distance from zero
$$ \partial R / \partial w = w                                                     \tag{l2.2} $$
Krogh 1992; Loshchilov 2019, section 2: under SGD the penalty is weight decay
$$ w - \eta (g + \lambda w) = (1 - \eta \lambda) \, w - \eta g                     \tag{l2.3} $$
Loshchilov 2019, section 2, here for one step: Adam divides the penalty's force by the size of g
$$ w_1 = w_0 - \eta \, (g + \lambda w_0) / (|g + \lambda w_0| + \epsilon)          \tag{l2.4} $$
From (l2.4): where g = 0 the force is the same for every lambda, a step of eta towards zero
$$ w_1 \approx w_0 - \eta \, \mathrm{sign}(w_0)                                    \tag{l2.5} $$
Loshchilov 2019, Algorithm 2: AdamW decays beside the step, so that lambda keeps its meaning
$$ w_1 = (1 - \eta \lambda) \, w_0 - \eta \, g / (|g| + \epsilon)                  \tag{l2.6} $$

Without noise  The same: the penalty is a part of the training loss, and `evaluate` does without it.

Differs
- From Loshchilov 2019, where the decay has a strength of its own: here, as in PyTorch, it is
  multiplied by the learning rate, so that penalty and decay under SGD have one lambda.
  [test_l2_3_under_sgd_a_penalty_is_weight_decay]
"""

from ..arguments import several


def l2(params):
    """Half the sum of the squares of `params`: a list of arrays or Tensors, or one of them.

    Scaled, it is added to the loss:
    `fit(..., penalty=lambda net, step: 1e-4 * l2(net.parameters()))`.
    It takes what it is given: `[w for w in net.parameters() if w.decay]` leaves gates out.
    With Adam, take `AdamW(weight_decay=...)` instead.

    >>> import numpy as np
    >>> float(l2([np.array([3.0, -4.0]), np.array([[1.0]])]))
    13.0
    """
    return 0.5 * sum((w * w).sum() for w in several(params))                   # Eq. (l2.1)
