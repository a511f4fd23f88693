r"""Spatial dropout: silence whole channel maps, each with probability p.

Paper    Tompson, Goroshin, Jain, LeCun, Bregler, "Efficient object localization using convolutional
         networks", CVPR 2015, arXiv:1411.4280: "Tompson 2015".
Where    Units: channel maps (N, C, L), (N, C, H, W) or (N, C, D, H, W), one draw for each map of
         each example.
Symbols  $p$ drop probability, $q = 1 - p$, $m$ mask (1 keeps), $x$ input, $y$ output, $n$ example,
         $c$ and $d$ channels, $[c = d]$ is 1 if they are the same and else 0, $s$ and $t$ places in
         a map, $S$ places per map.

Tompson 2015, in words: one trial for each feature map
$$ m_{nc} \sim \mathrm{Bernoulli}(q)                                           \tag{spatial.1} $$
Tompson 2015, in words: extended over the whole map (the scaling by 1/q is every library's)
$$ y_{ncs} = m_{nc} \, x_{ncs} / q                                             \tag{spatial.2} $$
From (spatial.1) and (spatial.2): the mean is kept, the places of one map vary together
$$ \mathbb{E}[y_{ncs}] = x_{ncs}, \qquad \mathrm{Cov}[y_{ncs}, y_{ndt}] =
   [c = d] \, x_{ncs} \, x_{nct} \, p / q                                      \tag{spatial.3} $$
From (spatial.1): the dropped share of all entries varies S times as much as under dropout
$$ \mathrm{Var}\Big[ \frac{1}{NCS} \sum_{n,c,s} (1 - m_{nc}) \Big] = \frac{p \, q}{NC}
                                                                               \tag{spatial.4} $$

Without noise  $y = x$.

Differs
- From the paper, of which no scaling is established: kept maps are divided by $q$, as in PyTorch
  and Keras, so that evaluation is the identity.  [test_spatial_3_mean_and_covariance]
- From PyTorch, where `dropout2d` reads a 3-d input as (N, C, L) with a warning and lets a 2-d input
  pass as plain dropout, and `dropout1d` takes (C, L): an input has 3 to 5 axes, the first two are
  always example and channel, anything else is refused.  [test_spatial_1_and_2_refuse_other_ranks,
  test_torchs_dropout2d_of_an_image_without_a_batch_drops_rows,
  test_a_matrix_passes_torchs_dropout1d_and_2d_and_is_refused_here]
- From Keras, whose channels lie last by default: they are axis 1 here, in any memory order.
  [test_spatial_2_is_the_same_in_every_memory_order]
- From PyTorch: no `inplace`, as for `dropout`.  [test_spatial_2_leaves_its_input_alone,
  test_every_layer_with_inplace_has_one_without_that_says_why]
- From Keras, which selects: the product is taken, so a dropped inf or nan gives nan.
  [test_spatial_2_a_dropped_infinity_is_nan, test_keras_selects_so_that_a_dropped_infinity_is_0]
"""

from ..arguments import floating, keep_mask, probability, shape_of
from ..functional import masked
from ..nn import Noise
from ..noise import bernoulli


def spatial_dropout_mask(rng, shape, p):
    """Draw a keep-mask (N, C, 1, ...) for an input of `shape`: one draw for each map.

    `shape` is (N, C, L), (N, C, H, W) or (N, C, D, H, W), `p` the probability that a map is
    dropped, `rng` a `Stream` or an int seed.  ValueError for any other rank.

    Source: Tompson 2015.

    >>> spatial_dropout_mask(3, (2, 4, 8, 8), p=0.5).shape
    (2, 4, 1, 1)
    """
    n, c, *places = _maps(shape_of(shape), "shape")
    return bernoulli(rng, 1 - probability(p), (n, c, *[1] * len(places)))      # Eq. (spatial.1)


def spatial_dropout(x, mask, p):
    """`x` with the maps dropped that `mask` drops, the others divided by 1 - p.

    `x` (N, C, ...) is a floating array or Tensor of 3 to 5 axes, `mask` boolean (N, C, 1, ...), or
    with 1 in the place of N or C for a draw that is shared; p = 1 gives zeros.

    Source: Tompson 2015.

    >>> import numpy as np
    >>> x = np.array([[[1.0, 2.0], [3.0, 4.0]]])                                 # (N, C, L)
    >>> spatial_dropout(x, np.array([[[True], [False]]]), p=0.5)
    array([[[2., 4.],
            [0., 0.]]])
    """
    shape, q = _maps(floating(x).shape, "x"), 1 - probability(p)
    mask = keep_mask(mask, shape)
    if mask.ndim != len(shape) or any(size != 1 for size in mask.shape[2:]):
        raise ValueError(f"mask must hold one value for each map, in a shape like "
                         f"{(*shape[:2], *[1] * len(shape[2:]))}, got {mask.shape}")
    return masked(x, mask, 1 / q if q else 0.0)                                # Eq. (spatial.2)


class SpatialDropout(Noise):
    """Spatial dropout as a layer, for inputs (N, C, ...) of 3 to 5 axes.

    PyTorch's Dropout1d, Dropout2d and Dropout3d in one.  Three axes are (N, C, L): give one image
    (C, H, W) as x[None].

    >>> import numpy as np
    >>> layer = SpatialDropout(0.5).init(seed=2)
    >>> layer(np.ones((1, 6, 4, 4)))[0, :, 0, 0]
    array([0., 2., 2., 2., 0., 0.])
    """

    def __init__(self, p):
        self.p = probability(p)

    def noise_shape(self, x):
        """The shape of x, if it is (N, C, ...) of 3 to 5 axes; ValueError for any other."""
        return _maps(x.shape, "x")

    def sample(self, shape):
        return spatial_dropout_mask(self.rng, shape, self.p)

    def apply(self, x, mask):
        return spatial_dropout(x, mask, self.p)


def _maps(shape, name):
    if len(shape) not in (3, 4, 5):
        raise ValueError(f"{name} must be (N, C, L), (N, C, H, W) or (N, C, D, H, W), got {shape}")
    return shape
