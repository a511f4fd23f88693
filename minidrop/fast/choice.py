"""Which strategy a convolution on the host runs: decided by the shapes alone, or asked for.

    plain         the formula of ops.window: all windows, then one product
    gathered      windows of a block of images at a time, on all cores
    gathered2     the same with two windows in a row, which pays for few channels; gathered4: four
    winograd      filters of 3x3 by a quarter of the multiplications, of 5x5 by a sixth

To override it set MINIDROP_CONV, or compute in a block `with minidrop.fast.choice.using("plain")`,
which goes before it.  Either may name several, `MINIDROP_CONV=winograd,gathered`, of which the
first that can run is taken.  Results differ by rounding, and by how far a nan or inf reaches: with
"gathered" no further than with "plain", except in the gradient of the filters.  `minidrop doctor`
prints the choice for a few shapes.  GPUs and groups always have the plain formula.
"""

import contextlib
import contextvars
import math
import os
from typing import Any

from . import winograd
from .gathered import Gathered

# "plain" is the formula of ops.window, so that there is no module for it here.
STRATEGIES: dict[str, Any] = {
    "plain": None, "gathered": Gathered(), "gathered2": Gathered(2), "gathered4": Gathered(4),
    "winograd": winograd}
DIRECTIONS = ("forward", "images", "filters", "both")  # what is made; both: two gradients at once

FEW = 48                    # numbers in a line of a window
WIDE = "float32", "float64"  # what has digits enough for Winograd's fractions

LARGE = 5 << 18             # numbers of an image when transformed: 5 MB of float32

_asked = contextvars.ContextVar("asked", default=())


def strategy(images, filters, stride, padding, dtype, direction):
    """The name of the strategy for images (N, C, H, W) and filters (O, C, kh, kw).

    ValueError where one was asked for that does not exist or that cannot run.

    >>> strategy((64, 32, 16, 16), (32, 32, 3, 3), (2, 2), (1, 1), "float32", "forward")
    'gathered'
    """
    source, names = _wish()
    for name in names or _measured(images, filters, stride, padding, dtype, direction):
        if name == "plain" or STRATEGIES[name].runs(images, filters, stride, padding):
            return name
    raise ValueError(f"{source} asks for {' or '.join(map(repr, names))}, which cannot convolve "
                     f"images {images} with filters {filters}, stride {stride}, padding {padding}; "
                     "add 'gathered' or 'plain', which always can")


