r"""The loss landscape on a plane: through three networks, with the path of training on it.

Paper    Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, "Averaging weights leads to wider optima
         and better generalization", UAI 2018, arXiv:1803.05407: "Izmailov 2018".
Where    All parameters of a network as one flat vector of d numbers.
Symbols  $\theta_a, \theta_b, \theta_c$ three networks, $u, v$ directions, $(x, y)$ coordinates.

Izmailov 2018, in words: two directions of length 1 at right angles, by Gram and Schmidt
$$ u \propto \theta_b - \theta_a, \qquad
   v \propto (\theta_c - \theta_a) - \langle \theta_c - \theta_a, u \rangle u  \tag{surface.1} $$
Izmailov 2018, in words: a point of the plane
$$ \theta(x, y) = \theta_a + x u + y v                                         \tag{surface.2} $$
From (surface.2): the point nearest to any weights, and how far away from them it is
$$ x = \langle \theta - \theta_a, u \rangle, \quad y = \langle \theta - \theta_a, v \rangle, \qquad
   \delta = \lVert \theta - \theta(x, y) \rVert                                \tag{surface.3} $$

The three networks lie on the plane; a path of training does not, but for them.  What is drawn is
its shadow, at a distance delta: the loss beneath it is another than its own.
"""

import copy
import math
from typing import Any, NamedTuple

from .arguments import arrays_of, count, describe, flag, floating, iterable, number
from .batch_statistics import batch_norm_statistics
from .functional import cross_entropy
from .gradients import flat, unflat
from .nn import Module
from .nn.module import stored
from .placement import home
from .tape import data_of
from .train import evaluate
from .xp import array_module, backend_module, backend_of, host, to_backend


class LossSurface(NamedTuple):
    """Loss and error on a grid of a plane: arrays on the host, float64.

    >>> LossSurface(x=[0.0, 1.0], y=[0.0], loss=[[0.5, 0.25]], error=[[0.1, 0.1]]).loss[0][1]
    0.25
    """

    x: Any                      # (columns,)
    y: Any                      # (rows,)
    loss: Any                   # (rows, columns)
    error: Any                  # (rows, columns); nan where the targets are no labels


class Shadow(NamedTuple):
    """Where weights fall on a plane, and how far they are from it: arrays on the host, float64.

    >>> Shadow(x=1.0, y=2.0, distance=0.5).distance
    0.5
    """

    x: Any
    y: Any
    distance: Any


