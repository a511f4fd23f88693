"""What must be the same for a run to go on, as JSON can hold it and alike in every process.

Numbers, words and None are themselves, data are told by shape, dtype and some rows, and all else by
a text: a function by its name, what its code says and what it refers to, a partial, a dataclass, a
callable object or a container by its parts, an array by its bytes, a Module by its weights.  Texts
hold no addresses, and equal numbers are one setting: 1, 1.0 and np.float64(1).

A function of minidrop is told by its name, like one that a function finds in another file.  What a
function counts or collects in variables around it belongs to its settings too, since a run that
goes on would not have it; attributes of an object whose names start with `_` do not.
"""

import dis
import functools
import re
import types
from dataclasses import fields, is_dataclass
from numbers import Real

from .nn import Module, Parameter
from .nn.module import CHANGING
from .tape import Primitive, data_of
from .xp import host

ROWS = 256                  # about so many examples, evenly spaced, tell one data set from another
LONG = 160                  # characters of a text that a message may show; a digest has the others
EMPTY = types.CellType()    # of a name that an inner function uses and nobody has set
ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")


def model(net):
    """What the modules are, and the settings they hold, by path; and the dtypes."""
    found, dtypes = {}, set()
    known = {id(thing): f"net {path}".rstrip() for path, thing in net.walk()}
    for path, thing in net.walk():
        if isinstance(thing, Parameter):
            dtypes.add(str(getattr(thing, "dtype", "float32")))     # float32 is what init makes
            if not thing.decay:
                found[f"net {path}.decay"] = "none"
        elif isinstance(thing, Module):
            found[f"net {path}".rstrip()] = type(thing).__name__
            found |= numbers(f"net {path}", thing, known)
    return found | {"dtype": " and ".join(sorted(dtypes))}


def numbers(owner, thing, known):
    """{"owner.name": setting} of what a module or an optimizer holds: numbers, words, functions.

    So too tuples, such as the stride of a convolution.
    """
    held = {f"{owner}.{name}": value for name, value in vars(thing).items()
            if name not in CHANGING and name[0] != "_" and id(value) not in known}
    return {name: plain(value, known) for name, value in held.items()
            if isinstance(value, Real | str | tuple) or callable(value)}


def plain(value, known):
    """A setting as JSON can hold it; `known` maps ids of objects to their names."""
    if isinstance(value, tuple | list) and value and all(hasattr(part, "ndim") for part in value):
        parts = [f"{array.dtype} {array.shape}" for array in value]
        some = [array[::max(1, len(array) // ROWS)] for array in value]
        return f"{', '.join(parts)}, {_digest(some)}"
    if isinstance(value, Real) and not isinstance(value, int):
        return float(value)
    if isinstance(value, int | str | None):
        return value
    return text(value, known)


def text(value, known):
    """What tells `value`, such as a function, from others; long texts are cut and digested."""
    told = _told(value, dict(known))
    return told if len(told) <= LONG else f"{told[:LONG]}..., {_digest([told.encode()])}"


def _told(value, known):
    if id(value) in known:
        return known[id(value)]
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, Real) and not isinstance(value, int):
        value = float(value)
        return repr(int(value) if value.is_integer() else value)
    if isinstance(value, str):
        return repr(str(value))
    if isinstance(value, bytes):
        return _digest([value])
    array = data_of(value)
    if hasattr(array, "tobytes") and hasattr(array, "dtype"):
        if array.dtype.hasobject:                 # its bytes are addresses
            return _told(array.tolist(), known)
        return f"{array.dtype} {array.shape}, {_digest([array])}"
    if isinstance(value, Module):
        state = value.state_dict()
        return _digest([repr(sorted(model(value).items())).encode(), repr([*state]).encode(),
                        *state.values()])
    name, parts = _parts(value)
    if parts is None:
        return name
    known[id(value)] = "itself"                   # in a circle
    told = [f"{key}={_told(part, known)}" if key else _told(part, known) for key, part in parts]
    if isinstance(value, types.FunctionType):
        known[id(value)] = name                   # told once: functions may call each other a lot
    else:
        del known[id(value)]
    told = sorted(told) if isinstance(value, set | frozenset | dict) else told
    return f"{name}({', '.join(told)})" if told else name


def _parts(value):
    """(name, [(key, part), ...]), where a key may be ""; or (text, None) for what has no parts."""
    kind = type(value).__name__
    if isinstance(value, type | types.ModuleType):
        return value.__name__, None
    if isinstance(value, tuple | list | set | frozenset):
        return kind, [("", part) for part in value]
    if isinstance(value, dict):
        return kind, [("", pair) for pair in value.items()]
    if isinstance(value, functools.partial):
        given = [("", part) for part in (value.func, *value.args)]
        return kind, given + sorted(value.keywords.items())
    if isinstance(value, types.FunctionType):
        return value.__name__, [*_inside(value)]
    if isinstance(value, types.CodeType):
        return "code", [*_code(value)]
    if isinstance(value, types.MethodType | types.BuiltinFunctionType):
        owner = value.__self__
        return value.__name__, [("", owner)] if not isinstance(owner, types.ModuleType) else []
    if is_dataclass(value):
        return kind, [(field.name, getattr(value, field.name, None)) for field in fields(value)]
    if isinstance(value, Primitive):
        return value.name, None
    slots = [name for base in type(value).__mro__ for name, slot in vars(base).items()
             if isinstance(slot, types.MemberDescriptorType)]
    names = [name for name in [*getattr(value, "__dict__", ()), *slots] if name[0] != "_"]
    if type(value).__repr__ is object.__repr__ or callable(value) and names:
        return kind, [(name, getattr(value, name, None)) for name in names]
    return ADDRESS.sub("", repr(value)), None


def _inside(f):
    """The parts of a function: what it closes over, and of one not in minidrop all it refers to."""
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        yield name, cell.cell_contents if cell != EMPTY else None
    if (f.__module__ or "").split(".")[0] == __name__.split(".")[0]:
        return
    yield from _code(f.__code__, f.__doc__)
    yield from (("", default) for default in f.__defaults__ or ())
    yield from (f.__kwdefaults__ or {}).items()
    for name in sorted(_globals(f.__code__) & f.__globals__.keys()):
        value = f.__globals__[name]
        elsewhere = isinstance(value, types.FunctionType) and not value.__closure__ \
            and "<" not in value.__qualname__ and value.__globals__ is not f.__globals__
        yield name, value.__name__ if elsewhere else value


def _code(code, doc=None):
    yield from (("", part) for part in code.co_consts if part is not None and part != doc)
    if code.co_names:
        yield "names", " ".join(code.co_names)
    yield "code", code.co_code


def _globals(code):
    """The names that a code, or one within it, looks up around its function."""
    within = [_globals(part) for part in code.co_consts if isinstance(part, types.CodeType)]
    return {step.argval for step in dis.get_instructions(code)
            if step.opname == "LOAD_GLOBAL"}.union(*within)


def _digest(parts):
    """A short name for bytes and arrays."""
    import hashlib  # here, so that importing minidrop stays cheap

    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else host(part).tobytes())
    return f"digest {digest.hexdigest()[:8]}"
