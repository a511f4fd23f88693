"""max(x, 0): against the plain formula, in any memory order, size and dtype."""

import numpy as np
import pytest

import minidrop as md
from minidrop.fast import rectified

SHAPES = [(7,), (512,), (1025,), (0, 3), (3, 5, 300), (2, 16, 8, 9), (4, 1, 600)]
ORDERS = {"C": np.ascontiguousarray, "F": np.asfortranarray, "backwards": lambda x: x[::-1],
          "turned": lambda x: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0),
          "stepped": lambda x: x[..., ::2], "repeated": lambda x: np.broadcast_to(x, (3, *x.shape))}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_of_zeros_is_one_zero(order, dtype, shape, monkeypatch):
    monkeypatch.setattr(rectified, "SMALL", 0)
    x = ORDERS[order](np.random.default_rng(0).standard_normal(shape).astype(dtype))
    due, found = np.maximum(x, 0), rectified.relu(x)
    np.testing.assert_array_equal(found, due)
    assert found.dtype == dtype and not np.shares_memory(found, x)
    assert [s for s, n in zip(found.strides, x.shape, strict=True) if n > 1 and x.size] == [
        s for s, n in zip(due.strides, x.shape, strict=True) if n > 1 and x.size]


def test_what_is_not_a_number_stays_so_and_infinities_too():
    x = np.tile(np.array([np.nan, np.inf, -np.inf, -1.0], "float32"), 5000)
    np.testing.assert_array_equal(rectified.relu(x), np.tile([np.nan, np.inf, 0, 0], 5000))


def test_relu_takes_the_row_of_zeros(monkeypatch):
    seen = []
    monkeypatch.setattr("minidrop.fast.rectified.relu", lambda x: seen.append(x) or x)
    md.relu(np.ones(3))
    assert len(seen) == 1
