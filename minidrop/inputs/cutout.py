r"""Cutout: erase a square of fixed size around a random pixel of every training image.

Paper    DeVries, Taylor, "Improved regularization of convolutional neural networks with cutout",
         arXiv:1708.04552 (2017): "DeVries 2017".
Where    Inputs: images (N, C, H, W) on their way into training, one centre for each image, the same
         square in all its channels.  Labels stay.
Symbols  $n$ image, $c$ channel, $i$ row of $H$, $j$ column of $W$, $(a_n, b_n)$ row and column of
         the centre, $L$ side of the square, $m$ mask (1 keeps), $f_c$ fill, $x$ images, $y$ the
         result, $A_n$ how many pixels were erased.

DeVries 2017, in words: any pixel may be the centre, so the square may reach over the border
$$ a_n \sim \mathrm{Uniform}\{0, \dots, H - 1\}, \quad b_n \sim \mathrm{Uniform}\{0, \dots, W - 1\}
                                                                                 \tag{cutout.1} $$
DeVries 2017, in words: the square, L pixels long and wide where it does not reach over the border
$$ m_{nij} = 0 \;\text{ if } 0 \le i - a_n + \lfloor L/2 \rfloor < L \;\text{ and }
   0 \le j - b_n + \lfloor L/2 \rfloor < L, \quad 1 \;\text{ otherwise}           \tag{cutout.2} $$
DeVries 2017, in words: erase it (f = 0, which in normalised images is the mean of the channel)
$$ y_{ncij} = m_{nij} \, x_{ncij} + (1 - m_{nij}) \, f_c                         \tag{cutout.3} $$
From (cutout.1) and (cutout.2): the chance of a pixel, about half as large in the outermost rows
$$ P(m_{nij} = 0) = r_H(i) \, r_W(j), \quad r_H(i) = \frac{1}{H} \left( \min(i +
   \lfloor \tfrac{L}{2} \rfloor, H - 1) - \max(i - \lfloor \tfrac{L-1}{2} \rfloor, 0) + 1 \right)
                                                                                 \tag{cutout.4} $$
From (cutout.4): the erased area, below L x L on average, since squares reach over the border
$$ \mathbb{E}[A_n] = w_H \, w_W, \qquad w_H = L - \lfloor L^2 / 4 \rfloor / H
   \quad \text{for } L \le 2 H                                                   \tag{cutout.5} $$

Without noise  $y = x$: nothing is rescaled, neither in training nor in evaluation.

Differs
- From the official code, which takes the rows from a - L // 2 to a + L // 2 - 1: those are L - 1
  for an odd L, where here the square is L x L; for an even L the two are equal.
  [test_cutout_2_the_official_square_is_one_smaller_where_the_length_is_odd]
- From the official code's `n_holes`: one square here; several are the product of their masks.
  [test_cutout_2_several_squares_are_the_product_of_their_masks]
- From the official code, which multiplies: what is erased is replaced, so an inf
  or nan in it is gone, and so is its gradient.  [test_cutout_3_replaces_even_what_is_not_finite]
- From torchvision's and timm's random erasing (Zhong et al. 2017): there the rectangle has a random
  area and shape, lies inside the image, and some images stay whole.
  [test_cutout_1_and_2_erase_in_every_image_and_also_over_the_border,
  test_torchvisions_random_erasing_lies_inside_and_leaves_some_images_whole]
"""

import math
from dataclasses import dataclass
from functools import partial

from ..arguments import count, describe, images, keep_mask, must, number, plain
from ..functional import where
from ..noise import as_stream, integers
from ..xp import array_module, backend_of, to_backend


def cutout_centers(rng, n, height, width):
    """Draw the centres of `n` squares: int64 (n, 2), a row in 0..height-1, a column in 0..width-1.

    Source: DeVries 2017.

    >>> cutout_centers(0, 3, height=28, width=28).tolist()
    [[21, 0], [18, 20], [6, 27]]
    """
    rng, n = as_stream(rng), count(n, "n", least=0)
    rows = integers(rng, count(height, "height"), n)                           # Eq. (cutout.1)
    columns = integers(rng, count(width, "width"), n)                          # Eq. (cutout.1)
    return array_module(rows).stack([rows, columns], axis=1)


