"""Write down what CuPy offers: every public name, its kind and its parameters.

Run by hand where CuPy is installed; no GPU is needed, since importing CuPy asks for none:

    python tests/strict/record.py        # writes cupy_<version>.json beside this file

Kinds: "numpy" is NumPy's own object, "function" and "array-function" carry their parameters (an
array-function refuses a list or a number as its first argument), "ufunc" its number of inputs and
outputs; "type", "module" and "object" are names alone. Parameters are written as in a `def`, with
`...` for a default, so that Python itself can check a call.
"""

import importlib
import inspect
import json
import pathlib
import re

import cupy
import numpy as np

MODULES = ["cupy", "cupy.linalg", "cupy.lib.stride_tricks", "cupyx", "cupyx.scipy.special"]
ARRAY_LIKE = {"a", "x", "m", "A", "ary", "arr", "array", "condition", "tup"}
NUMPY_KEYWORDS = ["axes", "axis", "casting", "dtype", "keepdims", "order", "out", "signature",
                  "subok", "where"]
# These two facts are in CuPy's source only: einsum takes its keywords one by one
# (linalg/_einsum.py), and atomic operations exist for some types (_core/_routines_indexing.pyx).
EINSUM = "*operands, dtype=..., optimize=..."
BITS = "int32 int64 uint32 uint64"
AT = {
    "add": BITS + " float16 float32 float64",
    "subtract": "int32 uint32",
    "maximum": BITS + " float32 float64",
    "minimum": BITS + " float32 float64",
    "bitwise_and": BITS, "bitwise_or": BITS, "bitwise_xor": BITS,
}


def parameters(f):
    """The text between the brackets of a `def`, or None where CuPy does not tell."""
    try:
        given = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return from_docstring(f)
    bare = [
        p.replace(annotation=p.empty, default=p.empty if p.default is p.empty else ...)
        for p in given
    ]
    return str(inspect.Signature(bare))[1:-1].replace("=Ellipsis", "=...")


def from_docstring(f):
    """Cython writes the signature, C types and all, as the first line of a docstring."""
    first = (f.__doc__ or "").strip().split("\n")[0]
    if not (match := re.search(r"\w+\((.*)\)", first)):
        return None
    texts = [part.split("=") for part in match[1].split(", ")]
    names = [left.split()[-1] + ("=..." if default else "") for left, *default in texts if left]
    return ", ".join(names)


def needs_array(f):
    """Whether a list is refused where an array belongs: seen by trying, before any GPU is asked."""
    first, *rest = inspect.signature(f).parameters.values()
    required = [1 for p in rest if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    try:
        f([1.0, 2.0], *required)
    except (AttributeError, TypeError):
        return first.name in ARRAY_LIKE
    except Exception:  # anything else means that the list got through
        return False
    return False


def describe(module, name, value):
    if any(value is getattr(home, name, None) for home in (np, np.linalg, np.exceptions)):
        return "numpy"
    if inspect.ismodule(value) or name == "testing":  # a module that is loaded when first used
        return "module"
    if isinstance(value, cupy.ufunc):
        return f"ufunc {value.nin} {value.nout}"
    if isinstance(value, type):
        return "type"
    if not callable(value):
        return "object"
    if value is cupy.einsum:
        return f"function({EINSUM})"
    text = parameters(value)
    if text is None:
        return "object"
    plain = inspect.isfunction(value) and module == "cupy" and text
    return f"{'array-function' if plain and needs_array(value) else 'function'}({text})"


def public(owner):
    return sorted(n for n in dir(owner) if n[0] != "_" and n not in ("annotations", "np"))


def record_module(name):
    module = importlib.import_module(name)
    return {n: describe(name, n, getattr(module, n)) for n in public(module)}


def record_methods(cls):
    found = {}
    for name in public(cls):
        value = getattr(cls, name)
        text = parameters(value) if callable(value) else None
        found[name] = "attribute" if text is None else f"method({text})"
    return found


def ufunc_keywords():
    """The keywords that ufuncs take: a wrong one is refused before a GPU is asked for."""
    taken = []
    for keyword in NUMPY_KEYWORDS:
        try:
            cupy.add(1, 1, **{keyword: None})
        except TypeError as error:
            assert "Wrong arguments" in str(error), error
        except cupy.cuda.runtime.CUDARuntimeError:
            taken.append(keyword)
    return {"keywords": " ".join(taken)}


def main():
    ufuncs = {n: f for n, f in vars(cupy).items() if isinstance(f, cupy.ufunc)}
    scatters = {n for n, f in ufuncs.items() if f._scatter_op}
    assert scatters == AT.keys(), f"ufunc.at changed: {scatters}"
    facts = {name: record_module(name) for name in MODULES}
    facts["ndarray"] = record_methods(cupy.ndarray)
    facts["ufunc"] = record_methods(cupy.ufunc) | ufunc_keywords()
    facts["ufunc.at"] = AT
    path = pathlib.Path(__file__).with_name(f"cupy_{cupy.__version__}.json")
    path.write_text(json.dumps(facts, indent=0, sort_keys=True) + "\n")
    print(f"{path.name}: {sum(map(len, facts.values()))} names")


if __name__ == "__main__":
    main()
