"""What DropBlock is held to: (dropblock.1) to (dropblock.6), by the squares that turn to zero.

The input is ones, or numbers of which none is 0, so that a zero that comes out is a dropped pixel.
Every map is a draw of its own; its pixels are not, and their counts are compared one by one.
"""

import itertools

import numpy as np

from ..box import Trouble, Unseen
from ..checks.images import manners, pictures
from ..checks.squares import (
    MAPS,
    RATES,
    alone,
    apart,
    as_often,
    chances,
    covered,
    drawn,
    first_map,
    is_dropped,
    many,
    on_the_border,
    scales,
    seed_rate,
    single_blocks,
    sizes,
    spread,
)
from ..technique import Technique, call, fails, held, states

# --- the checks ---

@states("dropblock.1")
def rate_0(box):
    """p = 0 drops nothing."""
    if box.choices("p", 0.0)[0] != 0:
        raise Unseen(f"the layer was made with p = {box.fixed['p']}")
    for height, width, block in sizes(box):
        x = pictures(2, 2, height, width)
        y = box.train(x, p=0.0, block=block).y
        if is_dropped(y).any():
            return fails(call(x, p=0.0, block=block), f"{is_dropped(y).sum()} entries dropped",
                         "none dropped")
    return held(f"{len(sizes(box))} sizes")


@states("dropblock.4")
def values(box):
    """What is dropped is 0, what is kept is scaled by the share that is kept, or as the form is."""
    for n, (height, width, block) in [(1, sizes(box)[0]), *((2, size) for size in sizes(box))]:
        for p in box.choices("p", *RATES, 0.0):
            x = pictures(n, n, height, width)
            for _ in range(4):
                y = box.train(x, p=p, block=block).y
                kept = ~is_dropped(y)
                scale = scales(kept, p, box.options["norm"])
                if not np.allclose(y[kept], (x * scale)[kept], rtol=2e-5):
                    found, due = (y / x)[kept], scale[kept]
                    return fails(f"{call(x, p=p, block=block)}, {kept.sum()} of {kept.size} kept",
                                 f"kept entries times {spread(found)}", spread(due))
    return held(f"{len(sizes(box))} sizes, 4 calls each")


def _in_blocks(box, tried):
    maps = many(box) // 4
    for height, width, block in tried:
        for p in box.choices("p", *RATES):
            dropped = drawn(box, maps, height, width, p=p, block=block)[0]
            wrong = dropped & ~covered(dropped, block, block - 1)
            if wrong.any():
                return fails(f"{maps} x ones (2, {height}, {width}), p = {p:g}, block = {block}",
                             first_map(dropped, wrong), f"zeros in squares of {block} x {block}")
        once = alone(p, block, height, width, box.options)
        if (1 - once)**maps < 1e-9 and dropped.any() and not box.failed & {"examples", "anew"}:
            box.chance.spent += (1 - once)**maps
            if not single_blocks(dropped, block).any():
                inner = dropped & ~on_the_border(dropped)[..., None, None]
                least = inner.sum((-2, -1))[inner.any((-2, -1))]
                return fails(f"{maps} x ones (2, {height}, {width}), p = {p:g}, block = {block}",
                             f"no hole off the border has fewer than {least.min()} pixels"
                             if least.size else "every hole reaches the border",
                             f"{block**2} pixels")
    return held(f"{maps} maps in 2 channels of {len(tried)} sizes")


@states("dropblock.3")
def blocks(box):
    """What is dropped are squares of block x block pixels."""
    return _in_blocks(box, sizes(box, even=False) or sizes(box))


@states("dropblock.3")
def even_blocks(box):
    """Blocks have any side, even ones too."""
    tried = sizes(box, odd=False)
    if not tried:
        raise Unseen("the layer was made with an odd block")
    try:
        return _in_blocks(box, tried)
    except Trouble as trouble:
        if trouble.refusal:
            raise Unseen(f"even blocks are refused ({trouble.found})") from None
        raise


