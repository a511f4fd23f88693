r"""DropBlock: silence whole squares of a feature map, since a single pixel's neighbours know it.

Paper    Ghiasi, Lin, Le, "DropBlock: a regularization method for convolutional networks",
         NeurIPS 2018, arXiv:1810.12890: "Ghiasi 2018".
Where    Units: feature maps $x$ (N, C, H, W) behind a convolution or on a skip connection, one draw
         for every place of every map where a block fits.
Symbols  $p$ drop probability (Ghiasi 2018 has keep_prob $= 1 - p$), $b$ side of a block, $\gamma$
         probability of a seed, $s$ seeds (1 starts a block), $h, w$ row and column from 0, $m$ mask
         (1 keeps), $|m|$ its number of entries, $x$ input, $y$ output, $c$ numbers of places.

Ghiasi 2018, equation 1: the rate of the seeds that drops about $p$ of the pixels
$$ \gamma = \frac{p}{b^2} \cdot \frac{H \, W}{(H - b + 1)(W - b + 1)}          \tag{dropblock.1} $$
Ghiasi 2018, Algorithm 1: seeds only where a whole block fits, for each channel by itself
$$ s_{ij} \sim \mathrm{Bernoulli}(\gamma), \qquad 0 \le i \le H - b, \quad 0 \le j \le W - b
                                                                               \tag{dropblock.2} $$
Ghiasi 2018, Algorithm 1: every seed drops a block
$$ m_{hw} = 1 - \max_{0 \le u, v < b} s_{h-u, \, w-v}                          \tag{dropblock.3} $$
Ghiasi 2018, Algorithm 1: keep the sum, over the whole tensor
$$ y = m \odot x \cdot |m| \, / \, \textstyle\sum m                            \tag{dropblock.4} $$
From (dropblock.1) to (dropblock.3): how often a pixel is dropped, exactly
$$ P(m_{hw} = 0) = 1 - (1 - \gamma)^{c_h c_w}, \qquad
   c_h = \min(h, H - b) - \max(h - b + 1, 0) + 1                               \tag{dropblock.5} $$
timm 1.0.31, in words: the same rate, seeds on the whole map, each in the middle of its block
$$ c_h = \min(h + a, H - 1) - \max(h + a - b + 1, 0) + 1, \qquad a = \lfloor b / 2 \rfloor
                                                                               \tag{dropblock.6} $$

Blocks overlap, and more of them reach the middle of a map than its rim, so (dropblock.5) is only
near $p$: for $p = 0.1$ and $b = 7$ the mean is 0.0929 on 14 x 14 pixels, 0.0939 on 28 x 28.  With
$b = 1$ this is dropout, with $b = H = W$ a map lives or dies as a whole.  Otherwise not even
$p = 1$ drops everything: for $b = 3$ on 8 x 8 it makes $\gamma = 0.198$.

Without noise  $y = x$.

Differs
- From Ghiasi 2018: a seed is its block's first corner, not its centre; the blocks are the same, and
  even $b$ needs no special case.  [test_dropblock_3_a_corner_is_a_centre_half_a_block_away]
- From Ghiasi 2018, whose maps are square: H and W may differ.  [test_dropblock_1_by_hand]
- From dropout, which keeps the mean of every entry: here the sum is kept.  Over all draws of blocks
  of 3 x 3 on 5 x 5 pixels a constant 1 comes out as 0.754 in the middle and as 1.109 in the corners
  ($p = 0.1$).  [test_dropblock_4_keeps_the_sum_and_not_every_mean]
- From the paper's TensorFlow code, where 0 / 0 is nan: a tensor that is dropped as a whole gives
  zeros.  [test_dropblock_4_a_tensor_dropped_as_a_whole_gives_zeros]
- From torchvision and timm, which make a block that is too large as small as the map: it is
  refused.  [test_a_block_larger_than_the_map_is_refused,
  test_torchvision_refuses_even_blocks_and_cuts_large_ones, test_timm_cuts_large_blocks]
- From torchvision, which refuses even blocks: they are blocks like any other.
  [test_dropblock_3_equals_nested_loops, test_torchvision_refuses_even_blocks_and_cuts_large_ones]
- From torchvision and timm, which add 1e-6 or 1e-7 to the sum of the mask: nothing is added, so a
  mask that keeps all changes no bit.  [test_dropblock_4_at_p_0_is_the_identity,
  test_torchvision_and_timm_add_a_little_to_the_sum_of_the_mask]
- From torchvision and timm: no `inplace`, since the input is needed elsewhere and a saved copy is
  not worth a silent change of the caller's array.  [test_dropblock_4_leaves_its_input_alone,
  test_every_layer_with_inplace_has_one_without_that_says_why]
- From timm 1.0.31 (and its default before), which draws seeds on the whole map at the rate of those
  that fit: for $p = 0.1$ and $b = 7$ it drops 0.930 of 7 x 7 pixels, 0.209 of 14 x 14 and 0.133 of
  28 x 28, see (dropblock.6); `seeds="all"` does the same, and says so.
  [test_dropblock_6_has_the_shares_of_timm, test_timm_drops_another_share_than_was_asked_for]
- From timm 1.0.31, where all channels share a mask unless told otherwise: each has its own, as in
  Ghiasi 2018; with `shared=True` the dropped share has C times the variance.
  [test_dropblock_2_shared_masks_have_c_times_the_variance,
  test_timm_shares_one_mask_among_all_channels_unless_told_otherwise]
- From miguelvr/dropblock, which seeds the whole map with the rate $p / b^2$ and so drops 0.0740 for
  $p = 0.1$, $b = 7$ on 14 x 14 pixels.  [test_dropblock_6_has_the_shares_of_miguelvr]
"""

