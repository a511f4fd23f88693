r"""Dropout: silence each unit of each example with probability p.

Papers   Hinton, Srivastava, Krizhevsky, Sutskever, Salakhutdinov, "Improving neural networks by
         preventing co-adaptation of feature detectors", arXiv:1207.0580 (2012): "Hinton 2012".
         Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: a simple way to prevent
         neural networks from overfitting", JMLR 15 (2014) 1929-1958: "Srivastava 2014".
Where    Units: the activations $x$ of any layer, (N, D) or (N, C, H, W), one draw for each entry.
Symbols  $p$ drop probability, $q = 1 - p$ keep probability (Srivastava 2014 writes $p$ for our
         $q$), $m$ mask (1 keeps), $x$ input, $y$ output, $X$ (N, D) data, $R$ mask of $X$,
         $t$ targets, $w$ weights, $\odot$ the product entry by entry.

Srivastava 2014, section 4; Hinton 2012, abstract (q = 0.5): draw a mask
$$ m_i \sim \mathrm{Bernoulli}(q)                                              \tag{dropout.1} $$
Srivastava 2014, section 10, in words; every current library ("inverted"): scale while training
$$ y_i = m_i \, x_i / q                                                        \tag{dropout.2} $$
From (dropout.1) and (dropout.2): the mean is kept, the variance grows with p
$$ \mathbb{E}[y_i] = x_i, \qquad \mathrm{Var}[y_i] = x_i^2 \, p / q            \tag{dropout.3} $$
Srivastava 2014, section 4: train without scaling
$$ y_i = m_i \, x_i                                                            \tag{dropout.4} $$
Srivastava 2014, section 4; Hinton 2012 ("mean network"): shrink in evaluation instead
$$ \mathbb{E}[m_i \, x_i] = q \, x_i                                           \tag{dropout.5} $$
Srivastava 2014, section 9.1: linear regression with dropout on X, averaged over R
$$ \mathbb{E}_R \, \lVert t - (R \odot X) w \rVert^2
   = \lVert t - q X w \rVert^2 + p \, q \, \lVert \Gamma w \rVert^2, \qquad
   \Gamma = \mathrm{diag}(X^\top X)^{1/2}                                      \tag{dropout.6} $$
Srivastava 2014, section 9.1: hence ridge regression in $\tilde w = q w$
$$ \lVert t - X \tilde w \rVert^2 + \tfrac{p}{q} \, \lVert \Gamma \tilde w \rVert^2
                                                                               \tag{dropout.7} $$

Without noise  Inverted scaling: $y = x$.  The papers' scaling: (dropout.5).

Differs
- From Hinton 2012 and section 4 of Srivastava 2014: there nothing is scaled while training, and
  the outgoing weights are multiplied by $q$ in evaluation; `scaling="paper"` does that to the
  activations, which is the same, and leaves the next layer's bias alone.
  [test_dropout_5_shrinking_the_units_is_shrinking_the_outgoing_weights]
- The two scalings are the same model with weights divided by $q$, but not the same training: the
  gradient of a weight differs by the factor $q$, so one learning rate is two different ones.
  [test_dropout_2_and_4_have_gradients_that_differ_by_q]
- From Flax, which selects, and like PyTorch, which multiplies: a dropped inf or nan gives nan,
  not 0.  [test_dropout_2_a_dropped_infinity_is_nan]
- From DeZero, which keeps where u > p and so can drop a unit at p = 0: a unit is kept where
  bits < q 2^32, so p = 0 keeps every unit and p = 1 drops every unit.
  [test_dropout_1_is_exact_at_both_ends]
- From PyTorch: no `inplace`, since the input is needed elsewhere and a saved copy is not worth a
  silent change of the caller's array.  [test_dropout_2_leaves_its_input_alone,
  test_every_layer_with_inplace_has_one_without_that_says_why]
- From PyTorch's `F.dropout`, which is active unless told otherwise: the functions here have no
  mode, and the module follows `train()` and `eval()`.  [test_dropout_module_follows_the_mode]
"""

from ..arguments import floating, keep_mask, option, probability
from ..functional import masked
from ..nn import Noise
from ..noise import bernoulli


def dropout_mask(rng, shape, p):
    """Draw a keep-mask, boolean of `shape`: each entry is False with probability `p`.

    `rng` is a `Stream` or an int seed.  Exact at p = 0 and p = 1, otherwise to 2^-32.

    Source: Srivastava 2014, section 4.

    >>> dropout_mask(3, (2, 4), p=0.5).astype(int)
    array([[1, 0, 1, 1],
           [1, 1, 0, 0]])
    """
    return bernoulli(rng, 1 - probability(p), shape)                           # Eq. (dropout.1)


def dropout(x, mask, p):
    """Inverted dropout of `x` for a given mask: kept entries divided by 1 - p, the others 0.

    `x` is a floating array or Tensor, `mask` boolean and broadcastable to x (True keeps; numbers 0
    and 1 will do), `p` the rate the mask was drawn with; p = 1 gives zeros.
    `masked(x, mask, scale)` is mask * x * scale in one pass over memory.  TypeError for integers,
    ValueError for a mask that does not fit.

    >>> import numpy as np
    >>> dropout(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, True, True]), p=0.5)
    array([2., 0., 6., 8.])
    """
    q, mask = 1 - probability(p), keep_mask(mask, floating(x).shape)
    return masked(x, mask, 1 / q if q else 0.0)                                # Eq. (dropout.2)


def dropout_original(x, mask):
    """Dropout as the papers train it, without scaling: kept entries as they are, the others 0.

    Source: Srivastava 2014, section 4.

    >>> import numpy as np
    >>> dropout_original(np.array([1.0, 2.0]), np.array([True, False]))
    array([1., 0.])
    """
    return masked(x, keep_mask(mask, floating(x).shape), 1.0)                  # Eq. (dropout.4)


def dropout_original_expect(x, p):
    """What the papers do in evaluation: every entry times 1 - p, its mean over the masks.

    Source: Srivastava 2014, section 4; Hinton 2012's mean network.

    >>> import numpy as np
    >>> dropout_original_expect(np.array([1.0, 2.0]), p=0.5)
    array([0.5, 1. ])
    """
    return floating(x) * (1 - probability(p))                                  # Eq. (dropout.5)


class Dropout(Noise):
    """Dropout as a layer: active in training, without noise in evaluation.

    `scaling` is "inverted" (divide by 1 - p in training) or "paper" (multiply by 1 - p in
    evaluation).  ValueError for a rate outside [0, 1]; no stream before `init(seed)`.

    >>> import numpy as np
    >>> layer = Dropout(0.5).init(seed=3)
    >>> layer(np.ones(6)), layer.eval()(np.ones(6))
    (array([2., 0., 2., 2., 2., 2.]), array([1., 1., 1., 1., 1., 1.]))
    """

    channelwise = True

    def __init__(self, p, scaling="inverted"):
        self.p = probability(p)
        self.scaling = option(scaling, "scaling", ("inverted", "paper"))

    def sample(self, shape):
        return dropout_mask(self.rng, shape, self.p)

    def apply(self, x, mask):
        return dropout(x, mask, self.p) if self.scaling == "inverted" else dropout_original(x, mask)

    def expect(self, x):
        return x if self.scaling == "inverted" else dropout_original_expect(x, self.p)
