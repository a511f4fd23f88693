"""The curves of a network's dynamics, collected while `fit` trains it and without touching it."""

import contextlib
import math

from .arguments import arrays_of, called, count, describe, examples, iterable
from .dynamics import Directions, model_distance
from .functional import cross_entropy
from .gradients import flat, full_gradient, mini_batch_gradients
from .nn import Module, Noise
from .nn.module import stored
from .noise import Stream, permutation
from .placement import home
from .xp import array_module, backend_of, to_backend


class Dynamics:
    """A recorder for `fit`: it looks at `net` when the number of steps taken is one of `steps`.

    Each look draws `batches` mini-batches of `batch_size` examples from `data`, a pair (x, y), and
    takes the gradient of `loss` on each of them, all at the weights of that moment, with the noise
    on, at its rates of that moment, and batch norm frozen.  The curves are arrays, an entry a look:

        step                         how many steps had been taken
        gradient_norm                the mean over the mini-batches
        model_distance               from the weights at which the recorder was made
        gradient_direction_variance  between the mini-batches
        gradient_direction_error     against the gradient of `reference` without noise

    `reference` is "data" (the whole of it), another pair (x, y), such as a part of it, or None: the
    error is then nan.  Variance and error are nan, too, where a gradient was zero or not finite.
    For 0 among the `steps` the look is taken when the recorder is made, before a schedule sets any
    rate.

    The run goes on as if nobody had looked: mini-batches and masks come from streams of their own,
    named after `seed`, step and path, and modes, noise, buffers and marks are what they were.  A
    run that goes on from its checkpoint ends in the curves of an undisturbed one.

    A recorder belongs to `net` itself, and a deep copy of both together is a pair again; ValueError
    for another network.  A second `fit` counts its steps from 0 and replaces the looks of the one
    before, but for that at 0, and distances still count from where the recorder was made: make a
    new one for it.

    >>> import minidrop as md
    >>> net, x = md.nn.Linear(4, 3).init(seed=0), md.gaussian(1, (40, 4))
    >>> recorder = Dynamics(net, (x, md.integers(2, 3, 40)), steps=[0, 5], batches=4, batch_size=8)
    >>> history = md.fit(net, md.optim.SGD(lr=0.1), recorder.data, epochs=5, batch_size=40,
    ...                  recorder=recorder, progress=False)
    >>> recorder.step, bool(recorder.model_distance[0] == 0 < recorder.model_distance[1])
    (array([0, 5]), True)
    """

    def __init__(self, net, data, steps, batches=50, batch_size=64, loss=cross_entropy,
                 reference="data", seed=0):
        if not isinstance(net, Module):
            raise TypeError(f"net must be a Module, got {describe(net)}")
        self.data, self.steps = examples(data), _whole(steps)
        self.batches = count(batches, "batches", least=2)
        self.batch_size = count(batch_size, "batch_size")
        if batch_size > len(self.data[0]):
            raise ValueError(f"batch_size must be at most the {len(self.data[0])} examples of data,"
                             f" got {batch_size}")
        called(loss, "loss", "outputs", "y")
        if isinstance(reference, str) and reference != "data":
            raise ValueError(f"reference must be 'data', a pair (x, y) or None, got {reference!r}")
        self.loss, self.seed = loss, Stream(seed).key[0]
        self.reference = (self.data if isinstance(reference, str) else
                          None if reference is None else examples(reference, "reference"))
        self._net, self._start, self._rows = net, flat(net.parameters()), []
        self(-1, net, None)

    def __repr__(self):
        return (f"Dynamics({len(self._rows)} of {len(self.steps)} looks, each of {self.batches} "
                f"batches of {self.batch_size})")

    step = property(lambda self: _table(self._rows)[:, 0].astype("int64"))
    gradient_norm = property(lambda self: _table(self._rows)[:, 1])
    model_distance = property(lambda self: _table(self._rows)[:, 2])
    gradient_direction_variance = property(lambda self: _table(self._rows)[:, 3])
    gradient_direction_error = property(lambda self: _table(self._rows)[:, 4])

    def state_dict(self):
        """{name: array} of what was collected, and of the weights from which distances count."""
        return {"start": self._start, "curves": _table(self._rows)}

    def load_state_dict(self, state):
        """Go on from copies of the arrays of `state`; the settings must be the same."""
        start, curves = arrays_of(state, "start", "curves")
        if start.shape != self._start.shape or curves.shape[1:] != (5,):
            raise ValueError(f"state must be of a network of {self._start.size} parameters, got "
                             f"{describe(start)} and {describe(curves)}")
        taken = curves[:, 0].tolist()
        if taken != sorted({*taken} & {*self.steps}):
            raise ValueError(f"state['curves'] must begin with some of the steps {self.steps}, in "
                             f"order, got {taken}")
        start = stored(start, self._start.dtype, "state['start']")
        self._start = to_backend(start, backend_of(self._start)).astype(self._start.dtype)
        self._rows = [(int(taken), *numbers) for taken, *numbers in curves.tolist()]

    def __call__(self, step, net, loss):
        """Look at `net` after the step number `step`, counted from 0, if that is asked for."""
        if net is not self._net:
            raise ValueError("net must be the one that the recorder was made for, got another "
                             f"{type(net).__name__}; make a recorder for it")
        taken = count(step, "step", least=-1) + 1         # -1 is before the first
        self._rows = [row for row in self._rows if row[0] < taken]
        if taken in self.steps:
            self.to(home(net))
            with _untouched(net):
                for path, module in net.named_modules():
                    if isinstance(module, Noise) or isinstance(_rng(module), Stream):
                        module.rng = Stream(self.seed, f"dynamics/{taken}/{path}",
                                            backend_of(self.data[0]))
                self._rows.append((taken, *self._look(net, taken)))

    def to(self, backend):
        """Move the data to "numpy" or "cupy"; `fit` calls it where it moves the network."""
        same = self.reference is self.data
        self.data = tuple(to_backend(part, backend) for part in self.data)
        if self.reference:
            self.reference = self.data if same else tuple(to_backend(part, backend)
                                                          for part in self.reference)
        self._start = to_backend(self._start, backend)

    def _look(self, net, taken):
        """(gradient norm, model distance, direction variance, direction error) of this moment."""
        weights, norms, directions, failed = flat(net.parameters()), [], Directions(), False
        if self.reference:
            whole = full_gradient(net, self.reference, self.loss)
            with contextlib.suppress(ValueError):                 # it is 0 or not finite
                directions = Directions(whole)
        for g in mini_batch_gradients(net, self._mini_batches(taken), self.loss):
            try:
                norms.append(directions.add(g))
            except ValueError:                    # g is 0 or not finite, as is its largest entry
                norms.append(float(abs(g).max()))
                failed = True
        finite = math.isfinite(float(abs(weights).max()))
        return (sum(norms) / len(norms),
                model_distance(weights, self._start) if finite else math.nan,
                math.nan if failed else directions.variance(),
                math.nan if failed or directions.reference is None else directions.error())

    def _mini_batches(self, taken):
        (x, y), rng = self.data, Stream(self.seed, f"dynamics/{taken}")
        size, xp = self.batches * self.batch_size, array_module(x)
        epochs = [permutation(rng, len(x)) for _ in range(-(-size // len(x)))]
        rows = array_module().concatenate(epochs)
        for i in range(0, size, self.batch_size):
            part = xp.asarray(rows[i:i + self.batch_size])
            yield x[part], y[part]


def _table(rows):
    """(looks, 5) of float64."""
    return array_module().array(rows, dtype="float64").reshape(len(rows), 5)


def _whole(steps):
    """`steps` as a sorted tuple of numbers of steps taken."""
    iterable(steps, "steps", "several whole numbers, such as range(0, 1001, 50)")
    found = tuple(sorted({count(step, "steps", least=0) for step in steps}))
    if not found:
        raise ValueError("steps must hold at least one whole number, got none")
    return found


def _rng(module):
    return getattr(module, "rng", None)


@contextlib.contextmanager
def _untouched(net):
    """Give every module all that it holds back afterwards, and its buffers their values."""
    held = [(module, dict(vars(module))) for _, module in net.named_modules()]
    buffers = [(array, array.copy()) for module, has in held
               for array in (has.get(name) for name in module.buffers) if array is not None]
    try:
        yield
    finally:
        for module, has in held:
            for name in vars(module).keys() - has.keys():
                delattr(module, name)
            vars(module).update(has)
        for array, value in buffers:
            array[...] = value