import math

from ..arguments import count, describe, flag, images, keep_mask, option, probability, shape_of
from ..functional import masked
from ..nn import Noise
from ..noise import bernoulli
from ..xp import array_module

REGIONS = ("valid", "all")


def dropblock_rate(p, block, height, width):
    """The probability of a seed that drops about `p` of the pixels; at most `p`.

    `block` is the side of a block, `height` and `width` those of the map.  ValueError for a block
    that is larger than the map.

    Source: Ghiasi 2018, equation 1.

    >>> round(dropblock_rate(0.1, block=3, height=5, width=5), 7)
    0.0308642
    """
    block, height, width = _fitting(block, height, width)
    places = (height - block + 1) * (width - block + 1)
    return probability(p) * (height * width / (block**2 * places))           # Eq. (dropblock.1)


def dropblock_seeds(rng, shape, p, block, seeds="valid", shared=False):
    """Draw the places where blocks start, for an input of `shape` (N, C, H, W): boolean.

    The result is (N, C, H - block + 1, W - block + 1), or (N, C, H, W) with `seeds="all"`: the same
    rate on the whole map, as timm has it.  With `shared` all channels share one draw: C is 1.

    Source: Ghiasi 2018, Algorithm 1.

    >>> dropblock_seeds(11, (1, 1, 4, 5), p=0.3, block=2)[0, 0].astype(int)
    array([[0, 0, 0, 0],
           [0, 0, 0, 0],
           [1, 0, 0, 1]])
    """
    n, channels, height, width = _maps(shape_of(shape), "shape")
    block, height, width = _fitting(block, height, width)
    rate = dropblock_rate(p, block, height, width)
    rim = 0 if option(seeds, "seeds", REGIONS) == "all" else block - 1
    where = n, 1 if flag(shared, "shared") else channels, height - rim, width - rim
    return bernoulli(rng, rate, where)                                       # Eq. (dropblock.2)


def dropblock_mask(seeds, block, clipped=False):
    """The keep-mask (N, C, H, W) that blocks leave whose first corners are the `seeds`.

    `seeds` is boolean, (N, C, H - block + 1, W - block + 1).  With `clipped` it is (N, C, H, W), a
    seed is the middle of its block (for even sides, the pixel behind the middle), and what reaches
    over the border is cut off.

    Source: Ghiasi 2018, Algorithm 1.

    >>> import numpy as np
    >>> seeds = np.array([[0, 0, 1], [0, 0, 0]], bool).reshape(1, 1, 2, 3)
    >>> dropblock_mask(seeds, block=2)[0, 0].astype(int)
    array([[1, 1, 0, 0],
           [1, 1, 0, 0],
           [1, 1, 1, 1]])
    """
    if getattr(getattr(seeds, "dtype", None), "kind", None) != "b":
        raise TypeError("seeds must be a boolean array (True starts a block), got "
                        f"{describe(seeds)}")
    n, channels, rows, columns = _maps(seeds.shape, "seeds")
    rim, clipped = count(block, "block") - 1, flag(clipped, "clipped")
    whole = rows + rim, columns + rim
    block, height, width = _fitting(block, *((rows, columns) if clipped else whole))
    dropped = array_module(seeds).zeros((n, channels, *whole), bool)
    dropped[:, :, :rows, :columns] = seeds
    flat = dropped.reshape(-1)                    # behind every row and map there is room to grow
    for stride in (1, columns + rim):
        reach = 1
        while reach < block:
            step = min(reach, block - reach)
            flat[step * stride:] |= flat[:-step * stride].copy()             # Eq. (dropblock.3)
            reach += step
    cut = block // 2 if clipped else 0
    return ~dropped[:, :, cut:cut + height, cut:cut + width]


