"""Every primitive of the registry: gradients on any shape and memory order, dtype and kind.

The registry drives this file.  A primitive that is registered tomorrow is tested tomorrow: with the
arguments that `SAMPLES` lists for it, or, where it lists none, as a function of one array.
"""

from functools import partial

import numpy as np
import pytest

from minidrop import Tensor, grad
from minidrop.check import GradientError, gradcheck
from minidrop.tape import REGISTRY, data_of
from minidrop.xp import array_module, host

EACH = pytest.mark.parametrize("name", sorted(REGISTRY))


def numbers(*shape, signed=True, seed=0):
    """Distinct float64 numbers away from 0, where |x|, max(x, 0) and log x have their kinks."""
    rng = np.random.default_rng([seed, *shape])
    size = rng.uniform(0.3, 2.0, shape)
    return np.asarray(size * rng.choice([-1.0, 1.0], shape) if signed else size)


def positive(*shape):
    return numbers(*shape, signed=False)


def mask(*shape):
    return np.asarray(np.random.default_rng(shape).random(shape) < 0.5)


def case(*args, **params):
    return args, params


SHAPES = [(), (1,), (3,), (2, 3), (2, 1, 3), (0, 3)]
PAIRS = [((), ()), ((3,), ()), ((), (2, 3)), ((2, 3), (3,)), ((2, 1), (2, 3)), ((2, 1, 3), (4, 1)),
         ((1,), (1, 1)), ((0, 3), (1, 3))]
REDUCED = [((), {}), ((3,), {}), ((2, 3), {}), ((2, 3), {"axis": 0}), ((2, 3), {"axis": -1}),
           ((2, 3, 2), {"axis": (0, -1)}), ((2, 3, 2), {"axis": (2, 1), "keepdims": True}),
           ((2, 3), {"keepdims": True}), ((1, 3), {"axis": 0, "keepdims": True})]
PRODUCTS = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)),
            ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (4, 3, 2)), ((3,), (5, 3, 4)), ((5, 2, 3), (3,)),
            ((1, 1), (1, 1)), ((0, 3), (3, 2))]
INDICES = [(6, np.array([0, 2, 2, 5])), (6, 3), (6, slice(None, None, -2)), (6, slice(4, 1)),
           ((4, 3), (slice(None), 1)), ((4, 3), (..., None, slice(1, 3))),
           ((4, 3), (np.array([3, 3, 0]), np.array([2, 2, 1]))),
           ((4, 3), np.array([[1, 1], [0, 1]])),
           ((4, 3), np.array([True, False, True, True]))]

NORMAL = [((4, 3), (3,), (0,)), ((4, 3), (), (0,)), ((4, 3), (4, 3), (0,)), ((5,), (1,), (0,)),
          ((2, 3, 4), (1, 3, 1), (0, 2)), ((2, 3, 2, 2), (1, 3, 1, 1), (0, 2, 3)),
          ((2, 3, 2, 2), (1, 3, 1, 2), (0, 2)), ((4, 1, 3), (1, 1, 1), (0, 1, 2)),
          ((3, 4), (4,), (1,)), ((3, 4), (3, 4), (1,)), ((2, 3, 4), (3, 4), (1, 2)),
          ((2, 3, 4), (1, 3, 1), (2,)), ((2, 2, 3, 2), (2, 3, 1), (2, 3)), ((0, 3), (3,), (1,))]

reduced = [case(numbers(*shape), **params) for shape, params in REDUCED]
pairs = [case(numbers(*a), numbers(*b, seed=1)) for a, b in PAIRS]
targets = [case(numbers(4, 3), np.array([0, 2, 2, 1])), case(numbers(1, 1), np.array([0])),
           case(numbers(4, 3), positive(4, 3))]

def window(size, stride=(1, 1), padding=(0, 0), **more):
    return {"size": size, "stride": stride, "padding": padding, **more}


def convolution(stride=(1, 1), padding=(0, 0), groups=1, **more):
    return {"stride": stride, "padding": padding, "groups": groups, **more}


def places(size, stride, padding):
    """(OH, OW) of images of 4 x 5."""
    return [(n + 2 * p - k) // s + 1
            for n, k, s, p in zip((4, 5), size, stride, padding, strict=True)]


