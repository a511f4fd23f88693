"""minidrop against PyTorch 2.13 on the CPU: values, gradients, training, dropout; `--reference`.

Where both compute by different orders of summation they agree to `CLOSE` of the largest entry;
where the same products are formed, bit for bit.
"""

import math

import numpy as np
import pytest

import minidrop as md
from minidrop.check import Replay

pytestmark = pytest.mark.reference
CLOSE = {"float32": 1e-5, "float64": 1e-9}        # of the largest entry
ORDERS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
}
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
orders = pytest.mark.parametrize("order", ORDERS)


def both(torch, array):
    """The array as a leaf of both libraries; a copy for PyTorch, which has no negative strides."""
    return md.Tensor(array, requires_grad=True), torch.tensor(array.copy(), requires_grad=True)


def assert_close(ours, theirs, tolerance):
    """Equal shapes and dtypes, and no entry further apart than `tolerance` of the largest."""
    ours, theirs = ours.data if isinstance(ours, md.Tensor) else ours, theirs.detach().numpy()
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    assert np.abs(ours - theirs).max(initial=0) <= tolerance * np.abs(theirs).max(initial=1e-300)


def assert_agree(torch, ours, theirs, arrays, rng):
    """Values of ours(*arrays) and theirs(*arrays), and all gradients, for a random cotangent."""
    leaves, leaves2 = zip(*(both(torch, array) for array in arrays), strict=True)
    y, y2 = ours(*leaves), theirs(*leaves2)
    tolerance = CLOSE[str(y.dtype)]
    assert_close(y, y2, tolerance)
    g = np.asarray(rng.standard_normal(y.shape), y.dtype)
    y.backward(g)
    y2.backward(torch.from_numpy(g))
    for leaf, leaf2 in zip(leaves, leaves2, strict=True):
        assert_close(leaf.grad, leaf2.grad, tolerance)


# --- functions -----------------------------------------------------------------------------------

@dtypes
@orders
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("lead", [(7,), (1,), (4, 5)])
def test_linear(torch, rng, dtype, order, bias, lead):
    shapes = [(*lead, 6), (3, 6), (3,)][: 2 + bias]
    arrays = [ORDERS[order](rng.standard_normal(shape).astype(dtype)) for shape in shapes]
    assert_agree(torch, md.linear, torch.nn.functional.linear, arrays, rng)


@dtypes
@orders
@pytest.mark.parametrize("shape", [(5,), (4, 6), (2, 3, 4)])
@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid"])
def test_activations(torch, rng, name, dtype, order, shape):
    x = ORDERS[order](3 * rng.standard_normal(shape).astype(dtype))
    assert_agree(torch, getattr(md, name), getattr(torch, name), [x], rng)


