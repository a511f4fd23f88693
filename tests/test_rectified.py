"""max(x, 0): against the plain formula, in any memory order, size and dtype."""

import numpy as np
import pytest

import minidrop as md
from minidrop.bench.memory import our_peak
from minidrop.fast import rectified

SHAPES = [(7,), (512,), (1025,), (0, 3), (3, 5, 300), (2, 16, 8, 9), (4, 1, 600)]
ORDERS = {"C": np.ascontiguousarray, "F": np.asfortranarray, "backwards": lambda x: x[::-1],
          "turned": lambda x: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0),
          "stepped": lambda x: x[..., ::2], "repeated": lambda x: np.broadcast_to(x, (3, *x.shape))}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("small", [0, 1 << 20])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_of_zeros_is_one_zero(order, dtype, shape, small, monkeypatch):
    monkeypatch.setattr(rectified, "SMALL", small)
    x = ORDERS[order](np.random.default_rng(0).standard_normal(shape).astype(dtype))
    due, found = np.maximum(x, 0), rectified.relu(x)
    np.testing.assert_array_equal(found, due)
    assert found.dtype == dtype and not np.shares_memory(found, x)
    assert _steps(found) == _steps(due)


def _steps(x):
    """The strides that say where numbers lie."""
    return [s for s, n in zip(x.strides, x.shape, strict=True) if n > 1 and x.size]


@pytest.mark.parametrize("of_g", ["C", "F", "turned", "repeated"])
@pytest.mark.parametrize("order", ["C", "F", "backwards", "turned", "stepped"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradient_is_that_of_the_plain_formula(order, of_g, dtype, shape, monkeypatch):
    monkeypatch.setattr(rectified, "SMALL", 1)
    y = np.maximum(ORDERS[order](np.random.default_rng(0).standard_normal(shape)), 0).astype(dtype)
    numbers = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    g = np.broadcast_to(numbers[..., :1], y.shape) if of_g == "repeated" else ORDERS[of_g](numbers)
    found = rectified.gradient(g, y)
    np.testing.assert_array_equal(found, g * (y > 0))
    assert found.dtype == dtype and not np.shares_memory(found, g)
    assert _steps(found) == _steps(np.copy(y, order="K"))


def test_the_gradient_holds_nothing_beside_itself():
    y = np.maximum(md.gaussian(1, (64, 20, 24, 24)), 0)
    assert our_peak(lambda: rectified.gradient(y, y)) == pytest.approx(y.nbytes / 1e6, abs=0.001)


def test_the_gradient_where_y_is_nan_is_0_and_infinity_times_0_is_nan():
    y, g = (np.tile(np.array(v, "float32"), 5000) for v in ([np.nan, 0, 1], [1, np.inf, np.inf]))
    with np.errstate(invalid="ignore"):
        for n in (15000, 30):
            np.testing.assert_array_equal(rectified.gradient(g[:n], y[:n]),
                                          np.tile([0, np.nan, np.inf], 5000)[:n])


def test_what_is_not_a_number_stays_so_and_infinities_too():
    x = np.tile(np.array([np.nan, np.inf, -np.inf, -1.0], "float32"), 5000)
    np.testing.assert_array_equal(rectified.relu(x), np.tile([np.nan, np.inf, 0, 0], 5000))
    np.testing.assert_array_equal(rectified.relu(x[:20]), np.tile([np.nan, np.inf, 0, 0], 5))


def test_relu_takes_the_row_of_zeros(monkeypatch):
    seen = []
    monkeypatch.setattr("minidrop.fast.rectified.relu", lambda x: seen.append(x) or x)
    md.relu(np.ones(3))
    assert len(seen) == 1


def test_relu_takes_the_gradient_of_rectified_once_and_the_primitives_for_the_second(monkeypatch):
    seen = []
    monkeypatch.setattr("minidrop.fast.rectified.gradient", lambda g, y: seen.append(y) or 7 * g)
    x = md.Tensor(np.ones(3), requires_grad=True)
    md.relu(x).sum().backward()
    assert len(seen) == 1 and x.grad.tolist() == [7, 7, 7]
    assert md.grad(md.relu(x).sum(), x, create_graph=True).data.tolist() == [1, 1, 1]
    assert len(seen) == 1
