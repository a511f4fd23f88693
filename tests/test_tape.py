"""The two ways to a gradient, `y.backward()` and `minidrop.grad`, and the graph they walk."""

import contextlib
import functools
import math
import threading
import types
import weakref

import pytest

from minidrop import Tensor, grad, no_grad
from minidrop.nodes import Outline, reading
from minidrop.tape import REGISTRY, primitive
from minidrop.xp import host


def leaf(xp, values, dtype="float64"):
    return Tensor(xp.asarray(values, dtype=dtype), requires_grad=True)


@contextlib.contextmanager
def new_primitive(forward, adjoint):
    """A primitive that is registered for as long as it is tried."""
    forward.__name__ = "tried"
    made = primitive(forward)
    made.vjps(adjoint)
    try:
        yield made
    finally:
        del REGISTRY["tried"]


# --- backward ------------------------------------------------------------------------------------

def test_a_node_used_twice_adds_both_paths(xp):
    x = leaf(xp, 3.0)
    y = x * x
    (y * y + y).backward()                        # x^4 + x^2
    assert float(x.grad) == 4 * 27 + 2 * 3


def test_a_ladder_of_diamonds_costs_its_length_and_not_its_paths(xp):
    x = leaf(xp, 1.0)
    y = x
    for _ in range(60):
        y = y + y                                 # 2^60 paths
    y.backward()
    assert float(x.grad) == 2.0**60


def test_a_chain_of_20000_operations_differentiates(xp):
    x = leaf(xp, 1.0)
    y = x
    for _ in range(10_000):
        y = y * 0.5 + 1.0
    y.backward()
    assert float(y) == pytest.approx(2.0) and float(x.grad) == 0.5**10_000


def test_gradients_of_several_backwards_add_up_until_they_are_cleared(xp):
    x = leaf(xp, [1.0, 2.0])
    (x * 3).sum().backward()
    (x * x).sum().backward()
    assert host(x.grad).tolist() == [5.0, 7.0]
    x.grad = None
    x.sum().backward()
    assert host(x.grad).tolist() == [1.0, 1.0]


def test_only_leaves_that_ask_for_it_get_a_gradient(xp):
    x, constant = leaf(xp, [1.0]), Tensor(xp.asarray([2.0]))
    y = x * constant
    y.sum().backward()
    assert x.grad is not None and constant.grad is None and y.grad is None


def test_a_cotangent_contracts_a_y_of_many_elements(xp):
    for kind in (lambda g: g, Tensor):
        x = leaf(xp, [1.0, 2.0, 3.0])
        (x * x).backward(kind(xp.asarray([1.0, 0.0, 10.0])))
        assert host(x.grad).tolist() == [2.0, 0.0, 60.0]


def test_gradients_have_the_dtype_and_the_shape_of_their_leaf(xp):
    x = leaf(xp, [[1.0], [2.0]], "float32")
    (x * xp.ones((2, 3), "float64")).sum().backward()
    assert x.grad.dtype == "float32" and host(x.grad).tolist() == [[3.0], [3.0]]


# --- a gradient belongs to its leaf alone --------------------------------------------------------

SHARING = [
    lambda x, y: x + y,                           # both adjoints hand on the same array
    lambda x, y: x.reshape(4) + y.T.reshape(4),   # views of it
    lambda x, y: x.sum() + y.sum(),               # a read-only view of one number
    lambda x, y: x[:, :] - (-y),
    lambda x, y: x.T,
]


@pytest.mark.parametrize("f", SHARING)
@pytest.mark.parametrize("functional", [False, True])
def test_changing_a_gradient_in_place_changes_nothing_else(f, functional, xp):
    for kind in (lambda g: g, Tensor):
        x, y = leaf(xp, [[1.0, 2.0], [3.0, 4.0]]), leaf(xp, [[5.0, 6.0], [7.0, 8.0]])
        out = f(x, y)
        g = xp.ones(out.shape)
        if functional:
            gradients = grad(out, [x, y], g=kind(g))
        else:
            out.backward(kind(g))
            gradients = [t.grad for t in (x, y) if t.grad is not None]
        due = [host(gradient).tolist() for gradient in gradients]
        for i, gradient in enumerate(gradients):
            gradient += 100
            assert bool((g == 1).all()) and host(x.data).tolist() == [[1.0, 2.0], [3.0, 4.0]]
            assert [host(g).tolist() for g in gradients[i + 1:]] == due[i + 1:]


def test_the_cotangent_of_a_leaf_itself_is_copied(xp):
    for kind in (lambda g: g, Tensor):
        x, g = leaf(xp, [1.0, 2.0]), xp.ones(2)
        x.backward(kind(g))
        x.grad += 1
        assert host(g).tolist() == [1.0, 1.0]