@states("dropblock.2", "dropblock.3")
def border(box):
    """Blocks begin where a whole one fits: none is cut off at the border."""
    if "blocks" in box.failed:
        raise Unseen("what is dropped are no blocks")
    if not box.options["seeds"].startswith("valid"):
        raise Unseen("in this form blocks are cut off")
    for height, width, block in sizes(box):
        for p in box.choices("p", *RATES):
            dropped = drawn(box, 300, height, width, p=p, block=block)[0]
            wrong = dropped & ~covered(dropped, block)
            if wrong.any():
                return fails(f"300 x ones (2, {height}, {width}), p = {p:g}, block = {block}",
                             first_map(dropped, wrong), "whole blocks only")
    return held(f"300 maps in 2 channels of {len(sizes(box))} sizes")


def _units(box, maps, calls=1, channels=1):
    """The middles of maps as large as a block, and their rate: (calls, maps, channels)."""
    p, block = box.choices("p", 0.5)[0], box.choices("block", 1)[0]
    dropped = drawn(box, maps, block, block, calls, channels, p=p, block=block)
    at = ..., block // 2, block // 2
    return dropped[at], float(chances(p, block, block, block, box.options)[at])


@states("dropblock.2")
def channels(box):
    """Each channel has its own mask, or all have the same one in the form that shares it."""
    if box.failed & {"examples", "anew"}:
        raise Unseen("examples are not independent, so that too few draws are left")
    mask, p = _units(box, 1000, channels=8)
    if not box.options["shared"]:
        return apart(box, mask, p, 2, "channels")
    if (mask == mask[:, :, :1]).all():
        return held(f"{mask.shape[1]} maps in 8 channels")
    return fails(box.last, "channels live and die apart", "one mask for all channels")


