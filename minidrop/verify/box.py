"""The black box: an implementation seen through what goes in and what comes out, and no deeper."""

import contextlib
import io
import sys
import warnings
from typing import Any

import numpy as np

from .chance import Chance
from .clock import Clock, Stop
from .technique import call, shown


class Trouble(Exception):
    """What an implementation did in the place of an answer: `found`, and what was `due`.

    `refusal` says that it raised a ValueError or an AssertionError, which may be its right.
    """

    def __init__(self, found, due="an array", refusal=False):
        super().__init__(found)
        self.found, self.due, self.refusal = found, due, refusal


class Unseen(Exception):
    """Why something cannot be seen from outside."""


class Kept(io.RawIOBase):
    """A stream for what is printed: it keeps the beginning, and counts the bytes."""

    def __init__(self):
        self.size, self.head = 0, b""

    def writable(self):
        """It is."""
        return True

    def close(self):
        """It stays open, whoever closes what writes to it."""

    def write(self, data):
        """Keep the beginning of what is kept so far; the number of bytes in `data`."""
        data = bytes(data)
        self.size, self.head = self.size + len(data), (self.head + data)[:60]
        return len(data)

    @property
    def text(self):
        """The beginning, in quotes, and how much there is; "" where nothing came."""
        more = f" ... ({self.size} bytes)" if self.size > len(self.head) else ""
        return repr(self.head.decode(errors="replace")) + more if self.size else ""


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

    own_wall = True                               # else somebody else looks at the wall clock

    def __init__(self, adapter, options=(), fixed=(), seed=0):
        self.adapter, self.options, self.fixed = adapter, dict(options), dict(fixed)
        self.chance, self.since, self.answers, self.quiet = Chance(), Clock(), 0, False
        self.asked: Any = None                    # (arrays, parameters, training, noise), the last
        self.printed: dict[str, Any] = {"stdout": Kept(), "stderr": Kept()}
        self.printed_at, self.moved, self.warned = "", ("", ""), dict[str, int]()
        self.heard: list = []                     # warnings, while somebody listens
        self.late = 0                             # checks that had no end
        self.failed: set[str] = set()             # names of the checks that failed so far
        self.drawn: dict = {}                     # what several checks look at, see `once`
        self.restart(seed)

    def restart(self, seed):
        """Begin all noise anew, from `seed`; layers are made anew."""
        self.random = np.random.default_rng([seed, 8])     # for inputs, never for the box
        self._guard(lambda: self.adapter.restart(seed))

    @property
    def last(self):
        """The input of the last call, in words."""
        if self.asked is None:
            return "no input"
        arrays, parameters, training, noise = self.asked
        return (call(*arrays, names=self.adapter.arrays, **parameters)
                + ("" if training else ", in evaluation")
                + ("" if noise is None else f", noise = {shown(noise)}"))

    def begin(self, *asked):
        """Remember what is asked for, and since when."""
        self.asked, self.since = asked, Clock()

    def seeded(self):
        """Does it draw from what it is handed?  Unseen where its source is its own affair."""
        if not self.adapter.seeded:
            raise Unseen("it is handed no source of noise, and its own cannot be seeded")
        return True

    def once(self, key, draw):
        """What draw() gives, drawn once for all checks and forms that ask for the same `key`.

        What is drawn does not depend on the form it is held against; and false alarms are added up,
        so comparisons need not be independent of each other.
        """
        key = key, self.adapter.rate
        if key not in self.drawn:
            self.drawn[key] = draw()
        return self.drawn[key]

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
        self.begin(arrays, parameters, training, noise)
        if noise is None and self.takes_noise:
            raise Unseen("the mask is given to it, so nothing is drawn")
        for name, value in parameters.items():
            if name in self.fixed and self.fixed[name] != value:
                raise Unseen(f"the layer was made with {name} = {self.fixed[name]}")
            if self.adapter.kind == "layer" and name not in self.fixed and not (
                    self.takes(name) or name == "p" and self.takes("keep")):
                raise Unseen(f"with which {name} the layer was made is not said: --fixed "
                             f"{name}=..., in Python fixed={{{name!r}: ...}}")
        passed = {name: value for name, value in parameters.items()
                  if name not in self.fixed or self.takes(name)}
        outputs, inputs, pull = self._guard(
            lambda: self.adapter.call(arrays, passed, training, gradient, noise))
        if not outputs:
            raise Trouble("an empty tuple")
        answer = Answer([_numbers(one) for one in outputs], inputs, pull and self._pulled(pull))
        if like is not None and answer.y.shape != arrays[like].shape:
            raise Trouble(f"an array of the shape {answer.y.shape}", f"{arrays[like].shape}")
        self.answers += 1
        return answer

    def _pulled(self, pull):
        return lambda g: [_numbers(one) for one in self._guard(lambda: pull(g))]

    def _guard(self, action):
        """What `action` returns; what it raises is Trouble, prints and warnings are kept."""
        if not self.quiet:
            with self.listening():
                return self._guard(action)
        before = len(self.heard)
        try:
            return action()
        except (Trouble, Unseen, Stop):
            raise
        except BaseException as error:            # KeyboardInterrupt too: see Interrupted
            raise Trouble(told(error), refusal=isinstance(error, ValueError | AssertionError)
                          ) from error
        finally:
            for one in self.heard[before:]:
                text = told(one.message)
                if text in self.warned or len(self.warned) < 5:
                    self.warned[text] = self.warned.get(text, 0) + 1
            if not self.printed_at and self.printed["stdout"].size:
                self.printed_at = self.last

    @contextlib.contextmanager
    def listening(self):
        """Within it prints and warnings are kept, and nothing can be read from stdin."""
        before = sys.stdin, sys.stdout, sys.stderr
        with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            try:
                sys.stdin, self.heard, self.quiet = io.StringIO(), heard, True
                sys.stdout, sys.stderr = (
                    io.TextIOWrapper(self.printed[name], "utf-8", "replace", write_through=True)
                    for name in ("stdout", "stderr"))
                yield
            finally:
                sys.stdin, sys.stdout, sys.stderr = before
                self.quiet = False


def _numbers(value: Any):
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise Trouble(f"{type(value).__name__} of {array.dtype}", "an array of floating numbers")
    return array


def told(error):
    """The kind of an error and the first line of its message, at most 120 characters."""
    try:
        first = (str(error).strip().splitlines() or [""])[0]
    except Exception:                             # it cannot say what it is
        first = ""
    text = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
