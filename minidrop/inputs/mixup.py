r"""mixup: train on weighted means of two examples, and of their labels.

Paper    Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: beyond empirical risk minimization", ICLR 2018,
         arXiv:1710.09412: "Zhang 2018".
Where    Inputs: examples (N, ...) of any kind and their labels on the way into training; one weight
         and one order for a batch.
Symbols  $x_i, y_i$ an example and its label as a row of shares, $j$ its partner: the order's entry
         $i$, $\lambda$ the weight of $x_i$, $\alpha$ what it is drawn with, $\tilde x_i, \tilde
         y_i$ what is trained on, $z$ logits, $\ell(z, y)$ their cross-entropy with $y$.

Zhang 2018, in words: draw a weight
$$ \lambda \sim \mathrm{Beta}(\alpha, \alpha)                                     \tag{mixup.1} $$
Zhang 2018, in words: mix the examples
$$ \tilde x_i = \lambda x_i + (1 - \lambda) x_j                                   \tag{mixup.2} $$
Zhang 2018, in words: mix their labels
$$ \tilde y_i = \lambda y_i + (1 - \lambda) y_j                                   \tag{mixup.3} $$
From (mixup.1): the weights are one half on average, spread more widely for a smaller alpha
$$ \mathbb{E}[\lambda] = \tfrac12, \qquad \mathrm{Var}[\lambda] = \frac{1}{4 (2 \alpha + 1)}
                                                                                  \tag{mixup.4} $$
From (mixup.3): the cross-entropy is linear in the labels
$$ \ell(z, \tilde y_i) = \lambda \, \ell(z, y_i) + (1 - \lambda) \, \ell(z, y_j)  \tag{mixup.5} $$
From (mixup.2) and (mixup.3): one weight and a permutation keep the sums over the batch
$$ \sum_i \tilde x_i = \sum_i x_i, \qquad \sum_i \tilde y_i = \sum_i y_i          \tag{mixup.6} $$

Without noise  $\tilde x_i = x_i$ and $\tilde y_i = y_i$: evaluation sees plain examples.

Differs
- From Zhang 2018, where $\alpha$ is positive: as in the official code, $\alpha = 0$ means that
  nothing is mixed.  [test_mixup_1_at_alpha_0_nothing_is_mixed]
- From the official code, which takes the two losses of (mixup.5) and adds them up: the labels are
  mixed, and `cross_entropy` gives the same loss.
  [test_mixup_5_the_two_losses_of_the_official_code_are_one]
- From timm, which mixes labels that are smoothed already: `cross_entropy` smooths what is mixed,
  and the labels come out the same.  [test_mixup_3_smoothing_before_or_after_is_the_same,
  test_timm_smooths_labels_and_then_mixes_them]
- From torchvision and timm, where the partner of example i is i - 1 and N - 1 - i: the order of
  `Mixup` is a random permutation, as in the official code, and an example may meet itself.
  `mixup` takes any order.  [test_mixup_2_takes_the_partners_of_torchvision_and_timm,
  test_mixup_with_the_weight_of_torchvision, test_mixup_with_the_weight_of_timm]
- From Keras 3, which draws a weight for each example: that is `Mixup(per="example")`, and no
  longer keeps the sums of (mixup.6).
  [test_mixup_6_a_weight_for_each_example_does_not_keep_the_sums,
  test_mixup_with_the_weights_of_keras]
"""

from dataclasses import dataclass

from ..arguments import (
    count,
    describe,
    floating,
    must,
    number,
    option,
    order_of,
    probability,
    share_rows,
)
from ..functional import soft_targets
from ..noise import as_stream, beta, permutation
from ..xp import backend_of, to_backend


