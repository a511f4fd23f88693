"""Tensors: NumPy's operators and method names, dtypes, and what a Tensor refuses to become."""

import copy
import operator

import numpy as np
import pytest

from minidrop import Tensor, grad
from minidrop.tape import REGISTRY
from minidrop.xp import host


def leaf(xp, values, dtype="float64"):
    return Tensor(xp.asarray(values, dtype=dtype), requires_grad=True)


# --- operators -----------------------------------------------------------------------------------

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.mark.parametrize("op", OPERATORS)
def test_operators_work_on_both_sides_with_arrays_and_numbers(op, xp):
    a, b = xp.asarray([1.0, 2.0]), xp.asarray([3.0, 0.5])
    for left, right in [(Tensor(a), Tensor(b)), (Tensor(a), b), (a, Tensor(b)), (Tensor(a), 2.0),
                        (2.0, Tensor(b)), (Tensor(a), 2), (2, Tensor(b))]:
        due = op(*(side.data if isinstance(side, Tensor) else side for side in (left, right)))
        got = op(left, right)
        assert type(got) is Tensor
        np.testing.assert_array_equal(host(got.data), host(due))


def test_matmul_works_on_both_sides_with_arrays(xp):
    a, b = xp.asarray([[1.0, 2.0], [3.0, 4.0]]), xp.asarray([5.0, 6.0])
    for left, right in [(Tensor(a), Tensor(b)), (Tensor(a), b), (a, Tensor(b))]:
        assert host((left @ right).data).tolist() == [17.0, 39.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", OPERATORS)
def test_python_numbers_do_not_change_the_dtype(op, dtype, xp):
    x = leaf(xp, [1.0, 2.0], dtype)
    for y in (op(x, 2.0), op(2.0, x), op(x, 2), op(2, x)):
        assert y.dtype == dtype and grad(y.sum(), x).dtype == dtype


@pytest.mark.parametrize("op", [operator.eq, operator.ne, operator.lt, operator.le, operator.gt,
                                operator.ge])
def test_comparisons_are_arrays_of_booleans(op, xp):
    a, b = xp.asarray([1.0, 2.0, 3.0]), xp.asarray([2.0, 2.0, 2.0])
    for other in (b, Tensor(b), 2.0):
        got = op(leaf(xp, a), other)
        assert type(got) is xp.ndarray and got.dtype == bool
        assert host(got).tolist() == host(op(a, b)).tolist()


def test_methods_have_numpys_names_and_results(xp):
    a = xp.asarray(np.arange(24.0).reshape(2, 3, 4) % 7)
    calls = [lambda x: x.sum(), lambda x: x.sum(1), lambda x: x.mean((0, 2), keepdims=True),
             lambda x: x.max(-1), lambda x: x.min(0), lambda x: x.min(), lambda x: x.T,
             lambda x: x.reshape(6, 4), lambda x: x.reshape((4, -1)), lambda x: x.ravel(),
             lambda x: x.transpose(), lambda x: x.transpose(1, 0, 2),
             lambda x: x.transpose((2, 0, 1)), lambda x: x.swapaxes(0, -1),
             lambda x: x.astype("float32"), lambda x: -x, abs, lambda x: x[1, :, ::2],
             lambda x: x[..., None, 0], lambda x: x[xp.asarray([1, 1, 0])]]
    for i, call in enumerate(calls):
        got, due = call(Tensor(a)).data, call(a)
        assert got.dtype == due.dtype, i
        np.testing.assert_array_equal(host(got), host(due), err_msg=str(i))
    t = Tensor(a)
    assert (t.shape, t.ndim, t.size, t.dtype, len(t)) == ((2, 3, 4), 3, 24, "float64", 2)
    assert [row.shape for row in t] == [(3, 4), (3, 4)]
    one = Tensor(a[0, 0, 3])
    assert (float(one), int(one), one.item(), bool(one), one.shape) == (3.0, 3, 3.0, True, ())


def test_the_least_element_shares_the_gradient_as_the_largest_does(xp):
    x = leaf(xp, [1.0, 5.0, 1.0])
    x.min().backward()
    assert host(x.grad).tolist() == [0.5, 0.0, 0.5]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64", "bool"])
def test_the_least_of_numbers_without_a_minus_is_numpys(dtype, xp):
    values = np.array([[-128, 3], [250, 1]]).astype(dtype)
    for axis in (None, 0, 1):
        found = Tensor(xp.asarray(values)).min(axis)
        np.testing.assert_array_equal(host(found.data), values.min(axis))
        assert found.dtype == dtype


def test_an_index_that_repeats_adds_up(xp):
    x = leaf(xp, [10.0, 20.0, 30.0])
    (x[xp.asarray([0, 2, 2, 2])] * xp.asarray([1.0, 2.0, 4.0, 8.0])).sum().backward()
    assert host(x.grad).tolist() == [1.0, 0.0, 14.0]


def test_a_tensor_can_be_an_index(xp):
    rows, x = Tensor(xp.asarray([1, 1])), leaf(xp, [[1.0, 2.0], [3.0, 4.0]])
    assert host(x[rows].data).tolist() == [[3.0, 4.0], [3.0, 4.0]]
    x[rows, 0].sum().backward()
    assert host(x.grad).tolist() == [[0.0, 0.0], [2.0, 0.0]]


# --- what a Tensor is, and what it refuses to become ---------------------------------------------

@pytest.mark.parametrize("values", [0.5, [0.5], [[1.0, 2.0]], (1.0, 2.0)])
def test_python_floats_become_float32_and_arrays_keep_their_dtype(values, xp):
    assert Tensor(values).dtype == "float32"
    assert Tensor(xp.asarray(values, dtype="float64")).dtype == "float64"
    assert Tensor([1, 2]).dtype.kind == "i"


def test_a_numpy_function_of_a_tensor_is_an_error(xp):
    with pytest.raises(TypeError):
        np.exp(leaf(xp, [1.0]))


def test_a_tensor_that_needs_a_gradient_does_not_become_an_array():
    with pytest.raises(TypeError, match=r"use its \.data"):
        np.asarray(Tensor([1.0], requires_grad=True))
    plain = Tensor([1.0, 2.0])
    assert np.asarray(plain).tolist() == [1.0, 2.0] and np.asarray(plain, "int32").dtype == "int32"


def test_a_copy_of_a_tensor_is_a_copy():
    plain = Tensor([1.0, 2.0])
    np.array(plain)[0] = 5
    assert plain.data[0] == 1


def test_deepcopy_of_a_leaf_is_another_leaf(xp):
    x = leaf(xp, [1.0])
    twin = copy.deepcopy(x)
    (twin * 3).sum().backward()
    assert x.grad is None and host(twin.grad).tolist() == [3.0]


@pytest.mark.parametrize("make, message", [
    (lambda: Tensor("seven"), "data must hold real numbers"),
    (lambda: Tensor(None), "data must hold real numbers"),
    (lambda: Tensor([1j]), "data must hold real numbers"),
    (lambda: Tensor([1, 2], requires_grad=True), "requires_grad needs floats"),
])
def test_what_holds_no_real_numbers_is_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_operators_find_their_primitive_when_they_are_called(monkeypatch):
    monkeypatch.setitem(REGISTRY, "add", lambda a, b: "planted")
    assert Tensor([1.0]) + 1 == "planted"
