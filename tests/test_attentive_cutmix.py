"""inputs/attentive_cutmix: every equation, exactly, and every sentence of "Differs"."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.check import Forbid, Record, Replay, gradcheck
from minidrop.xp import host
from tests.batches import assert_resumes, by_loops

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
X = np.random.default_rng(0).normal(size=(3, 2, 4, 6))
Y = np.array([[1.0, 0, 0], [0, 1, 0], [0.2, 0.3, 0.5]])
CELLS = np.array([[[1, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 0, 1]], [[1, 1, 1], [1, 1, 1]]], bool)
ORDER = np.array([2, 0, 1])


def front(backend="numpy", seed=0):
    """An extractor (N, 1, H, W) to (N, 3, H / 2, W / 2), with all that could be disturbed."""
    return md.nn.Sequential(md.nn.Conv2d(1, 3, 3, padding=1), md.BatchNorm(3), md.nn.ReLU(),
                            md.Dropout(0.5), md.nn.MaxPool2d(2)).init(seed).to(backend)


def pictures(xp, n=5, size=8):
    return xp.asarray(np.random.default_rng(1).normal(size=(n, 1, size, size)).astype("float32"))


# --- (attentive_cutmix.1) and (attentive_cutmix.2): the cells -------------------------------------

def test_attentive_cutmix_2_by_hand(xp):
    heat = xp.arange(49.0).reshape(1, 1, 7, 7)
    cells = md.attention_cells(heat, 6)
    due = np.zeros((1, 7, 7), bool)
    due[0, 6, 1:7] = True                         # cells 43 to 48
    assert cells.dtype == bool and isinstance(cells, xp.ndarray)
    assert_array_equal(host(cells), due)


@PROPERTY
@given(shape=st.tuples(*[st.integers(1, n) for n in (3, 4, 5, 6)]), seed=st.integers(0, 999),
       data=st.data())
def test_attentive_cutmix_1_and_2_are_what_loops_give(xp, shape, seed, data):
    images, channels, rows, columns = shape
    n = data.draw(st.integers(0, rows * columns))
    features = np.random.default_rng(seed).integers(0, 3, shape).astype("float32")    # many ties
    cells = host(md.attention_cells(xp.asarray(features), n))
    for i in range(images):
        heat = [sum(features[i, c, row, column] for c in range(channels))
                for row in range(rows) for column in range(columns)]
        for k in range(rows * columns):
            before = sum(other > heat[k] or other == heat[k] and j < k
                         for j, other in enumerate(heat))
            assert cells[i].ravel()[k] == (before < n)
        assert cells[i].sum() == n


def test_attentive_cutmix_2_of_equal_cells_takes_the_first(xp):
    features = xp.zeros((1, 3, 5, 7), "float32")
    assert_array_equal(host(md.attention_cells(features, 9)).ravel(), np.arange(35) < 9)
    features[0, :, 4, 6] = 1.0
    features[0, :, 0, 0] = -0.0                   # equal to 0
    assert_array_equal(host(md.attention_cells(features, 9)).ravel(),
                       (np.arange(35) < 8) | (np.arange(35) == 34))


def test_attentive_cutmix_1_is_the_mean_over_the_channels(xp):
    features = xp.asarray(np.array([[[[4.0, 0, 0]], [[0, 3.0, 0]], [[0, 3.0, 0]], [[2, 2, 5.0]]]]))
    assert_array_equal(host(md.attention_cells(features, 1)), [[[False, True, False]]])


def test_attentive_cutmix_1_the_last_channel_chooses_other_cells(xp):
    features = np.random.default_rng(0).normal(size=(20, 8, 7, 7)).clip(0)
    last = np.zeros((20, 49), bool)
    best = features[:, -1].reshape(20, 49).argsort()[:, -6:]
    np.put_along_axis(last, best, True, 1)
    mean = host(md.attention_cells(xp.asarray(features), 6))
    assert_array_equal(host(md.attention_cells(xp.asarray(features[:, -1:]), 6)),
                       last.reshape(20, 7, 7))
    assert all((a != b).any() for a, b in zip(last.reshape(20, 7, 7), mean, strict=True))


def test_attentive_cutmix_2_takes_tensors_and_every_memory_order(xp):
    features = np.random.default_rng(0).integers(0, 8, (2, 4, 3, 5)).astype("float64")
    due = host(md.attention_cells(features, 4))
    assert_array_equal(host(md.attention_cells(md.Tensor(xp.asarray(features)), 4)), due)
    for axes in itertools.permutations(range(4)):
        back = [int(axis) for axis in np.argsort(axes)]
        turned = xp.asarray(np.ascontiguousarray(features.transpose(axes))).transpose(*back)
        assert_array_equal(host(md.attention_cells(turned, 4)), due)


# --- (attentive_cutmix.3) to (attentive_cutmix.5): the mixture ------------------------------------

def test_attentive_cutmix_3_and_4_by_hand(xp):
    x = np.zeros((2, 1, 224, 224), "float32")
    x[0] = 1
    heat = xp.asarray(np.broadcast_to(np.arange(49.0).reshape(7, 7), (2, 1, 7, 7)))
    mixed, y = md.attentive_cutmix(xp.asarray(x), xp.asarray(np.eye(2)),
                                   md.attention_cells(heat, 6), xp.asarray(np.array([1, 0])))
    assert host(mixed)[0].sum() == 6144 and host(mixed)[0, 0, 192:, 32:].all()
    assert_array_equal(host(mixed)[1], 1 - host(mixed)[0])
    assert_allclose(host(y), [[6 / 49, 43 / 49], [43 / 49, 6 / 49]], rtol=1e-15)
    assert round(float(y[0, 0]), 6) == 0.122449


@PROPERTY
@given(shape=st.tuples(st.integers(1, 4), st.integers(1, 2)), seed=st.integers(0, 999),
       grid=st.tuples(st.integers(1, 4), st.integers(1, 4)),
       patch=st.tuples(st.integers(1, 3), st.integers(1, 3)))
def test_attentive_cutmix_3_and_5_are_what_loops_give(xp, shape, grid, patch, seed):
    rng, n = np.random.default_rng(seed), shape[0]
    size = [cells * pixels for cells, pixels in zip(grid, patch, strict=True)]
    x, y = rng.normal(size=(*shape, *size)), rng.dirichlet(np.ones(3), n)
    cells, order = rng.random((n, *grid)) < 0.5, rng.integers(0, n, n)
    due = by_loops(x, y, order, lambda i, row, column: not cells[i, row // patch[0],
                                                                 column // patch[1]])
    found = md.attentive_cutmix(*(xp.asarray(a) for a in (x, y, cells, order)))
    for one, wanted in zip(found, due, strict=True):
        assert_allclose(host(one), wanted, rtol=0, atol=1e-15)


@pytest.mark.parametrize("size, grid", [(28, 7), (32, 8), (28, 4), (32, 4), (224, 7)])
def test_attentive_cutmix_4_every_mask_has_n_cells_and_the_label_their_share(xp, size, grid):
    features = xp.asarray(np.random.default_rng(2).normal(size=(4, 3, grid, grid)))
    x = xp.asarray(np.broadcast_to(np.arange(4.0)[:, None, None, None], (4, 1, size, size)).copy())
    y, order = xp.asarray(np.eye(4)), xp.asarray(np.array([1, 2, 3, 0]))
    for n in (0, 1, 6, 15, grid**2):
        mixed, shares = md.attentive_cutmix(x, y, md.attention_cells(features, n), order)
        for i in range(4):
            counted = (host(mixed)[i] == i).sum() / size**2
            assert counted == host(shares)[i, i] == n / grid**2
            assert_allclose(host(shares)[i].sum(), 1, rtol=1e-15)


def test_attentive_cutmix_3_copies_pixels_and_nothing_else(xp):
    x = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype("float32")
    x[0, 0, 0, 0], x[1, 2, 31, 31] = np.nan, np.inf
    cells, order = np.random.default_rng(1).random((2, 8, 8)) < 0.3, np.array([1, 0])
    mixed, _ = md.attentive_cutmix(xp.asarray(x), xp.asarray(np.eye(2)), xp.asarray(cells),
                                   xp.asarray(order))
    own = np.kron(cells, np.ones((4, 4), bool))[:, None]
    assert host(mixed).tobytes() == np.where(own, x, x[order]).tobytes()


def test_attentive_cutmix_3_and_5_have_gradients_in_images_and_shares(xp):
    cells, order = xp.asarray(CELLS), xp.asarray(np.array([2, 2, 1]))
    x, y = xp.asarray(X), xp.asarray(Y)
    gradcheck(lambda t: md.attentive_cutmix(t, y, cells, order)[0], x, order=2)
    gradcheck(lambda t: md.attentive_cutmix(x, t, cells, order)[1], y, order=2)
    tx, ty = (md.Tensor(a, requires_grad=True) for a in (x, y))
    mixed, shares = md.attentive_cutmix(tx, ty, cells, order)
    dx, dy = md.grad(mixed.sum() + shares.sum(), [tx, ty])
    own = np.kron(CELLS, np.ones((2, 2)))[:, None]
    uses = own.copy()
    for i, partner in enumerate([2, 2, 1]):
        uses[partner] += 1 - own[i]
    assert_array_equal(host(dx), np.broadcast_to(uses, X.shape))
    assert_allclose(host(dy), np.array([1 / 3, 1 / 6, 1 + 2 / 3 + 5 / 6])[:, None] * np.ones(3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_attentive_cutmix_3_and_5_keep_dtype_and_kind(xp, dtype):
    x, y = xp.asarray(X.astype(dtype)), xp.asarray(Y.astype(dtype))
    cells, order = xp.asarray(CELLS), xp.asarray(ORDER)
    for found in md.attentive_cutmix(x, y, cells, order):
        assert isinstance(found, xp.ndarray) and found.dtype == dtype
    for found in md.attentive_cutmix(md.Tensor(x), md.Tensor(y), cells, order):
        assert isinstance(found, md.Tensor) and found.dtype == dtype


def test_every_memory_order_gives_the_same_numbers_and_the_input_stays(xp):
    due, _ = md.attentive_cutmix(X, Y, CELLS, ORDER)
    for axes in itertools.permutations(range(4)):
        back = [int(axis) for axis in np.argsort(axes)]
        turned = xp.asarray(np.ascontiguousarray(X.transpose(axes))).transpose(*back)
        y, cells, order = (xp.asarray(a) for a in (Y, CELLS, ORDER))
        assert_array_equal(host(md.attentive_cutmix(turned, y, cells, order)[0]), due)
        for used, before in ((turned, X), (y, Y), (cells, CELLS), (order, ORDER)):
            assert_array_equal(host(used), before)


# --- the batch transform --------------------------------------------------------------------------

def test_attentive_cutmix_draws_an_order_and_nothing_else(xp, backend):
    extractor, x, y = front(backend), pictures(xp), xp.asarray(np.array([0, 2, 2, 1, 0]))
    rng = Record(md.Stream(4, "", backend))
    found = md.AttentiveCutMix(extractor, 3, classes=4)(rng, x, y)
    assert [(name, args) for name, args, _ in rng.draws] == [("permutation", (5,))]
    cells = md.attention_cells(extractor.eval()(x), 3)
    due = md.attentive_cutmix(x, md.one_hot(y, 4), cells, rng.draws[0][2])
    for one, wanted in zip(found, due, strict=True):
        assert one.dtype == "float32" and host(one).tobytes() == host(wanted).tobytes()
    orders = {host(md.permutation(md.Stream(seed), 5)).tobytes() for seed in range(20)}
    assert len(orders) > 10                       # of 120


def test_attentive_cutmix_looks_without_a_graph_and_leaves_the_extractor_as_it_was(xp, backend):
    extractor, x, y = front(backend), pictures(xp), xp.arange(5) % 2
    extractor.batchnorm1.eval()                   # modes may differ
    extractor.dropout1.rng = Forbid()
    seen, forward = [], extractor.conv2d1.forward

    def spy(x):
        seen.append((extractor.conv2d1.training, forward(x)))
        return seen[-1][1]

    extractor.conv2d1.forward = spy
    before = {path: host(a).tobytes() for path, a in extractor.state_dict().items()}
    modes = {path: module.training for path, module in extractor.named_modules()}
    md.AttentiveCutMix(extractor, 2)(0, x, y)
    (training, features), = seen
    assert not training and not features.requires_grad
    assert {path: host(a).tobytes() for path, a in extractor.state_dict().items()} == before
    assert {path: module.training for path, module in extractor.named_modules()} == modes
    assert extractor.training and not extractor.batchnorm1.training
    assert all(w.grad is None for w in extractor.parameters())
    with pytest.raises(ValueError, match="x must be images"):
        md.AttentiveCutMix(extractor, 2)(0, x[0], y)
    with pytest.raises(ValueError, match="n must be at most the 16 cells of a map of 4 x 4"):
        md.AttentiveCutMix(extractor, 17)(0, x, y)
    assert {path: module.training for path, module in extractor.named_modules()} == modes


def test_attentive_cutmix_takes_labels_rows_and_tensors(xp, backend):
    batch = md.AttentiveCutMix(front(backend).astype("float64"), 3, 3)
    x, y = pictures(xp).astype("float64"), xp.arange(5) % 3
    due = batch(3, x, y)
    for other in (batch(3, x, md.one_hot(y, 3)), batch(3, md.Tensor(x), md.Tensor(y)),
                  batch(md.Stream(3), x, y)):
        for found, wanted in zip(other, due, strict=True):
            assert found.dtype == wanted.dtype == "float64"
            assert_array_equal(host(found.data if isinstance(found, md.Tensor) else found),
                               host(wanted))


def fronts(size):
    """{row of the table: layers}, for images (N, 1, size, size)."""
    lenet = md.models.lenet(size=size).init(0)
    relu = [lenet.stage1, lenet.stage2.conv, lenet.stage2.relu]
    means = md.nn.AvgPool2d(2 if size == 28 else 3, stride=1)
    layers = {"lenet": [lenet.stage1, lenet.stage2], "relu": relu, "means": [*relu, means]}
    for name in ("resnet8", "resnet20"):
        net = getattr(md.models, name)(channels=1).init(0)
        layers[name] = [net.stem, net.stage1, net.stage2, net.stage3]
    return layers


@pytest.mark.parametrize("size, grids", [
    (28, {"resnet8": 7, "resnet20": 7, "lenet": 4, "relu": 8, "means": 7}),
    (32, {"resnet8": 8, "resnet20": 8, "lenet": 5, "relu": 10, "means": 8})])
def test_attentive_cutmix_extractors_have_the_grids_of_the_table(size, grids):
    x, y = np.random.default_rng(0).normal(size=(2, 1, size, size)).astype("float32"), np.arange(2)
    for name, layers in fronts(size).items():
        grid, extractor = grids[name], md.nn.Sequential(*layers)
        features = extractor(x).data
        assert features.shape[2:] == (grid, grid) and (features >= 0).all()      # after a ReLU
        batch, exchange = md.AttentiveCutMix(extractor, 6), Replay(np.array([1, 0]))
        if size % grid:
            with pytest.raises(ValueError, match=f"divides the {size} x {size} .* {grid} x {grid}"):
                batch(exchange, x, y)
        else:
            _, shares = batch(exchange, x, y)
            assert_allclose(shares[:, 0], [6 / grid**2, 1 - 6 / grid**2], rtol=1e-6)


def test_attentive_cutmix_is_told_by_its_numbers_and_its_extractor(tmp_path):
    assert repr(md.AttentiveCutMix(front(), 6)) == "AttentiveCutMix(n=6, classes=10)"
    x, y = pictures(np), np.arange(5) % 2

    def run(extractor, n=3):
        net = md.nn.Sequential(md.nn.Flatten(), md.nn.Linear(64, 2)).init(0)
        md.fit(net, md.optim.SGD(0.1), (x, y), 1, batch=md.AttentiveCutMix(extractor, n, 2),
               checkpoint=tmp_path / "run", progress=False)

    run(front())
    run(front())                                  # the same again goes on, and is done
    for other in (lambda: run(front(seed=1)), lambda: run(front(), 4)):
        with pytest.raises(ValueError, match=r"another run: batch 'AttentiveCutMix\("):
            other()


def test_a_run_with_attentive_cutmix_resumes_bit_for_bit(xp, backend, tmp_path):
    batch = md.AttentiveCutMix(front(backend), 5, classes=2)
    assert_resumes(batch, pictures(xp, 11), tmp_path / "run")


# --- bad input ------------------------------------------------------------------------------------

def test_what_does_not_fit_is_refused_in_one_sentence(xp):
    x, y, cells, order = (xp.asarray(a) for a in (X, Y, CELLS, ORDER))
    for error, words, use in [
            (ValueError, r"features must be maps", lambda: md.attention_cells(x[0], 1)),
            (ValueError, r"features must not hold nan", lambda: md.attention_cells(x * np.nan, 1)),
            (TypeError, r"features must hold floats", lambda: md.attention_cells(x > 0, 1)),
            (ValueError, r"n must be at most the 24 cells of a map of 4 x 6, got 25",
             lambda: md.attention_cells(x, 25)),
            (ValueError, r"n must be a whole number of at", lambda: md.attention_cells(x, -1)),
            (TypeError, r"n must be a whole number", lambda: md.attention_cells(x, 1.5)),
            (ValueError, r"x must be images", lambda: md.attentive_cutmix(x[0], y, cells, order)),
            (TypeError, r"one_hot", lambda: md.attentive_cutmix(x, xp.arange(3), cells, order)),
            (ValueError, r"order must lie in 0..2",
             lambda: md.attentive_cutmix(x, y, cells, order + 1)),
            (TypeError, r"cells must be boolean \(3, h, w\)",
             lambda: md.attentive_cutmix(x, y, cells * 1.0, order)),
            (TypeError, r"cells must be boolean",
             lambda: md.attentive_cutmix(x, y, cells[:2], order)),
            (ValueError, r"divides the 4 x 6 pixels of x, got 2 x 4;",
             lambda: md.attentive_cutmix(x, y, xp.ones((3, 2, 4), bool), order)),
            (ValueError, r"divides the 4 x 6 pixels of x, got 3 x 3;",
             lambda: md.attentive_cutmix(x, y, xp.ones((3, 3, 3), bool), order)),
            (TypeError, r"extractor must be a Module", lambda: md.AttentiveCutMix(md.relu, 6)),
            (ValueError, r"n must be", lambda: md.AttentiveCutMix(front(), 0)),
            (ValueError, r"classes must be", lambda: md.AttentiveCutMix(front(), 1, 0))]:
        with pytest.raises(error, match=words):
            use()
