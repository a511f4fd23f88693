"""Adjoint pairs: the way back of three linear maps, each the transpose of the way there."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("adjoints", lesson="adjoints")

TRANSPOSE = r"\langle g, A x \rangle = \langle A^\top g, x \rangle"


def picks(rng):
    for n, picked in ((1, 2), (3, 3), (2, 5), (6, 4), (4, 9)):
        index = rng.integers(n, size=picked)
        index[:2] = index[0]                      # one of them is picked twice, at least
        yield rng.integers(1, 90, picked) / 10, index, n


def way_back_of_picking(g, index, n):
    leaf = md.Tensor(np.zeros(n), requires_grad=True)
    return md.grad(leaf[index], leaf, g=g)


@exercise.task("adjoints.1", points=2, cases=picks, key=way_back_of_picking,
               equation=TRANSPOSE + r", \qquad (A x)_i = x_{\mathrm{index}_i}",
               hint="Write A as a matrix of zeros and ones, for three entries, and turn it over.")
def put(g, index, n):
    """The adjoint of picking entries, x[index] with x of n numbers.

    g is an array of as many floats as there are integers in index, which may hold a number several
    times, or never.  Returns an array of n floats.
    """
    x_bar = np.zeros(n)
    for i in range(len(index)):
        x_bar[index[i]] += g[i]
    return x_bar


@put.right("add.at, which adds to a place as often as it is named")
def _(g, index, n):
    x_bar = np.zeros(n)
    np.add.at(x_bar, index, g)
    return x_bar


@put.right("the matrix itself")
def _(g, index, n):
    A = np.eye(n)[index]
    return A.T @ g


@put.wrong("an entry that is picked twice gets two parts, and here the last one stays alone")
def _(g, index, n):
    x_bar = np.zeros(n)
    x_bar[index] = g
    return x_bar


@put.wrong("the parts are added up, and here their mean is taken")
def _(g, index, n):
    often = np.bincount(index, minlength=n)
    return np.bincount(index, g, n) / np.maximum(often, 1)


@put.wrong("what comes back are the entries of g, and not how often each place is picked")
def _(g, index, n):
    return np.bincount(index, minlength=n).astype(float)


def borders(rng):
    for shape, padding in (((2, 1), 0), ((1, 2), 1), ((3, 4), 1), ((5, 6), 2), ((4, 3), 0)):
        height, width = shape[0] + 2 * padding, shape[1] + 2 * padding
        yield rng.integers(1, 90, (height, width)) / 10, padding


def way_back_of_padding(g, padding):
    size = g.shape[0] - 2 * padding, g.shape[1] - 2 * padding
    leaf, one = md.Tensor(np.zeros((1, 1, *size)), requires_grad=True), np.ones((1, 1, 1, 1))
    return md.grad(md.conv2d(leaf, one, padding=padding), leaf, g=g[None, None])[0, 0]


@exercise.task("adjoints.2", points=1, cases=borders, key=way_back_of_padding, equation=TRANSPOSE +
               r", \qquad (A x)_{i + p, j + p} = x_{ij}, \quad 0 \text{ else}",
               hint="Where does each pixel of the image go, and who depends on the border?")
def crop(g, padding):
    """The adjoint of laying a border of zeros around an image.

    The border is `padding` pixels wide on all four sides; g is (H + 2 padding, W + 2 padding),
    floats.  Returns an array (H, W).
    """
    height, width = g.shape[0] - 2 * padding, g.shape[1] - 2 * padding
    x_bar = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            x_bar[i, j] = g[i + padding, j + padding]
    return x_bar


@crop.right("a slice up to a place that is counted from the front")
def _(g, padding):
    height, width = g.shape
    return g[padding:height - padding, padding:width - padding]


@crop.right("two matrices that pick rows and columns")
def _(g, padding):
    rows, columns = (np.eye(n)[padding:n - padding] for n in g.shape)
    return rows @ g @ columns.T


@crop.wrong("with a padding of 0 nothing is cut off: what is [0:-0]?")
def _(g, padding):
    return g[padding:-padding, padding:-padding]


@crop.wrong("there is a border on both sides, and here it is cut off in front alone")
def _(g, padding):
    return g[padding:, padding:]


@crop.wrong("the border was zero whatever x is, so it hands nothing back, and nothing is added in")
def _(g, padding):
    height, width = g.shape
    x_bar = g[padding:height - padding, padding:width - padding].copy()
    if padding:
        x_bar[0] += g[:padding, padding:width - padding].sum(0)
        x_bar[-1] += g[-padding:, padding:width - padding].sum(0)
    return x_bar


def filters(rng):
    for n, k in ((2, 2), (3, 2), (3, 1), (6, 3), (9, 4)):
        w = rng.integers(1, 90, k) / 10
        w[-1] += 9                                # no filter is the same when it is turned round
        yield rng.integers(1, 90, n - k + 1) / 10, w


def way_back_of_a_filter(g, w):
    leaf = md.Tensor(np.zeros((1, 1, 1, len(g) + len(w) - 1)), requires_grad=True)
    y = md.conv2d(leaf, w[None, None, None])
    return md.grad(y, leaf, g=g[None, None, None])[0, 0, 0]


@exercise.task("adjoints.3", points=3, cases=filters, key=way_back_of_a_filter,
               equation=TRANSPOSE + r", \qquad (A x)_i = \sum_k w_k \, x_{i + k}",
               hint="Ask each product w[k] x[i + k]: whose entry did it read, and what was beside?")
def spread(g, w):
    """The adjoint of a filter that runs along a signal.

    On its way there it makes y[i] = sum over k of w[k] x[i + k], wherever the filter fits; w is an
    array of K floats, x of n, so that y and g have n - K + 1.  Returns an array of n floats.
    """
    x_bar = np.zeros(len(g) + len(w) - 1)
    for i in range(len(g)):
        for k in range(len(w)):
            x_bar[i + k] += w[k] * g[i]
    return x_bar


@spread.right("a convolution, as mathematicians understand it")
def _(g, w):
    return np.convolve(g, w)


@spread.right("the matrix of the filter")
def _(g, w):
    A = np.zeros((len(g), len(g) + len(w) - 1))
    for i, row in enumerate(A):
        row[i:i + len(w)] = w
    return np.einsum("ij,i->j", A, g)


@spread.wrong("on its way back the filter is turned round: which weight met x[0]?")
def _(g, w):
    return np.convolve(g, w[::-1])


@spread.wrong("x is longer than y: every entry that the filter ever met gets something")
def _(g, w):
    return np.convolve(g, w)[:len(g)]


@spread.wrong("an entry of x is met by several places of the filter: add up, do not overwrite")
def _(g, w):
    x_bar = np.zeros(len(g) + len(w) - 1)
    for i in range(len(g)):
        x_bar[i:i + len(w)] = w * g[i]
    return x_bar