def _measured(images, filters, stride, padding, dtype, direction):
    """The strategies by what was measured, the best first; the last can always run.

    Milliseconds with one window and with two windows in a row, on two Zen 3 cores in float32,
    forward and then both gradients (for the first layers, where C is 1 or 3, that in the filters):

                                      gathered      gathered2
        64 x  1 x 28 x 28, 20 of 5x5  2.2   3.0     1.7   1.7
        64 x  3 x 32 x 32, 32 of 3x3  4.2   4.3     4.0   3.5
        32 x 16 x 32 x 32, 16 of 3x3  3.4   5.3     3.0   4.7
        64 x 20 x 12 x 12, 50 of 5x5  2.8   8.7     2.8   7.5     folded, as nothing is padded
        32 x 32 x 16 x 16, 32 of 3x3  2.3   3.7     2.5   4.3

    Windows that do not overlap, or are not wide, have nothing to share with the next one.

    Winograd's transforms cost as much as they save with 16 channels on both sides, for few tiles,
    and where a quarter of these lies outside.  Forward it must save more: its rounding errors go
    through all layers behind, those of a gradient only into a step.  It holds a whole image, 36
    numbers for each tile and channel, or 64, so that images with more than LARGE are gathered, line
    by line.  On one Zen 5 core:

                                      gathered      winograd
        64 x  8 x 32 x 32,  8 of 3x3  2.1   3.6     2.5   3.9
        32 x 16 x 32 x 32, 16 of 3x3  2.7   5.0     2.6   4.0
        64 x 16 x 14 x 14, 16 of 3x3  1.3   2.3     1.9   2.8
        64 x 24 x 28 x 28, 24 of 3x3  7.6  14.2     5.7   9.5
        64 x 32 x 32 x 32, 32 of 3x3 15.4  30.3    11.0  18.2
        64 x 32 x 16 x 16, 64 of 3x3  6.9  16.5     4.4   7.7
        64 x 64 x 16 x 16, 64 of 3x3 14.7  27.4     7.3  13.4
        32 x 64 x  8 x  8, 64 of 3x3  1.8   3.4     1.2   1.9
        64 x 64 x  7 x  7, 64 of 3x3  2.7   5.4     2.2   3.6
        64 x 32 x  4 x  4, 32 of 3x3  0.3   0.6     0.3   0.5
        64 x 16 x 16 x 16, 16 of 5x5  4.6   8.2     3.2   4.8
        32 x 32 x 16 x 16, 32 of 5x5  7.1  13.3     3.7   6.0
    """
    (n, c, *size), (o, _, kh, kw) = images, filters
    if dtype in WIDE and winograd.runs(images, filters, stride, padding):
        across = [-(-length // winograd.OUTPUTS) for length in size]
        tiles, used = n * math.prod(across), math.prod(size) / math.prod(across)
        shared = c * o / (c + o)                  # products that pay for a number transformed
        pays = 192 if direction == "forward" else 128
        if (shared * used >= pays and tiles >= 64 and shared * tiles >= 2048
                and used >= 3 / 4 * winograd.OUTPUTS ** 2
                and (winograd.OUTPUTS + kh - 1) ** 2 * math.prod(across) * max(c, o) <= LARGE):
            return "winograd", "gathered"
    channels = {"forward": c, "filters": c, "images": o, "both": o}[direction]
    folded = direction in ("images", "both") and not any(padding)
    if stride[1] == 1 and kw > 2 and o >= 16 and (kw * channels <= FEW or folded and kw > 4):
        return ("gathered2",)
    return ("gathered",)


@contextlib.contextmanager
def using(*names):
    """Within this block the first of the strategies `names` that can run does.

    The block is this thread's: one that is begun in it does not know of it, unless it runs in a
    copy of its context (`contextvars.copy_context`).  MINIDROP_CONV holds for all threads.

    >>> with using("plain"):
    ...     strategy((64, 32, 16, 16), (32, 32, 3, 3), (1, 1), (1, 1), "float32", "forward")
    'plain'
    """
    token = _asked.set(_known("using", names))
    try:
        yield
    finally:
        _asked.reset(token)


def _wish():
    """Who asks for strategies, and their names; none where nobody does."""
    if _asked.get():
        return "using", _asked.get()
    wish = os.environ.get("MINIDROP_CONV")
    names = [name.strip() for name in wish.split(",")] if wish else ()
    return "MINIDROP_CONV", _known("MINIDROP_CONV", names)


def _known(source, names):
    for name in names:
        if name not in STRATEGIES:
            raise ValueError(f"{source} must name strategies among "
                             f"{', '.join(map(repr, STRATEGIES))}, got {name!r}")
    return tuple(names)


TYPICAL = {                 # images of one size, filters, stride, padding
    "LeNet 5x5": ((64, 1, 28, 28), (20, 1, 5, 5), 1, 0),
    "VGG first 3x3": ((64, 3, 32, 32), (32, 3, 3, 3), 1, 1),
    "VGG 3x3": ((64, 32, 32, 32), (32, 32, 3, 3), 1, 1),
    "ResNet 3x3": ((32, 16, 32, 32), (16, 16, 3, 3), 1, 1),
    "ResNet 3x3 stride 2": ((32, 16, 32, 32), (32, 16, 3, 3), 2, 1),
    "1x1": ((32, 64, 8, 8), (64, 64, 1, 1), 1, 0),
    "patches 4x4": ((32, 3, 32, 32), (192, 3, 4, 4), 4, 0),
}


def typical(dtype="float32"):
    """One sentence for `minidrop doctor`: what runs forward, and then backward if that differs.

    ValueError where a strategy was asked for that does not exist; shapes that none of those asked
    for can convolve are named.
    """
    _, asked = _wish()
    found = []
    for what, (images, filters, stride, padding) in TYPICAL.items():
        where = images, filters, (stride,) * 2, (padding,) * 2, dtype
        try:
            names = dict.fromkeys(strategy(*where, way) for way in ("forward", "both"))
            found.append(f"{what} {', backward '.join(names)}")
        except ValueError:
            found.append(f"{what} an error, as {' or '.join(asked)} cannot")
    return "; ".join(found)
