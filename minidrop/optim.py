r"""Optimizers: one rule on arrays, applied to every parameter after `loss.backward()`.

Symbols  $w$ a parameter, $g$ its gradient, $v$ its velocity (zero at the start), $\eta$ the
         learning rate, $\mu$ the momentum, $\lambda$ the weight decay.

PyTorch's SGD: weight decay is the gradient of an L2 penalty
$$ g \leftarrow g + \lambda w                                                  \tag{sgd.1} $$
PyTorch's SGD: momentum, without a factor before g
$$ v \leftarrow \mu v + g                                                      \tag{sgd.2} $$
PyTorch's SGD: the step
$$ w \leftarrow w - \eta v                                                     \tag{sgd.3} $$
PyTorch's SGD: the step in Nesterov's form
$$ w \leftarrow w - \eta (g + \mu v)                                           \tag{sgd.4} $$
"""

import weakref

from .arguments import number
from .nn import Parameter
from .xp import CHUNK, array_module, backend_of, chunks, on_host, par, to_backend


class Optimizer:
    """What all optimizers share: `step(model)` finds the gradients, `update` is the rule.

    The state of each parameter is kept by its path.  An optimizer belongs to the model of its first
    step, as it was initialised then; another is refused, since its paths could be the same.
    """

    lr = 0.0
    slots: tuple[str, ...] = ()                   # names of the arrays kept for every parameter

    def __init__(self):
        self.state = {}                           # path -> list of arrays, as `slots` names them
        self._model = None                        # a weak reference, from the first step on
        self._births = 0                          # how often that model had been initialised

    def __getstate__(self):
        return vars(self) | {"_model": None}      # a copy belongs to the model that it steps first

    def __repr__(self):
        numbers = [f"{name}={value}" for name, value in vars(self).items()
                   if isinstance(value, int | float) and name[0] != "_"]
        return f"{type(self).__name__}({', '.join(numbers)})"

    def update(self, w, g, *state):
        """Change w and its state in place; the arrays may be any rows of a parameter."""
        raise NotImplementedError(f"{type(self).__name__} must define update")

    def step(self, model):
        """Update every parameter from its gradient and use the gradients up: `.grad` is then None.

        Frozen parameters (`requires_grad` False) and those of skipped modules are left alone.
        ValueError for any other parameter that received no gradient.
        """
        if self._model is None:
            self._model, self._births = weakref.ref(model), model._births
        elif self._model() is not model or self._births != model._births:
            raise ValueError("this optimizer holds the state of another model, or of this one "
                             "before its last init; make a new optimizer")
        number(self.lr, "lr")                     # a schedule or a user may have set it
        skipped: list[str] = []
        ready = []
        for path, thing in model.walk():
            if not isinstance(thing, Parameter):
                if thing.skipped:
                    skipped.append(path + "." if path else "")
            elif path.startswith(tuple(skipped)):
                thing.grad = None
            elif thing.grad is not None:
                if thing.grad.shape != thing.data.shape:
                    raise ValueError(f"the gradient of {path} must have shape {thing.data.shape}, "
                                     f"got {thing.grad.shape}")
                ready.append((path, thing))
            elif thing.requires_grad:
                raise ValueError(f"{path} received no gradient in this step; use it in the loss, "
                                 "or freeze it: requires_grad = False")
        for path, parameter in ready:
            self._apply(path, parameter)

    def _apply(self, path, parameter):
        w, g, parameter.grad = parameter.data, parameter.grad, None
        if not parameter.requires_grad:
            return
        state = self.state.get(path)
        if state is None:
            state = self.state[path] = [array_module(w).zeros_like(w) for _ in self.slots]
        arrays = (w, g, *state)
        if w.size <= CHUNK or not on_host(w):
            return self.update(*arrays)
        row = w.size // len(w)

        def part(lo, hi):
            for s in chunks(lo, hi, each=row):
                self.update(*(array[s] for array in arrays))

        par(part, len(w), each=row)

    def state_dict(self):
        """{"velocity.linear1.weight": array, ...}: the arrays themselves, not copies."""
        return {f"{slot}.{path}": array for path, arrays in self.state.items()
                for slot, array in zip(self.slots, arrays, strict=True)}

    def load_state_dict(self, state, model):
        """Take over copies of the arrays of `state`, saved for the parameters of `model`."""
        shapes = {path: w.shape for path, w in model.named_parameters()}
        loaded: dict[str, dict] = {}
        for key, array in state.items():
            slot, _, path = key.partition(".")
            if slot not in self.slots or shapes.get(path) != array.shape:
                raise ValueError(f"state[{key!r}] of shape {array.shape} belongs to no parameter "
                                 "of this model and optimizer")
            loaded.setdefault(path, {})[slot] = array
        weights = dict(model.named_parameters())
        self.state = {path: [to_backend(slots[slot], backend_of(weights[path].data)).copy()
                             for slot in self.slots] for path, slots in loaded.items()}
        self._model, self._births = weakref.ref(model), model._births


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, Nesterov's form and weight decay, as in PyTorch.

    `lr` is finite and at least 0, `momentum` lies in [0, 1].

    >>> from minidrop.nn import Linear
    >>> net, sgd = Linear(1, 1).init(0), SGD(lr=0.1)
    >>> before = net.bias.item()
    >>> net.bias.grad, net.weight.grad = net.bias.data * 0 + 2, net.weight.data * 0
    >>> sgd.step(net)
    >>> round(before - net.bias.item(), 6)
    0.2
    """

    slots = ("velocity",)

    def __init__(self, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        super().__init__()
        self.lr, self.momentum = number(lr, "lr"), number(momentum, "momentum", most=1.0)
        self.nesterov, self.weight_decay = bool(nesterov), number(weight_decay, "weight_decay")
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0")

    def update(self, w, g, v):
        if self.weight_decay:
            g = g + self.weight_decay * w                               # Eq. (sgd.1)
        v *= self.momentum
        v += g                                                          # Eq. (sgd.2)
        if self.nesterov:
            w -= self.lr * (g + self.momentum * v)                      # Eq. (sgd.4)
        else:
            w -= self.lr * v                                            # Eq. (sgd.3)