WINDOWS = [window((2, 2)), window((2, 3), (2, 1), (1, 0)), window((3, 1), (1, 2), (1, 0)),
           window((1, 1), (3, 2))]                # of images (2, 3, 4, 5)
CONVOLUTIONS = [                                  # shapes of images, filters, result; the rest
    ((2, 3, 4, 5), (2, 3, 2, 3), (2, 2, 3, 3), convolution()),
    ((2, 3, 4, 5), (2, 3, 3, 3), (2, 2, 4, 5), convolution(padding=(1, 1))),
    ((2, 4, 5, 4), (2, 2, 3, 2), (2, 2, 3, 5), convolution((2, 1), (1, 1), 2)),
    ((1, 2, 3, 3), (4, 1, 1, 2), (1, 4, 2, 3), convolution((2, 2), (0, 2), 2)),
    ((2, 1, 5, 5), (3, 1, 3, 3), (2, 3, 2, 2), convolution((2, 2))),
    ((0, 1, 3, 3), (2, 1, 2, 2), (0, 2, 2, 2), convolution())]

SAMPLES = {
    "add": pairs,
    "sub": pairs,
    "mul": pairs,
    "div": pairs,
    "maximum": pairs + [case(numbers(2, 3), 0.1)],
    "pow": [case(positive(*a), numbers(*b)) for a, b in PAIRS] + [
        case(numbers(2, 3), power) for power in (-2, 0, 1, 2, 3)] + [
        case(positive(3), 0.5), case(2.0, numbers(2, 3))],
    "log": [case(positive(*shape)) for shape in SHAPES],
    "sqrt": [case(positive(*shape)) for shape in SHAPES],
    "where": [case(mask(2, 3), numbers(*a), numbers(*b))
              for a, b in [((2, 3), (3,)), ((2, 1), ()), ((1, 3), (2, 3))]] + [
              case(mask(3), numbers(2, 1), 0.5)],
    "sum": reduced,
    "mean": reduced,
    "max": reduced,
    "log_softmax": [case(numbers(*shape)) for shape in [(3,), (2, 3), (2, 1), (2, 2, 3), (0, 3)]],
    "softmax": [case(numbers(*shape)) for shape in [(3,), (2, 3), (2, 1), (2, 2, 3), (0, 3)]],
    "reshape": [case(numbers(2, 3), shape=shape) for shape in [(3, 2), (-1,), (6, 1), (2, 3)]] + [
        case(numbers(1), shape=()), case(numbers(), shape=(1, 1))],
    "transpose": [case(numbers(2, 3, 4), axes=axes) for axes in [None, (1, 0, 2), (-1, 0, 1)]] + [
        case(numbers()), case(numbers(3)), case(numbers(2, 3))],
    "broadcast_to": [case(numbers(*a), shape=b) for a, b in
                     [((), (2, 3)), ((3,), (2, 3)), ((2, 1), (4, 2, 3)), ((2, 3), (2, 3))]],
    "sum_to": [case(numbers(*a), shape=b) for a, b in
               [((2, 3), ()), ((2, 3), (3,)), ((4, 2, 3), (2, 1)), ((1, 3), (1, 3)),
                ((0, 3), (1, 3))]],
    "getitem": [case(numbers(*np.atleast_1d(n)), index=index) for n, index in INDICES],
    "scatter": [case(numbers(*np.zeros(n)[index].shape), index=index, shape=np.zeros(n).shape)
                for n, index in INDICES],
    "astype": [case(numbers(*shape), dtype="float64") for shape in SHAPES],
    "matmul": [case(numbers(*a), numbers(*b)) for a, b in PRODUCTS],
    "linear": [case(numbers(*a), numbers(*b), numbers(*b[:1])) for a, b in
               [((2, 3), (4, 3)), ((2, 5, 3), (4, 3)), ((2, 1), (1, 1)), ((0, 3), (2, 3)),
                ((2, 5, 3), (0, 3)), ((2, 5, 0), (4, 0)), ((2, 0, 3), (4, 3))]],
    "self_attention": [case(numbers(n, t, 3 * heads * d), heads=heads)
                       for n, t, heads, d in [(2, 3, 2, 2), (1, 1, 1, 1), (1, 4, 3, 1),
                                              (3, 2, 1, 3), (0, 3, 2, 2)]],
    "unfold": [case(numbers(2, 3, 4, 5), **where) for where in WINDOWS],
    "fold": [case(numbers(2, 3, *places(k, s, p), *k), shape=(2, 3, 4, 5), stride=s, padding=p)
             for k, s, p in map(dict.values, WINDOWS)],
    "conv2d": [case(numbers(*x), numbers(*w), numbers(*w[:1]), **where)
               for x, w, _, where in CONVOLUTIONS] + [
               case(numbers(1, 2, 3, 3), numbers(2, 2, 2, 2), None, **convolution())],
    "conv2d_dx": [case(numbers(*y), numbers(*w), shape=x, **where)
                  for x, w, y, where in CONVOLUTIONS],
    "conv2d_dw": [case(numbers(*y), numbers(*x), size=w[2:], **where)
                  for x, w, y, where in CONVOLUTIONS],
    "max_pool2d": [case(numbers(2, 3, 4, 5), **where) for where in WINDOWS],
    "avg_pool2d": [case(numbers(2, 3, 4, 5), **where) for where in WINDOWS],
    "avg_pool2d_dx": [case(numbers(2, 3, *places(k, s, p)), shape=(2, 3, 4, 5), size=k, stride=s,
                           padding=p) for k, s, p in map(dict.values, WINDOWS)],
    "softmax_cross_entropy": targets,
    "normal": [case(numbers(*x), numbers(*w, seed=1) if w else 1.0,
                    numbers(*w, seed=2) if w else 0.0,
                    axes=axes, eps=1e-3) for x, w, axes in NORMAL],
    "rescale": [case(numbers(*x), numbers(*s, seed=1), positive(*s), numbers(*w, seed=2),
                     numbers(*w, seed=3), eps=1e-3) for x, s, w in
                [((4, 3), (1, 3), (1, 3)), ((2, 3, 2, 2), (1, 3, 1, 1), (1, 3, 1, 1)),
                 ((2, 3, 4), (3, 1), (3, 4)), ((0, 3), (1, 3), (1, 3)), ((1, 3), (4, 3), (3,))]],
    "masked": [case(numbers(*a), mask(*b), scale) for a, b, scale in [
        ((2, 3), (2, 3), 2.0), ((2, 3), (3,), 0.0), ((2, 3, 4), (2, 3, 1), 1.25), ((), (), 3.0),
        ((0, 3), (3,), 2.0)]],
    "masked_linear": [case(numbers(n, i), numbers(o, i), mask(n, o, i)) for n, o, i in
                      [(2, 4, 3), (1, 1, 1), (3, 1, 2), (0, 2, 3)]],
}


