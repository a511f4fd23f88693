"""A network is a tree of objects whose parameters and children lie in `__dict__`, in order."""

from typing import Any

from ..arguments import describe, flag, float_type, floating, without_nan
from ..gpu import tells_memory
from ..noise import Stream
from ..tape import Tensor, data_of
from ..xp import array_module, backend_module, backend_of, to_backend
from .parameter import NotInitialised, Parameter

CHANGING = ("training", "skipped", "noise")       # what a run leaves in a module: no settings
SILENT = "this layer has no stream to draw from: call model.init(seed) once, before loading weights"


class _Unborn:
    def draw(self, transform, *args):
        raise NotInitialised(SILENT)


class Module:
    """A function with parameters, children and a mode.

    Write `forward`; parameters and children are found by walking `__dict__` (lists, tuples and
    dicts too, names that start with `_` not), and are called by their path: "linear1.weight".
    `buffers` names the attributes that are saved and moved with the parameters but not trained.
    A forward that leaves a module out on purpose marks it `skipped`: in the next step of an
    optimizer its parameters need no gradient.

    >>> class Double(Module):
    ...     def forward(self, x):
    ...         return 2 * x
    >>> Double()(Tensor([1.0, 2.0]))
    Tensor(array([2., 4.], dtype=float32))
    """

    training = True
    skipped = False
    buffers: tuple[str, ...] = ()
    _births = 0                                   # how often init was called
    _seed = None                                  # and with what the last time

    def forward(self, x):
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def __call__(self, *args):
        return self.forward(*args)

    def walk(self):
        """[(path, module or parameter)], parents first, each once, under its first path."""
        return _walk("", self, set(), [])

    def named_modules(self):
        """(path, module) of this module, whose path is "", and of all below it."""
        return [(path, m) for path, m in self.walk() if isinstance(m, Module)]

    def named_parameters(self):
        """(path, parameter), in the order in which they were set."""
        return [(path, w) for path, w in self.walk() if isinstance(w, Parameter)]

    def parameters(self):
        """All parameters, in order."""
        return [w for _, w in self.named_parameters()]

    def init(self, seed):
        """Draw all parameters and give every noise module its stream, each named after its path.

        The same seed gives the same network, bit for bit, and a layer inserted elsewhere changes
        neither the values nor the masks of a layer whose path stayed.  Values are float32.  Returns
        the module.
        """
        for path, thing in self.walk():
            if isinstance(thing, Module):
                thing.reset()
            if isinstance(thing, Parameter):
                value = thing.rule(Stream(seed, path), thing.shape)
                if getattr(value, "shape", None) != thing.shape:
                    raise ValueError(f"rule of {path} must give an array of shape {thing.shape}, "
                                     f"got {describe(value)}")
                thing.data, thing.grad = value.astype("float32"), None
            elif isinstance(thing, Noise):
                thing.rng, thing.noise = Stream(seed, path), None
        self._births, self._seed = self._births + 1, Stream(seed).key[0]
        return self

    def reset(self):
        """Give the buffers their first values; `init` calls it for every module."""

    def train(self, mode=True):
        """Switch the whole tree to training (with False, to evaluation).  Returns the module."""
        flag(mode, "mode")
        for _, m in self.named_modules():
            m.training = mode
        return self

    def eval(self):
        """Switch the whole tree to evaluation: no noise, nothing drawn.  Returns the module."""
        return self.train(False)

    @tells_memory
    def to(self, backend):
        """Move values, streams and last masks to "numpy" or "cupy".  Returns the module.

        ValueError where that cannot run, MemoryError where it is full; nothing has moved then.
        """
        backend_module(backend)
        modules = [m for _, m in self.named_modules()]
        masks = [(m, "noise") for m in modules if hasattr(getattr(m, "noise", None), "dtype")]
        self._convert(lambda array: to_backend(array, backend), masks)
        for m in modules:
            if isinstance(getattr(m, "rng", None), Stream):
                m.rng.to(backend)
        return self

    def astype(self, dtype):
        """Convert parameters and floating buffers to a floating dtype.  Returns the module."""
        float_type(dtype, array_module())
        self._convert(lambda array: array.astype(dtype) if array.dtype.kind == "f" else array)
        return self

    def _convert(self, change, more=()):
        """Change every array, those of the slots `more` too; none, where one of them fails."""
        slots = [(thing, name) for _, thing in self.walk()
                 for name in (("data",) if isinstance(thing, Parameter) else thing.buffers)]
        slots += more
        for slot, array in [(slot, change(getattr(*slot))) for slot in slots]:
            setattr(*slot, array)
        for w in self.parameters():
            w.grad = None

    def state_dict(self):
        """{path: array} of all parameters and buffers: the arrays themselves, not copies."""
        state = {}
        for path, thing in self.walk():
            if isinstance(thing, Parameter):
                state[path] = thing.data
            else:
                state |= {_join(path, name): getattr(thing, name) for name in thing.buffers}
        return state

    def load_state_dict(self, state):
        """Take over copies of the arrays of `state`; its paths and shapes must be this model's.

        A model that has values keeps its dtype and backend, one that has none gets float32; numbers
        are rounded to it, and none may be too large for it.  Returns the module.
        """
        places = self._places(state)
        for path, (_, _, shape) in places.items():
            if state[path].shape != shape:
                raise ValueError(f"state[{path!r}] must have shape {shape}, got "
                                 f"{state[path].shape}")
        for path, (thing, name, _) in places.items():
            value, now = data_of(state[path]), getattr(thing, name, None)
            if now is not None:
                value = to_backend(value, backend_of(now))
            setattr(thing, name, value.astype("float32" if now is None else now.dtype))
        return self

    def _places(self, state):
        """{path: (owner, attribute, shape)}, if `state` has this model's paths and floats."""
        if not isinstance(state, dict) or not all(hasattr(v, "shape") for v in state.values()):
            raise TypeError(f"state must map paths to arrays, got {describe(state)}")
        places: dict[str, tuple] = {}
        for path, thing in self.walk():
            if isinstance(thing, Parameter):
                places[path] = thing, "data", thing.shape
            else:
                places |= {_join(path, name): (thing, name, getattr(thing, name).shape)
                           for name in thing.buffers}
        if places.keys() != state.keys():
            odd = sorted(map(str, places.keys() ^ state.keys()))
            raise ValueError("state must have the paths of this model; these differ: "
                             f"{', '.join(odd)}")
        for path, (thing, name, _) in places.items():
            now = getattr(thing, name, None)
            _like(state[path], now, f"state[{path!r}]")
            fits(data_of(state[path]), "float32" if now is None else now.dtype, f"state[{path!r}]")
        return places

    def __repr__(self):
        own = [f"{k}={v!r}" for k, v in vars(self).items() if k not in CHANGING and k[0] != "_"
               and isinstance(v[0] if isinstance(v, tuple) and v else v, int | float | str)]
        below, children = self.named_modules()[1:], []
        for path, m in below:
            if not any(path.startswith(f"{other}.") for other, _ in below):     # no grandchild
                children.append(f"\n  {path}: " + repr(m).replace("\n", "\n  "))
        end = "\n" if children else ""
        return f"{type(self).__name__}({', '.join(own)}{''.join(children)}{end})"


