"""Adapters: one for each framework, and how an implementation is told to be of it."""

import functools
import inspect
import sys
from types import FunctionType, ModuleType

from ...scalars import shown
from .base import LAYOUTS, Adapter
from .jax_arrays import JaxAdapter
from .keras_layers import KerasAdapter
from .numpy_arrays import MinidropAdapter, NumpyAdapter
from .spelled import usual
from .torch_tensors import TorchAdapter

ADAPTERS: dict[str, type[Adapter]] = {"numpy": NumpyAdapter, "minidrop": MinidropAdapter,
                                      "torch": TorchAdapter, "keras": KerasAdapter,
                                      "jax": JaxAdapter}
_ROOTS = {"torch": "torch", "torchvision": "torch", "timm": "torch", "kornia": "torch",
          "keras": "keras", "tensorflow": "keras", "jax": "jax", "jaxlib": "jax", "flax": "jax",
          "equinox": "jax", "haiku": "jax", "minidrop": "minidrop"}
DEEP = 3                                          # functions that call functions that call ...


def framework_of(impl):
    """The framework that an implementation is written in, as far as can be told; else "numpy".

    Told from the modules of its class and their bases, or of the function, and from the names that
    the function's own code uses, and the functions and classes that it names.

    >>> import minidrop as md
    >>> framework_of(md.Dropout), framework_of(lambda x, p: x)
    ('minidrop', 'numpy')
    """
    while isinstance(impl, functools.partial):
        impl = impl.func
    return _framework(impl, DEEP) or _framework(inspect.unwrap(impl), DEEP) or "numpy"


def _framework(impl, deep):
    """The framework of a class, a layer, a function or a module, or None."""
    if isinstance(impl, ModuleType):
        return _root(impl.__name__)
    owner = getattr(impl, "__self__", None)
    if inspect.ismethod(impl) and (found := _framework(owner, deep)):
        return found
    kind = impl if isinstance(impl, type) else type(impl)
    homes = [base.__module__ for base in kind.__mro__] if hasattr(kind, "__mro__") else []
    home = getattr(impl, "__module__", None) or ""
    known = map(_root, [*homes, *(() if home.startswith("minidrop.verify") else (home,))])
    return next((one for one in known if one), None) or (_used(impl, deep) if deep else None)


def _root(home):
    return _ROOTS.get(home.partition(".")[0])


def _used(impl, deep):
    """The framework of the names that the code of a function, or of a class's methods, looks up."""
    if isinstance(impl, type):
        methods = [one for one in vars(impl).values() if isinstance(one, FunctionType)]
        return next((found for one in methods if (found := _used(one, deep))), None)
    if not hasattr(impl, "__code__"):
        return None if impl is None else _used(type(impl), deep)
    code, space = impl.__code__, impl.__globals__
    closed = dict(zip(code.co_freevars, impl.__closure__ or (), strict=False))
    constants = [one for one in code.co_consts if hasattr(one, "co_names")]
    names = [name for one in (code, *constants) for name in (*one.co_names, *one.co_freevars)]
    for name in names:
        value = closed[name].cell_contents if name in closed else space.get(
            name, sys.modules.get(name))
        if value is not impl and isinstance(value, ModuleType | FunctionType | type) and (
                found := _framework(value, deep - 1)) not in (None, "minidrop"):
            return found
    return None


def adapter_for(impl, technique, framework=None, **settings):
    """The Adapter of `impl` for a Technique; `framework` is found out where it is not given.

    What makes layers is of the framework of what it makes.
    """
    known, impl = framework or framework_of(impl), usual(impl, technique.parameters)
    if known not in ADAPTERS:
        raise ValueError(f"framework must be one of {', '.join(ADAPTERS)}, got "
                         f"{shown(framework)}")
    if (layout := settings.get("layout")) not in (None, *LAYOUTS):
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {shown(layout)}")
    given = technique.arrays, technique.parameters
    settings |= {"layers": technique.layers}
    adapter = ADAPTERS[known](impl, *given, **settings)
    if framework is None and known == "numpy" and adapter.kind == "maker":
        known = framework_of(adapter.example())
        if known != "numpy":
            return ADAPTERS[known](impl, *given, **settings)
    return adapter
