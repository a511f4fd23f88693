r"""Attentive CutMix: paste the parts of an image that a trained network attends to most.

Paper    Walawalkar, Shen, Liu, Savvides, "Attentive CutMix: an enhanced data augmentation approach
         for deep learning based image classification", ICASSP 2020, arXiv:2003.13048:
         "Walawalkar 2020".
Where    Inputs: images (N, C, H, W) and their labels on the way into training.  A trained network,
         the extractor, sees the images too; it is not trained on.
Symbols  $x_1, y_1$ an image and its label as a row of shares, $x_2, y_2$ its partner's, $f$
         (C, h, w) the extractor's map of $x_1$, $a$ (h, w) the attention, $n$ how many of the $h w$
         cells are pasted (Walawalkar 2020: $N$, 6 of 7 x 7), $b$ (h, w) 1 in these cells, $B$
         (H, W) the same in pixels, $\lambda$ the share of $x_1$, $\odot$ the entrywise product.

A choice made here, see "Differs": the attention is the mean over the channels
$$ a_{ij} = \frac1C \sum_{c} f_{cij}                                   \tag{attentive_cutmix.1} $$
Walawalkar 2020, in words: the cells of most attention (of equal cells the first ones)
$$ b_{ij} = 1 \;\text{ if fewer than } n \text{ cells come before } (i, j)
                                                                       \tag{attentive_cutmix.2} $$
Walawalkar 2020, in words: paste them into the partner, where they were
$$ \tilde x = B \odot x_1 + (1 - B) \odot x_2                          \tag{attentive_cutmix.3} $$
Walawalkar 2020, in words: the share of cells is the share of the label
$$ \lambda = n / (h w)                                                 \tag{attentive_cutmix.4} $$
Walawalkar 2020, in words: mix the labels
$$ \tilde y = \lambda y_1 + (1 - \lambda) y_2                          \tag{attentive_cutmix.5} $$

Without noise  Evaluation sees whole images.  In training too the cells are not drawn: the one thing
that is drawn is who meets whom.

Differs
- Of Walawalkar 2020 we could not confirm how the map of features becomes one number a cell, nor
  the layer it comes from.  Here it is the mean over the channels, of features after a ReLU.
  [test_attentive_cutmix_1_is_the_mean_over_the_channels]
- From Walawalkar 2020, where images are resized to 224 x 224 for a pretrained ResNet-50 with a map
  of 7 x 7: any trained network is an extractor, images keep their size, and the grid is the map's,
  such as 7 x 7 for 28 x 28 pixels and 8 x 8 for 32 x 32.
  [test_attentive_cutmix_extractors_have_the_grids_of_the_table]
- From another implementation (xden2331/attentive_cutmix), whose attention is the last channel
  alone: other cells are pasted.  [test_attentive_cutmix_1_the_last_channel_chooses_other_cells]
- From that implementation, which enlarges an image, pastes, and shrinks it again, so that the edges
  blur: every pixel is a pixel of one of the two images.
  [test_attentive_cutmix_3_copies_pixels_and_nothing_else]
- From that implementation, whose partners come from the whole data set: they come from the batch,
  by one permutation.  [test_attentive_cutmix_draws_an_order_and_nothing_else]
- From a selection by argpartition, which may take any of equal cells: the first ones are taken, so
  that a run can be repeated.  [test_attentive_cutmix_2_of_equal_cells_takes_the_first]
"""

from dataclasses import dataclass, field

from ..arguments import count, describe, floating, images, must, order_of, share_rows
from ..functional import soft_targets, where
from ..nn import Module, evaluation
from ..noise import permutation
from ..xp import array_module, backend_of, to_backend


def attention_cells(features, n):
    """Boolean (N, h, w): the `n` cells of each image whose mean over the channels is largest.

    `features` (N, C, h, w) is a floating array or Tensor without nan, `n` in 0..h w.  Of equal
    cells the first ones are taken, row by row.

    Source: Walawalkar 2020; the mean is a choice made here.

    >>> import numpy as np
    >>> attention_cells(np.array([[[[0.0, 3.0], [2.0, 2.0]]]]), n=2).astype(int)
    array([[[0, 1],
            [1, 0]]])
    """
    if floating(features, "features").ndim != 4 or 0 in features.shape:
        raise ValueError(f"features must be maps (N, C, h, w) and not empty, got shape "
                         f"{features.shape}")
    images_, _, rows, columns = features.shape
    if count(n, "n", least=0) > rows * columns:
        raise ValueError(f"n must be at most the {rows * columns} cells of a map of "
                         f"{rows} x {columns}, got {n}")
    maps = features.data if hasattr(features, "requires_grad") else features
    attention = maps.mean(axis=1).reshape(images_, -1)                # Eq. (attentive_cutmix.1)
    xp = array_module(attention)
    must(~xp.isnan(attention).any(), lambda: ValueError(
        "features must not hold nan: the extractor gives no attention"))
    first = (-attention).argsort(axis=1, kind="stable")[:, :n]
    cells = xp.zeros(attention.shape, bool)
    cells[xp.arange(images_)[:, None], first] = True                  # Eq. (attentive_cutmix.2)
    return cells.reshape(images_, rows, columns)


