"""The stand-in for CuPy refuses what CuPy refuses and lets the rest through (tests/strict)."""

import copy
import importlib
import importlib.util
import inspect
import pathlib
import pickle
import sys

import numpy as np
import pytest

from tests import strict
from tests.strict.facts import FACTS, checker
from tests.strict.modules import MODULES


@pytest.fixture
def cp():
    """CuPy, as a library finds it."""
    strict.install()
    yield sys.modules["cupy"]
    strict.uninstall()


HOST = np.ones((2, 3), np.float32)


@pytest.fixture
def x(cp):
    return cp.asarray(HOST)


def check_refused(error, message, call):
    with pytest.raises(error, match=message):
        call()


# --- the module -----------------------------------------------------------------------------------


def test_install_is_what_a_user_of_a_gpu_has(cp):
    assert importlib.import_module("cupy") is cp
    assert importlib.import_module("cupy.linalg") is cp.linalg
    assert cp.__name__ == "cupy" and cp.__version__ == "14.2.0 (strict stand-in)"
    assert cp.cuda.is_available() and cp.cuda.Device().id == 0
    assert importlib.util.find_spec("cupy").name == "cupy"


def test_uninstall_leaves_no_trace(cp):
    strict.uninstall()
    assert not any(sys.modules.get(module.__name__) is module for module in MODULES)


def test_uninstall_puts_another_cupy_back(monkeypatch):
    other = type(sys)("cupy")
    monkeypatch.setitem(sys.modules, "cupy", other)
    assert strict.install() is sys.modules["cupy"] is not other
    strict.install()  # twice does no harm
    strict.uninstall()
    assert sys.modules["cupy"] is other


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [
    "errstate", "insert", "block", "vecdot", "unstack", "geomspace", "longdouble", "einsum_path",
    "spacing", "ndenumerate", "nanquantile", "nosuchname"])
def test_names_that_cupy_lacks(cp, name):
    check_refused(AttributeError, f"module 'cupy' has no attribute '{name}'",
                  lambda: getattr(cp, name))
    assert name not in dir(cp)


@pytest.mark.parametrize("name", [
    "ctypes", "setflags", "itemset", "tostring", "resize", "newbyteorder", "to_device", "__index__",
    "__contains__", "__imatmul__", "__array_interface__"])
def test_names_that_arrays_lack(x, name):
    check_refused(AttributeError, f"no attribute '{name}'", lambda: getattr(x, name))


def test_every_recorded_name_is_there(cp, x):
    """What the stand-in does not compute is there too, and says so when called."""
    assert len(FACTS["cupy"]) > 450 and set(FACTS["cupy"]) <= set(dir(cp))
    assert all(hasattr(cp, name) for name in FACTS["cupy"])
    assert set(FACTS["ndarray"]) <= set(dir(type(x)))


@pytest.mark.parametrize("call", [
    lambda cp: cp.RawModule(code="code"), lambda cp: cp.ElementwiseKernel("T x", "T y", "", "f"),
    lambda cp: cp.random.default_rng(0), lambda cp: cp.random.rand(3), lambda cp: cp.fft.fft(1),
    lambda cp: cp.ones(3).toDlpack()])
def test_absent_code_says_so(cp, call):
    check_refused(NotImplementedError, r"cupy\.\S+ needs CuPy itself", lambda: call(cp))


# --- signatures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("keyword, call", [
    ("where", lambda cp, x: x.sum(where=x > 0)), ("where", lambda cp, x: cp.sum(x, where=x > 0)),
    ("where", lambda cp, x: cp.add(x, x, where=x > 0)), ("where", lambda cp, x: np.exp(x, where=x)),
    ("where", lambda cp, x: np.sum(x, where=x > 0)), ("initial", lambda cp, x: x.max(initial=0)),
    ("correction", lambda cp, x: x.var(correction=1)), ("subok", lambda cp, x: cp.exp(x, subok=1)),
    ("stable", lambda cp, x: cp.sort(x, stable=True)), ("order", lambda cp, x: cp.exp(x, order=0)),
    ("stable", lambda cp, x: x.argsort(stable=True)), ("order", lambda cp, x: x.argsort(order=0)),
    ("mode", lambda cp, x: cp.take(x, cp.arange(2), mode="clip")),
    ("min", lambda cp, x: cp.clip(x, min=0)), ("ndmax", lambda cp, x: cp.array(x, ndmax=3)),
    ("shape", lambda cp, x: cp.reshape(x, shape=(3, 2))),
    ("out", lambda cp, x: cp.einsum("ij->i", x, out=x)),
    ("sorted", lambda cp, x: cp.unique(x, sorted=False)),
    ("weights", lambda cp, x: cp.quantile(x, 0.5, weights=x)),
    ("rcond", lambda cp, x: cp.linalg.norm(x, rcond=1))])
