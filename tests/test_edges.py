"""Edges that a hostile reader found: offsets, empty batches, leftovers, dtypes, same settings."""

from functools import partial

import numpy as np
import pytest

import minidrop as md
from minidrop import Tensor, grad, nn
from minidrop.fast.products import product
from minidrop.ops import window
from minidrop.xp import host

X, Y = np.ones((8, 4), "float32"), np.arange(8) % 3


@pytest.mark.parametrize("soft", [False, True])
def test_a_common_offset_of_the_logits_costs_no_digits(soft, xp):
    z, far = xp.asarray([[0.25, 1.25]], dtype="float32"), xp.asarray([[16384.25, 16385.25]], "f4")
    y = xp.asarray([[0.25, 0.75]], dtype="float32") if soft else xp.asarray([0])
    for f in (lambda z: md.cross_entropy(z, y), lambda z: md.log_softmax(z)[0, 0]):
        values = [host(f(a)) for a in (z, far)]
        slopes = [host(grad(f(t), t)) for t in (Tensor(a, requires_grad=True) for a in (z, far))]
        assert values[0] == values[1] and (slopes[0] == slopes[1]).all()


def test_gradients_left_behind_do_not_enter_a_run():
    net, other = (nn.Linear(4, 3).init(0) for _ in range(2))
    md.cross_entropy(net(X), Y).backward()
    for model in (net, other):
        md.fit(model, md.optim.SGD(0.1), (X, Y), 1, progress=False)
    np.testing.assert_array_equal(net.weight.data, other.weight.data)


def test_an_empty_batch_is_flattened_too(xp):
    assert nn.Flatten()(xp.ones((0, 3, 4, 4), "float32")).shape == (0, 48)


@pytest.mark.parametrize("make", [
    lambda: md.BatchNorm(4).init(0), lambda: md.LayerNorm(4).init(0),
    lambda: lambda x: md.normalise(x, 0)])
def test_norms_refuse_numbers_whose_squares_overflow(make, xp):
    with pytest.raises(TypeError, match="x must be float32 or float64, since squares overflow"):
        make()(xp.ones((8, 4), "float16"))


def test_batch_norm_of_numbers_whose_squares_overflow_float32(xp):
    y = md.batch_norm(xp.asarray([[1e20], [1.01e20]], dtype="float32"))
    np.testing.assert_allclose(host(y), [[-1], [1]], rtol=1e-3)


@pytest.mark.parametrize("make", [
    lambda: md.BatchNorm(1, eps=1.0), lambda: md.LayerNorm(2, eps=1.0),
    lambda: md.InstanceNorm(1, eps=1.0), lambda: md.GroupNorm(1, 1, eps=1.0)])
def test_every_norm_uses_its_eps(make, xp, backend):
    shapes = {md.BatchNorm: (2, 1), md.LayerNorm: (1, 2)}
    layer = make().init(0).to(backend)
    x = xp.asarray([0.0, 1.0], dtype="float32").reshape(shapes.get(type(layer), (1, 1, 2)))
    y = host(layer(Tensor(x)).data).ravel()
    np.testing.assert_allclose(y, [-0.4472136, 0.4472136], rtol=1e-5)


def test_init_again_gives_batch_norm_its_first_statistics():
    layer = md.BatchNorm(4).init(0)
    layer(md.gaussian(0, (8, 4)) * 3)
    layer.init(0)
    assert layer.running_mean.tolist() == [0] * 4 and layer.running_var.tolist() == [1] * 4


def test_two_uses_of_a_tensor_add_up_through_twins(xp):
    x = Tensor(xp.asarray([0.3, -0.8]), requires_grad=True)

    def f(x):
        return (md.gelu(x) * md.gelu(2 * x) + md.gelu(x)).sum()

    np.testing.assert_allclose(host(grad(f(x), x, create_graph=True).data), host(grad(f(x), x)))


def test_the_twin_of_max_pooling_never_takes_the_padding(xp):
    x = Tensor(xp.asarray(np.random.default_rng(0).standard_normal((1, 1, 4, 4)) - 9), True)
    pooled = md.max_pool2d(x, 2, padding=1).sum()
    np.testing.assert_array_equal(host(grad(pooled, x, create_graph=True).data),
                                  host(grad(pooled, x)))
    low = xp.full((1, 1, 2, 2), -1e35)
    assert bool((md.max_pool2d(low, 2, padding=1) == -1e35).all())


