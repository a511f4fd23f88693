"""Spatial dropout: silence whole channel maps, since neighbours in a map tell the same."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, Rng, drawn, numbers, only, rate, shared

exercise = Exercise("spatial", lesson="spatial")


def streams(rng):
    for shape, p in (((1, 1, 1, 2), 0.3), ((1, 1, 1, 2), 0.0), ((1, 2, 1, 2), 1.0),
                     ((1, 2, 2, 1), 0.3), ((2, 1, 1, 2), 0.6), ((2, 3, 3, 2), 0.4)):
        yield Rng(int(rng.integers(2**31))), shape, p


@exercise.task(
    "spatial.1", points=3, cases=streams, key=None,
    hint="How many draws are there: one for each pixel, map, channel, or image?",
    judge=drawn(only(0, 1, shape=lambda rng, shape, p: shape), rate(lambda rng, shape, p: p),
                shared((2, 3), lambda rng, shape, p: p)))
def draw_maps(rng, shape, p):
    """Draw a mask for feature maps that drops each map as a whole, with probability p.

    rng is a numpy.random.Generator, from which all has to be drawn, in any order; shape is (N, C,
    H, W), p in [0, 1].  Each map of each example is drawn for itself.  Returns an array of that
    shape: 1 (or True) keeps, 0 drops.
    """
    N, C, H, W = shape
    mask = np.ones(shape)
    for n in range(N):
        for c in range(C):
            if rng.random() < p:
                for i in range(H):
                    for j in range(W):
                        mask[n, c, i, j] = 0
    return mask


@draw_maps.right("one draw for each map, stretched over its pixels")
def _(rng, shape, p):
    return np.broadcast_to(rng.random((*shape[:2], 1, 1)) >= p, shape)


@draw_maps.right("binomial draws, channel by channel from the last")
def _(rng, shape, p):
    mask = np.empty(shape)
    for c in reversed(range(shape[1])):
        mask[:, c] = rng.binomial(1, 1 - p, shape[0])[:, None, None]
    return mask


@draw_maps.wrong("a map lives or dies as a whole, and here its pixels are drawn one by one",
                 law="shared")
def _(rng, shape, p):
    return rng.random(shape) >= p


@draw_maps.wrong("the channels of an image do not share their fate", law="shared")
def _(rng, shape, p):
    return np.broadcast_to(rng.random((shape[0], 1, 1, 1)) >= p, shape)


@draw_maps.wrong("each example has a draw of its own, and here all share one", law="shared")
def _(rng, shape, p):
    return np.broadcast_to(rng.random((1, shape[1], 1, 1)) >= p, shape)


@draw_maps.wrong("p is the probability of dropping, and here it keeps", law="rate")
def _(rng, shape, p):
    return np.broadcast_to(rng.random((*shape[:2], 1, 1)) < p, shape)


def maps(rng):
    for shape, p in (((1, 2, 1, 2), 0.5), ((2, 2, 2, 2), 0.2), ((1, 3, 4, 2), 0.75),
                     ((3, 2, 1, 5), 0.0)):
        mask = rng.random(shape[:2]) >= 0.5
        mask[-1, 0] = mask.flat[-1] = False       # so that examples differ, where there are more
        mask.flat[0] = True
        yield numbers(rng, shape), mask, p


@exercise.task("spatial.2", points=2, cases=maps,
               key=lambda x, mask, p: md.spatial_dropout(x, mask[:, :, None, None], p),
               hint="To which axes of x do the two axes of the mask belong?")
def drop_maps(x, mask, p):
    """Drop maps, and scale the others so that the mean over the masks is x.

    x is an array of floats (N, C, H, W), mask one of booleans (N, C), True where it keeps a map;
    p < 1 is the rate it was drawn with.
    """
    N, C, H, W = x.shape
    y = np.zeros(x.shape)
    for n in range(N):
        for c in range(C):
            if mask[n, c]:
                for i in range(H):
                    for j in range(W):
                        y[n, c, i, j] = x[n, c, i, j] / (1 - p)
    return y


@drop_maps.right("two axes of size 1")
def _(x, mask, p):
    return x * mask[:, :, None, None] / (1 - p)


@drop_maps.right("einsum")
def _(x, mask, p):
    return np.einsum("nchw,nc->nchw", x, mask / (1 - p))


@drop_maps.wrong("maps that are kept have to make up for those that are dropped")
def _(x, mask, p):
    return x * mask[:, :, None, None]


@drop_maps.wrong("True keeps, and here it drops")
def _(x, mask, p):
    return x * ~mask[:, :, None, None] / (1 - p)


@drop_maps.wrong("the scale is known before anything is drawn: 1 - p, and not the share that this "
                 "mask happens to keep")
def _(x, mask, p):
    return x * mask[:, :, None, None] / mask.mean()


@drop_maps.wrong("every example has a mask of its own, and here all take the first one's")
def _(x, mask, p):
    return x * mask[0, :, None, None] / (1 - p)