def mixup_weight(rng, alpha, n=None):
    """Draw the share of x[i], a float from Beta(`alpha`, `alpha`), or with `n` an array of so many.

    For `alpha` 0 it is 1.0, whatever `n`, and nothing is drawn: no example is mixed.

    Source: Zhang 2018.

    >>> round(mixup_weight(3, alpha=1.0), 4), mixup_weight(3, alpha=0.0)
    (0.3886, 1.0)
    >>> mixup_weight(3, alpha=0.2, n=4).round(4)
    array([0.094 , 0.9991, 0.9492, 0.0331], dtype=float32)
    """
    alpha, n = number(alpha, "alpha"), None if n is None else count(n, "n", least=0)
    if alpha == 0:
        return 1.0
    number(alpha, "alpha", least=2.0**-1022)
    return beta(rng, alpha, alpha, n)                                          # Eq. (mixup.1)


def mixup(x, y, weight, order):
    """(x, y) with x[i] and y[i] replaced by their weighted means with those of order[i].

    `x` (N, ...) and `y` (N, classes), one-hot or soft, are floating arrays or Tensors, `order` (N,)
    whole numbers.  `weight` is the share of x[i], in [0, 1]: one number, or an array (N,).

    Source: Zhang 2018.

    >>> import numpy as np
    >>> x, y = np.array([[0.0, 0.0], [4.0, 8.0]]), np.eye(2)
    >>> mixup(x, y, weight=0.75, order=np.array([1, 0]))
    (array([[1., 2.],
           [3., 6.]]), array([[0.75, 0.25],
           [0.25, 0.75]]))
    """
    n = len(_examples(x))
    y, order, weight = share_rows(y, n), order_of(order, n), _checked(weight, n)
    a, b = _beside(weight, x), _beside(weight, y)
    return (a * x + (1 - a) * x[order],                                        # Eq. (mixup.2)
            b * y + (1 - b) * y[order])                                        # Eq. (mixup.3)


@dataclass(frozen=True)
class Mixup:
    """mixup as a batch transform, for `fit(..., batch=Mixup())`.

    Called as batch(rng, x, y), with integer labels (N,) or rows (N, `classes`), it draws a weight
    from Beta(`alpha`, `alpha`), for the batch or, with `per="example"`, for each example, and an
    order, and gives (x, y) with soft labels.

    >>> import numpy as np
    >>> x, y = Mixup(alpha=1.0)(0, np.ones((2, 3, 8, 8), "float32"), np.array([4, 2]))
    >>> x.shape, y.shape, y.sum(1)
    ((2, 3, 8, 8), (2, 10), array([1., 1.], dtype=float32))
    """

    alpha: float = 1.0
    classes: int = 10
    per: str = "batch"

    def __post_init__(self):
        object.__setattr__(self, "alpha", number(self.alpha, "alpha"))
        object.__setattr__(self, "classes", count(self.classes, "classes"))
        option(self.per, "per", ("batch", "example"))

    def __call__(self, rng, x, y):
        rng, n = as_stream(rng), len(_examples(x))
        beside = backend_of(x.data if hasattr(x, "requires_grad") else x)
        weight = mixup_weight(rng, self.alpha, n if self.per == "example" else None)
        if not isinstance(weight, float):
            weight = to_backend(weight, beside)
        order = to_backend(permutation(rng, n), beside)
        return mixup(x, soft_targets(y, self.classes, x.dtype), weight, order)


def _examples(x):
    if floating(x).ndim == 0 or x.size == 0:
        raise ValueError(f"x must be examples (N, ...), none of them empty, got shape {x.shape}")
    return x


def _checked(weight, n):
    """The weight as a float, or as the array (n,) that it is, if it lies in [0, 1]."""
    if not getattr(weight, "ndim", 0):
        return probability(weight, "weight")
    if weight.shape != (n,) or weight.dtype.kind != "f":
        raise ValueError(f"weight must be one number or floats of shape ({n},), got "
                         f"{describe(weight)}")
    must(((weight >= 0) & (weight <= 1)).all(), lambda: ValueError(
        "weight must lie in [0, 1], got an array with other values"))
    return weight


def _beside(weight, v):
    """The weight such that it multiplies the rows of `v` and keeps its dtype."""
    if isinstance(weight, float):
        return weight
    return weight.astype(v.dtype).reshape(-1, *[1] * (v.ndim - 1))