class Plane:
    """The plane through three networks or flat vectors `a`, `b`, `c`, in the lengths of weights.

    `a` is at (0, 0), `b` at (|b - a|, 0), and `c` above that axis.  `corners` holds the three, a
    row (x, y) each.  ValueError where they lie on a line.

    Source: Izmailov 2018.

    >>> import numpy as np
    >>> plane = Plane(np.array([0.0, 0.0, 1.0]), np.array([2.0, 0.0, 1.0]), np.array([3.0, 4.0, 1]))
    >>> plane.corners.tolist()
    [[0.0, 0.0], [2.0, 0.0], [3.0, 4.0]]
    >>> plane.project(np.array([1.0, 1.0, 3.0]))
    Shadow(x=1.0, y=1.0, distance=2.0)
    """

    def __init__(self, a, b, c):
        self.origin = _vector(a, "a")
        b, c = (_vector(net, name, self.origin) for net, name in ((b, "b"), (c, "c")))
        self.u = _direction(b - self.origin, [], "b must differ from a")
        self.v = _direction(c - self.origin, [self.u],                         # Eq. (surface.1)
                            "c must not lie on the line through a and b")
        shadows = [self.project(net) for net in (self.origin, b, c)]
        self.corners = array_module().asarray([[float(s.x), float(s.y)] for s in shadows])

    def __repr__(self):
        return f"Plane({self.origin.size} parameters, corners {self.corners.round(3).tolist()})"

    def project(self, weights):
        """The `Shadow` of a network or a flat vector (d,): floats; of vectors (n, d): arrays."""
        theta = weights if getattr(weights, "ndim", 0) == 2 else _vector(weights, "weights")
        if floating(theta, "weights").shape[-1] != self.origin.size:
            raise ValueError(f"weights must have {self.origin.size} entries each, got shape "
                             f"{theta.shape}")
        away = data_of(theta).astype("float64") - self.origin
        x, y = away @ self.u, away @ self.v                                    # Eq. (surface.3)
        away = away - x[..., None] * self.u - y[..., None] * self.v
        distance = array_module(away).sqrt((away * away).sum(-1))              # Eq. (surface.3)
        found = [host(part) for part in (x, y, distance)]
        return Shadow(*(found if away.ndim == 2 else map(float, found)))

    def network(self, net, x, y):
        """A copy of `net` with the weights of the point (x, y), and all else as it is there."""
        if not isinstance(net, Module) or sum(w.size for w in net.parameters()) != self.origin.size:
            raise ValueError(f"net must be a Module with {self.origin.size} parameters, got "
                             f"{describe(net)}")
        x, y = (number(value, name, -math.inf) for value, name in ((x, "x"), (y, "y")))
        theta, other = self.origin + x * self.u + y * self.v, copy.deepcopy(net)   # Eq. (surface.2)
        for w, part in zip(other.parameters(), unflat(theta, other.parameters()), strict=True):
            w.data = to_backend(part, backend_of(w.data)).astype(w.dtype)
        return other

    def grid(self, points=(), n=21, margin=0.2):
        """(xs, ys): n numbers each, a square around the corners and the `points`.

        `points` are rows (x, y), or the `Shadow` of several weights.  `margin` is what is added on
        every side, as a share of the longer extent of the points.
        """
        n, margin = count(n, "n", least=2), number(margin, "margin")
        xp = array_module()
        if isinstance(points, Shadow):
            points = xp.stack([points.x, points.y], -1)
        points = xp.asarray(points, "float64")
        if points.size and (points.ndim != 2 or points.shape[1] != 2):
            raise ValueError(f"points must be rows (x, y), got shape {points.shape}")
        there = xp.concatenate([self.corners, points.reshape(-1, 2)])
        low, high = there.min(0), there.max(0)
        middle, half = (low + high) / 2, float((high - low).max()) * (0.5 + margin)
        return tuple(xp.linspace(m - half, m + half, n) for m in middle.tolist())


def loss_surface(net, plane, data, grid, loss=cross_entropy, statistics=None, batch_size=1024,
                 progress=True):
    """Loss and error at every point of a grid of a `Plane`: a `LossSurface`.

    `net` gives the kind of network, `data` is a pair (x, y), `grid` two lists (xs, ys), such as
    `plane.grid()`.  With `statistics`, an array of inputs, the statistics of the batch norms are
    recomputed from it at every point, else they are those of `net`.

    >>> from minidrop.data import digits
    >>> from minidrop.models import mlp
    >>> a, b, c = (mlp(64, 16, 10).init(seed) for seed in range(3))
    >>> plane = Plane(a, b, c)
    >>> loss_surface(a, plane, digits().test, plane.grid(n=3), progress=False).loss.shape
    (3, 3)
    """
    from tqdm import tqdm  # here, so that importing minidrop stays cheap

    if not isinstance(plane, Plane):
        raise TypeError(f"plane must be a Plane, got {describe(plane)}")
    grid = [*iterable(grid, "grid", "two lists (xs, ys)")]
    if len(grid) != 2:
        raise ValueError(f"grid must be two lists (xs, ys), got {len(grid)}")
    xs, ys = ([number(value, "grid", -math.inf) for value in iterable(part, "grid", "two lists")]
              for part in grid)
    if not xs or not ys:
        raise ValueError(f"grid must hold at least one number along x and y, got {xs} and {ys}")
    if statistics is not None:
        floating(statistics, "statistics")
    scores = []
    flag(progress, "progress")
    with tqdm(total=len(xs) * len(ys), desc="loss surface", unit="point", disable=not progress,
              mininterval=0.2, dynamic_ncols=True) as bar:
        for y in ys:
            for x in xs:
                there = plane.network(net, x, y)
                if statistics is not None:
                    batch_norm_statistics(there, statistics)
                scores.append(evaluate(there, data, loss, batch_size))
                bar.update()
    xp = array_module()
    losses, right = xp.asarray(scores, "float64").reshape(len(ys), len(xs), 2).transpose(2, 0, 1)
    return LossSurface(xp.asarray(xs), xp.asarray(ys), losses, 1 - right)


