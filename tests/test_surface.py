"""surface: the plane through three networks, the loss on it, and the path of training beside it."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import nn, plots, train
from minidrop.gradients import unflat
from minidrop.xp import host

pytestmark = pytest.mark.slow

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None)


def network(seed, backend="numpy"):
    return nn.Sequential(one=nn.Linear(6, 5), norm=md.BatchNorm(5), act=nn.Tanh(),
                         drop=md.Dropout(0.5), out=nn.Linear(5, 3)).init(seed).to(backend)


def pair(xp, n=30):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 6)).astype("float32"), rng.integers(3, size=n)
    return xp.asarray(x), xp.asarray(y)


# --- the plane ------------------------------------------------------------------------------------

@PROPERTY
@given(d=st.integers(2, 40), seed=st.integers(0, 99), near=st.sampled_from([1.0, 1e-2, 1e-4]))
def test_surface_1_directions_are_orthonormal_and_span_the_differences(d, seed, near):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, d))
    c = a + 0.3 * (b - a) + near * rng.normal(size=d)          # close to the line
    plane = md.Plane(a, b, c)
    basis = np.stack([plane.u, plane.v])
    assert_allclose(basis @ basis.T, np.eye(2), atol=1e-14)
    for theta in (b, c):
        away = theta - a
        assert_allclose(basis.T @ (basis @ away), away, atol=1e-13)
    assert_allclose(plane.corners[:2], [[0, 0], [np.linalg.norm(b - a), 0]], atol=1e-13)
    assert plane.corners[2, 1] > 0


@PROPERTY
@given(d=st.integers(3, 30), x=st.floats(-5, 5), y=st.floats(-5, 5), seed=st.integers(0, 99))
def test_surface_3_finds_the_nearest_point_again(d, x, y, seed):
    rng = np.random.default_rng(seed)
    plane = md.Plane(*rng.normal(size=(3, d)))
    point = plane.origin + x * plane.u + y * plane.v
    assert_allclose(plane.project(point), [x, y, 0], atol=1e-12)
    aside = rng.normal(size=d)
    aside -= (aside @ plane.u) * plane.u + (aside @ plane.v) * plane.v
    found = plane.project(point + aside)
    assert_allclose(found, [x, y, np.linalg.norm(aside)], atol=1e-12)
    nearest = [np.linalg.norm(point + aside - plane.origin - p * plane.u - q * plane.v)
               for p, q in ((x + 0.1, y), (x - 0.1, y), (x, y + 0.1), (x, y - 0.1))]
    assert min(nearest) > found.distance


def test_surface_2_and_3_by_hand(xp):
    """In three dimensions: a at height 1, u and v are the axes."""
    a, b, c, d = (xp.asarray(np.array(p)) for p in ([0, 0, 1.0], [2, 0, 1.0], [1, 3, 1.0],
                                                    [5, -2, 4.0]))
    plane = md.Plane(a, b, c)
    assert type(plane.u) is xp.ndarray
    assert plane.corners.tolist() == [[0, 0], [2, 0], [1, 3]]
    assert plane.project(d) == (5, -2, 3)
    many = plane.project(xp.stack([a, d]))
    assert [part.tolist() for part in many] == [[0, 5], [0, -2], [0, 3]]
    assert all(type(part) is np.ndarray for part in many)


def test_surface_2_networks_of_the_corners_are_the_networks(xp, backend):
    nets = [network(seed, backend) for seed in range(3)]
    plane = md.Plane(*nets)
    for net, (x, y) in zip(nets, plane.corners, strict=True):
        before = host(md.flat(net.parameters())).copy()
        found = plane.network(nets[0], float(x), float(y))
        for w, due in zip(found.parameters(), net.parameters(), strict=True):
            assert type(w.data) is xp.ndarray and w.dtype == "float32"
            assert_allclose(host(w.data), host(due.data), atol=1e-7)
            assert w.data is not due.data
        assert_array_equal(host(md.flat(net.parameters())), before)
    half = plane.network(nets[0], float(plane.corners[1, 0]) / 2, 0.0)
    for w, due in zip(half.parameters(), md.interpolate(*nets[:2], 0.5).parameters(), strict=True):
        assert_allclose(host(w.data), host(due.data), atol=1e-7)


def test_the_grid_is_a_square_around_all_points():
    plane = md.Plane(np.zeros(2), np.array([4.0, 0]), np.array([1.0, 2]))
    xs, ys = plane.grid(n=5, margin=0.25)
    assert xs.tolist() == [-1, 0.5, 2, 3.5, 5] and ys.tolist() == [-2, -0.5, 1, 2.5, 4]
    xs, ys = plane.grid([(0, 10)], n=3, margin=0)
    assert xs.tolist() == [-3, 2, 7] and ys.tolist() == [0, 5, 10]
    xs, ys = plane.grid()
    assert len(xs) == len(ys) == 21 and xs[0] == pytest.approx(-0.8)            # 0.2 of 4
    shadow = plane.project(np.array([[0.0, 10], [1, 3]]))
    assert [part.tolist() for part in plane.grid(shadow, n=3, margin=0)] == [[-3, 2, 7], [0, 5, 10]]


# --- the surface ----------------------------------------------------------------------------------

@pytest.mark.parametrize("statistics", [False, True])
def test_a_surface_is_what_a_loop_finds(xp, backend, statistics):
    nets, data = [network(seed, backend) for seed in range(3)], pair(xp)
    plane, grid = md.Plane(*nets), ([0.0, 1.5, -1.0], [0.5, 2.0])
    x = data[0] if statistics else None
    found = md.loss_surface(nets[0], plane, data, grid, statistics=x, progress=False)
    assert found.x.tolist() == grid[0] and found.y.tolist() == grid[1]
    assert found.loss.shape == found.error.shape == (2, 3) and found.loss.dtype == "float64"
    for i, v in enumerate(grid[1]):
        for j, u in enumerate(grid[0]):
            net = plane.network(nets[0], u, v)
            if statistics:
                md.batch_norm_statistics(net, x)
            score = md.evaluate(net, data)
            assert (found.loss[i, j], found.error[i, j]) == (score.loss, 1 - score.accuracy)
    assert len(set(found.loss.ravel())) == 6


def test_a_surface_of_a_quadratic_is_that_quadratic():
    rng = np.random.default_rng(0)
    nets = [nn.Linear(4, 1, bias=False).init(seed).astype("float64") for seed in range(3)]
    h = rng.normal(size=(4, 4))
    plane = md.Plane(*nets)
    grid = plane.grid(n=4)
    found = md.loss_surface(nets[0], plane, (np.eye(4), np.zeros((4, 1))), grid, progress=False,
                            loss=lambda w, _: 0.5 * (w * (h @ w)).sum())
    x, y = np.meshgrid(*grid)
    theta = plane.origin + x[..., None] * plane.u + y[..., None] * plane.v
    assert_allclose(found.loss, 0.5 * np.einsum("yxi,ij,yxj->yx", theta, h, theta), atol=1e-12)
    assert np.isnan(found.error).all()


def test_a_surface_looks_at_so_many_examples_at_once():
    nets, seen = [network(seed) for seed in range(3)], []

    def loss(z, y):
        seen.append(len(y))
        return md.cross_entropy(z, y)

    md.loss_surface(nets[0], md.Plane(*nets), pair(np), ([0.0], [0.0]), loss=loss, batch_size=12,
                    progress=False)
    assert seen == [12, 12, 6]


def test_a_surface_shows_its_progress(capsys):
    nets = [network(seed) for seed in range(3)]
    md.loss_surface(nets[0], md.Plane(*nets), pair(np), ([0.0], [0.0, 1.0]))
    assert "loss surface: 100%" in capsys.readouterr().err


@pytest.mark.parametrize("values", ["loss", "error"])
def test_a_surface_is_drawn_with_path_and_marks(values):
    x, y = np.linspace(-1, 1, 5), np.linspace(0, 1, 4)
    z = x**2 + y[:, None]**2
    surface = md.LossSurface(x, y, z, z / 4)
    figure, axis = plots.subplots()
    path = md.Shadow(np.array([-1.0, 0.0, 0.5]), np.array([1.0, 0.0, 0.5]), None)
    options = {} if values == "loss" else {"values": values}
    plots.draw_surface(axis, surface, path, marked=([0.0, 0.5], [0.0, 0.5]), **options)
    levels = axis.collections[0].levels
    most = 2 if values == "loss" else 0.5
    assert_allclose(levels, most * np.geomspace(1e-3, 1, 13), rtol=1e-6)
    drawn = [line.get_xydata().tolist() for line in axis.lines]
    assert drawn == [[[-1, 1], [0, 0], [0.5, 0.5]], [[0, 0]], [[0.5, 0.5]]]
    assert {"1", "2"} <= {text.get_text() for text in axis.texts}
    assert axis.get_xlim() == (-1, 1) and axis.get_ylim() == (0, 1)
    plt.close(figure)


@pytest.mark.parametrize("z, least", [
    (np.zeros((4, 5)), 1), (np.full((4, 5), 0.3), 1), (np.full((4, 5), np.nan), 0),
    (np.where(np.eye(4, 5) > 0, np.inf, 0.2 + np.arange(5)), 2),
    (np.where(np.eye(4, 5) > 0, np.nan, 0.2 + np.arange(5)), 2), (0.1 * np.eye(4, 5), 2)])
@pytest.mark.filterwarnings("error")
def test_a_surface_that_is_flat_or_not_finite_is_drawn_too(z, least):
    figure, axis = plots.subplots()
    surface = md.LossSurface(np.linspace(-1, 1, 5), np.linspace(0, 1, 4), z, z)
    plots.draw_surface(axis, surface)
    figure.canvas.draw()
    assert sum(path.vertices.size > 0 for path in axis.collections[0].get_paths()) >= least
    with pytest.raises(ValueError, match="values must be one of 'loss', 'error'"):
        plots.draw_surface(axis, surface, values="accuracy")
    plt.close(figure)


# --- the path of training -------------------------------------------------------------------------

def test_a_path_keeps_the_weights_of_its_steps(xp, backend):
    net, data, seen = network(0, backend), pair(xp), {}
    seen[0] = host(md.flat(net.parameters())).copy()
    path = md.WeightPath(net, [8, 0, 3])

    def both(step, net, loss):
        path(step, net, loss)
        seen[step + 1] = host(md.flat(net.parameters())).copy()

    md.fit(net, md.optim.SGD(0.1), data, epochs=3, batch_size=10, recorder=both, progress=False)
    assert path.step.tolist() == [0, 3, 8] and type(path.weights) is xp.ndarray
    assert_array_equal(host(path.weights), [seen[step] for step in (0, 3, 8)])
    assert path.weights.dtype == "float32" and len({tuple(row) for row in seen.values()}) == 10
    plane = md.Plane(*path.weights)
    assert_allclose(plane.project(path.weights).distance, 0, atol=1e-6)


def test_a_path_leaves_training_alone_and_goes_on_from_a_checkpoint(tmp_path, monkeypatch):
    data, runs = pair(np), {}

    def run(path, net, **options):
        md.fit(net, md.optim.SGD(0.1), data, epochs=2, batch_size=10, recorder=path,
               progress=False, **options)
        runs[len(runs)] = md.flat(net.parameters()), path

    net = network(0)
    run(None, net)
    run(md.WeightPath(net := network(0), range(0, 7, 2)), net)
    steps, step = [], train.train_step
    monkeypatch.setattr(train, "train_step", lambda *args: steps.append(0) or 1 / (len(steps) < 5)
                        and step(*args))
    net = network(0)
    with pytest.raises(ZeroDivisionError):
        run(md.WeightPath(net, range(0, 7, 2)), net, checkpoint=tmp_path / "run")
    monkeypatch.undo()
    run(md.WeightPath(net := network(0), range(0, 7, 2)), net, checkpoint=tmp_path / "run")
    assert_array_equal(runs[0][0], runs[1][0])
    assert runs[2][1].step.tolist() == [0, 2, 4, 6]
    assert_array_equal(runs[2][1].weights, runs[1][1].weights)


def test_a_path_has_the_dtype_of_the_network(xp, backend):
    net = network(0, backend)
    path = md.WeightPath(net, [0])
    path.load_state_dict({name: host(value).astype("float64" if name == "weights" else "int64")
                          for name, value in path.state_dict().items()})
    assert path.weights.dtype == "float32" and type(path.weights) is xp.ndarray


@pytest.mark.parametrize("changed, kind, words", [
    ({"step": [-5, 2]}, ValueError, r"state\['step'\] must be some of the steps .* got .-5, 2"),
    ({"step": [1, 1]}, ValueError, "got \\[1, 1]"), ({"step": [2, 1]}, ValueError, "got \\[2, 1]"),
    ({"step": [1, 77]}, ValueError, "got \\[1, 77]"),
    ({"weights": np.nan}, ValueError, r"state\['weights'\] must not hold nan"),
    ({"weights": 1e300}, ValueError, r"state\['weights'\] must fit into float32"),
    ({"weights": 1}, TypeError, r"state\['weights'\] must hold floats, got int64"),
    ({"weights": 1j}, TypeError, "state must hold arrays of numbers")])
def test_a_state_that_a_path_cannot_have_is_refused(changed, kind, words):
    net = network(0)
    path, d = md.WeightPath(net, [1, 2]), md.flat(net.parameters()).size
    state = {"step": np.array([1, 2]), "weights": np.ones((2, d), "float32")}
    path.load_state_dict(state)
    for name, value in changed.items():
        state[name] = np.array(value) if name == "step" else np.full((2, d), value)
    with pytest.raises(kind, match=words):
        path.load_state_dict(state)
    assert path.step.tolist() == [1, 2] and (path.weights == 1).all()


def test_a_second_run_replaces_the_path_of_the_first():
    net, data = network(0), pair(np)
    path = md.WeightPath(net, [0, 1, 5])
    for epochs in (5, 3):
        md.fit(net, md.optim.SGD(0.1), data, epochs=epochs, batch_size=30, recorder=path,
               progress=False)
    assert path.step.tolist() == [0, 1]


def test_flat_and_unflat_undo_each_other(xp, backend):
    arrays = [w.data for w in network(0, backend).parameters()]
    for part, due in zip(unflat(md.flat(arrays), arrays), arrays, strict=True):
        assert_array_equal(host(part), host(due))
    for short in (md.flat(arrays)[:-1], xp.zeros(100)):
        with pytest.raises(ValueError, match="vector must be flat with"):
            unflat(short, arrays)


def test_a_mistake_is_named():
    nets = [network(seed) for seed in range(3)]
    plane, data = md.Plane(*nets), pair(np)
    other = nn.Linear(6, 3).init(0)
    for call, kind, sentence in (
            (lambda: md.Plane(nets[0], nets[0], nets[1]), ValueError, "b must differ from a"),
            (lambda: md.Plane(*nets[:2], md.interpolate(*nets[:2], 0.3)), ValueError,
             "c must not lie on the line"),
            (lambda: md.Plane(*nets[:2], other), ValueError, "c must be a network or as long as a"),
            (lambda: plane.project(other), ValueError, "weights must have"),
            (lambda: plane.network(other, 0, 0), ValueError, "net must be a Module with"),
            (lambda: plane.network(nets[0], 0, np.nan), ValueError, "y must be finite"),
            (lambda: plane.grid(n=1), ValueError, "n must be a whole number of at least 2"),
            (lambda: plane.grid(np.zeros((2, 3))), ValueError, r"points must be rows \(x, y\)"),
            (lambda: plane.grid([1.0, 2.0]), ValueError, r"points must be rows \(x, y\)"),
            (lambda: md.Plane(np.zeros(3), np.array([1, np.inf, 0]), np.ones(3)), ValueError,
             "b must hold finite numbers"),
            (lambda: plane.project(np.full(plane.origin.size, np.nan)), ValueError,
             "weights must hold finite numbers"),
            (lambda: md.loss_surface(nets[0], plane, data, iter([[0.0]]), progress=False),
             ValueError, "grid must be two lists"),
            (lambda: md.loss_surface(nets[0], plane, data, ([], [0.0]), progress=False),
             ValueError, "grid must hold at least one"),
            (lambda: md.WeightPath(nets[0], [5]).weights, ValueError, "steps were not reached yet"),
            (lambda: md.WeightPath(nets[0], [5])(4, nets[1], None), ValueError, "net must be the"),
            (lambda: md.WeightPath(nets[0], [5]).load_state_dict({}), ValueError, "state must hold")
    ):
        with pytest.raises(kind, match=sentence):
            call()