def dropblock(x, mask, norm="batch"):
    """DropBlock of `x` (N, C, H, W) for a given mask: kept entries scaled up, the others 0.

    `mask` is boolean and broadcastable to x (True keeps).  The scale is the number of entries over
    the number kept, counted over the whole tensor (`norm="batch"`, as in the paper, which lets the
    examples of a batch touch each other), over each example ("sample"), or 1 ("none").  Where
    nothing is kept the result is 0.  TypeError for integers, ValueError for what does not fit.

    Source: Ghiasi 2018, Algorithm 1.

    >>> import numpy as np
    >>> mask = dropblock_mask(np.array([[[[False, True]]]]), block=2)
    >>> dropblock(np.ones((1, 1, 2, 3)), mask)[0, 0]
    array([[3., 0., 0.],
           [3., 0., 0.]])
    """
    mask = keep_mask(mask, images(x).shape)
    if option(norm, "norm", ("batch", "sample", "none")) == "none":
        return masked(x, mask, 1.0)
    mask = mask[(None,) * (4 - mask.ndim)]
    together = mask.shape if norm == "batch" else mask.shape[1:]
    xp, axes = array_module(mask), tuple(range(4 - len(together), 4))
    kept = xp.count_nonzero(mask, axis=axes).reshape(-1, 1, 1, 1)
    scale = (math.prod(together) / xp.maximum(kept, 1)).astype(x.dtype)
    if norm == "sample":
        return masked(x, mask, 1.0) * scale
    return masked(x, mask, scale)                                            # Eq. (dropblock.4)


def dropblock_drop_map(p, block, height, width, seeds="valid"):
    """The exact probability that each pixel of a map is dropped: float64, (height, width).

    With `seeds="all"` that of timm's rule.  The mean is the expected share of dropped pixels.

    >>> dropblock_drop_map(0.1, block=3, height=5, width=5)[2].round(4)
    array([0.0898, 0.1715, 0.2458, 0.1715, 0.0898])
    >>> round(float(dropblock_drop_map(0.1, 7, 7, 7, seeds="all").mean()), 3)
    0.93
    """
    block, height, width = _fitting(block, height, width)
    rate = dropblock_rate(p, block, height, width)
    xp, everywhere = array_module(), option(seeds, "seeds", REGIONS) == "all"

    def places(size):                             # from how many a block reaches each pixel
        at = xp.arange(size) + (block // 2 if everywhere else 0)
        last = size - (1 if everywhere else block)
        return xp.minimum(at, last) - xp.maximum(at - block + 1, 0) + 1      # Eq. (dropblock.6)

    return 1 - (1 - rate)**xp.outer(places(height), places(width))           # Eq. (dropblock.5)


class DropBlock(Noise):
    """DropBlock as a layer for (N, C, H, W): active in training, without noise in evaluation.

    `p` is about the share of dropped pixels, `block` the side of a block in pixels.  Variants:
    `seeds="all"` draws them on the whole map as timm does, `shared=True` drops the same blocks of
    all channels, `norm` is "batch", "sample" or "none" as in `dropblock`.  In a network:
    `md.models.place(net, "stage[23].*.dropblock*", DropBlock(0.1, 7))`, its rate raised step by
    step by `fit(..., schedules={"dropblock*.p": linear_ramp(0, 0.1, steps)})`.

    >>> import numpy as np
    >>> layer = DropBlock(0.3, block=2).init(seed=28)
    >>> layer(np.ones((1, 1, 3, 4)))[0, 0]
    array([[1.5, 1.5, 1.5, 1.5],
           [1.5, 0. , 0. , 1.5],
           [1.5, 0. , 0. , 1.5]])
    """

    def __init__(self, p, block, seeds="valid", shared=False, norm="batch"):
        self.p, self.block = probability(p), count(block, "block")
        self.seeds, self.shared = option(seeds, "seeds", REGIONS), flag(shared, "shared")
        self.norm = option(norm, "norm", ("batch", "sample", "none"))

    def noise_shape(self, x):
        """The shape of x, if it is (N, C, H, W); ValueError for any other."""
        return _maps(x.shape, "x")

    def sample(self, shape):
        seeds = dropblock_seeds(self.rng, shape, self.p, self.block, self.seeds, self.shared)
        return dropblock_mask(seeds, self.block, clipped=self.seeds == "all")

    def apply(self, x, mask):
        return dropblock(x, mask, self.norm)


def _maps(shape, name):
    if len(shape) != 4 or 0 in shape[2:]:
        raise ValueError(f"{name} must be (N, C, H, W), H and W at least 1, got {tuple(shape)}")
    return shape


def _fitting(block, height, width):
    """The three as ints, if the block fits into the map."""
    block, height, width = (count(size, name) for size, name in (
        (block, "block"), (height, "height"), (width, "width")))
    if block > min(height, width):
        raise ValueError(f"block must be at most {min(height, width)} to fit into a map of "
                         f"{height} x {width}, got {block}")
    return block, height, width