class WeightPath:
    """A recorder for `fit` that keeps the weights of `net` after the steps in `steps`.

    0 among the `steps` is the moment when the recorder is made.  `step` (n,) says how many steps
    had been taken and `weights` (n, d) holds the flat vectors, for `Plane.project`.  ValueError for
    another network; a second `fit` counts from 0 and replaces what came before, but for 0.

    >>> import minidrop as md
    >>> net, x = md.nn.Linear(4, 3).init(seed=0), md.gaussian(1, (40, 4))
    >>> path = WeightPath(net, steps=range(0, 6, 2))
    >>> history = md.fit(net, md.optim.SGD(lr=0.1), (x, md.integers(2, 3, 40)), epochs=5,
    ...                  batch_size=40, recorder=path, progress=False)
    >>> path.step, path.weights.shape
    (array([0, 2, 4]), (3, 15))
    """

    def __init__(self, net, steps):
        if not isinstance(net, Module):
            raise TypeError(f"net must be a Module, got {describe(net)}")
        iterable(steps, "steps", "several whole numbers, such as range(0, 1001, 50)")
        self.steps = tuple(sorted({count(step, "steps", least=0) for step in steps}))
        if not self.steps:
            raise ValueError("steps must hold at least one whole number, got none")
        self._net, self._kept = net, {}
        self(-1, net, None)

    step = property(lambda self: array_module().asarray(sorted(self._kept), "int64"))

    @property
    def weights(self):
        """The flat vectors, (n, d), in the order of `step`."""
        if not self._kept:
            raise ValueError("steps were not reached yet, so no weights are kept")
        rows = [row for _, row in sorted(self._kept.items())]
        return array_module(*rows).stack(rows)

    def __call__(self, step, net, loss):
        """Keep the weights of `net` after the step number `step`, from 0, if that is asked for."""
        if net is not self._net:
            raise ValueError("net must be the one that the recorder was made for, got another "
                             f"{type(net).__name__}; make a recorder for it")
        count(step, "step", least=-1)             # -1 is before the first
        self._kept = {taken: row for taken, row in self._kept.items() if taken <= step}
        if step + 1 in self.steps:
            self.to(home(net))
            self._kept[step + 1] = flat(net.parameters())

    def to(self, backend):
        """Move what is kept to "numpy" or "cupy"; `fit` calls it where it moves the network."""
        backend_module(backend)
        self._kept = {taken: to_backend(row, backend) for taken, row in self._kept.items()}

    def state_dict(self):
        """{name: array} of what is kept, for the checkpoint of `fit`."""
        rows = self.weights if self._kept else array_module().zeros((0, 0), "float32")
        return {"step": self.step, "weights": rows}

    def load_state_dict(self, state):
        """Go on from copies of the arrays of `state`."""
        steps, weights = arrays_of(state, "step", "weights")
        size = sum(w.size for w in self._net.parameters()) * bool(steps.size)
        if steps.dtype.kind not in "iu" or weights.shape != (steps.size, size):
            raise ValueError("state must hold a row of weights of this network for each step, got "
                             f"{describe(steps)} and {describe(weights)}")
        taken, like = steps.tolist(), self._net.parameters()[0].data
        if taken != sorted({*taken} & {*self.steps}):
            raise ValueError(f"state['step'] must be some of the steps {self.steps}, in order, got "
                             f"{taken}")
        weights = stored(weights, like.dtype, "state['weights']")
        rows = to_backend(weights, backend_of(like)).astype(like.dtype)
        self._kept = dict(zip(taken, rows, strict=True))


def _vector(net, name, like=None):
    """The flat float64 vector of a network, or of what is a vector already."""
    given = flat(net.parameters()) if isinstance(net, Module) else data_of(floating(net, name))
    if not bool(array_module(given).isfinite(given).all()):
        raise ValueError(f"{name} must hold finite numbers")
    if given.ndim != 1 or like is not None and given.shape != like.shape:
        due = "a flat vector (d,)" if like is None else f"as long as a, {like.size}"
        raise ValueError(f"{name} must be a network or {due}, got {describe(given)}")
    return given.astype("float64")


def _direction(vector, others, sentence):
    """`vector` at right angles to `others`, which are, with length 1."""
    before = float((vector * vector).sum())
    for _ in range(2):                            # what rounding leaves is taken off once more
        for other in others:
            vector = vector - (vector @ other) * other
    length = float((vector * vector).sum())
    if not length > 1e-12 * before:
        raise ValueError(sentence)
    return vector / math.sqrt(length)
