"""Data made on the spot, as much as is asked for: points in the plane, and pictures of shapes.

`n` examples in all: three fifths to train, a fifth for validation, a fifth to test, each part drawn
from a stream of its own, Stream(seed, "moons/train") and so on.  Classes are equally frequent.
`noise` is the deviation of Gaussian noise on every number, `difficulty` goes from 0 to 1.
"""

import math

import numpy

from ..arguments import count, flag, number
from ..noise import Stream, gaussian, uniform
from .normalise import scaling
from .splits import Splits

SIDE = 32                       # pixels
PASS = 512                      # images drawn in one go
TURNS = 2                       # of a spiral, at difficulty 1
SHAPES = ("disc", "square", "triangle", "cross", "ring")


def moons(n=1000, noise=0.1, difficulty=0.5, seed=0):
    """Two half circles of radius 1, one above and one below: x (n, 2), y 0 or 1.

    The lower one is centred on (1, difficulty): at 0 the line x_2 = 0 lies between them, at 0.5
    they clasp each other, at 1 the end of each lies on the other.

    >>> [x.shape for x, y in moons(100)]
    [(60, 2), (20, 2), (20, 2)]
    """
    shift = number(difficulty, "difficulty", most=1)

    def points(rng, y):
        angle = math.pi * uniform(rng, y.shape)
        x = numpy.stack([numpy.cos(angle), numpy.sin(angle)], axis=1)
        return numpy.where(y[:, None] == 0, x, [1, numpy.float32(shift)] - x)

    return _points("moons", n, 2, noise, seed, points)


def spirals(n=1000, noise=0.02, difficulty=0.5, classes=2, seed=0):
    """Arms that wind from radius 0.1 to 1, one a class: x (n, 2), y 0..classes-1.

    They make 2 `difficulty` turns from the origin to radius 1: at 0 they are straight.

    >>> (x, y), _, _ = spirals(1000, classes=3)
    >>> x.shape, sorted(set(y.tolist()))
    ((600, 2), [0, 1, 2])
    """
    turns = TURNS * number(difficulty, "difficulty", most=1)
    classes = count(classes, "classes", least=2)

    def points(rng, y):
        radius = 0.1 + 0.9 * uniform(rng, y.shape)
        return _polar(radius, y / classes + turns * radius)

    return _points("spirals", n, classes, noise, seed, points)


def blobs(n=1000, noise=0.2, difficulty=0.5, classes=3, seed=0):
    """Gaussian clouds around centres on a circle: x (n, 2), y 0..classes-1.

    The circle has the radius 1 - difficulty: at 1 all centres are one and nothing can be learnt.
    Two classes are at best told apart with the error Phi(-(1 - difficulty) / noise), Phi the normal
    distribution function.

    >>> (x, y), _, _ = blobs(1000, noise=0.0, difficulty=0.0, classes=4)
    >>> x[y == 1][0].round(6).tolist()
    [0.0, 1.0]
    """
    radius = 1 - number(difficulty, "difficulty", most=1)
    classes = count(classes, "classes", least=2)
    return _points("blobs", n, classes, noise, seed, lambda rng, y: _polar(radius, y / classes))


def shapes(n=1000, noise=0.1, difficulty=0.5, normalise=True, seed=0):
    """Coloured shapes on a coloured ground: x (n, 3, 32, 32), y as in `SHAPES`.

    0 disc, 1 square, 2 triangle, 3 cross, 4 ring.  A shape differs from its ground by 0.5 - 0.4
    `difficulty` in every channel, up or down, and has a radius of 10 pixels, centred and upright;
    `difficulty` d varies that by up to 4 d pixels, moves it by up to the share d of the room it
    has, and turns it by up to half d turns.  With `normalise` each channel of the training part has
    mean 0 and deviation 1; without, x lies in [0, 1] but for the noise.

    >>> (x, y), _, _ = shapes(100)
    >>> x.shape, x.dtype, sorted(set(y.tolist()))
    ((60, 3, 32, 32), dtype('float32'), [0, 1, 2, 3, 4])
    """
    flag(normalise, "normalise")
    noise, difficulty = number(noise, "noise"), number(difficulty, "difficulty", most=1)

    def pictures(rng, y):
        x = numpy.empty((len(y), 3, SIDE, SIDE), "float32")
        for i in range(0, len(y), PASS):
            part = x[i:i + PASS]
            part[:] = _pictures(rng, y[i:i + PASS], difficulty)
            part += noise * gaussian(rng, part.shape)
        return x

    parts = _parts("shapes", n, len(SHAPES), seed, pictures)
    scaled = scaling(parts.train[0], normalise)
    return Splits(*((scaled(x), y) for x, y in parts))


def _parts(name, n, classes, seed, make):
    """`Splits` of make(stream, labels) and the labels, which go round."""
    n = count(n, "n", least=5)
    parts = []
    for part, size in zip(Splits._fields, (n - 2 * (n // 5), n // 5, n // 5), strict=True):
        y = numpy.arange(size) % classes
        parts.append((make(Stream(seed, f"{name}/{part}"), y), y))
    return Splits(*parts)


def _points(name, n, classes, noise, seed, points):
    noise = number(noise, "noise")

    def noisy(rng, y):
        x = points(rng, y).astype("float32")
        return x + noise * gaussian(rng, x.shape)

    return _parts(name, n, classes, seed, noisy)


def _polar(radius, turn):
    """Points (n, 2) at a radius and an angle in turns."""
    angle = 2 * math.pi * turn
    return numpy.stack([radius * numpy.cos(angle), radius * numpy.sin(angle)], axis=1)


def _pictures(rng, y, difficulty):
    """Shapes without noise (n, 3, 32, 32), float32 in [0, 1]."""
    ground = uniform(rng, (len(y), 3, 1, 1))
    contrast = numpy.where(ground < 0.5, 1, -1) * (0.5 - 0.4 * difficulty)
    u = uniform(rng, (4, len(y), 1, 1)) * 2 - 1                  # in [-1, 1)
    radius, turn = 10 + 4 * difficulty * u[0], math.pi * difficulty * u[1]
    pixel = numpy.arange(SIDE, dtype="float32") - (SIDE - 1) / 2
    room = difficulty * (SIDE / 2 - 2 - radius)                  # the border stays ground
    down, right = pixel[:, None] - room * u[2], pixel - room * u[3]
    a = right * numpy.cos(turn) - down * numpy.sin(turn)         # the shape's own axes (n, 32, 32)
    b = right * numpy.sin(turn) + down * numpy.cos(turn)
    inside = numpy.empty(a.shape, "float32")
    for label, distance in enumerate(DISTANCES):
        k = y == label
        inside[k] = 0.5 - distance(a[k], b[k], radius[k])
    return ground + contrast * inside.clip(0, 1)[:, None]        # edges are one pixel wide


def _disc(a, b, radius):
    return numpy.hypot(a, b) - radius


def _square(a, b, radius):
    return numpy.maximum(abs(a), abs(b)) - radius / math.sqrt(2)


def _triangle(a, b, radius):
    sides = abs(a) * (math.sqrt(3) / 2) - b / 2
    return numpy.maximum(sides, b) - radius / 2


def _cross(a, b, radius):
    a, b = abs(a), abs(b)
    return numpy.maximum(numpy.maximum(a, b) - 0.9 * radius, numpy.minimum(a, b) - radius / 3)


def _ring(a, b, radius):
    return abs(numpy.hypot(a, b) - 0.75 * radius) - 0.25 * radius


DISTANCES = (_disc, _square, _triangle, _cross, _ring)           # to the edge, negative within
