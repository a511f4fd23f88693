"""NumPy: functions, classes with `forward` and `backward`, and minidrop's own modules."""

import random
import sys
from typing import Any

import numpy as np

from ...nn.module import Module, Noise, Parameter
from ...noise import Stream
from ...tape import Tensor, data_of, grad
from ..box import Trouble, Unseen, told
from .base import Adapter


class NumpyAdapter(Adapter):
    """Functions of NumPy arrays, and classes as one writes them for homework.

    A layer is run by `forward`, or by being called; `backward(g)`, where there is one, is its
    gradient.
    """

    framework = "numpy"
    legacy = False                                # is what it calls rng a RandomState?

    def source(self, role, seed):
        legacy = self.legacy and role == "rng"
        return super().source("random_state" if legacy else role, seed)

    def call(self, *given):
        try:
            return super().call(*given)
        except (TypeError, AttributeError) as error:
            if isinstance(getattr(error, "obj", None), np.random.Generator) and not self.legacy:
                self.legacy, self.sources, self.layers = True, {}, {}
                return self.call(*given)          # rng.rand: what it calls rng is a RandomState
            others = [name for name in ("torch", "keras", "jax") if name in sys.modules]
            if not others or self.framework != "numpy":
                raise
            raise Trouble(told(error), "an array; if it is not "
                          f"for NumPy arrays, say framework={' or '.join(map(repr, others))}",
                          ) from error

    def starve(self):
        """The Mersenne twister has a state of which nothing but zeros come."""
        if self.roles() & {"seed", "key"}:
            return False                          # what it makes of a number is its own affair
        zeros: Any = {"bit_generator": "MT19937",
                      "state": {"key": np.zeros(624, np.uint32), "pos": 624}}
        np.random.set_state(zeros)                # noqa: NPY002
        random.setstate((3, (0,) * 624 + (624,), None))
        twister = np.random.MT19937()
        twister.state = zeros
        old = np.random.RandomState(twister)
        self.layers, self.sources = {}, {
            "rng": old if self.legacy else np.random.Generator(twister), "random_state": old}
        return True

    def entry(self, layer):
        return layer.forward if hasattr(layer, "forward") else layer

    def pull(self, layer, tensors, outputs):
        backward = getattr(layer, "backward", None)
        if backward is None:
            return None

        def pull(g):
            found = backward(*g)
            found = found if isinstance(found, tuple) else (found,)
            if len(found) < len(tensors):
                raise Unseen(f"its backward gives {len(found)} gradients of {len(tensors)}")
            return found

        return pull


class MinidropAdapter(NumpyAdapter):
    """minidrop's modules and functions, with its own tape."""

    framework = "minidrop"

    def array(self, a, gradient):
        a = a.copy(order="K")                     # the order in memory is looked at too
        return Tensor(a, requires_grad=True) if gradient else a

    def host(self, tensor):
        return super().host(data_of(tensor))

    def source(self, role, seed):
        return self.stream(seed, "verify") if role == "rng" else super().source(role, seed)

    def restart(self, seed):
        self.stream = Stream
        super().restart(seed)

    def starve(self):
        """The streams are ones of which all bits are 0."""
        possible = super().starve()
        self.stream, self.sources = Zeros, {"rng": Zeros(self.seed, "verify")}
        return possible

    def made(self, layer):
        if isinstance(layer, Module) and layer._births == 0:
            layer.init(self.seed)
        for path, module in layer.named_modules() if isinstance(layer, Module) else ():
            if isinstance(module, Noise):
                module.rng = self.stream(self.seed, path)
        return layer

    def fresh(self, layer):
        """As it was, with streams that begin anew."""
        return self.made(super().fresh(layer))

    @property
    def seeded(self):
        return True

    def signature(self, layer):
        return getattr(layer, "forward", self.entry(layer))      # a batch transform has none

    def entry(self, layer):
        if isinstance(layer, Module) or "y" in self.arrays:
            return layer
        return lambda x, rng: layer(rng, x, None)[0]             # a transform whose labels stay

    def owners(self, layer):
        if not isinstance(layer, Module):
            return [layer]
        return [module for _, module in layer.named_modules()]

    def hold(self, place, array):
        if not isinstance(parameter := getattr(place.owner, place.name), Parameter):
            return super().hold(place, array)
        parameter.data = array.copy()
        return parameter

    def pull(self, layer, tensors, outputs):
        def pull(g):
            if not isinstance(outputs[0], Tensor):
                raise Trouble("an array", "a Tensor that has a gradient")
            wanted = [one for one in tensors if isinstance(one, Tensor)]
            found = iter(grad(outputs[0], wanted, g=Tensor(np.asarray(g[0]))))
            return [next(found) if isinstance(one, Tensor) else np.zeros(one.shape, one.dtype)
                    for one in tensors]

        return pull if isinstance(tensors[0], Tensor) else None


class Zeros(Stream):
    """A Stream of which all bits are 0."""

    def draw(self, transform, *args):
        if transform.__name__ == "beta":          # it draws until it likes what it gets
            raise Unseen("its random numbers cannot be chosen")
        return super().draw(transform, *args)

    def words(self, n):
        """Zeros."""
        return np.zeros(n, np.uint64)

    def bits(self, shape):
        """Zeros."""
        return np.zeros(shape, np.uint32)

    def below(self, bound, shape):
        """bits(shape) < bound."""
        return np.full(shape, bound > 0)

    def one(self):
        """0."""
        return 0