def test_keywords_that_cupy_lacks(cp, x, keyword, call):
    check_refused(TypeError, keyword, lambda: call(cp, x))


def test_too_many_arguments(cp, x):
    check_refused(TypeError, "positional", lambda: x.item(0))
    check_refused(TypeError, "positional", lambda: cp.sum(x, 0, None, None, False, 0))
    check_refused(TypeError, "Wrong number", lambda: cp.add(x))


def test_keywords_that_cupy_has(cp, x):
    assert x.sum(axis=1, keepdims=True).shape == (2, 1)
    assert cp.std(x, axis=0, ddof=1).tolist() == [0, 0, 0]
    assert cp.add(x, 1, dtype=np.float64).dtype == np.float64
    assert cp.pad(x, 1, mode="edge").shape == (4, 5)
    assert cp.einsum("ij,kj->ik", x, x, optimize=True).tolist() == [[3, 3], [3, 3]]
    check_refused(TypeError, "dtype", lambda: cp.argmax(x, 1, np.int64))    # NumPy: `out`


def test_sorting_is_stable_and_nothing_else_may_be_asked(cp):
    ties = cp.asarray(np.arange(100) % 2)
    order = np.argsort(ties.get(), kind="stable")
    for found in (cp.argsort(ties), cp.argsort(ties, kind="stable"), ties.argsort()):
        assert found.tolist() == order.tolist()
    assert cp.sort(ties).tolist() == sorted(ties.tolist())
    check_refused(ValueError, "'stable'", lambda: cp.argsort(ties, kind="quicksort"))
    check_refused(ValueError, "'stable'", lambda: ties.sort(kind="mergesort"))


def test_astype_has_neither_casting_nor_subok(x):
    assert x.astype("f8").dtype == np.float64 and x.astype("f4", copy=False) is x
    check_refused(TypeError, "casting", lambda: x.astype("f8", casting="safe"))
    check_refused(TypeError, "subok", lambda: x.astype("f8", subok=False))


# --- mixing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [
    lambda cp, x, n: x * n, lambda cp, x, n: n * x, lambda cp, x, n: n @ x.T,
    lambda cp, x, n: x > n, lambda cp, x, n: n > x, lambda cp, x, n: x == n,
    lambda cp, x, n: x.__iadd__(n), lambda cp, x, n: n.copy().__iadd__(x),
    lambda cp, x, n: cp.add(x, n), lambda cp, x, n: np.add(n, x), lambda cp, x, n: cp.exp(n),
    lambda cp, x, n: cp.add(x, x, out=n), lambda cp, x, n: np.add(x, x, out=n),
    lambda cp, x, n: cp.where(x > 0, n, x), lambda cp, x, n: np.where(n > 0, x, x),
    lambda cp, x, n: cp.where(n > 0, x, x), lambda cp, x, n: cp.concatenate([x, n]),
    lambda cp, x, n: np.concatenate([n, x]), lambda cp, x, n: cp.sum(n),
    lambda cp, x, n: cp.asarray([x, n]), lambda cp, x, n: x.sum(axis=0, out=n[0]),
    lambda cp, x, n: x[n > 0], lambda cp, x, n: x[np.array([0])], lambda cp, x, n: x.dot(n.T),
    lambda cp, x, n: x.__setitem__(0, n[0]), lambda cp, x, n: x.__setitem__(n > 0, 1),
    lambda cp, x, n: x.__setitem__([0], n[:1]), lambda cp, x, n: cp.einsum("ij,ij", x, n),
    lambda cp, x, n: np.tensordot(x, n.T, 1), lambda cp, x, n: cp.linalg.norm(n)])
def test_numpy_arrays_are_refused(cp, x, call):
    check_refused(TypeError, "ndarray", lambda: call(cp, x, HOST))


@pytest.mark.parametrize("call", [
    lambda cp, x, n: x * n, lambda cp, x, n: n * x, lambda cp, x, n: cp.maximum(x, n),
    lambda cp, x, n: x.__imul__(n), lambda cp, x, n: cp.where(x > 0, x, n)])
def test_numpy_arrays_without_axes_are_refused(cp, x, call):
    check_refused(TypeError, "ndarray", lambda: call(cp, x, np.array(2.0)))


def test_numpy_arrays_without_axes_that_cupy_takes(x):
    """Comparisons and fills read their value."""
    assert (x < np.array(2.0)).all() and (np.array(2.0) > x).all()
    x[0] = np.array(5.0)
    x[1].fill(np.array(4.0))
    assert x.tolist() == [[5, 5, 5], [4, 4, 4]]


