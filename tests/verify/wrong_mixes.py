"""mixup, CutMix and Attentive CutMix as they went wrong: each docstring names the equation."""

import numpy as np

from tests.verify.gallery import Shelf, Wrong
from tests.verify.right_inputs import beta, box

wrong = Shelf(Wrong)


def mixed(v, weight, order):
    """Weighted means of the entries and their partners."""
    weight = np.asarray(weight, v.dtype).reshape(-1, *[1] * (v.ndim - 1))
    return weight * v + (1 - weight) * v[order]


@wrong("mixup", "mixup.1", "mixup.4")
def folded_to_the_larger_half(x, y, alpha, rng):
    """(mixup.1): takes max(w, 1 - w), so x[i] always has the larger share."""
    weight, order = beta(rng, alpha), rng.permutation(len(x))
    weight = max(weight, 1 - weight)
    return mixed(x, weight, order), mixed(y, weight, order)


@wrong("mixup", "mixup.1", "mixup.4")
def uniform_weights(x, y, alpha, rng):
    """(mixup.1): draws a uniform weight, whatever alpha is, which alpha = 1 hides."""
    weight, order = rng.random(), rng.permutation(len(x))
    return mixed(x, weight, order), mixed(y, weight, order)


@wrong("mixup", "mixup.1", "mixup.4")
def beta_of_alpha_and_one(x, y, alpha, rng):
    """(mixup.1): draws from Beta(alpha, 1), which alpha = 1 hides."""
    weight = float(rng.beta(alpha, 1)) if alpha > 0 else 1.0
    order = rng.permutation(len(x))
    return mixed(x, weight, order), mixed(y, weight, order)


@wrong("mixup", "mixup.1", "mixup.4")
def one_over_alpha(x, y, alpha, rng):
    """(mixup.1): draws from Beta(1 / alpha, 1 / alpha), which alpha = 1 hides."""
    weight, order = beta(rng, 1 / alpha if alpha else 0), rng.permutation(len(x))
    return mixed(x, weight, order), mixed(y, weight, order)


@wrong("mixup", "mixup.1")
def a_weight_for_each_example(x, y, alpha, rng):
    """(mixup.1): a weight for each example, where the batch was to have one."""
    weight = rng.beta(alpha, alpha, len(x)) if alpha > 0 else np.ones(len(x))
    order = rng.permutation(len(x))
    return mixed(x, weight, order), mixed(y, weight, order)


@wrong("mixup", "mixup.1", options={"weight": "example"})
def a_weight_for_the_batch(x, y, alpha, rng):
    """(mixup.1): a weight for the batch, where each example was to have one."""
    weight, order = beta(rng, alpha), rng.permutation(len(x))
    return mixed(x, weight, order), mixed(y, weight, order)


@wrong("mixup", "mixup.3")
def labels_with_the_rest(x, y, alpha, rng):
    """(mixup.3): mixes labels with 1 - w."""
    weight, order = beta(rng, alpha), rng.permutation(len(x))
    return mixed(x, weight, order), mixed(y, 1 - weight, order)


@wrong("mixup", "mixup.3")
def labels_of_no_partner(x, y, alpha, rng):
    """(mixup.3): the labels are mixed with themselves, and not with their partners'."""
    weight, order = beta(rng, alpha), rng.permutation(len(x))
    return mixed(x, weight, order), mixed(y, weight, np.arange(len(x)))


@wrong("mixup", "mixup.3")
def labels_of_other_partners(x, y, alpha, rng):
    """(mixup.3): draws a second permutation for the labels."""
    weight, order = beta(rng, alpha), rng.permutation(len(x))
    return mixed(x, weight, order), mixed(y, weight, rng.permutation(len(x)))


@wrong("mixup", "mixup.3")
def labels_of_the_larger_share(x, y, alpha, rng):
    """(mixup.3): gives the label of whoever has the larger share, whole."""
    weight, order = beta(rng, alpha), rng.permutation(len(x))
    return mixed(x, weight, order), y.copy() if weight >= 0.5 else y[order]


@wrong("mixup", "mixup.6", "mixup.2")
def partners_drawn_with_repeats(x, y, alpha, rng):
    """(mixup.6): partners are drawn with repeats, so that some meet nobody and sums change."""
    weight, order = beta(rng, alpha), rng.integers(len(x), size=len(x))
    return mixed(x, weight, order), mixed(y, weight, order)


@wrong("mixup", "mixup.2")
def images_of_square_roots(x, y, alpha, rng):
    """(mixup.2): mixes by the roots of the shares, which keeps variances and no means."""
    weight, order = beta(rng, alpha), rng.permutation(len(x))
    first, second = x.dtype.type(weight**0.5), x.dtype.type((1 - weight) ** 0.5)
    return first * x + second * x[order], mixed(y, weight, order)


@wrong("mixup", "mixup.2")
def mixed_in_place(x, y, alpha, rng):
    """(mixup.2): mixes example by example in the array itself, so partners are mixed already."""
    weight, order = beta(rng, alpha), rng.permutation(len(x))
    images = x.copy()
    for i, j in enumerate(order):
        images[i] = weight * images[i] + (1 - weight) * images[j]
    return images, mixed(y, weight, order)


def pasted(x, y, alpha, rng, sides=box, kept=None):
    """CutMix, with other boxes or another share of the label."""
    height, width = x.shape[2:]
    weight, order = beta(rng, alpha), rng.permutation(len(x))
    center = int(rng.integers(height)), int(rng.integers(width))
    top, bottom, left, right = sides(weight, *center, height, width)
    images = x.copy()
    images[:, :, top:bottom, left:right] = x[order][:, :, top:bottom, left:right]
    share = (bottom - top) * (right - left) / (height * width)
    return images, mixed(y, kept(weight, share) if kept else 1 - share, order)


