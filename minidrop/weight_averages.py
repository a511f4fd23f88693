"""Averages of a network's weights, collected while `fit` trains it and without touching it."""

import copy

from .arguments import below_one, count, describe, option
from .averages.ema import ema, ema_corrected
from .averages.swa import swa
from .batch_statistics import batch_norm_statistics
from .nn import Module
from .nn.module import stored
from .norms.batch_norm import BatchNorm
from .placement import home
from .xp import array_module, backend_module, backend_of, to_backend

KINDS = ("corrected", "first")


class WeightAverage:
    """What `SWA` and `EMA` share: recorders for `fit`, which calls them after every step.

    They take the weights of `net` after `start` steps and then after every `every` of them, and
    keep one array of float64 for each parameter.  The run does not notice.  A run that goes on from
    its checkpoint ends in the average of an undisturbed one.  A second `fit` starts a new average.

    A recorder belongs to `net` itself, and a deep copy of both together is a pair again; ValueError
    for another network.

    >>> from minidrop.nn import Linear
    >>> net = Linear(2, 1).init(seed=0)
    >>> recorder = SWA(net, start=1, every=1)
    >>> for step in range(2):
    ...     net.weight.data[:] = step
    ...     recorder(step, net, None)
    >>> recorder.average().weight.data
    array([[0.5, 0.5]], dtype=float32)
    """

    def __init__(self, net, start, every):
        if not isinstance(net, Module):
            raise TypeError(f"net must be a Module, got {describe(net)}")
        self.start, self.every = count(start, "start"), count(every, "every")
        self._net, self._n, self._arrays = net, 0, {}

    taken = property(lambda self: self._n, doc="How many times weights were taken.")

    def __repr__(self):
        return (f"{type(self).__name__}(weights taken {self._n} times, after step {self.start} and "
                f"then every {self.every})")

    def begin(self, total):
        """Called by `fit` before the first of `total` steps: a new average starts."""
        if self.start > count(total, "total"):
            raise ValueError(f"start must be at most the {total} steps of the run, got "
                             f"{self.start}")
        self._n, self._arrays = 0, {}

    def __call__(self, step, net, loss):
        """Take the weights of `net` after the step number `step`, counted from 0, if it is time."""
        if net is not self._net:
            raise ValueError("net must be the one that the recorder was made for, got another "
                             f"{type(net).__name__}; make a recorder for it")
        if count(step, "step", 0) + 1 >= self.start and (step + 1 - self.start) % self.every == 0:
            weights = {path: w.data.astype("float64") for path, w in net.named_parameters()}
            self.to(home(net))
            self._arrays = {path: self._next(self._arrays[path], w) if self._n else self._first(w)
                            for path, w in weights.items()}
            self._n += 1

    def to(self, backend):
        """Move the average to "numpy" or "cupy"; `fit` calls it where it moves the network."""
        backend_module(backend)
        self._arrays = {path: to_backend(array, backend) for path, array in self._arrays.items()}

    def average(self, x=None, batch_size=1024):
        """A copy of the network with the averaged weights, in its dtype and mode.

        Buffers are not averaged.  The statistics of batch norms are recomputed on the inputs `x`,
        (N, ...), as `batch_norm_statistics` does it; a network without batch norm needs none.
        ValueError before any weights were taken, and for batch norms without `x`.
        """
        if not self._n:
            raise ValueError(f"no weights were taken yet: the first are those after step "
                             f"{self.start}, as start says")
        norms = [path for path, m in self._net.named_modules() if isinstance(m, BatchNorm)]
        if x is None and norms:
            raise ValueError(f"x must be given, inputs on which the statistics of {norms[0]!r} are "
                             "recomputed: those of the network belong to its own weights")
        net = copy.deepcopy(self._net)
        for path, w in net.named_parameters():
            average = to_backend(self._now(self._arrays[path]), backend_of(w.data))
            w.data = average.astype(w.data.dtype)
        return net if x is None else batch_norm_statistics(net, x, batch_size)

    def state_dict(self):
        """{name: array} of how often weights were taken, and of their average."""
        return {"taken": array_module().asarray(self._n)} | {
            f"average.{path}": array for path, array in self._arrays.items()}

    def load_state_dict(self, state):
        """Go on from copies of the arrays of `state`; the settings must be the same."""
        if not isinstance(state, dict) or "taken" not in state:
            raise ValueError("state must hold 'taken', how often weights were taken, and their "
                             f"average, got {describe(state)}")
        n, weights = count(state["taken"], "state['taken']", 0), dict(self._net.named_parameters())
        due = {f"average.{path}": w.shape for path, w in weights.items() if n}
        given = {name: getattr(array, "shape", None) for name, array in state.items()
                 if name != "taken"}
        if due != given:
            odd = sorted(str(name) for name in due.keys() | given.keys()
                         if due.get(name) != given.get(name))
            raise ValueError("state must be of this network; these differ: " + ", ".join(odd))
        arrays = {path: stored(state[(name := f"average.{path}")], w.dtype, f"state[{name!r}]")
                  for path, w in weights.items() if n}
        self._n, self._arrays = n, {
            path: to_backend(array, backend_of(weights[path].data)).astype("float64")
            for path, array in arrays.items()}

    def _first(self, w):
        """The average of the first weights alone, in an array of its own."""
        return w

    def _next(self, average, w):
        raise NotImplementedError(f"{type(self).__name__} must define _next")

    def _now(self, average):
        return average


