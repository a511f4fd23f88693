r"""Targeted dropout: drop at random among the weights, or units, that pruning would remove.

Papers   Gomez, Zhang, Kamalakara, Madaan, Swersky, Gal, Hinton, "Learning sparse networks using
         targeted dropout", arXiv:1905.13678 (2019): "Gomez 2019"; first shown at a workshop of
         NeurIPS 2018.  Official code: for-ai/TD.
Where    Weights: W (out, in) of a Linear, or (out, in, kh, kw) of a Conv2d, which counts as (out,
         everything else); one draw a step for each candidate.
Symbols  $\gamma$ share of candidates, $\alpha$ drop probability of a candidate, $W$ weights (Gomez
         2019 has units in columns, here they are rows), $n$ weights of a row, $\theta$ all weights,
         $C$ candidates (1 is one), argmin-k the places of the k smallest, $B$ draws, $M$ mask (1
         keeps), $X$ input, $Y$ output, $f$ activation, $V$ weights of the next layer, $E$ loss,
         a bar the gradient of the loss, $\odot$ the product by entries (of a vector: with
         whole rows of W).

Gomez 2019, in words: dropout of weights
$$ Y = X \, (M \odot W)^\top                                                   \tag{targeted.1} $$
Gomez 2019, in words: dropout of units, seen from the weights that lead to them
$$ \big( f(X W^\top) \odot M \big) \, V^\top = f\big( X \, (M \odot W)^\top \big) \, V^\top
   \quad \text{where } f(0) = 0                                                \tag{targeted.2} $$
Gomez 2019, in words: the smallest weights of each unit are candidates
$$ C_{oi} = 1 \;\text{ for }\; i \in \operatorname{argmin\text{-}k}_j \, \lvert W_{oj} \rvert,
   \qquad k = \lfloor \gamma \, n \rfloor                                      \tag{targeted.3} $$
Gomez 2019, in words: or the units of the smallest norms
$$ C_o = 1 \;\text{ for }\; o \in \operatorname{argmin\text{-}k}_u \, \lVert W_u \rVert_2,
   \qquad k = \lfloor \gamma \, n_{\mathrm{out}} \rfloor                       \tag{targeted.4} $$
Gomez 2019, in words: what is to be small is the loss without the candidates
$$ \min_\theta \; E\big( (1 - C(\theta)) \odot \theta \big)                    \tag{targeted.5} $$
Gomez 2019, in words: so candidates are dropped, each by itself, and nothing is scaled
$$ M = 1 - C \odot B, \qquad B \sim \mathrm{Bernoulli}(\alpha)                 \tag{targeted.6} $$
Gomez 2019, in words: the number of weights kept, where gamma n is whole
$$ \mathbb{E}\Big[ \sum M \Big] = (1 - \gamma \alpha) \, \lvert \theta \rvert  \tag{targeted.7} $$
From (targeted.1): what is dropped learns nothing in this step, and can regrow in others
$$ \bar W = M \odot (\bar Y^\top X)                                            \tag{targeted.8} $$

Without noise  All weights, $M = 1$; with `prune` none of the candidates, $M = 1 - C$, which is the
network that the paper evaluates.  Nothing is scaled, in training neither.

Differs
- From the official code, whose candidates lie strictly below a threshold: of equal weights it takes
  fewer than k, of a row of equal weights none, and $\gamma = 1$ is an error.  Here k are taken, of
  equal ones the first.  [test_targeted_3_and_4_take_k_where_a_threshold_fails]
- From the official code, which takes 28 of 100 units for a $\gamma$ of 0.29, but 29 of 100 weights:
  k is computed as $\lfloor \gamma n + 10^{-9} \rfloor$.  [test_targeted_3_and_4_take_29_of_100]
- From the official code, whose "targeted_unit" drops single weights of the units with small norms:
  a unit is dropped as a whole.  [test_targeted_6_a_unit_is_dropped_as_a_whole]
- From the official code, whose convolutions lose all candidates in evaluation, at any alpha, and
  whose linear layers lose none: here `prune` says it, for either.
  [test_targeted_module_prunes_in_evaluation_if_asked_to]
- From the official code, which leaves out the first convolution and the classifier: layers are
  chosen by a pattern, and "*" means all.  [test_targeted_module_goes_where_the_pattern_says]
- From the official code, whose kernels are (..., out): here units are rows.
  [test_targeted_3_and_4_are_those_of_the_official_code_where_none_are_equal]
- From dropout of the activations of a unit: its bias stays, so that it still gives $f(b)$.
  [test_targeted_2_a_bias_stays]
- A batch norm gives a dropped channel a value as well: in training its own bias, in evaluation that
  less the scaled running mean.
  [test_targeted_2_a_batch_norm_gives_a_dropped_channel_a_value]
- From a PyTorch port, which prunes in training and draws in evaluation, takes the last axis for the
  units, which in PyTorch are inputs or columns of a kernel, and at every call gives the layer a new
  parameter, which no optimizer knows, so that nothing is learned.
  [test_targeted_module_is_not_as_in_a_port_with_its_modes_exchanged,
  test_targeted_8_is_cut_off_in_a_port_with_its_modes_exchanged]
- From another PyTorch port, which targets the weight at the threshold as well, k + 1 in all, and
  writes |w| over w.  [test_targeted_3_is_not_as_in_a_port_that_takes_one_more]
- From keras-targeted-dropout, which until version 0.4 drops activations, and targets all of them
  where k is 0.  [test_targeted_4_is_not_as_in_a_port_that_takes_all_for_none]
- From the few lines that an issue of the official code gives as an example, which remove all
  candidates, and keep others with probability $\alpha$.
  [test_targeted_6_is_not_as_in_the_example_that_drops_the_others]
- From PyTorch's `prune.l1_unstructured`, which compares all weights of a layer, and from its
  `prune.ln_structured`: both round $\gamma n$ to the nearest number, here k is rounded down.
  [test_targeted_3_compares_within_rows_and_does_not_round,
  test_prune_rounds_to_the_nearest_count_and_we_round_down]
- From libraries that select: a dropped inf or nan gives nan.
  [test_targeted_1_a_dropped_infinity_is_nan]
"""

