"""What the tests of kernels share; MINIDROP_NEEDS_COMPILERS=1 skips none of them."""

import importlib
import os
import pkgutil

import numpy as np
import pytest

from minidrop import device
from minidrop.device import launch
from tests.strict import compiled, kernels

NEEDED = bool(os.environ.get("MINIDROP_NEEDS_COMPILERS"))
needs_gcc = pytest.mark.skipif(not NEEDED and not kernels.COMPILER, reason="g++ is not installed")
needs_nvrtc = pytest.mark.skipif(not NEEDED and not compiled.nvrtc(), reason="NVIDIA's compiler is "
                                 "not installed: pip install 'minidrop[kernels]'")
both_types = pytest.mark.parametrize("dtype", ["float32", "float64"])
for module in pkgutil.iter_modules(device.__path__):               # launch.KERNELS has all of them
    importlib.import_module(f"minidrop.device.{module.name}")


def close(found, due, digits=4):
    """Equal up to some times the last digit of the largest entry; the same dtype and shape."""
    found, due = found.get(), np.asarray(due)
    assert (found.dtype, found.shape) == (due.dtype, due.shape)
    error = 10.0**digits * np.finfo(due.dtype).eps if due.dtype.kind == "f" else 0
    scale = np.abs(due[np.isfinite(due)]).max(initial=1e-30) if due.size else 1
    np.testing.assert_allclose(found, due, rtol=0, atol=error * scale)


def same(found, due):
    found = found.get()
    assert (found.dtype, found.shape) == (due.dtype, due.shape)
    np.testing.assert_array_equal(found, due)


def check_noticed(monkeypatch, module, right, wrong, check):
    """With `wrong` in the place of `right` in the module's kernels, the check fails."""
    changed = [kernel for kernel in launch.KERNELS if kernel.source.endswith(module.SOURCE)]
    assert any(right in kernel.source for kernel in changed)
    for kernel in changed:
        monkeypatch.setattr(kernel, "source", kernel.source.replace(right, wrong))
    monkeypatch.setattr(launch, "BLOCKS", 2)
    monkeypatch.setattr(launch, "THREADS", 32)
    with pytest.raises((AssertionError, IndexError)):
        check()