# --- a graph is used up --------------------------------------------------------------------------

def test_a_second_backward_is_an_error_in_one_sentence(xp):
    x = leaf(xp, 2.0)
    y = x * x
    y.backward()
    with pytest.raises(ValueError, match="used up by an earlier backward"):
        y.backward()
    assert float(x.grad) == 4.0


def test_two_losses_on_one_trunk_are_an_error_and_not_a_missing_gradient(xp):
    x = leaf(xp, 2.0)
    trunk = x * x
    first, second = trunk * 3, trunk * 5
    first.backward()
    with pytest.raises(ValueError, match="add the losses"):
        second.backward()
    with pytest.raises(ValueError, match="add the losses"):
        grad(second, x)
    assert float(x.grad) == 12.0


def test_grad_keeps_the_graph(xp):
    x = leaf(xp, 2.0)
    y = x * x * x
    assert float(grad(y, x)) == float(grad(y, x)) == 12.0
    y.backward()
    assert float(x.grad) == 12.0


# --- minidrop.grad -------------------------------------------------------------------------------

def test_one_x_gives_one_gradient_and_a_list_a_list(xp):
    x, y = leaf(xp, 2.0), leaf(xp, 5.0)
    z = x * y
    assert float(grad(z, x)) == 5.0
    assert [float(g) for g in grad(z, [x, y])] == [5.0, 2.0]
    assert [float(g) for g in grad(z, (y, x))] == [2.0, 5.0]
    assert grad(z, []) == [] and x.grad is None and y.grad is None


def test_the_gradient_of_what_y_does_not_depend_on_is_zero(xp):
    x, other = leaf(xp, [1.0], "float32"), leaf(xp, [[1.0, 2.0]], "float32")
    zero = grad(x.sum(), other)
    assert type(zero) is xp.ndarray and zero.dtype == "float32"
    assert host(zero).tolist() == [[0.0, 0.0]]
    assert type(grad(x.sum(), other, create_graph=True)) is Tensor


def test_an_x_may_lie_in_the_middle_of_the_graph(xp):
    x = leaf(xp, 2.0)
    middle = x * x
    y = middle * middle
    assert [float(g) for g in grad(y, [x, middle, y])] == [32.0, 8.0, 1.0]


def test_only_the_adjoints_that_are_needed_run(xp, monkeypatch):
    x, w, ran = leaf(xp, 2.0), leaf(xp, 5.0), []
    monkeypatch.setattr(REGISTRY["mul"], "adjoints", tuple(
        lambda g, y, a, b, i=i: (ran.append(i), g * (b, a)[i])[1] for i in range(2)))
    assert float(grad((x * w) * 3.0, w)) == 6.0 and ran == [0, 1]
    ran.clear()
    (x * 3.0).backward()
    assert ran == [0]


def test_create_graph_gives_derivatives_of_any_order(xp):
    x = leaf(xp, 2.0)
    g, values = x**4, []
    for _ in range(5):
        g = grad(g, x, create_graph=True)
        values.append(float(g))
    assert values == [32.0, 48.0, 48.0, 24.0, 0.0]


def test_a_gradient_penalty_reaches_the_weights(xp):
    """d/dw of (d/dx of w x^2)^2 at w = 3, x = 2 is 8 w x^2."""
    w, x = leaf(xp, 3.0), leaf(xp, 2.0)
    slope = grad(w * x * x, x, create_graph=True)
    (slope * slope).backward()
    assert float(w.grad) == 8 * 3 * 4


# --- no_grad -------------------------------------------------------------------------------------

@pytest.mark.parametrize("f", [lambda x, w: x * w * x, lambda x, w: x ** 3 + w,
                               lambda x, w: REGISTRY["max_pool2d"](
                                   (x * w).reshape(1, 1, 1, 3), size=(1, 2), stride=(1, 1),
                                   padding=(0, 0)) * x[:2]])
def test_gradients_are_those_where_the_leaves_were(f, xp):
    """Of every order, though the data of a leaf is another array by then."""
    def orders(replace):
        x, w = leaf(xp, [1.0, 5.0, 3.0]), leaf(xp, [2.0, 1.0, 4.0])
        y = f(x, w).sum()
        if replace:
            x.data, w.data = -x.data, xp.zeros(3)
        plain, found = grad(y, [x, w]), grad(y, [x, w], create_graph=True)
        return [host(g) for g in (*plain, *(g.data for g in found), grad(found[0].sum(), x))]

    plain_x, plain_w, *rest = orders(replace=True)
    for found, due in zip((plain_x, plain_w, *rest), orders(replace=False), strict=True):
        assert (found == due).all()
    assert (plain_x == rest[0]).all() and (plain_w == rest[1]).all()


