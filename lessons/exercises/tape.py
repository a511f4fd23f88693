"""A tape: gradients of a few lines of array code, written by hand as a tape would run them."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("tape", lesson="tape")


def entries(rng):
    for shape in ((1, 1), (2, 1), (1, 3), (4, 3), (5, 2)):
        yield numbers(rng, shape), numbers(rng, shape[1])


def gradients_of_chain(x, w):
    leaves = [md.Tensor(x, requires_grad=True), md.Tensor(w, requires_grad=True)]
    y = md.tanh(leaves[0] * leaves[1]) + leaves[0]
    return tuple(md.grad(y.sum(), leaves))


@exercise.task("tape.1", points=3, cases=entries, key=gradients_of_chain,
               equation=r"\bar{v} = \sum_u (\partial u / \partial v)^\top \, \bar{u}",
               hint="How often is each of the two used?  Every use adds a part to its gradient.")
def chain(x, w):
    """The gradients of the sum of all entries of tanh(x * w) + x.

    x is an array of floats (N, D), w one of shape (D,): the row that multiplies each row of x.
    Returns a pair: the gradient in x, of shape (N, D), and that in w, of shape (D,).
    """
    x_bar, w_bar = np.zeros(x.shape), np.zeros(w.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            slope = 1 - np.tanh(x[i, j] * w[j])**2          # of tanh
            x_bar[i, j] += slope * w[j]                     # one use
            x_bar[i, j] += 1                                # the other
            w_bar[j] += slope * x[i, j]                     # used again in each row
    return x_bar, w_bar


@chain.right("whole arrays")
def _(x, w):
    y = np.tanh(x * w)
    a_bar = 1 - y * y
    return a_bar * w + 1, (a_bar * x).sum(0)


@chain.right("the slope by cosh, and einsum for the sum")
def _(x, w):
    slope = np.cosh(np.einsum("ij,j->ij", x, w)) ** -2
    return 1 + np.einsum("ij,j->ij", slope, w), np.einsum("ij,ij->j", slope, x)


@chain.wrong("x is used twice, and one of its uses adds nothing here")
def _(x, w):
    slope = 1 - np.tanh(x * w)**2
    return slope * w, (slope * x).sum(0)


@chain.wrong("w is used once in each row, and all these parts are added up: no mean")
def _(x, w):
    slope = 1 - np.tanh(x * w)**2
    return slope * w + 1, (slope * x).mean(0)


@chain.wrong("the slope of tanh is missing: a gradient passes through every step on its way back")
def _(x, w):
    return np.broadcast_to(w + 1, x.shape), x.sum(0)


@chain.wrong("each row of x has a part in the gradient of w, not the last one alone")
def _(x, w):
    slope = 1 - np.tanh(x * w)**2
    return slope * w + 1, (slope * x)[-1]


def layers(rng):
    for n, d, k in ((1, 1, 1), (2, 1, 2), (2, 3, 1), (4, 3, 5)):
        yield tuple(numbers(rng, shape) for shape in ((n, d), (d, k), (k,), (n, k)))


def gradients_of_layer(A, B, b, g):
    leaves = [md.Tensor(v, requires_grad=True) for v in (A, B, b)]
    return tuple(md.grad(leaves[0] @ leaves[1] + leaves[2], leaves, g=g))


@exercise.task("tape.2", points=3, cases=layers, key=gradients_of_layer,
               equation=r"\bar{A} = \bar{Y} B^\top, \qquad \bar{B} = A^\top \bar{Y}, \qquad "
                        r"\bar{b}_j = \sum_i \bar{Y}_{ij}",
               hint="Look at the shapes: a gradient has that of the array it belongs to.")
def product(A, B, b, g):
    """The way back through Y = A B + b.

    A is (N, D), B (D, K), b (K,), a row that is added to each row of the product; g is (N, K), the
    gradient of the result in Y.  Returns three: the gradients in A, in B, and in b.
    """
    A_bar, B_bar, b_bar = np.zeros(A.shape), np.zeros(B.shape), np.zeros(b.shape)
    for i in range(g.shape[0]):
        for j in range(g.shape[1]):
            b_bar[j] += g[i, j]
            for k in range(A.shape[1]):
                A_bar[i, k] += g[i, j] * B[k, j]
                B_bar[k, j] += A[i, k] * g[i, j]
    return A_bar, B_bar, b_bar


@product.right("two products and a sum")
def _(A, B, b, g):
    return g @ B.T, A.T @ g, g.sum(0)


@product.right("einsum")
def _(A, B, b, g):
    return (np.einsum("ij,kj->ik", g, B), np.einsum("ik,ij->kj", A, g),
            np.einsum("ij->j", g))


@product.wrong("b is added to each row: all of them add to its gradient, not their mean")
def _(A, B, b, g):
    return g @ B.T, A.T @ g, g.mean(0)


@product.wrong("all three depend on g: what comes from behind is not 1 everywhere")
def _(A, B, b, g):
    ones = np.ones(g.shape)
    return ones @ B.T, A.T @ ones, ones.sum(0)


@product.wrong("b has one number for each column of Y, so its gradient does too")
def _(A, B, b, g):
    return g @ B.T, A.T @ g, g.sum(1)


@product.wrong("the loss is in g already: nothing is divided by the number of rows here")
def _(A, B, b, g):
    return g @ B.T, A.T @ g / len(g), g.sum(0)