def test_pools_pad_at_most_half_a_window_and_keep_rows_and_columns_apart():
    with pytest.raises(ValueError, match="padding must be at most half"):
        md.max_pool2d(np.ones((1, 1, 3, 3)), 1, padding=1)
    assert nn.MaxPool2d(2, (1, 2))(np.ones((1, 1, 4, 6))).shape == (1, 1, 3, 3)


def test_a_filter_of_a_group_starts_by_the_channels_it_sees():
    w = nn.Conv2d(4, 4, 3, groups=4).init(0).weight.data
    assert 0.3 < abs(w).max() <= 1 / 3


def test_float32_meets_float64_in_float64():
    how = {"stride": (1, 1), "padding": (0, 0), "groups": 1}
    x, w = np.ones((2, 3, 5, 5), "float32"), np.ones((4, 3, 3, 3))
    y = window.conv2d(x, w, None, **how)
    assert y.dtype == "float64" == window.conv2d_dx(y.astype("f4"), w, shape=x.shape, **how).dtype
    assert window.conv2d_dw(y, x, size=(3, 3), **how).dtype == "float64"
    a, b = np.ones((40, 90, 80), "float32"), np.ones((40, 80, 90))
    assert product(a, b).dtype == "float64"


def test_every_epoch_has_an_order_of_its_own_where_the_batches_come_out_even():
    seen = []

    def look(rng, x, y):
        seen.append(x[:, 0].tolist())
        return x, y

    x = np.arange(32, dtype="float32").reshape(8, 4)
    md.fit(nn.Linear(4, 3).init(0), md.optim.SGD(0.0), (x, Y), 2, batch_size=4, batch=look,
           progress=False)
    assert sorted(sum(seen[:2], [])) == sorted(sum(seen[2:], [])) and seen[:2] != seen[2:]


class Jitter(nn.Module):
    """A plain module with a stream of its own."""

    def __init__(self):
        self.rng = md.Stream(3, "jitter")

    def forward(self, x):
        return x + md.uniform(self.rng, x.shape)


def test_streams_of_plain_modules_go_on_too(tmp_path):
    def run(path=None, stop=None):
        net = nn.Sequential(Jitter(), nn.Linear(4, 3)).init(0)

        def recorder(step, net, loss):
            if step == stop:
                raise RuntimeError("stop")

        md.fit(net, md.optim.SGD(0.1), (X, Y), 4, batch_size=4, checkpoint=path, progress=False,
               recorder=recorder)
        return net.linear1.weight.data

    with pytest.raises(RuntimeError, match="stop"):
        run(tmp_path / "run", stop=5)
    np.testing.assert_array_equal(run(tmp_path / "run"), run())


@pytest.mark.parametrize("first, second", [
    ({"penalty": lambda net, step: 1e-4 * md.l2(net.parameters())},
     {"penalty": lambda net, step: 1e-1 * md.l2(net.parameters())}),
    ({"batch": partial(md.flip_crop, padding=1)}, {"batch": partial(md.flip_crop, padding=2)})])
def test_functions_with_other_numbers_are_another_run(first, second, tmp_path):
    x = np.ones((8, 1, 2, 2), "float32")

    def run(options):
        net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).init(0)
        md.fit(net, md.optim.SGD(0.1), (x, Y), 1, checkpoint=tmp_path / "run", progress=False,
               **options)

    run(first), run(first)
    with pytest.raises(ValueError, match="is of another run"):
        run(second)


def test_a_file_without_its_digest_is_not_believed(tmp_path):
    from safetensors.numpy import load_file, save_file

    md.save(nn.Linear(2, 1).init(0), tmp_path / "line")
    arrays = {name: a + 100 for name, a in load_file(tmp_path / "line").items()}
    save_file(arrays, tmp_path / "line", metadata={"minidrop": "{}"})
    with pytest.raises(ValueError, match="is not a whole checkpoint of minidrop"):
        md.load(nn.Linear(2, 1), tmp_path / "line")