@pytest.mark.parametrize("call", [
    lambda cp, x: cp.sum([1.0, 2]), lambda cp, x: cp.where(True, x, x), lambda cp, x: x + [1, 2, 3],
    lambda cp, x: cp.add([1, 2, 3], x), lambda cp, x: cp.mean(3.0), lambda cp, x: [1, 2, 3] * x])
def test_lists_and_numbers_are_no_arrays(cp, x, call):
    check_refused(TypeError, "Unsupported type|must be a cupy.ndarray", lambda: call(cp, x))


def test_numpy_scalars_are_welcome_and_promote_as_numpy_says(cp, x):
    assert (x * np.float32(2)).dtype == (np.float32(2) * x).dtype == np.float32
    assert (x * np.float64(2)).dtype == (np.float64(2) * x).dtype == np.float64
    assert (x * 2.0).dtype == (2 * x).dtype == np.float32
    assert (cp.arange(3, dtype=np.uint32) * np.float32(1)).dtype == np.float64
    assert cp.where(x > 0, x, 0.0).dtype == np.float32
    assert x[np.int64(1)].shape == (3,)


def test_other_classes_may_take_over(x):
    class Tensor:
        __array_ufunc__ = None
        __rmul__ = __rmatmul__ = lambda self, other: "taken over"

    assert x * Tensor() == x @ Tensor() == "taken over"
    check_refused(TypeError, "Unsupported type", lambda: x * object())
    assert not (x == None).any() and (x != object()).all()  # noqa: E711


# --- from the device and to it --------------------------------------------------------------------


@pytest.mark.parametrize("call", [
    np.asarray, np.array, np.random.default_rng(0).permutation, lambda x: np.array([x, x]),
    lambda x: np.testing.assert_allclose(x, HOST), lambda x: np.testing.assert_equal(HOST, x)])
def test_no_implicit_conversion(x, call):
    check_refused(TypeError, "Implicit conversion to a NumPy array is not allowed", lambda: call(x))


