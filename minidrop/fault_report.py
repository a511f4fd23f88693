"""What a report of a fault should hold, as text to be pasted: `minidrop doctor --report`."""

import importlib.metadata
import os
import re

from . import doctor, selftest
from .bench import machine
from .discreet import discreet

# What a variable may hold to be shown; of any other value only that there is one.
NUMBERS, FLAG, NAMES = r"\d{1,4}(,\d{1,4})*", "on|off|[01]", "[a-z]{5,8}[24]?(,[a-z]{5,8}[24]?)*"
VARIABLES = {
    "MINIDROP_BACKEND": "numpy|cupy", "MINIDROP_CONV": NAMES, "MINIDROP_DATA": "",
    "MINIDROP_EXERCISES": "", "MINIDROP_KERNELS": FLAG, "MINIDROP_SMOKE": FLAG,
    "MINIDROP_THREADS": NUMBERS, "MINIDROP_TUNE": FLAG, "CUDA_VISIBLE_DEVICES": NUMBERS,
    "KERAS_BACKEND": "torch|jax|tensorflow|numpy", "MKL_NUM_THREADS": NUMBERS,
    "OMP_NUM_THREADS": NUMBERS, "OPENBLAS_CORETYPE": "[A-Z][a-zA-Z]{3,13}",
    "OPENBLAS_NUM_THREADS": NUMBERS, "PYTHONHASHSEED": r"random|\d{1,10}",
    "PYTHONOPTIMIZE": "[012]"}
OTHERS = "torch", "keras", "jax", "cupy", "scipy", "pooch", "joblib", "dask"


def gathered():
    """[(what, found)] of this machine and of a few exact numbers; it names nobody and no path."""
    facts = [fact for fact in doctor.report() if doctor.version(fact[0]) != fact[1]]
    facts += [
        ("processor", machine.processor()),
        ("cores", f"{os.cpu_count()}, {machine.usable_cores()} of them for this process"),
        ("features", machine.features()),
        ("packages", ", ".join(f"{name} {doctor.version(name)}" for name in packages())),
        *((name, variable(name)) for name in variables()),
        *((f"exact: {what}", outcome) for what, outcome in selftest.run())]
    hidden = {os.environ[name] for name in variables() if variable(name) != os.environ[name]}
    hidden = {value for value in hidden if value and not os.path.isabs(value)}
    return [(what, discreet(found, hidden)) for what, found in facts]


def packages():
    """What minidrop needs, and what it can work with."""
    try:
        needs = importlib.metadata.requires("minidrop") or []
    except importlib.metadata.PackageNotFoundError:      # a checkout that was not installed
        needs = ["numpy"]
    own = [re.split(r"[^\w.-]", need)[0] for need in needs if "extra ==" not in need]
    return [*own, *OTHERS]


def variables():
    """The variables that are set and change what minidrop or its libraries do."""
    return sorted({*VARIABLES, *(name for name in os.environ if name.startswith("MINIDROP_"))}
                  & {*os.environ})


def variable(name):
    """The value of a variable where it is plainly one of minidrop's own, or that there is one."""
    if name not in VARIABLES:
        return "set, and unknown to minidrop"
    known = re.fullmatch(VARIABLES[name], os.environ[name])
    return os.environ[name] if known else "set"
