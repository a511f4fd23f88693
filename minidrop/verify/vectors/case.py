"""A case: what is given to a function of minidrop and what comes out, as JSON holds it."""

import math
import operator
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...nn import Parameter
from ...tape import Tensor, grad

EXACT, CLOSE, SINGLE = 0.0, 1e-12, 1e-6           # tolerances: copied, float64, float32


class Case(NamedTuple):
    """One call: `function` names it, `run` does it where it is not a public function of minidrop.

    `given` and `noise` are its arguments by name, arrays and single values; `gives` names what
    comes out, `grad` the arguments that sum(g * output) is differentiated by.

    >>> given, noise = {"x": numbers(2), "p": 0.5}, {"mask": bits("10")}
    >>> record(Case("half", "dropout.2", "dropout", given, noise))["outputs"]
    {'y': {'dtype': 'float64', 'shape': [2], 'data': [-4.0, 0.0]}}
    """

    title: str
    tags: str
    function: str
    given: dict
    noise: dict = {}
    gives: str = "y"
    grad: str = ""
    run: Callable | None = None
    tolerance: float = CLOSE


def numbers(*shape, start=0):
    """Tenths between -2 and 2, no two of 41 in a row alike: an array of float64.

    >>> numbers(2, 2).tolist()
    [[-2.0, 1.7], [1.3, 0.9]]
    """
    k = np.arange(start, start + math.prod(shape))
    return (k * 37 % 41 - 20).reshape(shape) / 10


def bits(text, *shape):
    """Rows of a boolean array, "1" is True; reshaped to `shape`, if there is one.

    >>> bits("10 01").tolist()
    [[True, False], [False, True]]
    """
    rows = [[bit == "1" for bit in row] for row in text.split()]
    found = np.array(rows if len(rows) > 1 else rows[0])
    return found.reshape(shape) if shape else found


def parameter(array):
    """A Parameter that holds `array`, so that a module may have it."""
    held = Parameter(array.shape, lambda rng, shape: array)
    held.become(array)
    return held


def record(case):
    """The case as a dict that JSON can hold: arguments, outputs and gradients."""
    run = case.run or operator.attrgetter(case.function)(sys.modules[__package__.split(".")[0]])
    wanted = {name: parameter(case.given[name]) for name in case.grad.split()}
    found = run(**case.given | case.noise | wanted)
    names = case.gives.split()
    found = dict(zip(names, (found,) if len(names) == 1 else found, strict=True))
    outputs = {name: _array(value) for name, value in found.items()}
    kept = {"title": case.title, "tags": case.tags.split(), "function": case.function,
            "parameters": {}, "inputs": {}, "noise": {}}
    for name, value in case.given.items():
        kind = "inputs" if isinstance(value, np.ndarray) else "parameters"
        kept[kind][name] = encoded(value)
    kept["noise"] = {name: encoded(value) for name, value in case.noise.items()}
    kept["outputs"] = {name: encoded(value) for name, value in outputs.items()}
    if wanted:
        kept["gradient"] = _gradient(found, wanted)
    kept["tolerance"] = EXACT if all(v.dtype.kind != "f" for v in outputs.values()) \
        else case.tolerance
    return kept


def _gradient(found, wanted):
    """Cotangents of the outputs that are differentiable, and what they are carried back to."""
    smooth = {name: y for name, y in found.items() if isinstance(y, Tensor)}
    cotangents = {name: 1 + numbers(*y.shape, start=k + 5) / 4
                  for k, (name, y) in enumerate(smooth.items())}
    parts = [grad(y, [*wanted.values()], g=cotangents[name]) for name, y in smooth.items()]
    gradients = [sum(part) for part in zip(*parts, strict=True)]
    return {"cotangent": {name: encoded(g) for name, g in cotangents.items()},
            "of": {name: encoded(g) for name, g in zip(wanted, gradients, strict=True)}}


def _array(value):
    value = np.asarray(value.data if isinstance(value, Tensor) else value)
    return value.astype("int64") if value.dtype == np.intp else value


def encoded(value) -> Any:
    """An array as {dtype, shape, data}, data row by row; a single value or a list as it is.

    >>> encoded(np.array([[1.0, np.inf]]))
    {'dtype': 'float64', 'shape': [1, 2], 'data': [1.0, 'inf']}
    """
    if isinstance(value, np.ndarray | np.generic):
        data = np.asarray(value).ravel().tolist()
        if value.dtype == "uint64":
            data = [str(v) for v in data]         # many readers of JSON round them to float64
        return {"dtype": str(value.dtype), "shape": list(value.shape),
                "data": [encoded(v) for v in data]}
    if isinstance(value, tuple | list):
        return [encoded(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value