@dtypes
@orders
@pytest.mark.parametrize("shape", [(5,), (4, 6), (2, 3, 4), (3, 1)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(torch, rng, name, dtype, order, shape):
    x = ORDERS[order](10 * rng.standard_normal(shape).astype(dtype))
    assert_agree(torch, getattr(md, name), lambda x: getattr(torch, name)(x, -1), [x], rng)


@dtypes
@orders
@pytest.mark.parametrize("n, classes", [(1, 10), (8, 3), (5, 1)])
@pytest.mark.parametrize("scale", [1, 100])
def test_cross_entropy_of_labels(torch, rng, dtype, order, n, classes, scale):
    z = ORDERS[order](scale * rng.standard_normal((n, classes)).astype(dtype))
    y = rng.integers(0, classes, n)
    assert_agree(torch, lambda z: md.cross_entropy(z, y),
            lambda z: torch.nn.functional.cross_entropy(z, torch.from_numpy(y)), [z], rng)


@dtypes
@orders
def test_cross_entropy_of_soft_targets_and_its_gradient_in_both(torch, rng, dtype, order):
    z, y = (ORDERS[order](rng.standard_normal((6, 4)).astype(dtype)) for _ in range(2))
    y = np.exp(y) / np.exp(y).sum(-1, keepdims=True)
    assert_agree(torch, md.cross_entropy, torch.nn.functional.cross_entropy, [z, y], rng)


@dtypes
@orders
@pytest.mark.parametrize("shape", [(5,), (4, 6), (2, 3, 4)])
def test_mse_loss(torch, rng, dtype, order, shape):
    arrays = [ORDERS[order](rng.standard_normal(shape).astype(dtype)) for _ in range(2)]
    assert_agree(torch, md.mse_loss, torch.nn.functional.mse_loss, arrays, rng)


# --- operators -----------------------------------------------------------------------------------

@dtypes
@pytest.mark.parametrize("a, b", [((3, 4), (4, 5)), ((4,), (4, 5)), ((3, 4), (4,)), ((4,), (4,)),
                                  ((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (5, 4, 2)),
                                  ((3, 4), (2, 4, 5)), ((2, 3, 4), (4,)), ((4,), (2, 4, 3))])
def test_matmul(torch, rng, dtype, a, b):
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in (a, b)]
    assert_agree(torch, lambda a, b: a @ b, lambda a, b: a @ b, arrays, rng)


OPERATORS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: (a * a + 1) ** b,
    "polynomial": lambda a, b: 3 - a * b / (1 + a * a) - -b,
}


@dtypes
@pytest.mark.parametrize("a, b", [((3, 4), (3, 4)), ((3, 1), (4,)), ((2, 3, 4), (3, 1)),
                                  ((), (2, 3)), ((1, 1), (5,)), ((0, 3), (3,))])
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_broadcast(torch, rng, name, dtype, a, b):
    arrays = [np.asarray(rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape), dtype)
              for shape in (a, b)]
    assert_agree(torch, OPERATORS[name], OPERATORS[name], arrays, rng)


@dtypes
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), None])
@pytest.mark.parametrize("keepdims", [True, False])
def test_reductions(torch, rng, name, dtype, axis, keepdims):
    name2 = {"max": "amax", "min": "amin"}.get(name, name)
    axes = (0, 1, 2) if axis is None else axis
    assert_agree(torch, lambda x: getattr(x, name)(axis, keepdims=keepdims),
            lambda x: getattr(x, name2)(axes, keepdim=keepdims),
            [rng.standard_normal((3, 4, 5)).astype(dtype)], rng)


@dtypes
def test_moves_of_numbers(torch, rng, dtype):
    x, index = rng.standard_normal((3, 4, 5)).astype(dtype), np.array([0, 2, 2])
    for ours, theirs in (
            (lambda x: x.transpose(2, 0, 1), lambda x: x.permute(2, 0, 1)),
            (lambda x: x.swapaxes(0, -1), lambda x: x.swapaxes(0, -1)),
            (lambda x: x.swapaxes(0, 1).reshape(2, -1), lambda x: x.swapaxes(0, 1).reshape(2, -1)),
            (lambda x: x[1:, ::2], lambda x: x[1:, ::2]),
            (lambda x: x[index, :, index], lambda x: x[index, :, index])):
        assert_agree(torch, ours, theirs, [x], rng)


# --- optimizers ----------------------------------------------------------------------------------

@dtypes
@pytest.mark.parametrize("rule", [
    {}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"weight_decay": 0.01},
    {"momentum": 0.9, "weight_decay": 0.01},
    {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}], ids=str)
def test_sgd_over_50_steps(torch, rng, dtype, rule):
    model, gradients = md.nn.Linear(6, 4).init(0).astype(dtype), rng.standard_normal((50, 4, 6))
    weight = torch.nn.Parameter(torch.from_numpy(model.weight.data.copy()))
    bias = torch.nn.Parameter(torch.from_numpy(model.bias.data.copy()))
    ours = md.optim.SGD(lr=0.05, **rule)
    theirs = torch.optim.SGD([weight, bias], lr=0.05, **rule)
    for g in gradients.astype(dtype):
        model.weight.grad, model.bias.grad = g.copy(), g[:, 0].copy()
        weight.grad, bias.grad = torch.from_numpy(g.copy()), torch.from_numpy(g[:, 0].copy())
        ours.step(model)
        theirs.step()
    assert_close(model.weight.data, weight, CLOSE[dtype])
    assert_close(model.bias.data, bias, CLOSE[dtype])


