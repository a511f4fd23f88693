"""CutMix: paste a box of another image, and mix the labels by its area."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("cutmix", lesson="mixing")


def boxes(rng):
    for weight, height, width in ((0.75, 4, 4), (0.5, 3, 5), (0.9, 7, 6), (0.2, 8, 5), (0.0, 3, 4),
                                  (1.0, 2, 3), (0.35, 9, 12), (0.6, 1, 6)):
        yield weight, (int(rng.integers(height)), int(rng.integers(width))), height, width
    for weight in rng.random(3).tolist():
        yield weight, (int(rng.integers(9)), int(rng.integers(13))), 9, 13
    for center in ((0, 0), (7, 9), (4, 5)):
        yield 0.75, center, 8, 10


@exercise.task(
    "cutmix.4", points=3, cases=boxes, key=md.cutmix_box,
    hint="Half a side goes to both sides of the centre, and what is outside the image is cut off.")
def cut_box(weight, center, height, width):
    """Find the box that the pixels of the partner take.

    weight is the share of the image itself, center (row, column) a pixel of height x width.  Sides
    are sqrt(1 - weight) of those of the image; a side and its half are rounded down.  Returns
    (top, bottom, left, right), where bottom and right are the first outside.
    """
    row, column = center
    h = int(height * np.sqrt(1 - weight)) // 2
    w = int(width * np.sqrt(1 - weight)) // 2
    top, bottom, left, right = row, row, column, column
    for _ in range(h):
        top, bottom = max(top - 1, 0), min(bottom + 1, height)
    for _ in range(w):
        left, right = max(left - 1, 0), min(right + 1, width)
    return top, bottom, left, right


@cut_box.right("clipped arrays")
def _(weight, center, height, width):
    size = np.array([height, width])
    half = (size * np.sqrt(1 - weight)).astype(int) // 2
    first, behind = np.maximum(center - half, 0), np.minimum(center + half, size)
    return np.stack([first, behind], 1).ravel().tolist()


@cut_box.right("the first and the last of the rows and columns that are near")
def _(weight, center, height, width):
    ends = []
    for middle, size in zip(center, (height, width), strict=True):
        half = int(size * (1 - weight) ** 0.5) // 2
        inside = [i for i in range(size) if middle - half <= i < middle + half]
        ends += [inside[0], inside[-1] + 1] if inside else [middle, middle]
    return tuple(ends)


@cut_box.wrong("the share of an area is the square of the share of a side")
def _(weight, center, height, width):
    h, w = int(height * (1 - weight)) // 2, int(width * (1 - weight)) // 2
    return (max(center[0] - h, 0), min(center[0] + h, height),
            max(center[1] - w, 0), min(center[1] + w, width))


@cut_box.wrong("weight is what stays of the image, so the box has the rest")
def _(weight, center, height, width):
    h, w = int(height * np.sqrt(weight)) // 2, int(width * np.sqrt(weight)) // 2
    return (max(center[0] - h, 0), min(center[0] + h, height),
            max(center[1] - w, 0), min(center[1] + w, width))


@cut_box.wrong("the box may not reach over the border of the image")
def _(weight, center, height, width):
    h, w = int(height * np.sqrt(1 - weight)) // 2, int(width * np.sqrt(1 - weight)) // 2
    return center[0] - h, center[0] + h, center[1] - w, center[1] + w


@cut_box.wrong("at the border the box is cut off, it is not moved into the image")
def _(weight, center, height, width):
    h, w = int(height * np.sqrt(1 - weight)) // 2, int(width * np.sqrt(1 - weight)) // 2
    row, column = np.clip(center[0], h, height - h), np.clip(center[1], w, width - w)
    return row - h, row + h, column - w, column + w


@cut_box.wrong("rows go with the height, and columns with the width")
def _(weight, center, height, width):
    h, w = int(height * np.sqrt(1 - weight)) // 2, int(width * np.sqrt(1 - weight)) // 2
    return (max(center[0] - w, 0), min(center[0] + w, height),
            max(center[1] - h, 0), min(center[1] + h, width))


def batches(rng):
    for (n, c, height, width), classes, box in (
            ((2, 1, 1, 2), 2, (0, 1, 1, 2)), ((2, 1, 2, 2), 2, (0, 1, 0, 1)),
            ((3, 2, 3, 4), 3, (1, 3, 0, 3)), ((1, 1, 2, 3), 2, (0, 2, 1, 2)),
            ((4, 3, 2, 5), 3, (1, 2, 2, 5)), ((3, 1, 4, 3), 4, (2, 2, 1, 3)),
            ((2, 2, 3, 2), 2, (0, 3, 0, 2))):
        order = np.roll(np.arange(n), 1) if n < 4 else rng.permutation(n)
        yield (rng.normal(size=(n, c, height, width)).round(2),
               np.eye(classes)[np.arange(n) % classes], box, order)


@exercise.task(
    "cutmix.7", points=3, cases=batches, key=md.cutmix,
    hint="Count the pixels that are left of an image: that is the share of its label.")
def paste(x, y, box, order):
    """Paste the box of each partner, and mix the labels by the pixels that are left.

    x is (N, C, H, W), y (N, classes), box is (top, bottom, left, right), bottom and right the first
    outside; the partner of x[i] is x[order[i]].  Returns (x, y), mixed.
    """
    top, bottom, left, right = box
    mixed, labels = np.zeros(x.shape), np.zeros(y.shape)
    N, C, H, W = x.shape
    for n in range(N):
        left_over = 0
        for i in range(H):
            for j in range(W):
                inside = top <= i < bottom and left <= j < right
                mixed[n, :, i, j] = x[order[n], :, i, j] if inside else x[n, :, i, j]
                left_over += not inside
        share = left_over / (H * W)
        labels[n] = share * y[n] + (1 - share) * y[order[n]]
    return mixed, labels


@paste.right("a slice of a copy")
def _(x, y, box, order):
    top, bottom, left, right = box
    mixed = x.copy()
    mixed[:, :, top:bottom, left:right] = x[order][:, :, top:bottom, left:right]
    share = 1 - (bottom - top) * (right - left) / (x.shape[2] * x.shape[3])
    return mixed, share * y + (1 - share) * y[order]


@paste.right("a mask, and its mean")
def _(x, y, box, order):
    rows, columns = np.arange(x.shape[2])[:, None], np.arange(x.shape[3])
    keep = (rows < box[0]) | (rows >= box[1]) | (columns < box[2]) | (columns >= box[3])
    return keep * x + ~keep * x[order], y[order] + keep.mean() * (y - y[order])


@paste.wrong("the labels are mixed as well, not only the images")
def _(x, y, box, order):
    mixed = x.copy()
    mixed[:, :, box[0]:box[1], box[2]:box[3]] = x[order][:, :, box[0]:box[1], box[2]:box[3]]
    return mixed, y


@paste.wrong("the share of a label is what is left of its image, and not what was pasted")
def _(x, y, box, order):
    mixed = x.copy()
    mixed[:, :, box[0]:box[1], box[2]:box[3]] = x[order][:, :, box[0]:box[1], box[2]:box[3]]
    share = (box[1] - box[0]) * (box[3] - box[2]) / (x.shape[2] * x.shape[3])
    return mixed, share * y + (1 - share) * y[order]


@paste.wrong("bottom and right are the first outside the box")
def _(x, y, box, order):
    top, bottom, left, right = box[0], box[1] + 1, box[2], box[3] + 1
    mixed = x.copy()
    mixed[:, :, top:bottom, left:right] = x[order][:, :, top:bottom, left:right]
    share = 1 - (box[1] - box[0]) * (box[3] - box[2]) / (x.shape[2] * x.shape[3])
    return mixed, share * y + (1 - share) * y[order]


@paste.wrong("what is pasted comes from the images before anything was pasted")
def _(x, y, box, order):
    top, bottom, left, right = box
    mixed = x.copy()
    for n in range(len(x)):
        mixed[n, :, top:bottom, left:right] = mixed[order[n], :, top:bottom, left:right]
    share = 1 - (bottom - top) * (right - left) / (x.shape[2] * x.shape[3])
    return mixed, share * y + (1 - share) * y[order]


@paste.wrong("the share is one of pixels: an area, and not the length of a side")
def _(x, y, box, order):
    mixed = x.copy()
    mixed[:, :, box[0]:box[1], box[2]:box[3]] = x[order][:, :, box[0]:box[1], box[2]:box[3]]
    share = 1 - (box[3] - box[2]) / x.shape[3]
    return mixed, share * y + (1 - share) * y[order]