from ..arguments import describe, flag, floating, keep_mask, probability, without_nan
from ..functional import magnitudes, masked, smallest
from ..nn import OnWeights
from ..noise import bernoulli
from ..xp import backend_of, to_backend


def targeted_candidates(w, gamma, unit):
    """What may be dropped of the weights `w` (out, ...), an array or Tensor: boolean.

    With `unit` False it has the shape of `w`, and holds the share `gamma` of each row w[i] that is
    smallest in absolute value; with True its shape is (out,), the share of the rows with the
    smallest L2 norms.  They are exactly floor(gamma n + 1e-9), of equal ones the first.  `w` holds
    no nan.

    Source: Gomez 2019.

    >>> import numpy as np
    >>> w = np.array([[0.1, -0.4, 0.2, -0.3], [1.0, 1.0, -1.0, 1.0]])
    >>> targeted_candidates(w, gamma=0.5, unit=False).astype(int)
    array([[1, 0, 1, 0],
           [1, 1, 0, 0]])
    >>> targeted_candidates(w, gamma=0.5, unit=True)
    array([ True, False])
    """
    without_nan(magnitudes(w, unit), "w")
    return _candidates(w, gamma, unit)


def _candidates(w, gamma, unit):
    gamma = probability(gamma, "gamma")
    if flag(unit, "unit"):
        return smallest(magnitudes(w, unit=True), gamma)                       # Eq. (targeted.4)
    return smallest(magnitudes(w, unit=False), gamma).reshape(w.shape)         # Eq. (targeted.3)


