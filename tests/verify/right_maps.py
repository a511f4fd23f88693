"""Spatial dropout, DropBlock and stochastic depth in several styles, all of them right."""

import numpy as np

import minidrop as md
from tests.verify.gallery import Right, Shelf

right = Shelf(Right)
ROWS = {"mode": "row", "scaling": "inverted"}
BATCH = {"mode": "batch", "scaling": "inverted"}
right("spatial", name="minidrop")(md.SpatialDropout)
right("dropblock", name="minidrop")(md.DropBlock)
right("stochastic_depth", name="minidrop", options={"mode": "batch", "scaling": "paper"})(
    md.StochasticDepth)


@right("spatial")
def maps_multiplied(x, p, training, rng):
    """A mask (N, C, 1, 1) that is broadcast."""
    if not training:
        return x
    if p == 1:
        return np.zeros_like(x)
    mask = rng.random((*x.shape[:2], *[1] * (x.ndim - 2))) < 1 - p
    return x * mask / x.dtype.type(1 - p)


@right("spatial")
def maps_in_loops(x, p, training, rng):
    """Map by map, in loops, channels outside."""
    y = x.copy()
    if training:
        for c in range(x.shape[1]):
            for n in range(x.shape[0]):
                y[n, c] = x[n, c] / (1 - p) if rng.random() >= p else 0
    return y


@right("spatial")
def maps_flattened(x, p, training, rng):
    """Maps as rows of a matrix, of which some become 0."""
    if not training:
        return x
    rows = x.reshape(x.shape[0] * x.shape[1], -1).copy()
    dropped = rng.random(len(rows), dtype=np.float32) < p
    rows *= rows.dtype.type(1 / (1 - p) if p < 1 else 0)
    rows[dropped] = 0
    return rows.reshape(x.shape)


@right("spatial")
def maps_with_a_seed(x, p, training, seed):
    """Makes a generator from a seed, and selects."""
    if not training:
        return x
    n, c, *places = x.shape
    keep = np.random.default_rng(seed).binomial(1, 1 - p, (n, c)).astype(bool)
    keep = np.broadcast_to(keep.reshape(n, c, *[1] * len(places)), x.shape)
    return np.where(keep, x / x.dtype.type(1 - p if p < 1 else 1), x.dtype.type(0))


@right("spatial", options={"layout": "NHWC"})
def maps_with_channels_last(x, p, training, rng):
    """Images (N, H, W, C), a mask (N, 1, 1, C)."""
    if not training:
        return x
    mask = rng.random((x.shape[0], 1, 1, x.shape[-1])) < 1 - p
    return x * mask * x.dtype.type(1 / (1 - p) if p < 1 else 0)


@right("spatial")
class SpatialHomework:
    """A layer as in homework: forward keeps the mask, backward multiplies by it."""

    def __init__(self, p):
        self.p = p

    def forward(self, x, training):
        """x times a mask for each map."""
        self.mask = np.ones((*x.shape[:2], *[1] * (x.ndim - 2)), x.dtype)
        if training:
            keep = np.random.uniform(size=self.mask.shape) < 1 - self.p       # noqa: NPY002
            self.mask = keep * x.dtype.type(1 / (1 - self.p) if self.p < 1 else 0)
        return x * self.mask

    def backward(self, g):
        """g times the same mask."""
        return g * self.mask


def rate(p, block, height, width):
    """(dropblock.1), the probability of a seed."""
    return p * height * width / (block**2 * (height - block + 1) * (width - block + 1))


def blocks(seeds, block, height, width):
    """Where no block reaches that begins at a seed, slice by slice."""
    keep = np.ones((*seeds.shape[:2], height, width), bool)
    rows, columns = seeds.shape[2:]
    for u in range(block):
        for v in range(block):
            keep[:, :, u:u + rows, v:v + columns] &= ~seeds
    return keep


def scaled(x, keep):
    """(dropblock.4): as many times the kept entries as there are entries for one kept."""
    return x * keep * x.dtype.type(keep.size / max(keep.sum(), 1))


@right("dropblock")
def blocks_by_slices(x, p, block, training, rng):
    """Seeds where blocks fit, each the first corner of its block."""
    if not training:
        return x
    n, c, height, width = x.shape
    places = n, c, height - block + 1, width - block + 1
    seeds = rng.random(places) < rate(p, block, height, width)
    return scaled(x, blocks(seeds, block, height, width))


@right("dropblock")
def blocks_in_loops(x, p, block, training, rng):
    """Seed by seed, in loops, each seed the last corner of its block."""
    if not training:
        return x.copy()
    n, c, height, width = x.shape
    gamma, keep = rate(p, block, height, width), np.ones(x.shape, bool)
    for i in range(block - 1, height):
        for j in range(block - 1, width):
            for m, d in np.argwhere(rng.random((n, c)) < gamma):
                keep[m, d, i - block + 1:i + 1, j - block + 1:j + 1] = False
    return scaled(x, keep)


