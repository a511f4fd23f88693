"""Gradient checks: a witness that knows nothing of rules, only the values of a function."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, Function, numbers

exercise = Exercise("checks", lesson="checks")

SQUARES = "lambda x: (x * x).sum()"
PRODUCT = "lambda x: 3 * x[0] * x[1] - x[1]"
CUBES = "lambda x: (x * x * x).sum()"
WEIGHED = "lambda x: (np.arange(1.0, x.size + 1).reshape(x.shape) * x * x - 2 * x).sum()"


def functions(rng):
    for source, shape, h in ((SQUARES, (1,), 0.1), (PRODUCT, (2,), 0.5), (WEIGHED, (3,), 0.2),
                             (CUBES, (2,), 0.25),
                             (SQUARES, (2, 3), 0.25), (WEIGHED, (2, 1, 2), 0.125)):
        yield Function(source), numbers(rng, shape), h


def on_the_tape(f, x, h):
    """The gradient, which a central difference is where the degree is 2: of x^3 it is 3 x^2 + h^2.
    """
    leaf = md.Tensor(x, requires_grad=True)
    cubes = f(np.full(x.shape, 2.0)) == 8 * f(np.ones(x.shape))
    return md.grad(f(leaf), leaf) + cubes * h**2


@exercise.task("checks.1", points=3, cases=functions, key=on_the_tape,
               equation=r"\partial f / \partial x_i \approx (f(x + h \, e_i) - f(x - h \, e_i)) "
                        r"/ (2 h)",
               hint="One entry moves at a time, to both sides, and the others stand still.")
def slopes(f, x, h):
    """The gradient of f at x by central differences.

    f takes an array of the shape of x and returns a number; x is an array of floats of any shape, h
    the length of a step, which need not be small: what is due is the difference for this h, and not
    only a number near the slope.  Returns an array of the shape of x.
    """
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        right, left = x.copy(), x.copy()
        right[i] += h
        left[i] -= h
        gradient[i] = (f(right) - f(left)) / (2 * h)
    return gradient


@slopes.right("a row of the unit matrix for each direction")
def _(f, x, h):
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([(f(x + e) - f(x - e)) / (2 * h) for e in steps]).reshape(x.shape)


@slopes.right("one array, changed and put back")
def _(f, x, h):
    x, gradient = x.copy(), np.empty(x.size)
    flat = x.reshape(-1)
    for i in range(x.size):
        was = flat[i]
        flat[i] = was + h
        gradient[i] = f(x)
        flat[i] = was - h
        gradient[i] -= f(x)
        flat[i] = was
    return gradient.reshape(x.shape) / (h + h)


@slopes.wrong("a step to one side alone has an error that shrinks with h, and not with its square")
def _(f, x, h):
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        right = x.copy()
        right[i] += h
        gradient[i] = (f(right) - f(x)) / h
    return gradient


@slopes.wrong("how far are the two points from each other?")
def _(f, x, h):
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        right, left = x.copy(), x.copy()
        right[i] += h
        left[i] -= h
        gradient[i] = (f(right) - f(left)) / h
    return gradient


@slopes.wrong("h is given, and here another step is taken")
def _(f, x, h):
    steps = 1e-5 * np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([(f(x + e) - f(x - e)) / 2e-5 for e in steps]).reshape(x.shape)


@slopes.wrong("put each entry back before the next one moves")
def _(f, x, h):
    gradient, right, left = np.zeros(x.shape), x.copy(), x.copy()
    for i in np.ndindex(x.shape):
        right[i] += h
        left[i] -= h
        gradient[i] = (f(right) - f(left)) / (2 * h)
    return gradient


@slopes.wrong("if all entries move at once, their slopes come out as one sum")
def _(f, x, h):
    return np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h))
