"""What this machine has: versions, array libraries, threads, GPU, data."""

import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path

from . import xp
from .bench import machine
from .fast import choice
from .gpu import described, memory
from .lesson import folder, written


def report():
    """[(what, found)]: every line a fact of this machine, in plain text."""
    from threadpoolctl import threadpool_info

    blas = [f"{pool['internal_api']} {pool.get('version')}, kernel "
            f"{pool.get('architecture', 'unknown')}, {pool['num_threads']} threads"
            for pool in threadpool_info() if pool["user_api"] == "blas"]
    return [
        ("minidrop", f"{version('minidrop')}, {len(written())} lessons in {folder()}"),
        ("Python", f"{platform.python_version()} on {platform.platform()}"),
        *((name, version(name)) for name in ("numpy", "matplotlib", "cupy", "torch")),
        ("BLAS", "; ".join(blas) or "unknown to threadpoolctl"),
        ("threads", f"{threads()} (MINIDROP_THREADS changes it)"),
        ("convolutions", f"{convolutions()} (MINIDROP_CONV or fast.choice.using changes it)"),
        ("allocator", f"{machine.memory_allocator()} (minidrop.tune() sets it, MINIDROP_TUNE=0 "
                      "refuses that)"),
        ("backend", backend()),
        *gpu(),
        ("data", data()),
    ]


def threads():
    """How many threads share an array pass."""
    try:
        return f"{xp.threads()} for array passes"
    except ValueError as error:
        return f"none: {error}"


def convolutions():
    """The strategies for convolutions of a few typical shapes."""
    try:
        return choice.typical()
    except ValueError as error:
        return f"none: {error}"


def data():
    """What is there of the data sets, and where."""
    from .data import digits, files
    from .data.published import SETS

    named = os.environ.get("MINIDROP_DATA")
    found = [f"digits embedded ({sum(len(x) for x, _ in digits())} images)"]
    if named and not Path(named).is_dir():
        return f"{found[0]}; MINIDROP_DATA is {named}, which is no folder"
    found += [f"{name} in {place}" for name, one in SETS.items()
              if (place := files.whereabouts(one))]
    return "; ".join([*found, f"MINIDROP_DATA is {named or 'not set'}"])


def version(name):
    """The installed version of a package, or "not installed"."""
    wheels = [f"cupy-cuda{n}x" for n in (12, 13)] if name == "cupy" else []
    for candidate in (name, *wheels):
        try:
            return importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            pass
    return "not installed"


def backend():
    """Where runs of `fit` compute."""
    try:
        return f"{xp.asked() or 'numpy'} (MINIDROP_BACKEND or --backend changes it)"
    except ValueError as error:
        return f"none: {error}"


def gpu():
    """[(what, found)]: the GPU that CuPy sees and its memory, or what is missing."""
    try:
        cupy = xp.backend_module("cupy")
        return [("GPU", described(cupy)), ("GPU memory", memory(cupy))]
    except ValueError as error:
        return [("GPU", f"none: {error}")]
