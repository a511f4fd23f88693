"""The black box: an implementation seen through what goes in and what comes out, and no deeper."""

import contextlib
import io
import warnings
from typing import Any

import numpy as np

from .chance import Chance
from .technique import call, shown


class Trouble(Exception):
    """What an implementation did in the place of an answer: `found`, and what was `due`.

    `refusal` says that it raised a ValueError, which may be its right.
    """

    def __init__(self, found, due="an array", refusal=False):
        super().__init__(found)
        self.found, self.due, self.refusal = found, due, refusal


class Unseen(Exception):
    """Why something cannot be seen from outside."""


class Answer:
    """What came out of one call, as NumPy arrays.

    `outputs` are all of them, `y` is the first, `inputs` what the arrays that were handed over hold
    after the call.  `gradient(g)` sends the cotangent g of y back through that very call.
    """

    def __init__(self, outputs, inputs, pull):
        self.outputs, self.inputs, self._pull = outputs, inputs, pull

    @property
    def y(self):
        """The first output."""
        return self.outputs[0]

    def gradient(self, *g):
        """The gradients of sum(g * outputs) in the arrays that went in: one, or a tuple of them.

        It is the framework's own; Unseen where it has none, as functions of NumPy arrays.
        """
        if self._pull is None:
            raise Unseen("functions of NumPy arrays have no gradient of their own")
        gradients = self._pull(tuple(np.array(one) for one in g))
        return gradients[0] if len(gradients) == 1 else gradients


class Box:
    """An implementation as a black box: arrays in, arrays out.

    `adapter` speaks its framework, `options` are the form of the technique it is held against,
    `fixed` the parameters of a layer that was made by somebody else, {"p": 0.3}.
    """

    def __init__(self, adapter, options=(), fixed=(), seed=0):
        self.adapter, self.options, self.fixed = adapter, dict(options), dict(fixed)
        self.chance, self.printed, self.last = Chance(), "", "no input"
        self.failed: set[str] = set()             # names of the checks that failed so far
        self.restart(seed)

    def restart(self, seed):
        """Begin all noise anew, from `seed`; layers are made anew."""
        self.random = np.random.default_rng([seed, 8])     # for inputs, never for the box
        self._guard(lambda: self.adapter.restart(seed))

    def choices(self, name, *values):
        """Those of `values` that the parameter `name` can take: all, or the one it is fixed to."""
        return (self.fixed[name],) if name in self.fixed else values

    def train(self, *arrays, gradient=False, like=0, **parameters):
        """One call in training mode.

        `gradient` asks for an answer that has one.  Trouble for an answer that is not one floating
        array of the shape of arrays[like] (None: whatever comes).
        """
        return self._call(arrays, parameters, True, gradient, like)

    def evaluate(self, *arrays, gradient=False, like=0, **parameters):
        """One call in evaluation mode; Unseen where the implementation has none."""
        return self._call(arrays, parameters, False, gradient, like)

    @property
    def takes_noise(self):
        """Is the noise an argument, as in f(x, mask, p)?  `apply` is then the way to call it."""
        return self._guard(lambda: self.adapter.takes_noise)

    def takes(self, role):
        """Has it an argument for this role, "p" or "mask"?"""
        return self._guard(lambda: role in self.adapter.roles())

    def apply(self, *arrays, noise, training=True, gradient=False, like=0, **parameters):
        """One call that is handed its noise: a boolean mask in which True keeps, or numbers.

        A function that cannot work with booleans gets 0 and 1 in the type of the input.  Parameters
        that it does not take are left out, as f(x, noise) has them in its noise; `takes` tells.
        """
        given = {name: value for name, value in parameters.items()
                 if self.takes(name) or name == "p" and self.takes("keep")}
        return self._call(arrays, given, training, gradient, like, noise)

    def has_evaluation(self):
        """Is there an evaluation mode?"""
        return not self.takes_noise and self.adapter.has_evaluation()

    @contextlib.contextmanager
    def starved(self):
        """Within it every random number of the implementation is 0; Unseen where none can be."""
        if not self.adapter.starve():
            raise Unseen("its random numbers cannot be chosen")
        try:
            yield
        finally:
            self.restart(self.adapter.seed)

    def _call(self, arrays, parameters, training, gradient, like, noise=None):
        self.last = call(*arrays, names=self.adapter.arrays, **parameters)
        self.last += "" if training else ", in evaluation"
        if noise is not None:
            self.last += f", noise = {shown(noise)}"
        elif self.takes_noise:
            raise Unseen("the mask is given to it, so nothing is drawn")
        for name, value in parameters.items():
            if name in self.fixed and self.fixed[name] != value:
                raise Unseen(f"the layer was made with {name} = {self.fixed[name]}")
        outputs, inputs, pull = self._guard(
            lambda: self.adapter.call(arrays, parameters, training, gradient, noise))
        answer = Answer([_numbers(one) for one in outputs], inputs, pull and self._pulled(pull))
        if like is not None and answer.y.shape != arrays[like].shape:
            raise Trouble(f"an array of the shape {answer.y.shape}", f"{arrays[like].shape}")
        return answer

    def _pulled(self, pull):
        return lambda g: [_numbers(one) for one in self._guard(lambda: pull(g))]

    def _guard(self, action):
        """What `action` returns; what it raises is Trouble, what it prints is kept."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), \
                warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return action()
            except (Trouble, Unseen):
                raise
            except (Exception, SystemExit) as error:
                raise Trouble(f"{type(error).__name__}: {first_line(error)}",
                              refusal=isinstance(error, ValueError)) from error
            finally:
                self.printed += out.getvalue()


def _numbers(value: Any):
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise Trouble(f"{type(value).__name__} of {array.dtype}", "an array of floating numbers")
    return array


def first_line(error):
    """The first line of an error's message, at most 120 characters."""
    lines = str(error).strip().splitlines() or ["no message"]
    return lines[0] if len(lines[0]) <= 120 else lines[0][:117] + "..."
