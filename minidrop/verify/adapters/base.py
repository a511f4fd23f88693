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

from ...tape import Primitive
from ..box import Unseen
from ..roles import SOURCES, WORDS, bind, signature_of
from .framework import Framework
from .inside import EXAMPLE_SIZES, NEUTRAL, SIZES, neutral, sizes

LAYOUTS = ("NCHW", "NHWC")
EXAMPLE = {"p": 0.5, "block": 3, "length": 2, "alpha": 1.0, "gamma": 0.5, "groups": 1, "eps": 0.5,
           "momentum": 0.5}                       # to make a layer and look at it


def once_each(method):
    """The method binding(self, function, skip), which asks each function for its signature once."""
    @functools.wraps(method)
    def binding(self, function, skip):
        own, known = getattr(function, "__func__", function), vars(self).setdefault("bound", {})
        key = id(own), skip
        if key not in known:
            known[key] = own, method(self, function, skip)     # kept, so that its id is its own
        return known[key][1]

    return binding


class Adapter(Framework):
    """An implementation in some framework, called with NumPy arrays.

    `arrays` and `parameters` are the roles that the technique has; `rate` is "drop", "keep" or None
    (told from the name of the argument), `layout` that of maps, `bind` and `extra` are arguments
    whose role or value is given outright.  `layers` False: the technique is a function, which may
    answer with a number or a list, as a schedule does.
    """

    def __init__(self, impl, arrays, parameters, rate=None, layout=None, bind=(), extra=(),
                 layers=True):
        self.impl, self.arrays, self.parameters = impl, arrays, parameters
        self.may_be_layer = layers
        self.rate, self.layout, self.renamed, self.extra = rate, layout, dict(bind), dict(extra)
        self.kind = self._kind()
        self.sources: dict[str, Any] = {}
        self.layers: dict[Any, Any] = {}
        self.maps_last = layout == "NHWC"
        self.mask_of_numbers = False              # else booleans, which are tried first
        self.restart(0)

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
        """The roles that its arguments play, those of its maker and what it holds among them."""
        made = self.maker.roles() if self.kind == "maker" else set()
        layer = None if self.kind == "function" else self.example()
        held = {role for role in self.arrays if layer is not None and self.place(layer, role)}
        return made | held | (self.called.roles() if self.called else set())

    def example(self):
        """A layer to look at; None where none can be made (which comes again when it is run)."""
        try:
            taken = self.maker.roles() if self.kind == "maker" else set()
            known = {role: value for role, value in EXAMPLE.items() if role in taken
                     or role == "p" and "keep" in taken}
            layer = self._layer(known, EXAMPLE_SIZES)
            if self.kind == "maker":
                self.prepare(layer, np.zeros((2, 2), np.float32))
            return layer
        except Exception:
            return None

    @functools.cached_property
    def called(self):
        """The Binding of what is called to run it; None where no layer can be made to look at."""
        if self.kind == "function":
            return self.binding(self.impl, ())
        layer = self.example()
        return None if layer is None else self.binding(self.signature(layer), ("self",))

    @property
    def takes_noise(self):
        """Is there an argument for the noise that has to be given?"""
        return "mask" not in self.arrays and self.called is not None and any(
            role == "mask" and name in self.called.required
            for name, role in self.called.arguments.items())

    @property
    def seeded(self):
        """Is it handed a source of noise, so that the same one has to give the same noise?"""
        return bool(self.roles() & set(SOURCES))

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
        if self.kind == "function":
            layer, signature, given = None, self.impl, self._given(self.called, parameters)
        else:
            layer = self._layer(parameters, sizes(arrays, self.arrays), arrays[0].shape[1:])
            signature, given = self.signature(layer), {}
        self.maps_last = (self.layout or layer is not None and self.layout_of(layer)) == "NHWC"
        if layer is not None:
            self.prepare(layer, self._inward(arrays[0]))
        binding = self.binding(signature, ("self",) if layer is not None else ())
        given |= self._mode(layer, binding, training) | self._noise(binding)
        if noise is not None:
            if "mask" not in binding.roles():
                raise Unseen("it takes no mask, and draws its own")
            given["mask"] = self.array(
                self._inward(noise) if noise.ndim == arrays[0].ndim else noise, False)
        places, tensors = [], []
        for role, array in zip(self.arrays, arrays, strict=False):
            place, tensor = None, None
            if role not in binding.roles():
                place, tensor = self.put(layer, role, array) if layer is not None else (None, None)
                if place is None and not neutral(role, array):
                    raise Unseen(f"it takes no {role}")
            places.append(place)
            if tensor is None:
                trained = not role.startswith("running") and array.dtype.kind == "f"
                tensor = self.array(self._inward(array, role), gradient and trained)
            tensors.append(tensor)

        def run(*tensors):
            inside = [(place, one) for place, one in zip(places, tensors, strict=True) if place]
            args, kwargs = binding.called(dict(zip(self.arrays, tensors, strict=False)) | given,
                                          self.arrays)
            target = self.impl if layer is None else self.entry(self.holding(layer, inside))
            return target(*args, **kwargs, **(self.extra if layer is None else {}))

        def back(tensor, place, role):
            a = self.host(tensor)
            return place.outward(a) if place else self._outward(a, role)

        outputs, pull = self.run(run, layer, tensors, gradient)
        after = [back(self.look(place, tensor) if place else tensor, place, role)
                 for tensor, place, role in zip(tensors, places, self.arrays, strict=False)]
        return [self._outward(self._plain(y)) for y in outputs], after, pull and (lambda g: [
            back(*one) for one in zip(pull([self._inward(one) for one in g]), places, self.arrays,
                                      strict=False)])

    def holding(self, layer, inside):
        """The layer with what was put into it, [(Place, tensor)]; it is there already."""
        return layer

    @once_each
    def binding(self, function, skip):
        """The Binding of what is called to run it."""
        wanted = (*self.arrays, *(() if self.kind != "function" else self.parameters))
        try:
            return bind(function, wanted, self._renamed(function), (*skip, *self.extra), ("mask",))
        except ValueError as error:
            raise Unseen(str(error)) from None

    def _renamed(self, function):
        """The part of `bind` that is about this function."""
        return {name: role for name, role in self.renamed.items()
                if name in signature_of(function).parameters}

    def _layer(self, parameters, known, shape=()):
        if self.kind == "layer":
            if "" not in self.layers:
                self.layers[""] = self.fresh(self.impl)
            return self.layers[""]
        maker = self.maker
        known = {role: known[role] for name, role in maker.arguments.items()
                 if role in SIZES and role in known and name in maker.required}
        shape = shape if "w" in self.arrays else ()           # its weights may fit that alone
        key = (*sorted(parameters.items()), *known.items(), shape)
        if key not in self.layers:
            given = self._given(maker, parameters) | self._noise(maker) | known
            args, kwargs = maker.called(given)
            self.layers[key] = self.made(self.impl(*args, **kwargs, **self.extra))
        return self.layers[key]

    @functools.cached_property
    def maker(self):
        """The Binding of what makes the layers."""
        return bind(self.impl, self.parameters, self._renamed(self.impl), (*self.extra,), SIZES)

    def _given(self, binding, parameters):
        """The parameters by role; a rate as a keep probability where that is what is taken."""
        given = {role: self.number(role, value) for role, value in parameters.items()}
        if "p" in given and ("keep" in binding.roles() or self.rate == "keep"):
            role = "keep" if "keep" in binding.roles() else "p"
            given[role] = 1 - given.pop("p")
        if missing := [role for role in given if role not in binding.roles()]:
            unread = f"; if {' or '.join(binding.unread)} is meant, say bind={{NAME: ROLE}}"
            raise Unseen(f"it takes no {', '.join(missing)}" + (unread if binding.unread else ""))
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
        for role in binding.roles() & set(SOURCES):
            if role not in self.sources:
                self.sources[role] = self.source(role, self.seed)
            given[role], self.sources[role] = self.advance(role, self.sources[role])
        return given

    def _kind(self):
        if not self.may_be_layer:
            return "function"
        impl, wanted = self.impl, (*self.arrays, *self.parameters)
        while isinstance(impl, functools.partial):
            impl = impl.func
        if isinstance(impl, type):
            return "maker"
        if isinstance(impl, Primitive):           # its `forward` is a formula, not a layer's
            return "function"
        roles = set()
        if inspect.isroutine(impl) or not any(hasattr(impl, name) for name in ("forward", "call")):
            roles = bind(self.impl, wanted, self._renamed(self.impl), (*self.extra,),
                         ("mask",)).roles()
        if inspect.isroutine(impl):
            return "function" if self.arrays[0] in roles else "maker"
        return "function" if roles & {"p", "keep", "mask"} else "layer"

    def _plain(self, y):
        """An array; where no layer is due, of a number or of a list of numbers or arrays too."""
        if not self.may_be_layer and isinstance(y, int | float):
            return np.asarray(y)
        if not self.may_be_layer and isinstance(y, list):
            return np.array([self._plain(one) for one in y])
        return self.host(y)

    def _inward(self, a, role="x"):
        moves = self.maps_last and a.ndim > 2 and role not in NEUTRAL
        return np.moveaxis(a, 1, -1) if moves else a

    def _outward(self, a, role="x"):
        moves = self.maps_last and a.ndim > 2 and role not in NEUTRAL
        return np.moveaxis(a, -1, 1) if moves else a

    def describe(self):
        """What the implementation was taken for, in a line."""
        made = "a class" if isinstance(self.impl, type) else "a function"
        kinds = {"function": "a function", "maker": f"{made} that makes layers", "layer": "a layer"}
        noise = " that is given its noise" if self.takes_noise else ""
        keep = ", its rate keeps" if self.rate == "keep" else ""
        layout = ", channels last" if self.maps_last else ""
        return f"{self.framework}: {kinds[self.kind]}{noise}{keep}{layout}"

    def understood(self):
        """What each argument was taken for, those of the maker first: {"drop_prob": "rate"}."""
        bound = [self.maker] if self.kind == "maker" else []
        spelled = getattr(self.impl, "spelled", {})
        return {spelled.get(name, name): WORDS.get(
                    "keep" if role == "p" and self.rate == "keep" else role, role)
                for one in (*bound, *([self.called] if self.called else []))
                for name, role in one.arguments.items()}