# --- dropout -------------------------------------------------------------------------------------

def torch_dropout(torch, x, p, g, training=True):
    """PyTorch's output and gradient under dropout, and the mask recovered from the output."""
    leaf = torch.tensor(x, requires_grad=True)
    y = torch.nn.functional.dropout(leaf, p, training)
    y.backward(torch.from_numpy(g))
    return y.detach().numpy(), leaf.grad.numpy(), y.detach().numpy() != 0


def our_dropout(x, mask, p, g):
    leaf = md.Tensor(x, requires_grad=True)
    y = md.dropout(leaf, mask, p)
    y.backward(g)
    return y.data, leaf.grad


def nonzero(rng, shape, dtype):
    x = rng.standard_normal(shape).astype(dtype)
    return np.where(x == 0, 1, x).astype(dtype)


@dtypes
@pytest.mark.parametrize("shape", [(1000,), (64, 100), (4, 3, 8, 8), (600, 700)])
@pytest.mark.parametrize("p", [0.1, 0.2, 0.5, 0.9, 1 / 3])
def test_dropout_under_the_mask_of_torch(torch, rng, dtype, shape, p):
    torch.manual_seed(0)
    x, g = nonzero(rng, shape, dtype), nonzero(rng, shape, dtype)
    y2, gradient2, mask = torch_dropout(torch, x, p, g)
    y, gradient = our_dropout(x, mask, p, g)
    assert y.dtype == gradient.dtype == x.dtype
    np.testing.assert_array_equal(y, y2)
    np.testing.assert_array_equal(gradient, gradient2)


@dtypes
@pytest.mark.parametrize("p", [0.0, 1.0])
def test_dropout_at_both_ends(torch, rng, dtype, p):
    x, g = nonzero(rng, (8, 9), dtype), nonzero(rng, (8, 9), dtype)
    y2, gradient2, _ = torch_dropout(torch, x, p, g)
    y, gradient = our_dropout(x, md.dropout_mask(0, x.shape, p), p, g)
    np.testing.assert_array_equal(y, y2)
    np.testing.assert_array_equal(gradient, gradient2)
    layer = md.Dropout(p).init(0)
    np.testing.assert_array_equal(layer(x), torch.nn.Dropout(p)(torch.from_numpy(x)).numpy())


def test_a_dropped_infinity_is_nan_in_both(torch):
    x = np.tile(np.array([np.inf, -np.inf, np.nan, 1, -2], "float32"), (200, 1))
    torch.manual_seed(0)
    y2 = torch.nn.functional.dropout(torch.from_numpy(x), 0.5).numpy()
    dropped = (y2 == 0) | (np.isnan(y2) & ~np.isnan(x))
    mask = np.where(np.isnan(x), False, ~dropped)
    with np.errstate(invalid="ignore"):
        y = md.dropout(x, mask, 0.5)
    np.testing.assert_array_equal(y, y2)
    assert np.isnan(y[:, 0]).any() and np.isinf(y[:, 0]).any()


@dtypes
def test_dropout_is_the_identity_in_evaluation(torch, rng, dtype):
    x = rng.standard_normal((5, 6)).astype(dtype)
    y2 = torch.nn.Dropout(0.7).eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(md.Dropout(0.7).init(0).eval()(x), y2)
    np.testing.assert_array_equal(y2, x)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_of_kept_units_is_that_of_torch(torch, p):
    """Both shares within 6 standard deviations of 1 - p: a false alarm in 2.5 * 10^8 runs."""
    n = 10**6
    kept = torch.nn.functional.dropout(torch.ones(n), p).count_nonzero().item() / n
    for share in (kept, md.dropout_mask(0, n, p).mean()):
        assert abs(share - (1 - p)) < 6 * math.sqrt(p * (1 - p) / n)


# --- whole networks ------------------------------------------------------------------------------