@wrong("cutmix", "cutmix.6")
def label_not_recounted(x, y, alpha, rng):
    """(cutmix.6): the label keeps the weight that was drawn, though the box was clipped."""
    return pasted(x, y, alpha, rng, kept=lambda weight, share: weight)


@wrong("cutmix", "cutmix.7")
def label_weight_swapped(x, y, alpha, rng):
    """(cutmix.7): the label of x[i] has the share of the box."""
    return pasted(x, y, alpha, rng, kept=lambda weight, share: share)


@wrong("cutmix", "cutmix.3")
def side_without_the_root(x, y, alpha, rng):
    """(cutmix.3): sides of the share 1 - w itself, so boxes are too small."""
    return pasted(x, y, alpha, rng, lambda w, *rest: box(1 - (1 - w) ** 2, *rest))


@wrong("cutmix", "cutmix.3")
def side_of_the_share_that_stays(x, y, alpha, rng):
    """(cutmix.3): the root of w, so the box has the share that should stay."""
    return pasted(x, y, alpha, rng, lambda w, *rest: box(1 - w, *rest))


@wrong("cutmix", "cutmix.3")
def height_and_width_exchanged(x, y, alpha, rng):
    """(cutmix.3): the box has the height of the width, which is right for square images."""
    def sides(weight, row, column, height, width):
        h = int(width * np.sqrt(1 - weight)) // 2
        w = int(height * np.sqrt(1 - weight)) // 2
        return max(row - h, 0), min(row + h, height), max(column - w, 0), min(column + w, width)

    return pasted(x, y, alpha, rng, sides)


@wrong("cutmix", "cutmix.4")
def box_always_inside(x, y, alpha, rng):
    """(cutmix.4): the box is moved until it lies inside."""
    def sides(weight, row, column, height, width):
        h = int(height * np.sqrt(1 - weight)) // 2
        w = int(width * np.sqrt(1 - weight)) // 2
        row, column = np.clip(row, h, height - h), np.clip(column, w, width - w)
        return row - h, row + h, column - w, column + w

    return pasted(x, y, alpha, rng, sides)


@wrong("cutmix", "cutmix.4")
def box_never_clipped(x, y, alpha, rng):
    """(cutmix.4): bounds below 0 count from the other end, as slices do."""
    def sides(weight, row, column, height, width):
        h = int(height * np.sqrt(1 - weight)) // 2
        w = int(width * np.sqrt(1 - weight)) // 2
        return row - h, row + h, column - w, column + w

    return pasted(x, y, alpha, rng, sides, kept=lambda weight, share: 1 - share)


@wrong("cutmix", "cutmix.5")
def only_the_first_channel(x, y, alpha, rng):
    """(cutmix.5): pastes the first channel alone."""
    images, labels = pasted(x, y, alpha, rng)
    images[:, 1:] = x[:, 1:]
    return images, labels


@wrong("cutmix", "cutmix.2")
def centres_in_the_middle(x, y, alpha, rng):
    """(cutmix.2): the centre is the middle of the image, always."""
    def sides(weight, row, column, height, width):
        return box(weight, height // 2, width // 2, height, width)

    return pasted(x, y, alpha, rng, sides)


@wrong("cutmix", "cutmix.1")
def weight_of_one_half(x, y, alpha, rng):
    """(cutmix.1): the weight is 1/2, always, its mean."""
    return pasted(x, y, alpha, rng, lambda weight, *rest: box(0.5, *rest))


def attended(x, y, cells, order, share=None):
    """Attentive CutMix, with another share of the label."""
    rows, columns = x.shape[2] // cells.shape[1], x.shape[3] // cells.shape[2]
    mask = cells.repeat(rows, axis=1).repeat(columns, axis=2)[:, None]
    share = cells.mean((1, 2)) if share is None else share
    return np.where(mask, x, x[order]), mixed(y, share, order)


@wrong("attentive_cutmix", "attentive_cutmix.3")
def partner_pasted_in(x, y, cells, order):
    """(attentive_cutmix.3): pastes the partner's pixels into x[i], where its cells are."""
    return attended(x, y, ~cells, order, cells.mean((1, 2)))


@wrong("attentive_cutmix", "attentive_cutmix.3")
def cells_of_the_partner(x, y, cells, order):
    """(attentive_cutmix.3): the partner's cells are taken."""
    return attended(x, y, cells[order], order, cells.mean((1, 2)))


@wrong("attentive_cutmix", "attentive_cutmix.3")
def cells_laid_out_as_tiles(x, y, cells, order):
    """(attentive_cutmix.3): repeats the grid of cells over the image, and enlarges no cell."""
    rows, columns = x.shape[2] // cells.shape[1], x.shape[3] // cells.shape[2]
    mask = np.tile(cells, (1, rows, columns))[:, None]
    return np.where(mask, x, x[order]), mixed(y, cells.mean((1, 2)), order)


@wrong("attentive_cutmix", "attentive_cutmix.4", "attentive_cutmix.5")
def halves_of_the_labels(x, y, cells, order):
    """(attentive_cutmix.4): both labels weigh one half, however many cells there are."""
    return attended(x, y, cells, order, np.full(len(x), 0.5))


@wrong("attentive_cutmix", "attentive_cutmix.5")
def labels_swapped(x, y, cells, order):
    """(attentive_cutmix.5): the label of x[i] has the share of its partner."""
    return attended(x, y, cells, order, 1 - cells.mean((1, 2)))