def attentive_cutmix(x, y, cells, order):
    """(x, y) with the cells of x[i] pasted into x[order[i]], and the labels mixed by their share.

    `x` (N, C, H, W) and `y` (N, classes), one-hot or soft, are floating arrays or Tensors; `cells`
    is boolean (N, h, w), where H and W are multiples of h and w, `order` (N,) whole numbers.  Of
    the label y[i] stays the share of its cells, n / (h w).

    Source: Walawalkar 2020.

    >>> import numpy as np
    >>> x = np.array([np.zeros((1, 2, 4)), np.ones((1, 2, 4))])
    >>> cells = np.array([[[True, False]], [[True, False]]])
    >>> mixed, shares = attentive_cutmix(x, np.eye(2), cells, order=np.array([1, 0]))
    >>> mixed[0, 0]
    array([[0., 0., 1., 1.],
           [0., 0., 1., 1.]])
    """
    n, _, height, width = images(x).shape
    y, order = share_rows(y, n), order_of(order, n)
    cells = cells.data if hasattr(cells, "requires_grad") else cells
    if getattr(cells, "shape", ())[:1] != (n,) or cells.ndim != 3 or cells.dtype.kind != "b":
        raise TypeError(f"cells must be boolean ({n}, h, w), got {describe(cells)}")
    _, rows, columns = cells.shape
    if 0 in cells.shape or height % rows or width % columns:
        raise ValueError(f"cells must be a grid that divides the {height} x {width} pixels of x, "
                         f"got {rows} x {columns}; pool the extractor's map or cut it elsewhere")
    pasted = cells.repeat(height // rows, 1).repeat(width // columns, 2)[:, None]
    dtype = y.dtype.newbyteorder("=")                                 # the machine's own
    weight = cells.mean((1, 2), dtype=dtype)[:, None]                 # Eq. (attentive_cutmix.4)
    return (where(pasted, x, x[order]),                               # Eq. (attentive_cutmix.3)
            weight * y + (1 - weight) * y[order])                     # Eq. (attentive_cutmix.5)


@dataclass(frozen=True)
class AttentiveCutMix:
    """Attentive CutMix as a batch transform, for `fit(..., batch=AttentiveCutMix(extractor, n=6))`.

    `extractor` is a trained network that makes images x into maps (N, C, h, w).  It looks at each
    batch in evaluation, without a graph, and is left as it was; its `n` best cells of each image
    are pasted.  Called as batch(rng, x, y), with integer labels (N,) or rows (N, `classes`).

    An extractor is the front of a network, up to a map whose grid divides the image:

    | front of                                    | 28 x 28 pixels | 32 x 32 pixels          |
    |---------------------------------------------|----------------|-------------------------|
    | `resnet20`, resnet8, ...: up to `stage3`    | 7 x 7          | 8 x 8                   |
    | `lenet`: up to `stage2`                     | 4 x 4          | 5 x 5 does not divide   |
    | `lenet`: up to `stage2.relu`                | 8 x 8 does not | 10 x 10 does not        |

    Where it does not, means over overlapping windows make a grid that does: of the last row,
    `AvgPool2d(2, stride=1)` makes 7 x 7 for 28 pixels, `AvgPool2d(3, stride=1)` 8 x 8 for 32.  A
    cell of a ResNet lies over what it sees.  LeNet does not pad: its map is the middle of the image
    and is spread over all of it, so a ResNet is the better extractor.

    >>> import numpy as np
    >>> from minidrop import models, nn
    >>> net = models.resnet8(channels=1).init(seed=0)             # and trained
    >>> extractor = nn.Sequential(net.stem, net.stage1, net.stage2, net.stage3)
    >>> extractor(np.ones((2, 1, 28, 28), "float32")).shape
    (2, 64, 7, 7)
    >>> net = models.lenet().init(seed=0)
    >>> front = net.stage1, net.stage2.conv, net.stage2.relu, nn.AvgPool2d(2, stride=1)
    >>> batch = AttentiveCutMix(nn.Sequential(*front), n=6)
    >>> x, y = batch(0, np.ones((2, 1, 28, 28), "float32"), np.array([4, 2]))
    >>> batch, y[0, 4] * 49
    (AttentiveCutMix(n=6, classes=10), np.float32(6.0))
    """

    extractor: Module = field(repr=False)
    n: int
    classes: int = 10

    def __post_init__(self):
        if not isinstance(self.extractor, Module):
            raise TypeError(f"extractor must be a Module, got {describe(self.extractor)}")
        object.__setattr__(self, "n", count(self.n, "n"))
        object.__setattr__(self, "classes", count(self.classes, "classes"))

    def __call__(self, rng, x, y):
        with evaluation(self.extractor):
            cells = attention_cells(self.extractor(images(x)), self.n)
        beside = backend_of(x.data if hasattr(x, "requires_grad") else x)
        order = to_backend(permutation(rng, len(x)), beside)
        return attentive_cutmix(x, soft_targets(y, self.classes, x.dtype), cells, order)
