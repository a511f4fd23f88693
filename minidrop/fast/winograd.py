r"""Winograd: convolutions by filters of 3x3 or 5x5 with stride 1, with few multiplications.

Paper    Lavin, Gray, "Fast algorithms for convolutional neural networks", arXiv:1509.09308 (2015),
         after Winograd's minimal filtering.
Symbols  $g$ a filter, r of its numbers along a line, $y$ outputs, m of them, $d$ the
         $a = m + r - 1$ inputs they come from, a tile; $o$ filters, $c$ channels, $t$ tiles,
         $p_0, ..., p_{a-2}$ different numbers.

Cook and Toom, in words: a polynomial is known by values and its highest coefficient
$$ A_{ki} = p_k^i, \quad G_{ki} = p_k^i \Big/ \prod_{l \neq k} (p_k - p_l), \quad
   \sum_j B_{jk} z^j = \prod_{l \neq k} (z - p_l), \qquad k \le a - 2            \tag{winograd.1} $$
The point at infinity: the last row has a one for the highest power; that of B^T, all factors
$$ A_{a-1} = G_{a-1} = (0, ..., 0, 1), \quad
   \sum_j B_{j,a-1} z^j = \prod_l (z - p_l)                                     \tag{winograd.2} $$
Winograd, for one line: m + r - 1 multiplications in the place of r m
$$ \sum_k g_k d_{i+k} = y_i, \qquad y = A^T [(G g) \odot (B^T d)]              \tag{winograd.3} $$
Lavin and Gray, in words, two dimensions: (winograd.3) within itself, $m^2$ outputs of a tile
$$ U = G g G^T, \quad V = B^T d B, \quad Y = A^T [U \odot V] A                 \tag{winograd.4} $$
Lavin and Gray, in words, many channels: $a^2$ products of matrices
$$ M_{to} = \sum_c V_{tc} U_{co}, \quad Y_{to} = A^T M_{to} A                  \tag{winograd.5} $$
From (winograd.5): its adjoint in the filters
$$ dU_{co} = \sum_t V_{tc} \odot (A \, dY_{to} A^T), \quad
   dg_{co} = G^T dU_{co} G                                                     \tag{winograd.6} $$
From (winograd.5): its adjoint in the tiles, which are added up where they overlap
$$ dV_{tc} = \sum_o (A \, dY_{to} A^T) \odot U_{co}, \quad dd_{tc} = B \, dV_{tc} B^T
                                                                               \tag{winograd.7} $$

Why it is fast.  With m = 4 a tile takes 36 multiplications where its windows take 144, and 64 where
they take 400.  The transforms cost time as well, and weigh less the more channels share them.
Their matrices are the same for all tiles and channels, so that each is a product over a block of
images.  B^T is applied to a tile's columns and then to its rows, and the former are shared with the
tiles above and below; A, which has less to gain by that, to both at once.  The gradient in the
images is the convolution of a cotangent with the filters turned round; its V is also the one of
(winograd.6), where the images are the dY.  Without padding a cotangent has fewer tiles than the
images, so that step by step the way back is shorter.

What it costs.  Rounding: with points that are each other's reciprocals float32 is off by at most
2e-6 of the largest entry, 1e-5 for 5x5 (16 to 256 channels; gathering 7e-7, the customary points 0,
1, -1, 2, -2 1e-5 for 3x3).  Beyond images whose size is no multiple of m, tiles are full of zeros.
The inputs of a tile are mixed: a large one costs all its outputs digits, also those whose windows
it is not in, a nan or inf reaches them all, and inputs of 1e37 overflow in float32.
"""

import functools
import math
from typing import Any

from ..xp import array_module, par
from .products import one_blas_thread, product
from .tiles import Tiles, columns, give, take
from .windows import PARTS, SUMS, scratch, share_out

OUTPUTS = 4                 # m
POINTS = {3: (0, 2 / 3, -2 / 3, 3 / 2, -3 / 2), 5: (0, 1, -1, 5 / 9, -5 / 9, 9 / 5, -9 / 5)}
CACHED = 1 << 19            # numbers in V of a block: 2 MB of float32, or
TILES = 64                  # so many tiles, which one reading of U serves
TURNED = slice(None, None, -1)
WORK = 8                    # elements of a pass that take as long as a number in V and its products


def runs(images, filters, stride, padding):
    """For filters of 3x3 and 5x5, a stride of 1 and a padding less than they."""
    taps = filters[2]
    return taps in POINTS and filters[3] == taps and stride == (1, 1) and max(padding) < taps


