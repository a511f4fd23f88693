"""Adapters: one for each framework, and how an implementation is told to be of it."""

import sys
from types import ModuleType

from .base import LAYOUTS, Adapter
from .numpy_arrays import MinidropAdapter, NumpyAdapter
from .torch_tensors import TorchAdapter

ADAPTERS: dict[str, type[Adapter]] = {"numpy": NumpyAdapter, "minidrop": MinidropAdapter,
                                      "torch": TorchAdapter}
_ROOTS = {"torch": "torch", "torchvision": "torch", "timm": "torch", "kornia": "torch",
          "keras": "keras", "tensorflow": "keras", "jax": "jax", "jaxlib": "jax", "flax": "jax",
          "equinox": "jax", "haiku": "jax", "minidrop": "minidrop", "numpy": "numpy"}


def framework_of(impl):
    """The framework that an implementation is written in, as far as can be told; else "numpy".

    Told from the modules of its class and their bases, or of the function, and from the names that
    the function's own code uses.

    >>> import minidrop as md
    >>> framework_of(md.Dropout), framework_of(lambda x, p: x)
    ('minidrop', 'numpy')
    """
    kind = impl if isinstance(impl, type) else type(impl)
    homes = [base.__module__ for base in kind.__mro__] if hasattr(kind, "__mro__") else []
    if not (home := getattr(impl, "__module__", None) or "").startswith("minidrop.verify"):
        homes.append(home)                        # not for examples that are written here
    for home in homes:
        if framework := _ROOTS.get(home.partition(".")[0]):
            return framework
    return _used(impl)


def _used(impl):
    """The framework of the names that the code of a function looks up."""
    code, space = getattr(impl, "__code__", None), getattr(impl, "__globals__", {})
    if code is None:
        return "numpy"
    constants = [one for one in code.co_consts if hasattr(one, "co_names")]
    names = [name for one in (code, *constants) for name in one.co_names]
    for name in names:
        value = space.get(name, sys.modules.get(name))
        home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
        framework = _ROOTS.get((home or "").partition(".")[0])
        if framework not in (None, "numpy", "minidrop"):
            return framework
    return "numpy"


def adapter_for(impl, technique, framework=None, **settings):
    """The Adapter of `impl` for a Technique; `framework` is found out where it is not given."""
    framework = framework or framework_of(impl)
    if framework not in ADAPTERS:
        raise ValueError(f"framework must be one of {', '.join(ADAPTERS)}, got {framework!r}")
    if (layout := settings.get("layout", "NCHW")) not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    return ADAPTERS[framework](impl, technique.arrays, technique.parameters,
                               layers=technique.layers, **settings)
