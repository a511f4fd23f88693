"""What all adapters share: who is called with what, and how a layer is made, and put into a mode.

An implementation is one of three things.  A function is called with the arrays, the parameters, a
mode and a source of noise, as far as it takes them.  A maker (a class, or a function that takes no
array) is called with the parameters and gives a layer.  A layer has been made already, so that its
parameters are fixed.  An adapter of a framework fills in the few calls that differ.
"""

import functools
import inspect
from typing import Any

import numpy as np

from ..box import Trouble, Unseen
from ..roles import bind

LAYOUTS = ("NCHW", "NHWC")
EXAMPLE = {"p": 0.5, "block": 3, "length": 2, "alpha": 1.0, "eps": 1e-5, "momentum": 0.1,
           "groups": 1}                           # to make a layer and look at it


class Adapter:
    """An implementation in some framework, called with NumPy arrays.

    `arrays` and `parameters` are the roles that the technique has; `rate` is "drop", "keep" or None
    (told from the name of the argument), `layout` that of maps, `bind` and `extra` are arguments
    whose role or value is given outright.  `layers` False: the technique is a function, which may
    answer with a number or a list, as a schedule does.
    """

    framework = "numpy"
    dtypes: tuple[str, ...] = ("float32", "float64")          # what has to stay what it is

    def __init__(self, impl, arrays, parameters, rate=None, layout="NCHW", bind=(), extra=(),
                 layers=True):
        self.impl, self.arrays, self.parameters = impl, arrays, parameters
        self.may_be_layer = layers
        self.rate, self.layout, self.renamed, self.extra = rate, layout, dict(bind), dict(extra)
        self.kind = self._kind()
        self.sources: dict[str, Any] = {}
        self.mask_of_numbers = False              # else booleans, which are tried first
        self.restart(0)

    # --- what a framework fills in ---

    def array(self, a, gradient):
        """The array as the framework has it, a copy; `gradient` says that one will be asked for."""
        return a.copy()

    def host(self, tensor):
        """A NumPy array; Trouble for what is no array of the framework."""
        if not isinstance(tensor, np.ndarray | np.generic):
            raise Trouble(f"a {type(tensor).__name__}", "a NumPy array")
        return np.array(tensor)

    def reseed(self, seed):
        """Begin the framework's global noise anew."""

    def starve(self):
        """Make every random number 0 until `restart`; False where that cannot be done."""
        return False

    def source(self, role, seed):
        """What is handed over as the noise `role` (a role of SOURCES), in its first state."""
        made: dict[str, Any] = {"rng": np.random.default_rng,
                                "random_state": np.random.RandomState, "seed": int, "key": int}
        return made[role](seed)

    def advance(self, role, source):
        """(what the next call is given, what is kept for the one after it)."""
        return (source, source + 1) if isinstance(source, int) else (source, source)

    def entry(self, layer):
        """What is called to run a layer."""
        return layer

    def signature(self, layer):
        """The function whose signature says what `entry(layer)` takes."""
        return self.entry(layer)

    def made(self, layer):
        """A layer that has just been made, ready to be called."""
        return layer

    def set_mode(self, layer, training):
        """Put a layer into a mode; False where it has none."""
        if callable(getattr(layer, "train", None)) and callable(getattr(layer, "eval", None)):
            (layer.train if training else layer.eval)()
        elif isinstance(getattr(layer, "training", None), bool):
            layer.training = training
        else:
            return False
        return True

    def pull(self, layer, tensors, outputs):
        """A function from cotangents to gradients for this call, or None."""
        return None

    def run(self, call, layer, tensors, gradient):
        """(outputs, pull) of call(*tensors)."""
        outputs = call(*tensors)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return outputs, self.pull(layer, tensors, outputs) if tensors else None

    # --- what is the same for all ---

    def has_evaluation(self):
        """Is there a mode without noise?"""
        if self.kind == "function":
            return bool(self.binding(self.impl, ()).roles() & {"training", "evaluation"})
        return True

    def restart(self, seed):
        """Begin every source of noise anew; layers are made anew."""
        self.seed, self.sources, self.layers = seed, {}, {}
        self.reseed(seed)

    def roles(self):
        """The roles that its arguments play, those of its maker among them."""
        made = self._maker().roles() if self.kind == "maker" else set()
        return made | (self.called.roles() if self.called else set())

    @functools.cached_property
    def called(self):
        """The Binding of what is called to run it; None where no layer can be made to look at."""
        if self.kind == "function":
            return self.binding(self.impl, ())
        try:
            example = {role: value for role, value in EXAMPLE.items() if role in self.parameters}
            return self.binding(self.signature(self._layer(example)), ("self",))
        except Exception:                         # whatever it is, it comes again when it is run
            return None

    @property
    def takes_noise(self):
        """Is there an argument for the noise that has to be given?"""
        return "mask" not in self.arrays and self.called is not None and any(
            role == "mask" and name in self.called.required
            for name, role in self.called.arguments.items())

    def call(self, arrays, parameters, training, gradient, noise=None):
        """(outputs, inputs after the call, pull) of one call, all in NumPy arrays.

        `noise` is for an argument; booleans that do not work are handed over as 0 and 1.
        """
        if noise is None or noise.dtype != bool:
            return self._call(arrays, parameters, training, gradient, noise)
        numbers = noise.astype(arrays[0].dtype)
        if self.mask_of_numbers:
            return self._call(arrays, parameters, training, gradient, numbers)
        try:
            return self._call(arrays, parameters, training, gradient, noise)
        except (TypeError, RuntimeError) as refused:
            try:
                answer = self._call(arrays, parameters, training, gradient, numbers)
            except Exception:
                raise refused from None
        self.mask_of_numbers = True
        return answer

    def _call(self, arrays, parameters, training, gradient, noise):
        tensors = [self.array(self._inward(a), gradient) for a in arrays]
        if self.kind == "function":
            layer, target, binding = None, self.impl, self.called
            given = self._given(binding, parameters)
        else:
            layer = self._layer(parameters)
            target = self.entry(layer)
            binding = self.binding(self.signature(layer), ("self",))
            given = {}
        given |= self._mode(layer, binding, training) | self._noise(binding)
        if noise is not None:
            if "mask" not in binding.roles():
                raise Unseen("it takes no mask, and draws its own")
            given["mask"] = self.array(
                self._inward(noise) if noise.ndim == arrays[0].ndim else noise, False)

        def run(*tensors):
            named = dict(zip(self.arrays, tensors, strict=False))
            args, kwargs = binding.called(named | given, self.arrays)
            return target(*args, **kwargs, **(self.extra if layer is None else {}))

        outputs, pull = self.run(run, layer, tensors, gradient)
        hosted = [self._outward(self._plain(y)) for y in outputs]
        after = [self._outward(self.host(tensor)) for tensor in tensors]
        return hosted, after, pull and (lambda g: [
            self._outward(self.host(one)) for one in pull([self._inward(one) for one in g])])

    def binding(self, function, skip):
        """The Binding of what is called to run it."""
        wanted = (*self.arrays, *(() if self.kind != "function" else self.parameters))
        renamed = {name: role for name, role in self.renamed.items()
                   if name in inspect.signature(function).parameters}
        return bind(function, wanted, renamed, (*skip, *self.extra), ("mask",))

    def _layer(self, parameters):
        if self.kind == "layer":
            return self.impl
        key = tuple(sorted(parameters.items()))
        if key not in self.layers:
            maker = self._maker()
            given = self._given(maker, parameters) | self._noise(maker)
            args, kwargs = maker.called(given)
            self.layers[key] = self.made(self.impl(*args, **kwargs, **self.extra))
        return self.layers[key]

    def _maker(self):
        return bind(self.impl, self.parameters, {
            name: role for name, role in self.renamed.items()
            if name in inspect.signature(self.impl).parameters}, (*self.extra,))

    def _given(self, binding, parameters):
        """The parameters by role; a rate as a keep probability where that is what is taken."""
        given = dict(parameters)
        if "p" in given and ("keep" in binding.roles() or self.rate == "keep"):
            role = "keep" if "keep" in binding.roles() else "p"
            given[role] = 1 - given.pop("p")
        if missing := [role for role in given if role not in binding.roles()]:
            raise Unseen(f"it takes no {', '.join(missing)}")
        return given

    def _mode(self, layer, binding, training):
        roles = binding.roles()
        if "training" in roles:
            return {"training": training}
        if "evaluation" in roles:
            return {"evaluation": not training}
        if not (layer is not None and self.set_mode(layer, training)) and not training:
            raise Unseen("it has no evaluation mode")
        return {}

    def _noise(self, binding):
        given = {}
        for role in binding.roles() & {"rng", "random_state", "key", "seed"}:
            if role not in self.sources:
                self.sources[role] = self.source(role, self.seed)
            given[role], self.sources[role] = self.advance(role, self.sources[role])
        return given

    def _kind(self):
        if not self.may_be_layer:
            return "function"
        if isinstance(self.impl, type):
            return "maker"
        if not isinstance(self.impl, functools.partial) and not inspect.isroutine(self.impl):
            return "layer"
        wanted = (*self.arrays, *self.parameters)
        roles = bind(self.impl, wanted, self.renamed, (*self.extra,), ("mask",)).roles()
        return "function" if self.arrays[0] in roles else "maker"

    def _plain(self, y):
        """An array; where no layer is due, of a number or of a list of numbers or arrays too."""
        if not self.may_be_layer and isinstance(y, int | float):
            return np.asarray(y)
        if not self.may_be_layer and isinstance(y, list):
            return np.array([self._plain(one) for one in y])
        return self.host(y)

    def _inward(self, a):
        return np.moveaxis(a, 1, -1) if self.layout == "NHWC" and a.ndim > 2 else a

    def _outward(self, a):
        return np.moveaxis(a, -1, 1) if self.layout == "NHWC" and a.ndim > 2 else a

    def describe(self):
        """What the implementation was taken for, in a line."""
        kinds = {"function": "a function", "maker": "a maker of layers", "layer": "a layer"}
        noise = " that is given its noise" if self.takes_noise else ""
        keep = ", its rate keeps" if self.rate == "keep" else ""
        layout = ", channels last" if self.layout == "NHWC" else ""
        return f"{self.framework}: {kinds[self.kind]}{noise}{keep}{layout}"
