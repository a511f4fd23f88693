"""minidrop: the dropout family, written out.  The public names are listed in `__init__.pyi`."""

import lazy_loader

from . import ops  # the primitives, which operators look up by name

__version__ = "0.1.0"
_lazily, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name):                            # called once for each name, which then stays
    try:
        return _lazily(name)
    except AttributeError:
        if name in __all__:
            raise                                 # a fault within the module that it lives in
    from . import nn
    from .elsewhere import here

    named = f"nn.{name}" if name in nn.__all__ else (here(name) or [None])[0]
    hint = f"; did you mean minidrop.{named}?" if named else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