def samples(name):
    """The sample arguments of a primitive; one array of each shape where the table is silent."""
    return SAMPLES.get(name) or [case(numbers(*shape)) for shape in SHAPES]


def on(xp, value):
    return xp.asarray(value) if isinstance(value, np.ndarray) else value


def split(xp, name, args, params, dtype="float64"):
    """(f, xs): the primitive as a function of those arguments that have an adjoint."""
    primitive, params = REGISTRY[name], {key: index_on(xp, value) for key, value in params.items()}
    free = [i for i, arg in enumerate(args) if getattr(arg, "dtype", None) == "float64"
            and (primitive.joint or primitive.adjoints[i:i + 1] not in ((), (None,)))]
    args = [on(xp, arg) for arg in args]

    def f(*xs):
        given = dict(zip(free, xs, strict=True))
        return primitive(*(given.get(i, arg) for i, arg in enumerate(args)), **params)

    f.__name__ = name
    return f, [args[i].astype(dtype) for i in free]


def index_on(xp, value):
    return tuple(on(xp, v) for v in value) if isinstance(value, tuple) else on(xp, value)


# --- gradients -----------------------------------------------------------------------------------

@EACH
def test_the_gradient_is_what_differences_say_and_so_is_its_own_gradient(name, xp):
    order = 2 if REGISTRY[name].twice or REGISTRY[name].twin else 1
    for args, params in samples(name):
        f, xs = split(xp, name, args, params)
        gradcheck(f, *xs, order=order)