def network(lib, dropout):
    return lib.Sequential(lib.Linear(12, 40), lib.ReLU(), dropout(0.5), lib.Linear(40, 30),
                          lib.Tanh(), dropout(0.2), lib.Linear(30, 5))


def test_three_steps_of_an_mlp_with_dropout_under_the_masks_of_torch(torch, rng):
    net, twin = network(md.nn, md.Dropout).init(seed=0), network(torch.nn, torch.nn.Dropout)
    with torch.no_grad():
        for w, w2 in zip(net.parameters(), twin.parameters(), strict=True):
            w2.copy_(torch.from_numpy(w.data))
    masks, layers = [], [layer for layer in twin if isinstance(layer, torch.nn.Dropout)]
    for layer in layers:                          # drawn on ones, since zeros of ReLU hide the mask
        layer.register_forward_hook(lambda layer, inputs, y: masks.append(
            torch.nn.functional.dropout(torch.ones_like(y), layer.p)) or inputs[0] * masks[-1])
    x, y = rng.standard_normal((32, 12)).astype("float32"), rng.integers(0, 5, 32)
    sgd = md.optim.SGD(lr=0.1, momentum=0.9)
    sgd2 = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        masks.clear()
        loss2 = torch.nn.functional.cross_entropy(twin(torch.from_numpy(x)), torch.from_numpy(y))
        sgd2.zero_grad()
        loss2.backward()
        sgd2.step()
        for layer, mask in zip((net.dropout1, net.dropout2), masks, strict=True):
            layer.rng = Replay(mask.numpy() != 0)
        loss = md.train_step(net, sgd, x, y)
        assert float(loss) == pytest.approx(loss2.item(), rel=1e-5)
    for w, w2 in zip(net.parameters(), twin.parameters(), strict=True):
        assert_close(w.data, w2, 1e-4)


@pytest.mark.parametrize("soft", [False, True], ids=["labels", "soft targets"])
def test_hessian_vector_product_of_an_mlp(torch, rng, soft):
    shapes = [(8, 6), (8,), (3, 8), (3,)]
    x = rng.standard_normal((10, 6))
    y = rng.dirichlet(np.ones(3), 10) if soft else rng.integers(0, 3, 10)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    vectors = [rng.standard_normal(shape) for shape in shapes]

    def loss(lib, linear, cross_entropy, x, y, w1, b1, w2, b2):
        return cross_entropy(linear(lib.tanh(linear(x, w1, b1)), w2, b2), y)

    leaves, leaves2 = zip(*(both(torch, array) for array in arrays), strict=True)
    functional = torch.nn.functional
    first = md.grad(loss(md, md.linear, md.cross_entropy, x, y, *leaves), leaves, create_graph=True)
    first2 = torch.autograd.grad(loss(torch, functional.linear, functional.cross_entropy,
                                      torch.from_numpy(x), torch.from_numpy(y), *leaves2),
                                 leaves2, create_graph=True)
    slope = sum((g * v).sum() for g, v in zip(first, vectors, strict=True))
    slope2 = sum((g * torch.from_numpy(v)).sum() for g, v in zip(first2, vectors, strict=True))
    products, products2 = md.grad(slope, leaves), torch.autograd.grad(slope2, leaves2)
    for product, product2 in zip(products, products2, strict=True):
        assert_close(product, product2, 1e-9)


def test_the_layers_start_within_the_bounds_of_torch(torch):
    """Not the same draws, but the same law: U(-1/sqrt(n_in), 1/sqrt(n_in)) for weight and bias."""
    ours, theirs = md.nn.Linear(100, 300).init(0), torch.nn.Linear(100, 300)
    for w, w2 in ((ours.weight.data, theirs.weight), (ours.bias.data, theirs.bias)):
        w2 = w2.detach().numpy()
        assert np.abs(w).max() <= 0.1 and np.abs(w2).max() <= 0.1 + 1e-7
        sigma = 0.1 / math.sqrt(3 * w.size)       # of a mean; 6 of them: chance 2e-9
        assert abs(w.mean()) < 6 * sigma and abs(w2.mean()) < 6 * sigma