def matrices(points, taps):
    """A (a, m), G (a, r) and B^T (a, a) as lists of rows: exact where the points are exact."""
    A, G, BT, outputs = [], [], [], len(points) + 2 - taps
    for k, p in enumerate(points):                                          # Eq. (winograd.1)
        others = [*points[:k], *points[k + 1:]]
        A.append([p ** i for i in range(outputs)])
        G.append([p ** i / math.prod(p - q for q in others) for i in range(taps)])
        BT.append([*_coefficients(others), 0])
    A, G = [*A, [0] * (outputs - 1) + [1]], [*G, [0] * (taps - 1) + [1]]    # Eq. (winograd.2)
    return A, G, [*BT, _coefficients(points)]


def _coefficients(roots):
    """Of the product of all (z - root), the lowest power first."""
    found = [1]
    for root in roots:
        found = [up - root * c for up, c in zip([0, *found], [*found, 0], strict=True)]
    return found


@functools.cache
def _transforms(points, taps, dtype):
    """B^T, and for tiles that are columns: A . A^T, A^T . A plus a last row of biases, G . G^T."""
    xp = array_module()
    A, G, BT = (xp.array(rows, dtype) for rows in matrices(points, taps))
    there = xp.kron(A, A)
    return BT, there, xp.hstack([there.T, xp.ones_like(there[:1]).T]), xp.kron(G, G)


def conv2d(x, w, b, stride, padding):
    """As window.conv2d, for one group."""
    taps = w.shape[2]
    places = tuple(n + 2 * p - taps + 1 for n, p in zip(x.shape[2:], padding, strict=True))
    return _sweep(x, taps, padding, places, _filters(w, x).transpose(0, 2, 1), b)[0]


def conv2d_dx(g, w, shape, stride, padding):
    """As window.conv2d_dx, for one group: a convolution of g with the filters turned round."""
    taps = w.shape[2]
    return _sweep(g, taps, _turned(padding, taps), shape[2:], _filters(w, g, TURNED))[0]


def conv2d_dw(g, x, size, stride, padding):
    """As window.conv2d_dw, for one group."""
    taps = size[0]
    return _sweep(g, taps, _turned(padding, taps), x.shape[2:], cotangent=x)[1]


def conv2d_back(wanted, g, x, w, stride, padding):
    """{0: gradient in x, 1: in w, 2: in the biases}, those wanted, from one V of g."""
    found: dict = {}
    if {0, 1} & {*wanted} and _shorter(g.shape, x.shape):
        found = _step_by_step(wanted, g, x, w, padding)
    elif {0, 1} & {*wanted}:
        U = _filters(w, g, TURNED) if 0 in wanted else None
        taps, cotangent = w.shape[2], x if 1 in wanted else None
        dx, dw = _sweep(g, taps, _turned(padding, taps), x.shape[2:], U, cotangent=cotangent)
        found = {0: dx, 1: dw}
    if 2 in wanted:
        n, o, height, width = g.shape
        rows = g.transpose(0, 2, 3, 1).reshape(n, height, width * o)    # long ones: added faster
        found[2] = rows.sum(1).reshape(n * width, o).sum(0)
    return {i: found[i] for i in wanted}


def _turned(padding, taps):
    return tuple(taps - 1 - p for p in padding)


def _filters(w, x, turn=slice(None)):
    """U (a a, O, C) of filters w (O, C, r, r), as they are or turned round, to meet images x."""
    taps = w.shape[2]
    G_GT = _transforms(POINTS[taps], taps, array_module().result_type(x, w))[3]
    U = product(G_GT[:, turn], w.reshape(-1, taps * taps).T)                # Eq. (winograd.4)
    return U.reshape(-1, *w.shape[:2])