def fortran(x): return x.T.copy(), lambda t: t.T
def backwards(x): return x, lambda t: t[(slice(None, None, -1),) * x.ndim]
def stepped(x): return array_module(x).repeat(x, 2, -1), lambda t: t[..., ::2]
def repeated(x): return x[:1], lambda t: REGISTRY["broadcast_to"](t, shape=x.shape)


@EACH
@pytest.mark.parametrize("layout", [fortran, backwards, stepped, repeated])
def test_the_gradient_holds_for_views_in_any_memory_order(name, layout, xp):
    """The arguments reach the primitive as views, and the cotangent its adjoint as a transpose."""
    for args, params in samples(name):
        f, xs = split(xp, name, args, params)
        bases, views = zip(*(layout(x) if x.ndim else (x, lambda t: t) for x in xs), strict=True)

        def g(*ts, f=f, views=views):
            return f(*(view(t) for view, t in zip(views, ts, strict=True))).T

        gradcheck(g, *bases)
        plain = f(*(view(x).copy() for view, x in zip(views, bases, strict=True)))
        odd = f(*(view(Tensor(x)) for view, x in zip(views, bases, strict=True)))
        close = 1e-13 if name.startswith("conv2d") else 1e-15      # a BLAS may add in other orders
        np.testing.assert_allclose(host(odd.data), host(plain), rtol=close, atol=close)


@EACH
def test_a_wrong_adjoint_of_any_argument_is_caught(name, xp, monkeypatch):
    primitive = REGISTRY[name]
    joint = primitive.joint

    def wrong_joint(wanted, *args, i, **params):
        parts = joint(wanted, *args, **params)
        return {k: part * 1.001 if k == i else part for k, part in parts.items()}

    arguments = range(max(len(args) for args, _ in samples(name)))
    adjoints = [primitive.adjoints[i] if i < len(primitive.adjoints) else None for i in arguments]
    for i, adjoint in enumerate(adjoints):
        if not joint and adjoint is None:
            continue
        wrong = list(adjoints)
        wrong[i] = lambda *args, adjoint=adjoint, **params: adjoint(*args, **params) * 1.001
        message = f"^gradient of {name}, argument"
        with monkeypatch.context() as patch, pytest.raises(GradientError, match=message):
            patch.setattr(primitive, "adjoints", tuple(wrong))
            patch.setattr(primitive, "joint", joint and partial(wrong_joint, i=i))
            for args, params in samples(name):
                f, xs = split(xp, name, args, params)
                gradcheck(f, *xs)


def test_a_wrong_second_order_is_told_from_a_wrong_gradient(xp, monkeypatch):
    def frozen(g, y, x):                          # right once, but takes one y for a constant
        return g * (1 - y * data_of(y))

    monkeypatch.setattr(REGISTRY["tanh"], "adjoints", (frozen,))
    gradcheck(REGISTRY["tanh"], xp.asarray([0.5, -1.0]))
    with pytest.raises(GradientError, match="^second order of tanh, argument 0"):
        gradcheck(REGISTRY["tanh"], xp.asarray([0.5, -1.0]), order=2)


def test_a_primitive_without_second_order_says_so(xp, monkeypatch):
    monkeypatch.setattr(REGISTRY["tanh"], "twice", False)
    x = Tensor(xp.asarray([0.5]), requires_grad=True)
    y = REGISTRY["tanh"](x)
    assert grad(y, x).shape == (1,)
    with pytest.raises(ValueError, match="tanh has no second derivative"):
        grad(y, x, create_graph=True)


@pytest.mark.parametrize("name, args, i", [("masked", ([1.0], [1.0], 2.0), 1),
                                           ("where", ([1.0], [1.0], [2.0]), 0)])
def test_an_argument_without_an_adjoint_raises_and_is_not_left_out(name, args, i, xp):
    args = [Tensor(xp.asarray(arg), True) if isinstance(arg, list) else arg for arg in args]
    with pytest.raises(ValueError, match=f"{name} has no gradient .* argument {i}"):
        REGISTRY[name](*args).backward()


