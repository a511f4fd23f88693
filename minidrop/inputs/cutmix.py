r"""CutMix: paste a box of another image, and mix the labels by its area.

Paper    Yun, Han, Oh, Chun, Choe, Yoo, "CutMix: regularization strategy to train strong classifiers
         with localizable features", ICCV 2019, arXiv:1905.04899: "Yun 2019".
Where    Inputs: images (N, C, H, W) and their labels on the way into training; one weight, one box
         and one order for a batch.
Symbols  $x_A, y_A$ an image and its label as a row of shares, $x_B, y_B$ its partner's, $\lambda$
         the weight drawn, $\alpha$ what it is drawn with, $(r, c)$ the centre, $h, w$ half the
         sides of the box, $B$ the box, $|B|$ its pixels, $M$ (H, W) 0 in the box and 1 elsewhere,
         $\lambda'$ the share of $x_A$ that is left, $\odot$ the product entry by entry.

Yun 2019, section 3.1, in words (there $\alpha = 1$, which is uniform): draw a weight
$$ \lambda \sim \mathrm{Beta}(\alpha, \alpha)                                   \tag{cutmix.1} $$
Yun 2019, equation 2; the official code, in whole pixels: draw the centre
$$ r \sim \mathrm{Uniform}\{0, \dots, H-1\}, \qquad
   c \sim \mathrm{Uniform}\{0, \dots, W-1\}                                     \tag{cutmix.2} $$
Yun 2019, equation 2; the official code, rounded down twice: a box of the share $1 - \lambda$
$$ h = \lfloor \lfloor H \sqrt{1 - \lambda} \rfloor / 2 \rfloor, \qquad
   w = \lfloor \lfloor W \sqrt{1 - \lambda} \rfloor / 2 \rfloor                 \tag{cutmix.3} $$
The official code: what lies in the image
$$ B = \{\max(r - h, 0), \dots, \min(r + h, H) - 1\}
   \times \{\max(c - w, 0), \dots, \min(c + w, W) - 1\}                         \tag{cutmix.4} $$
Yun 2019, equation 1: paste it
$$ \tilde x = M \odot x_A + (1 - M) \odot x_B                                   \tag{cutmix.5} $$
The official code: count the pixels that are left
$$ \lambda' = 1 - |B| / (H W)                                                   \tag{cutmix.6} $$
Yun 2019, equation 1, with that share: mix the labels
$$ \tilde y = \lambda' y_A + (1 - \lambda') y_B                                 \tag{cutmix.7} $$
From (cutmix.1) to (cutmix.4), $\alpha = 1$, for large images: less is pasted than one half
$$ \mathbb{E} \, \frac{|B|}{H W} = \int_0^1 \left( s - \tfrac{s^2}{4} \right)^2 2 s \, ds
   = 2 \left( \tfrac14 - \tfrac1{10} + \tfrac1{96} \right) = \tfrac{77}{240}    \tag{cutmix.8} $$

Without noise  $\tilde x = x_A$ and $\tilde y = y_A$: evaluation sees whole images.

Differs
- From equation 2, whose numbers are real: sides and centre are whole pixels, as in the official
  code, so at 32 x 32 a share of 0.2993 is pasted on average, at 224 x 224 0.3178, in place of
  0.3208.  [test_cutmix_8_in_whole_pixels_less_is_pasted]
- From equation 2 read alone, without the clipping: the weight that was drawn can be 0.78 away from
  the share of pixels at 32 x 32, so the label is made from pixels counted.
  [test_cutmix_6_the_weight_drawn_can_be_far_from_the_share_that_is_left]
- From the official code, which mixes a batch with a probability (`cutmix_prob`, 0.5 in its lines
  for CIFAR-100, 1 for ImageNet) and overwrites it: `CutMix` mixes every batch and leaves its input
  alone.  [test_cutmix_batches_are_all_mixed_and_their_input_stays]
- From torchvision, which takes its half sides in one step, int(0.5 sqrt(1 - weight) W): they are
  the same numbers.  [test_cutmix_3_has_torchvisions_half_sides, test_every_box_is_torchvisions]
- From timm 1.0.31, whose box keeps an odd side: where the sides are 3 it pastes 9 pixels, here 4 as
  in the official code.  [test_timm_keeps_the_odd_side_of_a_box]
- From timm, whose box keeps an odd side: it is 3 x 3 pixels where that of the official code and
  ours is 2 x 2.  [test_timm_keeps_the_odd_side_of_a_box]
- From torchvision and timm, where the partner of image i is image i - 1 and N - 1 - i: the order
  is a random permutation, as in the official code, and an image may meet itself.
  [test_cutmix_partners_are_a_permutation_that_may_leave_an_image_alone]
- From Keras 3, whose box lies within the image, so that half of it is pasted on average.
  [test_cutmix_8_a_box_that_is_never_clipped_pastes_one_half,
  test_keras_labels_are_off_the_share_of_pixels_by_a_hundredth]
- From Keras 3, which takes the label from the area of a box between the pixels, at 32 x 32 off the
  share of pixels by 0.011 on average and by up to 63/1024: here they are equal.
  [test_cutmix_6_an_area_between_the_pixels_is_off_the_share_of_pixels,
  test_keras_labels_are_off_the_share_of_pixels_by_a_hundredth]
"""

