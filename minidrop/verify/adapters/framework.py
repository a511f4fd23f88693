"""What an adapter of a framework fills in: the few calls that differ; here they are NumPy's."""

import copy
import random
from typing import Any

import numpy as np

from ..box import Trouble
from .inside import Inside


class Framework(Inside):
    """Arrays, noise, layers and modes, in the words of one framework."""

    framework = "numpy"
    dtypes: tuple[str, ...] = ("float32", "float64")          # what has to stay what it is

    def array(self, a, gradient):
        """The array as the framework has it, a copy; `gradient` says that one will be asked for."""
        return a.copy(order="K")

    def host(self, tensor):
        """A NumPy array; Trouble for what is no array of the framework."""
        if not isinstance(tensor, np.ndarray | np.generic):
            raise Trouble(f"a {type(tensor).__name__}", "a NumPy array")
        return np.array(tensor)

    def reseed(self, seed):
        """Begin the global noise anew, the framework's too."""
        random.seed(seed)
        np.random.seed(seed % 2**32)              # noqa: NPY002  what others may draw from

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

    def fresh(self, layer):
        """A layer made by somebody else, as it was; it is itself where it cannot be copied."""
        try:
            return copy.deepcopy(layer)
        except Exception:
            return layer

    def prepare(self, layer, x):
        """Get a layer ready for arrays like x, where it makes what it holds only then."""

    def number(self, role, value):
        """A parameter as the framework counts it."""
        return value

    def layout_of(self, layer):
        """The layout of a layer's maps, if it says so itself."""
        return None

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