def cutout_mask(centers, length, height, width):
    """Keep-masks (n, 1, height, width), False in a square of side `length` around each centre.

    `centers` (n, 2) are rows and columns of pixels.  The square has the rows c - length // 2 to
    c - length // 2 + length - 1, and such columns; what lies over the border is not there.

    Source: DeVries 2017.

    >>> import numpy as np
    >>> cutout_mask(np.array([[1, 0]]), length=3, height=4, width=5)[0, 0].astype(int)
    array([[0, 0, 1, 1, 1],
           [0, 0, 1, 1, 1],
           [0, 0, 1, 1, 1],
           [1, 1, 1, 1, 1]])
    """
    length, height = count(length, "length", least=0), count(height, "height")
    _check_centers(centers, height, count(width, "width"))
    rows, columns = _near(centers[:, 0], length, height), _near(centers[:, 1], length, width)
    return ~(rows[:, None, :, None] & columns[:, None, None, :])               # Eq. (cutout.2)


def cutout(x, mask, fill=0.0):
    """Images `x` (N, C, H, W) with `fill` where the mask is False.

    `mask` is boolean and broadcastable to x, `fill` a number or a list with one for each channel;
    0 is the mean of images that were normalised.  `x` is a floating array or Tensor.

    Source: DeVries 2017.

    >>> import numpy as np
    >>> mask = cutout_mask(np.array([[0, 1]]), length=2, height=2, width=3)
    >>> cutout(np.ones((1, 1, 2, 3)), mask, fill=0.5)[0, 0]
    array([[0.5, 0.5, 1. ],
           [1. , 1. , 1. ]])
    """
    mask, fill = keep_mask(mask, images(x).shape), _fill(fill)
    if len(fill) not in (1, x.shape[1]):
        raise ValueError(f"fill must be one number or {x.shape[1]}, one for each channel, got "
                         f"{len(fill)}")
    values = array_module(mask).asarray(fill, dtype=x.dtype).reshape(1, -1, 1, 1)
    return where(mask, x, values)                                              # Eq. (cutout.3)


@dataclass(frozen=True)
class Cutout:
    """Cutout of every image of a batch, for `fit(..., batch=Cutout(4))`: called as (rng, x, y).

    `length` is the side of the square, `fill` as in `cutout`.  Gives (x, y), y as it came.

    >>> import numpy as np
    >>> x, y = Cutout(length=4)(0, np.ones((2, 3, 8, 8)), np.array([4, 2]))
    >>> (x == 0).sum((2, 3)).tolist(), y
    ([[8, 8, 8], [16, 16, 16]], array([4, 2]))
    """

    length: int
    fill: float | tuple = 0.0

    def __post_init__(self):
        object.__setattr__(self, "length", count(self.length, "length", least=0))
        fill = _fill(self.fill)
        object.__setattr__(self, "fill", fill if len(fill) > 1 else fill[0])

    def __call__(self, rng, x, y):
        n, _, height, width = images(x).shape
        beside = backend_of(x.data if hasattr(x, "requires_grad") else x)
        centers = to_backend(cutout_centers(rng, n, height, width), beside)
        return cutout(x, cutout_mask(centers, self.length, height, width), self.fill), y


def _near(centers, length, n):
    """Which of the places 0..n-1 lie in the interval around each centre: boolean (N, n)."""
    first = centers.astype("int64")[:, None] - length // 2        # also below 0
    places = array_module(centers).arange(n) - first
    return (places >= 0) & (places < length)


def _check_centers(centers, height, width):
    if getattr(centers, "shape", (0,))[1:] != (2,) or centers.dtype.kind not in "iu":
        raise ValueError(f"centers must be whole numbers of shape (n, 2), got {describe(centers)}")
    plain(centers, "centers")
    for name, places, n in zip(("height", "width"), centers.T, (height, width), strict=True):
        if len(places):
            must((places.min() >= 0) & (places.max() < n), partial(_outside, name, places, n))


def _outside(name, places, n):
    return ValueError(f"centers must lie in 0..{n - 1} for a {name} of {n}, got "
                      f"{int(places.min())} to {int(places.max())}")


def _fill(fill):
    """The fill as a tuple of floats: one, or one for each channel."""
    values = fill.tolist() if hasattr(fill, "tolist") else fill
    values = values if isinstance(values, tuple | list) and values else (values,)
    return tuple(number(value, "fill", least=-math.inf) for value in values)