import math
from dataclasses import dataclass

from ..arguments import count, describe, images, number, order_of, share_rows
from ..functional import soft_targets, where
from ..noise import as_stream, beta, die, permutation
from ..xp import array_module, backend_of, to_backend


def cutmix_center(rng, height, width):
    """Draw the centre of the box: (row, column), every pixel of `height` x `width` alike.

    Source: Yun 2019, equation 2.

    >>> cutmix_center(3, height=8, width=8)
    (0, 7)
    """
    height, width = count(height, "height"), count(width, "width")
    pixel = die(rng, height * width)
    return divmod(pixel, width)                                                # Eq. (cutmix.2)


def cutmix_box(weight, center, height, width):
    """The box (top, bottom, left, right), half open, that the partner's pixels take.

    Its sides are int(size sqrt(1 - `weight`)), less one where that is odd; what lies outside the
    image is cut off.  `center` is (row, column).

    Source: Yun 2019, equation 2; the official code.

    >>> cutmix_box(0.75, center=(4, 4), height=8, width=8)
    (2, 6, 2, 6)
    >>> cutmix_box(0.75, center=(0, 0), height=8, width=8)
    (0, 2, 0, 2)
    """
    weight = number(weight, "weight", most=1.0)
    size = count(height, "height"), count(width, "width")
    row, column = _whole(center, "center", 2, f"(row, column) of {size[0]} x {size[1]} pixels")
    if row >= size[0] or column >= size[1]:
        raise ValueError(f"center must lie within {size[0]} x {size[1]} pixels, got {center!r}")
    h, w = (int(side * math.sqrt(1 - weight)) // 2 for side in size)           # Eq. (cutmix.3)
    return (max(row - h, 0), min(row + h, size[0]),                            # Eq. (cutmix.4)
            max(column - w, 0), min(column + w, size[1]))


def cutmix(x, y, box, order):
    """(x, y) with the box of x[order[i]] pasted into x[i], and the labels mixed by its area.

    `x` (N, C, H, W) and `y` (N, classes), one-hot or soft, are floating arrays or Tensors; `box` is
    (top, bottom, left, right), half open, `order` (N,) whole numbers.

    Source: Yun 2019, equation 1.

    >>> import numpy as np
    >>> x = np.array([np.zeros((1, 2, 4)), np.ones((1, 2, 4))])
    >>> mixed, share = cutmix(x, np.eye(2), box=(0, 1, 2, 4), order=np.array([1, 0]))
    >>> mixed[0, 0], share
    (array([[0., 0., 1., 1.],
           [0., 0., 0., 0.]]), array([[0.75, 0.25],
           [0.25, 0.75]]))
    """
    n, _, height, width = images(x).shape
    y, order = share_rows(y, n), order_of(order, n)
    top, bottom, left, right = _whole(box, "box", 4, "(top, bottom, left, right)")
    if not (top <= bottom <= height and left <= right <= width):
        raise ValueError(f"box must be (top, bottom, left, right) within {height} x {width} pixels,"
                         f" got {box!r}")
    inside = array_module(order).zeros((height, width), bool)
    inside[top:bottom, left:right] = True
    kept = height * width - (bottom - top) * (right - left)
    weight = kept / (height * width)                                           # Eq. (cutmix.6)
    return (where(inside, x[order], x),                                        # Eq. (cutmix.5)
            weight * y + (1 - weight) * y[order])                              # Eq. (cutmix.7)


def _whole(values, name, n, what):
    """`values` as `n` ints, none below 0."""
    if not isinstance(values, tuple | list) or len(values) != n:
        raise TypeError(f"{name} must be {what}, got {describe(values)}")
    return tuple(count(value, name, least=0) for value in values)


@dataclass(frozen=True)
class CutMix:
    """CutMix as a batch transform, for `fit(..., batch=CutMix())`.

    Called as batch(rng, x, y), with integer labels (N,) or rows (N, `classes`), it draws a weight
    from Beta(`alpha`, `alpha`), a centre and an order, and gives (x, y) with soft labels.  With
    `alpha` 0 nothing is pasted.

    >>> import numpy as np
    >>> x, y = CutMix()(0, np.ones((2, 3, 8, 8), "float32"), np.array([4, 2]))
    >>> x.shape, y.shape
    ((2, 3, 8, 8), (2, 10))
    """

    alpha: float = 1.0
    classes: int = 10

    def __post_init__(self):
        object.__setattr__(self, "alpha", number(self.alpha, "alpha"))
        object.__setattr__(self, "classes", count(self.classes, "classes"))

    def __call__(self, rng, x, y):
        rng = as_stream(rng)
        n, _, *size = images(x).shape
        alpha = self.alpha
        weight = beta(rng, alpha, alpha) if alpha else 1.0                     # Eq. (cutmix.1)
        box = cutmix_box(weight, cutmix_center(rng, *size), *size)
        beside = backend_of(x.data if hasattr(x, "requires_grad") else x)
        order = to_backend(permutation(rng, n), beside)
        return cutmix(x, soft_targets(y, self.classes, x.dtype), box, order)