@right("dropblock")
def blocks_by_sliding_windows(x, p, block, training, rng):
    """Pads the seeds with zeros and takes the largest of every window, as pooling does."""
    if not training or p == 0:
        return x
    n, c, height, width = x.shape
    places = n, c, height - block + 1, width - block + 1
    seeds = rng.random(places, dtype=np.float32) < rate(p, block, height, width)
    rim = block - 1
    padded = np.pad(seeds, ((0, 0), (0, 0), (rim, rim), (rim, rim)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (block, block), axis=(2, 3))
    return scaled(x, ~windows.max((-1, -2)))


@right("dropblock", options={"seeds": "all", "shared": True, "norm": "batch"})
def blocks_clipped_for_all_channels(x, p, block, training, rng):
    """timm's form: seeds on the whole map, the middle of their blocks, the same in all channels."""
    if not training:
        return x
    n, _, height, width = x.shape
    seeds = rng.random((n, 1, height, width)) < rate(p, block, height, width)
    before = block // 2
    wider = np.pad(seeds, ((0, 0), (0, 0), (before, block), (before, block)))
    keep = blocks(wider, block, wider.shape[2] + block - 1, wider.shape[3] + block - 1)
    keep = keep[:, :, 2 * before:2 * before + height, 2 * before:2 * before + width]
    return scaled(x, keep)


@right("dropblock")
class DropBlockHomework:
    """A layer as in homework: backward has the mask and the scale of forward."""

    def __init__(self, p, block):
        self.p, self.block = p, block

    def forward(self, x, training):
        """Blocks become 0, the rest is scaled."""
        self.factor = np.ones_like(x)
        if training:
            n, c, height, width = x.shape
            places = n, c, height - self.block + 1, width - self.block + 1
            gamma = rate(self.p, self.block, height, width)
            seeds = np.random.rand(*places) < gamma                           # noqa: NPY002
            self.factor = scaled(self.factor, blocks(seeds, self.block, height, width))
        return x * self.factor

    def backward(self, g):
        """g times the same factors."""
        return g * self.factor


@right("stochastic_depth", options=ROWS)
def branch_of_each_example(x, p, training, rng):
    """DropPath: a gate for each example, divided by q."""
    if not training or p == 0:
        return x
    if p == 1:
        return np.zeros_like(x)
    gate = rng.random((len(x), *[1] * (x.ndim - 1))) < 1 - p
    return x * gate / x.dtype.type(1 - p)


@right("stochastic_depth", options=ROWS)
def branch_by_rounding_down(x, p, training, rng):
    """The same by floor(q + u), and a division before the product."""
    if not training:
        return x
    q = 1 - p
    gate = np.floor(q + rng.random((len(x), *[1] * (x.ndim - 1))))
    return (x / x.dtype.type(q if q else 1)) * gate.astype(x.dtype)


@right("stochastic_depth", options=ROWS)
def branch_in_loops(x, p, training, seed):
    """Example by example, with a generator from a seed."""
    y, rng = x.copy(), np.random.default_rng(seed)
    for n in range(len(x) if training else 0):
        y[n] = x[n] / (1 - p) if rng.random() >= p else 0
    return y


@right("stochastic_depth", options=BATCH)
def branch_of_the_batch(x, p, training, rng):
    """A gate for the whole batch, divided by q."""
    if not training:
        return x
    return x / x.dtype.type(1 - p) if rng.random() < 1 - p else np.zeros_like(x)


@right("stochastic_depth", options={"mode": "batch", "scaling": "paper"})
def branch_weighed_in_evaluation(x, p, training, rng):
    """As in the paper: a gate for the batch, no scale in training, q in evaluation."""
    if not training:
        return x * x.dtype.type(1 - p)
    return x.copy() if rng.random() < 1 - p else np.zeros_like(x)


@right("stochastic_depth", options=ROWS)
class DropPathHomework:
    """A layer as in homework: backward has the gates of forward."""

    def __init__(self, p):
        self.p = p

    def forward(self, x, training):
        """x times a gate for each example."""
        self.gate = np.ones((len(x), *[1] * (x.ndim - 1)), x.dtype)
        if training:
            keep = np.random.rand(*self.gate.shape) < 1 - self.p              # noqa: NPY002
            self.gate = keep * x.dtype.type(1 / (1 - self.p) if self.p < 1 else 0)
        return x * self.gate

    def backward(self, g):
        """g times the same gates."""
        return g * self.gate
