"""A training step with every model and every technique gives the same numbers on both backends."""

import contextlib
import importlib
import warnings
from collections import Counter

import numpy as np
import pytest

from minidrop import catalog, models, nn, train
from tests.one_step import HOST, MODELS, TECHNIQUES, flat, taken
from tests.strict.waits import waits

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


# --- nothing waits -------------------------------------------------------------------------------

def waited_for(step, monkeypatch, xp):
    """What a mini-batch and its step had to wait for: {what and where: how often}."""
    seen: Counter = Counter()

    @contextlib.contextmanager
    def counted():
        if "stand-in" in xp.__version__:
            with waits() as found:
                yield
            seen.update(found)
            return
        with warnings.catch_warnings():           # CuPy raises where it waits
            warnings.simplefilter("ignore")
            with importlib.import_module("cupyx").allow_synchronize(False):
                yield

    batches, step_of = train._batches, train.train_step

    def each(*args, **named):
        drawn = batches(*args, **named)
        while True:
            with counted():
                try:
                    one = next(drawn)
                except StopIteration:
                    return
            yield one

    def one_step(*args, **named):
        with counted():
            return step_of(*args, **named)

    monkeypatch.setattr(train, "_batches", each)
    monkeypatch.setattr(train, "train_step", one_step)
    taken(step, "cupy", "float32")
    return dict(seen)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_waits_for_nothing(name, xp, backend, monkeypatch):
    if backend == "numpy":
        pytest.skip("the host does not wait for itself")
    assert waited_for(STEPS[name]()._replace(look=None), monkeypatch, xp) == {}


class Looks(nn.Module):
    """A layer that asks for what it should leave on the GPU."""

    def __init__(self, ask):
        self.ask = ask

    def forward(self, x):
        self.ask(x.data)
        return x


@pytest.mark.parametrize("ask, found", [
    (lambda a: float(a[0, 0]), "__float__"), (lambda a: bool(a.any()), "__bool__"),
    (lambda a: a.get(), "get"), (lambda a: a[0, 0].item(), "item"),
    (lambda a: a.tolist(), "tolist"),
    (lambda a: a[a > 0], "a mask as index"), (lambda a: a.nonzero(), "nonzero"),
    (lambda a: f"{a.sum():.2f}", "__format__")])
def test_a_planted_wait_is_found(ask, found, xp, backend, monkeypatch):
    if "stand-in" not in getattr(xp, "__version__", ""):
        pytest.skip("CuPy raises")
    assert any(what.startswith(f"{found} in ") for what in waited_for(flat(Looks(ask)), monkeypatch,
                                                                      xp))