@states("dropblock.2")
def examples(box):
    """Each example has its own mask, or all have the same one in the form that shares it."""
    if box.options["batchwise"]:
        _units(box, 100)                          # of two examples each, compared with each other
        return held("2 examples, 100 calls")
    mask, p = _units(box, MAPS // 100, calls=100)            # what all share changes with the call
    return apart(box, mask, p, 1, "examples")


@states("dropblock.2")
def places(box):
    """Seeds are drawn independently of each other."""
    if box.choices("block", 1)[0] != 1:
        raise Unseen("only blocks of one pixel tell seeds apart")
    if box.failed & {"blocks", "examples", "anew"}:
        raise Unseen("what is dropped are no blocks, or no independent ones")
    p = box.choices("p", 0.5)[0]
    return apart(box, drawn(box, many(box), 1, 3, p=p, block=1), p, 4, "neighbouring seeds")


@states("dropblock.2")
def anew(box):
    """Every call draws anew."""
    mask, p = _units(box, many(box) // 250, calls=400, channels=16)
    return apart(box, mask, p, 0, "calls", each=True)


@states("dropblock.1")
def rate(box):
    """Seeds have their rate: so many maps with a single block, beside so many without any."""
    if box.failed & {"blocks", "examples", "anew"}:
        raise Unseen("what is dropped are no blocks, or no independent ones")
    for block in box.choices("block", 3, 5):
        for width, p in itertools.product((block + 2, block + 10), box.choices("p", *RATES)):
            height = block + 2
            gamma = seed_rate(p, block, height, width, box.options)
            odds = gamma / max(1 - gamma, 1e-9) * (width - block - 1)     # blocks off the border
            dropped = drawn(box, many(box), height, width, p=p, block=block)[0]
            single = single_blocks(dropped, block)
            for channel in (0, 1):
                one, none = single[:, channel].sum(), (~dropped[:, channel].any((-2, -1))).sum()
                if not box.chance.rate(one, one + none, odds / (1 + odds)):
                    found = one / max(none, 1) / (width - block - 1)
                    return fails(
                        f"{many(box)} x ones (2, {height}, {width}), p = {p:g}, block = {block}",
                        f"seeds with a probability of about {found / (1 + found):.3g}",
                        f"{gamma:.3g}")
    return held(f"{many(box)} maps of up to {height} x {width}")


def _of_map(options):
    return ("dropblock.5" if options["seeds"].startswith("valid") else "dropblock.6",)


@states(_of_map)
def drop_map(box):
    """Every pixel is dropped as often as the blocks that reach it say."""
    return as_often(box, sizes(box), box.choices("p", *RATES))


@states(_of_map)
def rate_1(box):
    """Not even p = 1 drops everything, where blocks are smaller than the map."""
    if box.choices("p", 1.0)[0] != 1:
        raise Unseen(f"the layer was made with p = {box.fixed['p']}")
    block = box.choices("block", 3)[0]
    try:
        return as_often(box, [(block, block, block), (block + 5, block + 5, block)], [1.0])
    except Trouble as trouble:
        if trouble.refusal:
            raise Unseen(f"p = 1 is refused ({trouble.found})") from None
        raise


@states("dropblock.4")
def gradient(box):
    """The gradient is that of the same mask and the same scale."""
    for height, width, block in sizes(box):
        x, p = pictures(2, 2, height, width), box.choices("p", 0.5)[0]
        g = np.flip(x) / 2
        for _ in range(2):
            answer = box.train(x, p=p, block=block, gradient=True)
            due, found = np.where(is_dropped(answer.y), 0, g * answer.y / x), answer.gradient(g)
            wrong = ~np.isclose(found, due, rtol=1e-4, atol=1e-6)
            if wrong.any() and not np.isnan(answer.y).any():
                return fails(f"{call(x, p=p, block=block)}, g = x reversed / 2",
                             f"{found[wrong][0]:.6g} where y = {answer.y[wrong][0]:.6g}",
                             f"{due[wrong][0]:.6g}")
    return held(f"{len(sizes(box))} sizes")


@states()
def nothing_kept(box):
    """A tensor that is dropped as a whole gives zeros."""
    block, p = box.choices("block", 1)[0], box.choices("p", 0.5)[0]
    for _ in range(64):
        y = box.train(pictures(1, 1, block, block), p=p, block=block).y
        if np.isnan(y).any():
            return fails(box.last, "nan", "zeros")
        if not y.any():
            return held(box.last)
    raise Unseen("no tensor was dropped as a whole")


@states()
def large_block(box):
    """A block larger than the map is refused, or made as small as the map."""
    block = box.choices("block", 5)[0]
    if block == 1:
        raise Unseen("a block of one pixel fits everywhere")
    try:
        box.train(pictures(1, 1, block - 1, block + 1), p=box.choices("p", 0.5)[0], block=block)
    except Trouble as trouble:
        if trouble.refusal:
            return held(f"it is refused: {trouble.found}")
        raise Unseen(trouble.found) from None
    return held("it is accepted")


TECHNIQUE = Technique(
    "dropblock", arrays=("x",), parameters=("p", "block"),
    checks=(rate_0, values, examples, anew, channels, blocks, even_blocks, border, places, rate,
            drop_map, rate_1, gradient, nothing_kept, large_block,
            *manners("dropblock.4", p=0.5, block=3)),
    options={"seeds": ("valid", "all", "all-naive", "valid-naive"), "shared": (False, True),
             "batchwise": (False, True),
             "norm": ("batch", "sample", "none", "rate")},
    variants={
        "seeds on the whole map with the rate of those that fit, blocks cut off at the border "
        "(timm)": {"seeds": "all"},
        "seeds on the whole map with the rate p / b^2, blocks cut off at the border (miguelvr)":
            {"seeds": "all-naive"},
        "seeds with the rate p / b^2": {"seeds": "valid-naive"},
        "one mask for all channels (timm's default)": {"shared": True},
        "one mask for all examples of the batch": {"batchwise": True},
        "normalised for each example": {"norm": "sample"},
        "not normalised": {"norm": "none"},
        "scaled by 1 / (1 - p), as dropout is": {"norm": "rate"},
        "the rate given is a keep probability": {"rate": "keep"},
    })