def _shorter(g, x):
    """Whether the tiles of cotangents are so few that those of x may be made and folded too."""
    (_, o, *small), (_, c, *large) = g, x
    few, many = (math.prod(-(-size // OUTPUTS) for size in sizes) for sizes in (small, large))
    return few * (o + 2 * c) < many * (o + c)


def _step_by_step(wanted, g, x, w, padding):
    """{0: gradient in x, 1: in w}, those wanted, by the adjoint of each step."""
    xp, (n, c, height, width), (o, _, taps, _) = array_module(g), x.shape, w.shape
    U, dtype = _filters(w, g), xp.result_type(g, x, w)
    BT, A_AT, AT_A, G_GT = _transforms(POINTS[taps], taps, dtype)
    tiles = [-(-size // math.isqrt(len(AT_A))) for size in g.shape[2:]]
    block, parts = _shares(n, BT.size, tiles, max(c, o), taps * taps * c * o)
    dx = xp.empty((n, height, width, c), dtype)
    dg = xp.zeros((len(parts), taps * taps, c * o), dtype)

    def some(lo, hi):
        inputs, many = Tiles(x, taps, padding, tiles, BT), math.prod(tiles)
        for k in range(lo, hi):
            dU: Any = 0
            for images in parts[k]:
                count = (images.stop - images.start) * many
                V: Any = inputs(images) if 1 in wanted else None
                Y = scratch("tiles", (A_AT.shape[1], count, o), dtype)
                M = scratch("half", (BT.size, count, o), dtype)
                take(Y, g[images].transpose(0, 2, 3, 1))
                xp.matmul(A_AT, columns(Y), out=columns(M))
                if 1 in wanted:
                    dU += V.transpose(0, 2, 1) @ M                          # Eq. (winograd.6)
                if 0 in wanted:
                    dV = xp.matmul(M, U, out=scratch("rows", (BT.size, count, c), dtype))
                    inputs.back(dV, dx[images])                             # Eq. (winograd.7)
            if 1 in wanted:
                xp.matmul(G_GT.T, columns(dU), out=dg[k])

    with one_blas_thread:
        par(some, len(parts), each=WORK * BT.size * math.prod(tiles) * c * n // max(1, len(parts)))
    dw = dg.sum(0).reshape(taps, taps, c, o).transpose(3, 2, 0, 1)
    return {0: dx.transpose(0, 3, 1, 2), 1: dw}


def _sweep(x, taps, padding, places, U=None, bias=None, cotangent=None):
    """The images x correlated with filters U (a a, C, O), and the gradient in such filters.

    The first is (N, O, *places).  The second is that of the first for a `cotangent` of its shape,
    (C, O, r, r) with the filters turned round.  Each is None where it is not asked for.
    """
    xp, (n, c) = array_module(x), x.shape[:2]
    o, dtype = (cotangent.shape[1], xp.result_type(x, cotangent)) if U is None else (
        U.shape[2], U.dtype)
    BT, A_AT, AT_A, G_GT = _transforms(POINTS[taps], taps, dtype)
    tiles = [-(-size // math.isqrt(len(AT_A))) for size in places]
    block, parts = _shares(n, BT.size, tiles, c, taps * taps * c * o)
    y = None if U is None else xp.empty((n, *places, o), dtype)
    dg = None if cotangent is None else xp.zeros((len(parts), taps * taps, c * o), dtype)

    def some(lo, hi):
        inputs = Tiles(x, taps, padding, tiles, BT)
        products = scratch("half", (BT.size + 1, block * math.prod(tiles), o), dtype)
        outputs = scratch("tiles", (len(AT_A), *products.shape[1:]), dtype)
        for k in range(lo, hi):
            dU = None
            for images in parts[k]:
                V = inputs(images)
                M, Y = (z[:, :V.shape[1]] for z in (products, outputs))
                if y is not None:
                    xp.matmul(V, U, out=M[:-1])                             # Eq. (winograd.5)
                    M[-1] = 0 if bias is None else bias
                    xp.matmul(AT_A, columns(M), out=columns(Y))
                    give(Y, y[images])
                if dg is not None:
                    take(Y, cotangent[images].transpose(0, 2, 3, 1))
                    xp.matmul(A_AT, columns(Y), out=columns(M)[:-1])
                    into = scratch("sum" if dU is None else "more", (len(V), c, o), dtype)
                    more = xp.matmul(V.transpose(0, 2, 1), M[:-1], out=into)   # Eq. (winograd.6)
                    dU = more if dU is None else xp.add(dU, more, out=dU)
            if dg is not None:
                xp.matmul(G_GT[:, TURNED].T, columns(dU), out=dg[k])

    with one_blas_thread:
        par(some, len(parts), each=WORK * BT.size * math.prod(tiles) * c * n // max(1, len(parts)))
    return (None if y is None else y.transpose(0, 3, 1, 2),
            None if dg is None else dg.sum(0).reshape(taps, taps, c, o).transpose(2, 3, 0, 1))


def _shares(n, numbers, tiles, channels, sums):
    """(The most images of a block, the parts that n images are cut into)."""
    numbers *= math.prod(tiles) * channels        # in V of an image
    block = max(1, min(n, max(CACHED // numbers, TILES // math.prod(tiles))))
    most = min(PARTS, n // block, SUMS // sums)
    parts = share_out(n, 1 << most.bit_length() >> 1, block)       # a power of 2 is shared evenly
    return max((images.stop - images.start for part in parts for images in part), default=1), parts