class SWA(WeightAverage):
    """Stochastic weight averaging: the plain mean of the weights after step `start` and every
    `every` steps from then on.

    `start` and `every` count steps, not epochs, from 1.  The rates that go with it are `swa_rates`.

    Source: Izmailov 2018, see `averages.swa`.

    >>> import minidrop as md, numpy as np
    >>> net, x = md.nn.Linear(4, 3).init(seed=0), md.gaussian(1, (40, 4))
    >>> recorder = SWA(net, start=6, every=2)
    >>> history = md.fit(net, md.optim.SGD(lr=0.1), (x, md.integers(2, 3, 40)), epochs=10,
    ...                  batch_size=40, recorder=recorder, progress=False)
    >>> recorder
    SWA(weights taken 3 times, after step 6 and then every 2)
    >>> recorder.average().weight.shape
    (3, 4)
    """

    def _next(self, average, w):
        return swa(average, w, self._n)


class EMA(WeightAverage):
    """Exponential moving average of the weights: `mu` of the old, 1 - `mu` of the new.

    `kind` "corrected": it starts at zero and is divided by 1 - mu^t; "first": it starts at the
    weights that are taken first, as in PyTorch.  `start` and `every` count steps, from 1.

    Source: see `averages.ema`.

    >>> import minidrop as md
    >>> net = md.nn.Linear(1, 1, bias=False).init(seed=0)
    >>> recorder, other = EMA(net, mu=0.75), EMA(net, mu=0.75, kind="first")
    >>> for step, value in enumerate([0.0, 7.0]):
    ...     net.weight.data[:] = value
    ...     recorder(step, net, None), other(step, net, None)
    (None, None)
    (None, None)
    >>> float(recorder.average().weight.data[0, 0]), float(other.average().weight.data[0, 0])
    (4.0, 1.75)
    """

    def __init__(self, net, mu, start=1, every=1, kind="corrected"):
        super().__init__(net, start, every)
        self.mu, self.kind = below_one(mu, "mu"), option(kind, "kind", KINDS)

    def _first(self, w):
        return w if self.kind == "first" else ema(array_module(w).zeros_like(w), w, self.mu)

    def _next(self, average, w):
        return ema(average, w, self.mu)

    def _now(self, average):
        return average if self.kind == "first" else ema_corrected(average, self.mu, self._n)