def _like(array, now, name):
    """`array`, if it holds floats, or whole numbers where `now`, a buffer that counts, does."""
    if now is None or now.dtype.kind == "f":
        return floating(array, name)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold whole numbers, got {array.dtype}")
    return array


class TooLarge(ValueError):
    """A number for which a dtype has no room."""


def fits(array, dtype, name):
    """TooLarge unless `dtype` has room for the floats of `array`; inf and nan have a place."""
    xp = array_module(array)
    if array.dtype.kind == "f" and array.dtype.itemsize > xp.dtype(dtype).itemsize:
        most = float(xp.finfo(dtype).max)
        if (xp.isfinite(array) & (abs(array) > most)).any():
            raise TooLarge(f"{name} must fit into {dtype}, whose largest number is {most:.3g}, "
                           f"got {float(xp.nanmax(abs(array))):.3g}")


def stored(array, dtype, name):
    """The `array` of a state: floats without nan, which it never recovers from, that fit `dtype`.

    An inf has a place: a square of Adam's may be one, and its run goes on.
    """
    values = data_of(floating(array, name))
    fits(values, dtype, name)
    return without_nan(values, name)


SIMPLE, BRANCHES = (int, float, str), (Parameter, Module, list, tuple, dict)


def _walk(path, thing, seen, found):
    """`found` with what lies at `path` and below it, but for the ids `seen`."""
    seen.add(id(thing))
    if isinstance(thing, Parameter):
        found.append((path, thing))
        return found
    own = isinstance(thing, Module)
    if own:
        found.append((path, thing))
    parts = vars(thing) if own else thing
    pairs: Any = parts.items() if isinstance(parts, dict) else enumerate(parts)
    for name, child in pairs:
        if isinstance(child, SIMPLE) or (own and name[0] == "_"):
            continue                              # quickly: a training step walks too
        if isinstance(child, BRANCHES):
            if id(child) not in seen:
                _walk(_join(path, name), child, seen, found)
        elif isinstance(child, Tensor) and child.requires_grad and not child.node:   # a leaf
            raise TypeError(f"{_join(path, name)} is a Tensor that needs a gradient and would not "
                            "be trained: make it a Parameter, or let its name start with '_'")
    return found


def _join(path, name):
    return f"{path}.{name}" if path else str(name)


class Noise(Module):
    """A stochastic layer is three rules: draw the noise, use it, and what to do without it.

    `sample(shape)` is the only one that draws, `apply(x, noise)` is the equation, `expect(x)` holds
    in evaluation.  The last noise stays in `.noise`, for lessons and plots.

    >>> from minidrop.noise import uniform
    >>> class Jitter(Noise):
    ...     def sample(self, shape):
    ...         return uniform(self.rng, shape) - 0.5
    ...     def apply(self, x, noise):
    ...         return x + noise
    >>> jitter = Jitter().init(seed=0)
    >>> x = Tensor([1.0, 2.0])
    >>> bool((jitter(x) == x.data + jitter.noise).all()), jitter.eval()(x) is x
    (True, True)
    """

    rng: Any = _Unborn()
    noise = None

    def sample(self, shape):
        raise NotImplementedError(f"{type(self).__name__} must define sample")

    def apply(self, x, noise):
        raise NotImplementedError(f"{type(self).__name__} must define apply")

    def expect(self, x):
        return x

    def __getstate__(self):
        return vars(self) | {"noise": None}       # the last noise is no part of a saved layer

    def noise_shape(self, x):
        """What to ask `sample` for, given the input."""
        return x.shape

    def forward(self, x):
        if not self.training:
            return self.expect(x)
        self.noise = None                         # it makes room for the next
        self.noise = self.sample(self.noise_shape(floating(x)))
        return self.apply(x, self.noise)
