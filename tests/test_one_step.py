"""A training step with every model and every technique gives the same numbers on both backends."""

import numpy as np
import pytest

from minidrop import catalog, models
from tests.one_step import HOST, MODELS, TECHNIQUES, taken

pytestmark = pytest.mark.slow
STEPS = {f"{name}-{k}" if k else name: build for name, builds in TECHNIQUES.items()
         for k, build in enumerate(builds)} | {f"model {name}": build
                                               for name, build in MODELS.items()}
CLOSE = {"float64": 1e-9, "float32": 1e-4}        # of the largest entry of an array
# A GPU takes logarithms and cosines of normal numbers in another rounding, and these are float32.
NORMAL = {"gaussian", "variational", "dropconnect", "sharpness"}


def test_no_model_and_no_technique_is_forgotten():
    assert MODELS.keys() == models.MODELS.keys()
    names = {technique.name for technique in catalog.techniques()}
    assert TECHNIQUES.keys() | HOST.keys() == names and not TECHNIQUES.keys() & HOST.keys()


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_the_same_on_both(name, dtype, xp, backend):
    if backend == "numpy":
        pytest.skip("there is nothing to compare with")
    due, found = (taken(STEPS[name](), there, dtype) for there in ("numpy", backend))
    assert due.keys() == found.keys()
    close = CLOSE[dtype]
    if name.split("-")[0] in NORMAL and "stand-in" not in xp.__version__:
        close = max(close, 1e-5)
    floats = [array for array in due.values() if array.dtype.kind == "f" and array.size]
    nothing = 64 * np.finfo(dtype).eps * max(abs(array).max() for array in floats)    # rounding
    for key, array in due.items():
        assert found[key].dtype == array.dtype and found[key].shape == array.shape, key
        assert dtype == "float32" or "seen" in key or array.dtype != "float32", key
        most = close * (abs(array).max() if array.size else 0) + nothing
        np.testing.assert_allclose(found[key], array, rtol=0, atol=most, err_msg=key)