def test_explicit_conversion_copies(cp, x):
    taken, back = HOST.copy(), x.get()
    moved = cp.asarray(taken)
    taken[:] = back[:] = 7
    assert (moved == 1).all() and (x == 1).all()
    assert type(cp.asnumpy(x)) is np.ndarray and cp.asarray(x) is x
    assert cp.asarray([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert cp.array([x, x]).shape == (2, 2, 3)
    check_refused(ValueError, "Unsupported dtype", lambda: cp.asarray(["text"]))


def test_python_values(cp):
    one, three = cp.asarray([1.5]).sum(), cp.arange(3)
    assert (float(one), int(one), bool(one), one.item()) == (1.5, 1, True, 1.5)
    assert f"{one:.2f}" == "1.50" and repr(one) == "array(1.5)"
    assert len(three) == 3 and [type(i) for i in three] == [cp.ndarray] * 3 and 2 in three
    check_refused(TypeError, "0-d", lambda: iter(one))
    check_refused(ValueError, "ambiguous", lambda: bool(three))


def test_an_array_is_no_size(cp):
    """labels.max() + 1 is a size in NumPy; on a GPU int() must fetch it."""
    n = cp.asarray(3)
    for call in (lambda: cp.zeros(n), lambda: cp.zeros((2, n)), lambda: cp.eye(n), lambda: range(n),
                 lambda: cp.arange(n), lambda: cp.arange(6).reshape(n, 2), lambda: "abc"[n],
                 lambda: cp.ones(shape=(n,))):
        check_refused(TypeError, "integer|indices", call)
    assert cp.zeros(int(n)).shape == (3,)


def test_module_of_an_array(cp, x):
    assert cp.get_array_module(x, HOST) is cp and cp.get_array_module(HOST) is np
    assert isinstance(x, cp.ndarray) and type(x).__module__ == "cupy"


@pytest.mark.parametrize("again", [
    copy.copy, copy.deepcopy, lambda x: x.copy(), lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(cp, x, again):
    y = again(x)
    assert type(y) is cp.ndarray and (y == x).all() and not cp.shares_memory(x, y)


# --- what comes back ------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [
    lambda cp, x: x.sum(), lambda cp, x: cp.mean(x), lambda cp, x: np.max(x), lambda cp, x: x[0, 0],
    lambda cp, x: cp.vdot(x, x), lambda cp, x: cp.linalg.norm(x), lambda cp, x: x.argmax(),
    lambda cp, x: cp.exp(1.0), lambda cp, x: cp.allclose(x, x), lambda cp, x: cp.count_nonzero(x),
    lambda cp, x: cp.array_equal(x, x), lambda cp, x: x.sum() * 2, lambda cp, x: cp.trace(x)])
def test_one_number_is_still_an_array(cp, x, call):
    y = call(cp, x)
    assert type(y) is cp.ndarray and y.shape == ()


@pytest.mark.parametrize("name", ["exp", "sqrt", "sum", "mean", "transpose", "cumsum", "square"])
def test_numpys_functions_dispatch(cp, x, name):
    y = getattr(np, name)(x)
    assert type(y) is cp.ndarray and y.tolist() == getattr(cp, name)(x).tolist()


def test_numpys_functions_without_a_counterpart(x):
    check_refused(TypeError, "no implementation found", lambda: np.insert(x, 0, 1))
    check_refused(TypeError, "returned NotImplemented", lambda: np.spacing(x))


def test_results_agree_with_numpy(cp):
    a = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    x = cp.asarray(a)
    for call in (
            lambda m, v: -v + v**2 // 1.5 % 2 - abs(v), lambda m, v: 1 / (2 + m.exp(-v)) @ v.T,
            lambda m, v: m.tensordot(v, v, axes=([1], [1])), lambda m, v: v[:, [0]] > v[::-1, 1:3],
            lambda m, v: m.stack([v, v], axis=1), lambda m, v: m.argmin(v, 1, keepdims=True),
            lambda m, v: m.clip(v, -1, 1).std(axis=0), lambda m, v: m.logaddexp(v, 1.0).T.ravel(),
            lambda m, v: m.split(v, 2, axis=1)[1], lambda m, v: m.modf(v)[0], lambda m, v: 3 - v,
            lambda m, v: m.take_along_axis(v, v.argsort(1), 1), lambda m, v: m.mgrid[:2, :3],
            lambda m, v: m.unique(m.sign(v), return_counts=True)[1], lambda m, v: v.var((0, 1)),
            lambda m, v: m.lib.stride_tricks.sliding_window_view(v, (2, 2)).sum(axis=(2, 3))):
        want, got = call(np, a), call(cp, x)
        np.testing.assert_array_equal(got.get(), want)
        assert got.dtype == want.dtype


# --- memory ---------------------------------------------------------------------------------------


def test_views_write_through(cp):
    x = cp.zeros((3, 4), np.float32)
    x[1] += 1
    x[:, 0].fill(2)
    x.T[3] = 3
    x.reshape(-1)[1] = 4
    element = x[2, 2]
    element += 5  # one element is a view as well, which NumPy's is not
    assert x.tolist() == [[2, 4, 0, 3], [2, 1, 1, 3], [2, 0, 5, 3]]
    assert x[1].base is x and x.T[0].base is x and x.base is None and x.copy().base is None
    assert x.view(np.uint32)[0, 0] == 0x40000000 and x.reshape(4, 3).base is x


def test_in_place_and_out_give_the_same_object_back(cp, x):
    y = x
    y *= 2
    y -= y
    assert y is x and x.tolist() == np.zeros((2, 3)).tolist()
    assert cp.exp(x, out=x) is x and x.sum(axis=0, out=x[0]).tolist() == [2, 2, 2]
    assert cp.modf(x, out=(x, None))[0] is x
    check_refused(TypeError, "same_kind|cast", lambda: cp.arange(3).__iadd__(0.5))


def test_layout(cp, x):
    assert x.flags.c_contiguous and not x.T.flags.c_contiguous and x.T.flags["F_CONTIGUOUS"]
    assert (x.strides, x.itemsize, x.nbytes, x.size, x.ndim) == ((12, 4), 4, 24, 6, 2)
    assert (x.T + 1).flags.c_contiguous and cp.exp(x.T).flags.c_contiguous  # NumPy keeps F here
    check_refused(AttributeError, "writeable", lambda: x.flags.writeable)


def test_repeated_indices_lose_values(cp):
    x, twice = cp.zeros(3), cp.asarray([1, 1, 2])
    check_refused(ValueError, "occurs twice", lambda: x.__setitem__(twice, cp.ones(3)))
    x[twice] = 1.0  # one value: no race
    x[cp.asarray([2, 0])] = cp.asarray([5.0, 6.0])
    x[x == 1] = cp.asarray([7.0])
    assert x.tolist() == [6, 7, 5]


def test_a_slice_is_not_filled_with_a_list(x):
    check_refused(ValueError, "fill", lambda: x.__setitem__(0, [1, 2, 3]))
    check_refused(ValueError, "shape", lambda: x.__setitem__(0, x[:1]))


# --- ufunc methods and cupyx ----------------------------------------------------------------------


def test_add_at_counts_repeats(cp):
    x, i = cp.zeros(3, np.float32), cp.asarray([0, 2, 2])
    cp.add.at(x, i, cp.ones(3, np.float32))
    np.add.at(x, i, 1)
    assert x.tolist() == [2, 0, 4]
    cp.maximum.at(x, i, cp.asarray([9, 1, 5], np.float32))
    assert x.tolist() == [9, 0, 5]


def test_at_for_few_ufuncs_and_types(cp):
    x, i = cp.ones(3, np.float32), cp.asarray([0, 2])
    check_refused(NotImplementedError, "multiply.at", lambda: cp.multiply.at(x, i, 2))
    check_refused(TypeError, "subtract.at only supports int32", lambda: cp.subtract.at(x, i, 1))
    check_refused(TypeError, "add.at only supports", lambda: cp.add.at(x.astype(np.int16), i, 1))
    check_refused(TypeError, "Unsupported type", lambda: cp.add.at(x, i, np.ones(2)))
    check_refused(TypeError, "Unsupported type", lambda: cp.add.at(x, i.get(), 1))


def test_reductions_of_ufuncs(cp, x):
    assert cp.add.reduce(x, axis=1).tolist() == [3, 3] == np.add.reduce(x, axis=1).tolist()
    assert cp.multiply.accumulate(x * 2, axis=1).tolist() == [[2, 4, 8]] * 2
    assert cp.add.outer(x[0], x[0]).shape == (3, 3)
    check_refused(NotImplementedError, "maximum.reduce", lambda: cp.maximum.reduce(x))
    check_refused(TypeError, "initial", lambda: cp.add.reduce(x, initial=0))


def test_cupyx(cp):
    cupyx = importlib.import_module("cupyx")
    x = cp.zeros(2)
    with pytest.warns(DeprecationWarning, match="scatter_add"):
        cupyx.scatter_add(x, cp.asarray([1, 1]), 2.0)
    with cupyx.errstate(linalg="raise"):
        assert x.tolist() == [0, 4]
    check_refused(NotImplementedError, "linalg",
                  lambda: cupyx.errstate(divide="ignore").__enter__())
    check_refused(AttributeError, "nosuchname", lambda: cupyx.nosuchname)


def test_special_functions(cp, x):
    special = pytest.importorskip("scipy.special")
    assert importlib.import_module("cupyx.scipy.special").erf(x)[0, 0] == special.erf(HOST)[0, 0]
    assert type(special.erf(x)) is cp.ndarray


# --- the point of it: faults in a library are caught ----------------------------------------------


def mixed_where(cp, x):
    return np.where(np.ones(x.shape, bool), x, 0)


def guarded_log(cp, x):
    with cp.errstate(divide="ignore"):
        return cp.log(x)


def masked_sum(cp, x):
    return x.sum(where=x > 0)


def stable_sort(cp, x):
    return cp.sort(x, stable=True)


def host_mask(cp, x):
    return x * (np.random.default_rng(0).random(x.shape) < 0.5)


def one_hot(cp, x):
    return cp.eye(x.max().astype(int) + 1)


FAULTS = [mixed_where, guarded_log, masked_sum, stable_sort, host_mask, one_hot]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_caught(cp, x, fault):
    fault(np, HOST)  # NumPy sees nothing wrong
    with pytest.raises((TypeError, AttributeError)):
        fault(cp, x)


def test_a_training_step_runs(cp):
    """Least squares by gradient descent, written for either module."""
    x = cp.asarray(np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32))
    true = cp.asarray(np.array([1, -2, 3], np.float32))
    w = cp.zeros_like(true)
    for _ in range(100):
        w -= 0.5 * x.T @ (x @ w - x @ true) / len(x)
    assert float(abs(w - true).max()) < 1e-4 and w.dtype == np.float32


# --- the record -----------------------------------------------------------------------------------


def test_the_stand_in_asks_the_record_and_not_numpy():
    """Parameters are CuPy's names, also where NumPy's differ."""
    assert list(inspect.signature(checker("cupy", "reshape")).parameters)[1] == "newshape"
    assert "where" not in inspect.signature(checker("cupy", "sum")).parameters
    assert list(inspect.signature(checker("ndarray", "argsort")).parameters) == [
        "self", "axis", "kind"]


def test_the_files_stay_small():
    files = sorted(pathlib.Path(strict.__file__).parent.glob("*.py"))
    lengths = {path.name: len(path.read_text().splitlines()) for path in files}
    assert max(lengths.values()) < 200, lengths