def test_no_grad_records_nothing_and_ends_with_its_block(xp):
    x = leaf(xp, 1.0)
    with pytest.raises(KeyError), no_grad():
        inside = x * 2
        with no_grad():
            pass
        also = x * 2
        raise KeyError
    assert not inside.requires_grad and not also.requires_grad and (x * 2).requires_grad
    with pytest.raises(ValueError, match="no_grad"):
        inside.backward()


def test_no_grad_holds_for_its_own_thread_alone(xp):
    x, seen = leaf(xp, 1.0), []
    with no_grad():
        other = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        other.start()
        other.join()
    assert seen == [True]


# --- what the graph keeps alive -------------------------------------------------------------------

def test_what_no_adjoint_reads_is_let_go(xp):
    x = leaf(xp, [1.0, -2.0])
    before, between = x * 3, REGISTRY["exp"](x)
    y = REGISTRY["relu"](before) * between        # relu reads its result, a product its factors
    gone, kept = weakref.ref(before.data), weakref.ref(between.data)
    del before, between
    assert gone() is None and kept() is not None
    y.sum().backward()
    assert kept() is None
    assert host(x.grad) == pytest.approx([6 * math.e, 0])


def test_an_adjoint_that_reads_what_it_calls_unread_fails(xp):
    with new_primitive(lambda x: x * x, lambda g, _y, _x: 2 * g * _x) as square, \
            pytest.raises(TypeError):
        square(leaf(xp, [3.0])).sum().backward()


@pytest.mark.parametrize("adjoint, first, named, more", [
    (lambda g, y, x: g, 0, [True, True], False),
    (lambda g, _y, x, _w, scale=2: g, 0, [False, True, False, True], False),
    (lambda wanted, g, _y, _x, w: g, 1, [False, False, True], False),
    (lambda g, *args: g, 0, [True], True),
    (lambda g, _y, *_arrays: g, 0, [False], False),
    (types.MethodType(lambda self, g, _y, x: g, 0), 0, [False, True], False),
    (functools.partial(max, 1), 0, [True], True)])
def test_an_adjoint_says_what_it_reads(adjoint, first, named, more):
    assert reading(adjoint, first) == (named, more)


def test_arguments_behind_those_that_are_named_need_no_second_order(xp):
    tensors = [leaf(xp, [float(i)]) for i in range(3)]
    with new_primitive(lambda a, *more: a, lambda g, _y, *_all: g) as first:
        y = first(tensors[0] ** 2, *tensors[1:]).sum()
        assert float(grad(y, tensors[0], create_graph=True).data[0]) == 0
        assert float(grad(grad(y, tensors[0], create_graph=True).sum(), tensors[0])[0]) == 2


def test_an_outline_has_the_shape_and_the_dtype_and_no_numbers(xp):
    outline = Outline(xp.zeros((2, 3), "float32"))
    assert (outline.shape, outline.ndim, outline.size, outline.dtype) == ((2, 3), 2, 6, "float32")
    with pytest.raises(TypeError):
        outline * 2


def test_the_gradient_of_a_number_is_an_array_without_axes(xp):
    x = leaf(xp, 3.0)
    (x * x).backward()
    assert isinstance(x.grad, xp.ndarray) and x.grad.shape == () and float(x.grad) == 6


def test_a_tensor_without_a_gradient_is_handed_over_by_dlpack(xp):
    x = Tensor(xp.asarray([1.0, 2.0]))
    assert host(xp.from_dlpack(x)).tolist() == [1.0, 2.0]


# --- errors, each in one sentence ----------------------------------------------------------------

ERRORS = [
    (ValueError, "y depends on nothing", lambda x: Tensor(x.data).backward()),
    (ValueError, "y depends on nothing", lambda x: grad(x.data, x)),
    (ValueError, r"y has shape \(2,\)", lambda x: (x * 2).backward()),
    (ValueError, r"g must have y's shape \(2,\)", lambda x: (x * 2).backward(x.data[:1])),
    (ValueError, r"g must have y's shape \(2,\)", lambda x: (x * 2).backward(1.0)),
    (ValueError, r"xs\[0\] must be a Tensor", lambda x: grad((x * 2).sum(), [x.data])),
    (ValueError, r"xs\[1\] must be a Tensor", lambda x: grad((x * 2).sum(), [x, Tensor(x.data)])),
    (ValueError, "where has no gradient with respect to its argument 0",
     lambda x: REGISTRY["where"].adjoint(0)),
]


@pytest.mark.parametrize("kind, message, call", ERRORS)
def test_a_mistake_is_named(kind, message, call, xp):
    with pytest.raises(kind, match=message) as caught:
        call(leaf(xp, [1.0, 2.0]))
    assert "\n" not in str(caught.value)
