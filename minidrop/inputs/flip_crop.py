r"""Flip and crop: mirror half of the images at random, shift each by up to four pixels.

Paper    He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016: "He 2016".
         It follows Lee, Xie, Gallagher, Zhang, Tu, "Deeply-supervised nets", AISTATS 2015.
Where    Inputs: images (N, C, H, W) on their way into training, one draw for each image, the same
         for all its channels.  Labels stay.
Symbols  $x$ images, $n$ image, $c$ channel, $i$ row of $H$, $j$ column of $W$, $f_n$ flip (1
         mirrors), $(u_n, v_n)$ offsets of the crop, $P$ padding (4 pixels), $y$ the result.

He 2016, section 4.2, in words: the image or its mirror image (with equal chances here)
$$ f_n \sim \mathrm{Bernoulli}(1/2)                                          \tag{flip_crop.1} $$
He 2016, section 4.2, in words: left and right change places
$$ x'_{ncij} = x_{nci,W-1-j} \;\text{ if } f_n = 1, \quad x_{ncij} \;\text{ otherwise}
                                                                             \tag{flip_crop.2} $$
He 2016, section 4.2, in words: a random crop of the padded image
$$ u_n, v_n \sim \mathrm{Uniform}\{0, \dots, 2 P\}                           \tag{flip_crop.3} $$
He 2016, section 4.2, in words: pad P pixels on each side (zeros here), take H x W of that
$$ y_{ncij} = x'_{nc,i+u_n-P,j+v_n-P}, \;\text{ and } 0 \text{ outside the image}
                                                                             \tag{flip_crop.4} $$
From (flip_crop.1) to (flip_crop.4): the mean of all draws is the image and its mirror, blurred
$$ \mathbb{E}[y_{ncij}] = \frac{1}{2 (2P+1)^2} \sum_{a,b=-P}^{P} \left( x_{nc,i+a,j+b}
   + x_{nc,i+a,W-1-j+b} \right)                                              \tag{flip_crop.5} $$

Without noise  $y = x$: the single view of the original image, which (flip_crop.4) gives at the
offsets $u = v = P$ and $f = 0$.

Differs
- From torchvision, whose transforms do the same to every image of a batch: each image has its own
  flip and its own crop.  [test_flip_crop_1_and_3_are_drawn_for_each_image]
- From pipelines that pad bytes and normalise afterwards, so that the border is black: the padding
  is 0 in the array that is given, which in normalised data is the mean of its channel.
  [test_flip_crop_4_pads_with_the_mean_of_normalised_images]
"""

from ..arguments import count, describe, flag, images, must, plain
from ..functional import unfold, where
from ..noise import as_stream, bernoulli, integers
from ..xp import array_module, backend_of, to_backend


def flip_mask(rng, n):
    """Draw which of `n` images are mirrored: boolean (n,), True with probability 1/2.

    Source: He 2016, section 4.2.

    >>> flip_mask(3, 8).astype(int)
    array([1, 0, 1, 1, 1, 1, 0, 0])
    """
    return bernoulli(rng, 0.5, count(n, "n", least=0))                         # Eq. (flip_crop.1)


def flip(x, mask):
    """`x` (N, C, H, W) with the images mirrored, left to right, where `mask` (N,) is True.

    `x` is a floating array or Tensor.

    Source: He 2016, section 4.2.

    >>> import numpy as np
    >>> flip(np.array([[[[1.0, 2.0, 3.0]]], [[[1.0, 2.0, 3.0]]]]), np.array([True, False]))[:, 0, 0]
    array([[3., 2., 1.],
           [1., 2., 3.]])
    """
    images(x)
    if getattr(mask, "shape", None) != (len(x),) or mask.dtype.kind != "b":
        raise ValueError(f"mask must be a boolean array of shape ({len(x)},), got {describe(mask)}")
    return where(mask[:, None, None, None], x[..., ::-1], x)                   # Eq. (flip_crop.2)


def crop_offsets(rng, n, padding=4):
    """Draw where the crops of `n` padded images begin: int64 (n, 2), row and column in 0..2 P.

    Source: He 2016, section 4.2.

    >>> crop_offsets(0, 3).tolist()
    [[6, 5], [2, 5], [7, 3]]
    """
    n, padding = count(n, "n", least=0), count(padding, "padding", least=0)
    return integers(rng, 2 * padding + 1, (n, 2))                              # Eq. (flip_crop.3)


def crop(x, offsets, padding=4):
    """Crops as large as `x` (N, C, H, W), of `x` with `padding` zeros on each side.

    `offsets` (N, 2) are whole numbers in 0..2 `padding`, row and column of the crop's first pixel
    in the padded image; both equal to `padding` give `x`.

    Source: He 2016, section 4.2.

    >>> import numpy as np
    >>> crop(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), np.array([[2, 0]]), padding=1)[0, 0]
    array([[0., 3.],
           [0., 0.]])
    """
    padding = count(padding, "padding", least=0)
    n, _, *size = images(x).shape
    if getattr(offsets, "shape", None) != (n, 2) or offsets.dtype.kind not in "iu":
        raise ValueError(f"offsets must be whole numbers of shape ({n}, 2), got "
                         f"{describe(offsets)}")
    plain(offsets, "offsets")
    must(((offsets >= 0) & (offsets <= 2 * padding)).all(), lambda: ValueError(
        f"offsets must lie in 0..{2 * padding}, got {int(offsets.min())} to {int(offsets.max())}"))
    image = array_module(offsets).arange(n)
    windows = unfold(x, size, padding=padding)                    # (N, C, 2P + 1, 2P + 1, H, W)
    return windows[image, :, offsets[:, 0], offsets[:, 1]]                     # Eq. (flip_crop.4)


def flip_crop(rng, x, y, padding=4, mirror=True):
    """A batch with flips and crops drawn for each image: (x, y), y as it came.

    For `fit(..., batch=flip_crop)`; `rng` is a stream or an int seed.  For photographs: a mirrored
    digit is another sign, so `mirror=False` only crops, and 4 pixels are much of a small image.

    >>> import numpy as np
    >>> x, y = flip_crop(0, np.ones((2, 3, 8, 8)), np.array([4, 2]))
    >>> x.shape, y
    ((2, 3, 8, 8), array([4, 2]))
    """
    rng, tensor = as_stream(rng), hasattr(images(x), "requires_grad")
    beside = backend_of(x.data if tensor else x)
    if flag(mirror, "mirror"):
        x = flip(x, to_backend(flip_mask(rng, len(x)), beside))
    return crop(x, to_backend(crop_offsets(rng, len(x), padding), beside), padding), y
