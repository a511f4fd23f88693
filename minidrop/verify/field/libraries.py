"""The field: every technique in every library that has it, held against the equations."""

import os
import platform
import time
from contextlib import contextmanager
from importlib import metadata

from ... import __version__
from ..report import FAILS, HOLDS, UNSEEN
from ..run import SECONDS, check
from ..techniques import NAMES
from .table import TABLE

LIBRARIES = {               # distribution: (its name, the framework of the adapter)
    "minidrop": ("minidrop", "minidrop"), "torch": ("PyTorch", "torch"),
    "torchvision": ("torchvision", "torch"), "timm": ("timm", "torch"),
    "keras": ("Keras", "keras"), "flax": ("Flax", "jax"), "equinox": ("Equinox", "jax"),
    "kornia": ("kornia", "torch")}
VARIANT, NOT_VERIFIED = "variant", "cannot be verified"


def entries(technique=None, library=None):
    """(technique, library, Entry) of everything in the table that can be verified."""
    return [(name, where, entry) for name in NAMES if technique in (None, name)
            for where in LIBRARIES if library in (None, where)
            for entry in TABLE.get(name, {}).get(where, ())]


def version_of(library):
    """The version of a library; None where it is not installed.  Nothing is imported."""
    if library == "minidrop":
        return __version__
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def installed():
    """{library: version or None} of all in the table."""
    return {library: version_of(library) for library in LIBRARIES}


def verified(technique, library, entry, seed=0, seconds=SECONDS, watch=None):
    """The cell of one implementation, held against the equations in a process of its own."""
    begun = time.monotonic()
    settings = {"framework": LIBRARIES[library][1], **entry.settings}
    cell = {"technique": technique, "library": library, "implementation": entry.title}
    try:
        with backend():
            report = check(entry.place, technique, seed=seed, seconds=seconds, watch=watch,
                           **settings, **entry.form)
    except ValueError as error:
        return cell | {"word": NOT_VERIFIED, "reason": str(error), "versions": versions(library)}
    return cell | judged(report) | {"versions": versions(library) | dict(report.versions),
                                    "seconds": round(time.monotonic() - begun, 1)}


def judged(report):
    """What a report comes to: one word, what it is instead, and all that failed."""
    failures = [finding._asdict() | {"tags": list(finding.tags)} for finding in report.failures]
    named, _, unexplained = report.variant.partition(" (which does not explain ")
    word, reason = HOLDS if report.holds else FAILS, ""
    if not report.holds and (not failures or "answer" in [one["check"] for one in failures]):
        word, reason = NOT_VERIFIED, report.verdict
    elif named and not unexplained:
        word = VARIANT
    return {
        "word": word, **({"reason": reason} if reason else {}),
        "held against": dict(report.options), "variant": named, "form": dict(report.form),
        "unexplained": [one for one in unexplained.removesuffix(")").split("; ") if one],
        "broken": report.broken, "failures": failures,
        "equations": {tag: word for tag, word, _ in report.equations()},
        "unseen": {one.check: one.found for one in report if one.word == UNSEEN},
        "remarks": list(report.remarks), "alarm": report.alarm}


def versions(library):
    """What a cell depends on: the library and what it computes with, NumPy, Python and minidrop."""
    below = {"torchvision": ["torch"], "timm": ["torch", "torchvision"], "kornia": ["torch"],
             "keras": [os.environ.get("KERAS_BACKEND") or keras_backend() or ""],
             "flax": ["jax"], "equinox": ["jax"]}
    found = {name: version_of(name) for name in (library, "numpy", *below.get(library, ())) if name}
    return {"minidrop": __version__, "python": platform.python_version()} | {
        name: version for name, version in found.items() if version}


def keras_backend():
    """What Keras is to compute with: the first that is installed, or what the user has said."""
    there = [name for name in ("torch", "jax", "tensorflow") if version_of(name)]
    return os.environ.get("KERAS_BACKEND") or next(iter(there), None)


@contextmanager
def backend():
    """Within it, processes that import Keras find a backend that is installed."""
    before, chosen = os.environ.get("KERAS_BACKEND"), keras_backend()
    if chosen:
        os.environ["KERAS_BACKEND"] = chosen
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("KERAS_BACKEND", None)