def targeted_mask(rng, candidates, alpha, unit):
    """Draw a keep-mask in the shape of `candidates`: each of them is False with rate `alpha`.

    `candidates` is boolean: (out,) with `unit` True, in the shape of the weights (out, ...) with
    False.  All others are kept.  `rng` is a stream or an int seed.

    Source: Gomez 2019.

    >>> import numpy as np
    >>> candidates = np.array([[True, True, True, False, False, False]] * 2)
    >>> targeted_mask(0, candidates, alpha=0.5, unit=False).astype(int)
    array([[0, 0, 1, 1, 1, 1],
           [0, 1, 1, 1, 1, 1]])
    """
    candidates = candidates.data if hasattr(candidates, "requires_grad") else candidates
    dtype = getattr(candidates, "dtype", None)
    if getattr(dtype, "kind", None) != "b" or (candidates.ndim == 1) != flag(unit, "unit"):
        due = "(out,)" if unit else "(out, ...)"
        raise ValueError(f"candidates must be a boolean array {due} for unit={unit}, got "
                         f"{describe(candidates)}")
    kept = bernoulli(rng, 1 - probability(alpha, "alpha"), candidates.shape)
    return to_backend(kept, backend_of(candidates)) | ~candidates        # Eq. (targeted.6)


def targeted_dropout(w, mask):
    """The weights `w` (out, ...) without those that `mask` drops; nothing is scaled.

    `w` is a floating array or Tensor, `mask` boolean (True keeps): in the shape of `w`, or (out,),
    one for each row.

    Source: Gomez 2019.

    >>> import numpy as np
    >>> targeted_dropout(np.ones((2, 3)), np.array([True, False]))
    array([[1., 1., 1.],
           [0., 0., 0.]])
    """
    if floating(w, "w").ndim < 2:
        raise ValueError(f"w must have shape (out, ...), got shape {w.shape}")
    if getattr(mask, "ndim", 0) == 1:
        if mask.shape != w.shape[:1]:
            raise ValueError(f"mask must have one entry for each row of w, shape {w.shape[:1]}, "
                             f"got shape {mask.shape}")
        mask = mask.reshape(-1, *[1] * (w.ndim - 1))                           # Eq. (targeted.2)
    return masked(w, keep_mask(mask, w.shape), 1.0)                            # Eq. (targeted.1)


class TargetedDropout(OnWeights):
    """A Linear or Conv2d that drops its smallest weights, or units, while it trains.

    In every step the share `gamma` of the weights of each row, as they are now, are candidates, and
    each is dropped with probability `alpha`; with `unit` it is whole rows.  Evaluation uses all
    weights, with `prune` all but the candidates.  Biases stay.  The mask is kept in `.noise`.
    Schedules can steer both rates, see `targeted_ramp`.  The function `prune` goes by the size of
    the weights as they are, whatever the option `prune` says.

    >>> import numpy as np
    >>> from minidrop.nn import Linear
    >>> layer = TargetedDropout(Linear(4, 2), gamma=0.5, alpha=1.0, unit=False).init(seed=0)
    >>> layer(np.ones((3, 4), "float32")).shape, layer.noise.sum(1).tolist()
    ((3, 2), [2, 2])
    """

    def __init__(self, layer, gamma, alpha, unit, prune=False):
        super().__init__(layer)
        self.gamma, self.alpha = probability(gamma, "gamma"), probability(alpha, "alpha")
        self.unit, self.prune = flag(unit, "unit"), flag(prune, "prune")

    def noise_shape(self, weight):
        """The shape of a mask: (out,) for units, otherwise that of `weight`."""
        return weight.shape[:1] if self.unit else weight.shape

    def sample(self, shape):
        """A mask for the weights as they are now, whose shape `shape` is."""
        return targeted_mask(self.rng, self._candidates(), self.alpha, self.unit)

    def apply(self, weight, mask):
        return targeted_dropout(weight, mask)

    def expect(self, weight):
        return targeted_dropout(weight, ~self._candidates()) if self.prune else weight

    def score(self, unit):
        """The size of the weights as they are: with `prune`, candidates are not all alike."""
        size = magnitudes(self.weight, flag(unit, "unit"))
        return size if unit else size.reshape(self.weight.shape)

    def measure(self, unit):
        """What `score(unit)` is measured in."""
        return "size"

    def _candidates(self):
        return _candidates(self.weight, self.gamma, self.unit)    # with nan the loss will be nan
