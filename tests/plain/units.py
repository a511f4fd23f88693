"""Techniques that act on units and on inputs."""

import itertools
import math

import numpy as np

from .parts import beside, cross_entropy, entropy, softmax

SELU_ALPHA, SELU_LAMBDA = 1.6732632423543772, 1.0507009873554805


# --- units ---------------------------------------------------------------------------------------

def dropout(x, mask, p):
    return np.where(mask, x / (1 - p) if p < 1 else 0 * x, 0)


def dropout_original(x, mask):
    return np.where(mask, x, 0)


def dropout_original_expect(x, p):
    return (1 - p) * x


def gaussian_dropout(x, noise):
    return noise * x


def spatial_dropout(x, mask, p):
    return dropout(x, mask, p)


def gaussian_noise(p, z):
    return 1 + math.sqrt(p / (1 - p)) * z


def alpha_affine(p, mean=0.0, var=1.0):
    low, q = -SELU_LAMBDA * SELU_ALPHA, 1 - p
    if not q:
        return 0.0, mean
    a = math.sqrt(var / (q * (p * (low - mean) ** 2 + var)))
    return a, mean - a * (q * mean + p * low)


def alpha_dropout(x, mask, p, mean=0.0, var=1.0):
    a, b = alpha_affine(p, mean, var)
    return a * np.where(mask, x, -SELU_LAMBDA * SELU_ALPHA) + b


def dropblock_rate(p, block, height, width):
    return p / block**2 * height * width / ((height - block + 1) * (width - block + 1))


def dropblock_mask(seeds, block, clipped):
    n, c, rows, columns = seeds.shape
    rim, back = (0, block // 2) if clipped else (block - 1, 0)
    mask = np.ones((n, c, rows + rim, columns + rim), bool)
    for i, j, h, w in np.argwhere(seeds):
        mask[i, j, max(h - back, 0):h - back + block, max(w - back, 0):w - back + block] = False
    return mask


def dropblock(x, mask, norm):
    mask = np.broadcast_to(mask, (*mask.shape[:2], *x.shape[2:]))
    y = np.where(mask, x, 0)
    if norm == "none":
        return y
    if norm == "batch":
        return y * mask.size / max(mask.sum(), 1)
    return np.stack([row * m.size / max(m.sum(), 1) for row, m in zip(y, mask, strict=True)])


def dropblock_drop_map(p, block, height, width, seeds):
    """By counting the places of a seed that would drop the pixel."""
    found, back = np.zeros((height, width)), block // 2 if seeds == "all" else 0
    rim = 0 if seeds == "all" else block - 1
    for i, j in itertools.product(range(height), range(width)):
        places = sum(0 <= i - r + back < block and 0 <= j - c + back < block
                     for r in range(height - rim) for c in range(width - rim))
        found[i, j] = 1 - (1 - dropblock_rate(p, block, height, width)) ** places
    return found


def mc_predict(x, w, b, p, mask):
    passes = np.array([softmax(dropout(x, m, p) @ w.T + b) for m in mask])
    mean = passes.mean(0)
    return mean, entropy(mean), entropy(mean) - np.mean([entropy(each) for each in passes], 0)


def mc_moments(x, w, b, p, tau, mask):
    y = np.array([dropout(x, m, p) @ w.T + b for m in mask])
    return y.mean(0), ((y - y.mean(0)) ** 2).mean(0) + (1 / tau if tau else 0)


def mc_precision(p, length, n, decay):
    return (1 - p) * length**2 / (2 * n * decay)


def multi_sample(h, masks, p, flips=None, shifts=None):
    x = np.stack([dropout(h, mask, p) for mask in masks])
    if flips is None and shifts is None:
        return x
    y, (height, width) = np.zeros_like(x), x.shape[-2:]
    for k, n, c, i, j in np.ndindex(*x.shape):
        u, v = (0, 0) if shifts is None else shifts[k, n]
        column = width - 1 - j - v if flips is not None and flips[k, n] else j + v
        if 0 <= i + u < height and 0 <= column < width:
            y[k, n, c, i, j] = x[k, n, c, i + u, column]
    return y


def multi_sample_cross_entropy(logits, target, reduce):
    if reduce == "logits":
        return cross_entropy(logits.mean(0), target)
    return sum(cross_entropy(z, target) for z in logits) / len(logits)


def multi_sample_loss(h, w, b, y, p, reduce, masks):
    return multi_sample_cross_entropy(multi_sample(h, masks, p) @ w.T + b, y, reduce)


# --- inputs --------------------------------------------------------------------------------------

def cutout_mask(centers, length, height, width):
    mask = np.ones((len(centers), 1, height, width), bool)
    for n, _, i, j in np.ndindex(*mask.shape):
        a, b = centers[n]
        mask[n, 0, i, j] = not (0 <= i - a + length // 2 < length
                                and 0 <= j - b + length // 2 < length)
    return mask


def cutout(x, mask, fill):
    return np.where(mask, x, beside(np.array(fill), x))


def mixup(x, y, weight, order):
    a = np.reshape(weight, (-1, 1))
    return a * x + (1 - a) * x[order], a * y + (1 - a) * y[order]


def cutmix_box(weight, center, height, width):
    (r, c), side = center, math.sqrt(1 - weight)
    h, w = math.floor(height * side) // 2, math.floor(width * side) // 2
    return [max(r - h, 0), min(r + h, height), max(c - w, 0), min(c + w, width)]


def cutmix(x, y, box, order):
    top, bottom, left, right = box
    mixed = x.copy()
    mixed[:, :, top:bottom, left:right] = x[order][:, :, top:bottom, left:right]
    weight = 1 - (bottom - top) * (right - left) / (x.shape[2] * x.shape[3])
    return mixed, weight * y + (1 - weight) * y[order]


def attention_cells(features, n):
    cells = []
    for attention in (image.mean(0).ravel() for image in features):
        most = [i for _, i in sorted((-a, i) for i, a in enumerate(attention))][:n]
        cells.append([i in most for i in range(len(attention))])
    return np.array(cells).reshape(len(features), *features.shape[2:])


def attentive_cutmix(x, y, cells, order):
    high, wide = (x.shape[k] // cells.shape[k - 1] for k in (2, 3))
    mixed = x[order].copy()
    for n, c, i, j in np.ndindex(*x.shape):
        if cells[n, i // high, j // wide]:
            mixed[n, c, i, j] = x[n, c, i, j]
    weight = cells.mean((1, 2))[:, None]
    return mixed, weight * y + (1 - weight) * y[order]


def flip(x, mask):
    return np.stack([image[..., ::-1] if m else image for image, m in zip(x, mask, strict=True)])


def crop(x, offsets, padding):
    y, (height, width) = np.zeros_like(x), x.shape[2:]
    for n, c, i, j in np.ndindex(*x.shape):
        row, column = i + offsets[n][0] - padding, j + offsets[n][1] - padding
        if 0 <= row < height and 0 <= column < width:
            y[n, c, i, j] = x[n, c, row, column]
    return y
