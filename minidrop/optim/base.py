"""What optimizers share: one rule on arrays, applied to every parameter after `loss.backward()`."""

import copy
import weakref
from functools import partial
from typing import Any

from ..arguments import COUNTED, count, describe, not_below_zero, number
from ..device import steps
from ..nn import Module, Parameter
from ..nn.module import stored
from ..xp import (
    CHUNK,
    array_module,
    backend_module,
    backend_of,
    chunks,
    on_host,
    par,
    to_backend,
)


class Optimizer:
    """What all optimizers share: `step(model)` finds the gradients, `update` is the rule.

    The state of each parameter is kept by its path.  An optimizer belongs to the model of its first
    step, as it was initialised then; another is refused, since its paths could be the same.
    A rule whose decay is called `weight_decay` spares the parameters with `decay=False`.
    """

    lr = weight_decay = 0.0
    slots: tuple[str, ...] = ()                   # names of the arrays kept for every parameter
    _squares: tuple[str, ...] = ()                # those of them that are never below 0
    counts = False                                # whether `update` takes t as well

    def __init__(self):
        self.state = {}                           # path -> list of arrays, as `slots` names them
        self.steps = {}                           # path -> how many steps this parameter has made
        self._model = None                        # a weak reference, from the first step on
        self._births = 0                          # how often that model had been initialised

    def __getstate__(self):
        return vars(self) | {"_model": None}      # a copy belongs to the model that it steps first

    def __repr__(self):
        numbers = [f"{name}={value}" for name, value in vars(self).items()
                   if isinstance(value, int | float) and name[0] != "_"]
        return f"{type(self).__name__}({', '.join(numbers)})"

    def update(self, w, g, *state):
        """Change w and its state in place; the arrays may be any rows of a parameter.

        Where `counts` is set, `t` says which step of this parameter it is, from 1.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update")

    def step(self, model):
        """Update every parameter from its gradient and use the gradients up: `.grad` is then None.

        Frozen parameters (`requires_grad` False) are left alone, and so are those of modules marked
        `skipped` that received no gradient: no decay, no momentum.  The marks are used up as well.
        ValueError for any other parameter that received no gradient.
        """
        if not isinstance(model, Module):
            raise TypeError(f"model must be a Module, got {describe(model)}")
        if self._model is None:
            self._model, self._births = weakref.ref(model), model._births
        elif not self.belongs_to(model):
            raise ValueError("this optimizer holds the state of another model, or of this one "
                             "before its last init; make a new optimizer")
        number(self.lr, "lr")                     # a schedule or a user may have set it
        ready, without, skipped = [], [], []
        for path, thing in model.walk():
            if not isinstance(thing, Parameter):
                if thing.skipped:
                    skipped.append(thing)
            elif thing.grad is None:
                without.append((path, thing))
            elif getattr(thing.grad, "shape", None) != thing.data.shape:
                raise ValueError(f"the gradient of {path} must have shape "
                                 f"{thing.data.shape}, got {describe(thing.grad)}")
            else:
                ready.append((path, thing))
        excused = {id(w) for module in skipped for w in module.parameters()}
        for path, w in without:
            if w.requires_grad and id(w) not in excused:
                raise ValueError(f"{path} received no gradient in this step; use it in the loss, "
                                 "or freeze it: requires_grad = False")
        for path, parameter in self._launched(ready):
            self._apply(path, parameter)
        for module in skipped:
            module.skipped = False

    def to(self, backend):
        """Move the state to "numpy" or "cupy", as its model is moved."""
        backend_module(backend)
        self.state = {path: [to_backend(array, backend) for array in arrays]
                      for path, arrays in self.state.items()}

    def belongs_to(self, model):
        """Whether its state is of this model, as it was initialised last, or of none yet."""
        return self._model is None or (self._model() is model and self._births == model._births)

    def _launched(self, ready):
        """Make what steps a GPU can make in one launch; those of `ready` that are left."""
        launch: Any = getattr(self.update, "launch", None)
        if not launch or not ready or on_host(ready[0][1].data):
            return ready
        rows, left = [], []
        for path, parameter in ready:
            w, g = parameter.data, parameter.grad
            arrays = (w, g, *self._state(path, w)) if parameter.requires_grad else ()
            if not steps.runs(arrays):
                left.append((path, parameter))
                continue
            decay = self.weight_decay if parameter.decay else 0.0
            rows.append((arrays, decay, self._count(path)))
            parameter.grad = None
        launch(self, rows)
        return left

    def _apply(self, path, parameter):
        w, g, parameter.grad = parameter.data, parameter.grad, None
        if not parameter.requires_grad:
            return
        state = self._state(path, w)
        rule: Any = self.update if parameter.decay else self._without_decay().update
        if self.counts:
            rule = partial(rule, t=self._count(path))
        if w.size <= CHUNK or not on_host(w):
            rule(w, g, *state)
            return
        arrays, row = (w, g, *state), w.size // len(w)

        def part(lo, hi):
            for s in chunks(lo, hi, each=row):
                rule(*(array[s] for array in arrays))

        par(part, len(w), each=row)

    def _state(self, path, w):
        if path not in self.state:
            self.state[path] = [array_module(w).zeros_like(w) for _ in self.slots]
        return self.state[path]

    def _count(self, path):
        if self.counts:
            self.steps[path] = self.steps.get(path, 0) + 1
        return self.steps.get(path)

    def _without_decay(self):
        rule = copy.copy(self)
        rule.weight_decay = 0.0
        return rule

    def state_dict(self):
        """{"velocity.linear1.weight": array, ...}: the arrays themselves, not copies.

        An optimizer that counts has "step.linear1.weight" too, a whole number as an array ().
        """
        state = {f"{slot}.{path}": array for path, arrays in self.state.items()
                 for slot, array in zip(self.slots, arrays, strict=True)}
        return state | {f"step.{path}": array_module().asarray(t) for path, t in self.steps.items()}

    def load_state_dict(self, state, model):
        """Take over copies of the arrays of `state`, saved for the parameters of `model`."""
        if not isinstance(model, Module):
            raise TypeError(f"model must be a Module, got {describe(model)}")
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise TypeError(f"state must be a dict of arrays by name, got {describe(state)}")
        weights, names = dict(model.named_parameters()), {*self.slots, *["step"][:self.counts]}
        loaded: dict[str, dict] = {}
        for key, array in state.items():
            slot, _, path = key.partition(".")
            shape = () if slot == "step" else getattr(weights.get(path), "shape", None)
            if slot not in names or path not in weights or getattr(array, "shape", None) != shape:
                raise ValueError(f"state[{key!r}], {describe(array)}, belongs to no parameter of "
                                 "this model and optimizer")
            loaded.setdefault(path, {})[slot] = self._right(slot, array, weights[path],
                                                            f"state[{key!r}]")
        for path, slots in loaded.items():
            if slots.keys() != names:
                raise ValueError(f"state must hold {' and '.join(sorted(names))} of {path}, got "
                                 f"{' and '.join(sorted(slots))} alone")
        self.state = {path: [_beside(slots[slot], weights[path].data) for slot in self.slots]
                      for path, slots in loaded.items()}
        self.steps = {path: slots["step"] for path, slots in loaded.items() if self.counts}
        self._model, self._births = weakref.ref(model), model._births

    def _right(self, slot, array, w, name):
        """What a state has for a parameter: an array of a slot, or how many steps it has made."""
        if slot == "step":
            return count(array, name, most=COUNTED)
        values = stored(array, w.dtype, name)
        return not_below_zero(values, name) if slot in self._squares else values


def _beside(array, w):
    """A copy of `array` on the backend of `w`, in its dtype."""
    return to_backend(array, backend_of(w)).astype(w.dtype)