# --- at the kinks, where differences say nothing -------------------------------------------------

KINKS = [
    ("relu", [[0.0]], [[0.0]]),
    ("abs", [[0.0]], [[0.0]]),
    ("maximum", [[1.0], [1.0]], [[0.5], [0.5]]),
    ("max", [[3.0, 1.0, 3.0]], [[0.5, 0.0, 0.5]]),
    ("pow", [[0.0], [2.0]], [[0.0], [0.0]]),
    ("pow", [[0.0], [0.0]], [[0.0], [0.0]]),
    ("pow", [[0.0], [1.0]], [[1.0], [0.0]]),
]


@pytest.mark.parametrize("name, args, gradients", KINKS)
def test_subgradients_are_the_stated_ones(name, args, gradients, xp):
    xs = [Tensor(xp.asarray(arg), requires_grad=True) for arg in args]
    found = grad(REGISTRY[name](*xs).sum(), xs)
    assert [host(g).tolist() for g in found] == gradients


@pytest.mark.parametrize("condition", [True, False, [1, 0], [2, 0], [0.0, 0.5]])
def test_where_takes_any_condition_that_has_a_truth(condition, xp):
    a, b = (Tensor(xp.asarray([x, x]), requires_grad=True) for x in (1.0, 2.0))
    condition = xp.asarray(condition)
    ga, gb = grad(REGISTRY["where"](condition, a, b).sum(), [a, b])
    chosen = np.broadcast_to(host(condition).astype(bool), 2)
    assert host(ga).tolist() == chosen.astype(float).tolist()
    assert host(gb).tolist() == (~chosen).astype(float).tolist()


def test_the_gradient_of_a_slice_keeps_the_memory_order(xp):
    """Channels-last stays channels-last, so that what comes after reads its memory in order."""
    x, halves = xp.ones((2, 6, 4, 3)).transpose(0, 3, 1, 2), (slice(None), slice(None, None, 2))
    index = (halves[0], halves[0], halves[1], halves[1])
    g = REGISTRY["getitem"](x, index=index)
    back = REGISTRY["scatter"](g, index=index, shape=x.shape)
    assert back.strides == x.strides and float(back.sum()) == g.size


# --- dtype and kind ------------------------------------------------------------------------------

@EACH
def test_float32_gives_float32_and_float32_gradients(name, xp):
    """Nothing on the way may be float64: `grad` hands out what the adjoints made, uncast."""
    for args, params in samples(name):
        f, xs = split(xp, name, args, params, dtype="float32")
        args = [Tensor(x, requires_grad=True) for x in xs]
        y = f(*args)
        assert y.dtype == params.get("dtype", "float32")
        cotangent = xp.ones(y.shape, y.dtype)
        dtypes = [g.dtype for g in grad(y, args, g=cotangent)]
        assert dtypes == ["float32"] * len(xs), (args, params)


@EACH
def test_arrays_give_an_array_and_tensors_give_a_tensor_of_the_same_numbers(name, xp):
    for args, params in samples(name):
        f, xs = split(xp, name, args, params)
        plain = f(*xs)
        assert isinstance(plain, (xp.ndarray, np.generic) if xp is np else xp.ndarray)
        for needs in (False, True):
            y = f(*(Tensor(x, requires_grad=needs) for x in xs))
            assert type(y) is Tensor and type(y.data) is xp.ndarray and y.requires_grad is needs
            assert (y.node is not None) is needs
            np.testing.assert_array_equal(host(y.data), host(plain))


@EACH
def test_the_arguments_and_the_cotangent_are_left_as_they_were(name, xp):
    for args, params in samples(name):
        f, xs = split(xp, name, args, params)
        y = f(*(leaves := [Tensor(x.copy(), requires_grad=True) for x in xs]))
        u = xp.ones(y.shape)
        grad(y, leaves, g=u)
        assert bool((u == 1).all())
        for leaf, x in zip(leaves, xs, strict=True):
            np.testing.assert_array_equal(host(leaf.data), host(x))
