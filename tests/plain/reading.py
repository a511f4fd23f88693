"""Test vectors, read with nothing but json and NumPy, and differentiated without a framework.

The formulas beside this file take complex numbers too, so that `gradient` can take a complex step:
the derivative of f at x is the imaginary part of f(x + i h) / h for a tiny h, and no difference of
two close numbers loses digits.
"""

import json

import numpy as np

STEP = 1e-30


def read(path):
    """The cases of a file: dicts whose arrays are NumPy's."""
    with open(path, encoding="utf-8") as file:
        return json.load(file, object_hook=decoded)


def decoded(found):
    if set(found) != {"dtype", "shape", "data"}:
        return found
    kind = found["dtype"]
    data = [int(v) if kind == "uint64" else float(v) if kind[:5] == "float" else v
            for v in found["data"]]
    return np.array(data, kind).reshape(found["shape"])


def arguments(case):
    return case["inputs"] | case["noise"] | case["parameters"]


def outputs(formula, given, names):
    """{name: output} of a formula, which returns one value or a tuple."""
    found = formula(**given)
    return dict(zip(names, found if isinstance(found, tuple) else (found,), strict=True))


def gradient(formula, given, cotangents, names, name):
    """The gradient of the sum of cotangent * output in the array `name`, entry by entry."""
    x = given[name]
    slopes = np.zeros(x.shape)
    for place in np.ndindex(*x.shape):
        moved = x.astype(complex)
        moved[place] += 1j * STEP
        found = outputs(formula, given | {name: moved}, names)
        slopes[place] = sum(np.sum(g * np.imag(found[y])) for y, g in cotangents.items()) / STEP
    return slopes


def agree(found, due, tolerance):
    """Whether `found` is `due` within the tolerance of the case, as the schema defines it."""
    found = np.asarray(found)
    if found.shape != due.shape:
        return False
    if due.dtype.kind != "f":
        return bool((found == due).all())
    whole = np.isfinite(due)
    near = abs(found[whole] - due[whole]) <= tolerance * np.maximum(1, abs(due[whole]))
    return bool(near.all()) and np.array_equal(found[~whole], due[~whole], equal_nan=True)
