"""nn/compression: equal outputs with fewer units, for every model, and every trap by itself."""

import copy
import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import models, nn
from minidrop.xp import host

pytestmark = pytest.mark.slow

PROPERTY = settings(max_examples=4, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])


def wide_awake(net, seed=0, dtype="float64"):
    """The network with biases, scales and statistics that are not those of its start."""
    rng = np.random.default_rng(seed)
    net = net.init(seed).astype(dtype)
    for value in net.state_dict().values():
        if value.ndim == 1:
            value[...] = rng.uniform(0.3, 1.5, value.shape) * rng.choice([-1, 1, 1], value.shape)
    for _, module in net.named_modules():
        if isinstance(module, md.BatchNorm):
            module.running_var[...] = abs(module.running_var)
    return net


def outputs(net, x):
    modes = [(m, m.training) for _, m in net.named_modules()]
    with nn.evaluation(net):
        y = net(x)
    assert all(m.training is mode for m, mode in modes)
    return host(y.data)


def sizes(net):
    """{path: (n_in, n_out)} of the layers with weights."""
    return {path: (m.n_in, m.n_out) for path, m in net.named_modules()
            if isinstance(m, nn.Linear | nn.Conv2d)}


def count(net):
    return sum(w.size for w in net.parameters())


def assert_same(small, net, x, tolerance=1e-12):
    due = outputs(net, x)
    assert_allclose(outputs(small, x), due, rtol=tolerance, atol=tolerance * abs(due).max())


def images(xp, *shape, dtype="float64"):
    return xp.asarray(np.random.default_rng(1).normal(size=shape).astype(dtype))


# --- every model ----------------------------------------------------------------------------------

MODELS = {"mlp": (lambda: models.mlp(6, 9, 8, 3), (6,)),
          "lenet": (lambda: models.lenet(size=16, classes=3), (1, 16, 16)),
          "vgg_small": (lambda: models.vgg_small(2, 8, 3), (2, 8, 8)),
          "resnet8": (lambda: models.resnet8(classes=3), (3, 8, 8)),
          "resnet8b": (lambda: models.resnet8(classes=3, shortcut="projection"), (3, 8, 8)),
          "vit": (lambda: models.vit(8, 1, 4, 8, 2, 2, 3), (1, 8, 8)),
          "mixer": (lambda: models.mixer(8, 1, 4, 8, 2, classes=3), (1, 8, 8))}
NOISE = {"drop": md.Dropout(0.5, scaling="paper"), "dropblock": md.DropBlock(0.1, 3)}


@pytest.mark.slow
@pytest.mark.parametrize("name, dtype, tolerance", [
    *((name, "float64", 1e-12) for name in MODELS),
    *((name, "float32", 2e-5) for name in ("mlp", "vgg_small", "resnet8b"))])
@PROPERTY
@given(data=st.data())
def test_pruned_models_keep_their_outputs(xp, backend, name, dtype, tolerance, data):
    build, shape = MODELS[name]
    seed, noisy = data.draw(st.integers(0, 5)), data.draw(st.booleans())
    net = build()
    if noisy and name in ("mlp", "lenet", "vgg_small"):
        models.place(net, "drop*", NOISE["drop"])
        if name != "mlp":
            models.place(net, "dropblock*", NOISE["dropblock"])
    net = wide_awake(net, seed, dtype)
    for _ in range(data.draw(st.integers(0, 3))):
        md.prune(net, data.draw(st.sampled_from([0.0, 0.3, 0.6, 0.9, 1.0])),
                 data.draw(st.booleans()), data.draw(st.sampled_from(["row", "layer", "global"])))
    silent = data.draw(st.sampled_from(["none", "biases", "columns"]))
    for path, w in net.named_parameters():
        if silent == "biases" and path.endswith("bias"):
            w.data[::2] = 0
        if silent == "columns" and path.endswith("weight") and w.ndim > 1:
            w.data[:, ::3] = 0
    net.to(backend)
    before = {path: host(value).copy() for path, value in net.state_dict().items()}
    small = md.compress(net)
    for path, value in net.state_dict().items():
        assert_array_equal(host(value), before[path])
    assert small.state_dict().keys() == before.keys()
    assert {v.dtype for v in small.state_dict().values()} <= {np.dtype(dtype), np.dtype("int64")}
    assert_same(small, net, images(xp, 3, *shape, dtype=dtype), tolerance)
    again = md.compress(small)
    assert sizes(again) == sizes(small)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_without_anything_to_remove_is_copied(name):
    net = wide_awake(MODELS[name][0]())
    small = md.compress(net)
    assert small is not net and sizes(small) == sizes(net)
    for path, value in net.state_dict().items():
        assert_array_equal(small.state_dict()[path], value)
        assert small.state_dict()[path] is not value


def test_the_counts_of_an_mlp_are_those_of_the_smaller_mlp():
    net = models.mlp(784, 1024, 1024, 10).init(0)
    md.prune(net, 0.75, unit=True)
    small = md.compress(net)
    assert sizes(small) == sizes(models.mlp(784, 256, 256, 10))
    assert count(small) == 784 * 256 + 256 + 256 * 256 + 256 + 256 * 10 + 10
    assert small.hidden1.linear.weight.shape == (256, 784) and small.training


def test_of_constant_maps_one_stays_behind_a_padded_convolution():
    net = wide_awake(models.vgg_small())
    md.prune(net, 0.5, unit=True)
    found = sizes(md.compress(net))
    # of 32, 32, 64, 64 maps half are left, and one that stands for the biases of the others where
    # the next convolution pads; the hidden layer reads the last maps, and has a bias
    assert found == {"stage1.conv1": (3, 17), "stage1.conv2": (17, 17), "stage2.conv1": (17, 33),
                     "stage2.conv2": (33, 32), "hidden.linear": (32 * 64, 256), "out": (256, 10)}


def test_a_residual_network_loses_units_within_its_blocks_alone():
    net = wide_awake(models.resnet8())
    md.prune(net, 0.5, unit=True)
    before, after = sizes(net), sizes(md.compress(net))
    for path, (n_in, n_out) in after.items():
        if path.endswith("conv1"):
            assert n_in == before[path][0] and n_out in (before[path][1] // 2,
                                                         before[path][1] // 2 + 1)
        elif path.endswith("conv2"):
            assert n_in == after[path.replace("conv2", "conv1")][1] and n_out == before[path][1]
        else:
            assert (n_in, n_out) == before[path]


def test_weights_alone_are_no_units_and_save_nothing():
    net = wide_awake(models.mlp(784, 100, 10))
    md.prune(net, 0.75, unit=False)
    assert count(md.compress(net)) == count(net)


# --- the equations --------------------------------------------------------------------------------

def pair(maker, *between, reader, backend="numpy", dead=(1, 2)):
    """A network of two layers with others between them, where the units `dead` have no weights."""
    net = wide_awake(nn.Sequential(maker=maker, between=nn.Sequential(*between), reader=reader))
    net.maker.weight.data[list(dead)] = 0
    return net.to(backend)


def test_compress_2_by_hand(xp, backend):
    net = nn.Sequential(nn.Linear(1, 3), nn.ReLU(), nn.Linear(3, 1)).init(0).astype("float64")
    for w, value in zip(net.parameters(), ([[1], [0], [0]], [1, 2, -3], [[4, 5, 6]], [7]),
                        strict=True):
        w.data = np.array(value, "float64")
    small = md.compress(net.to(backend))
    assert [host(w.data).tolist() for w in small.parameters()] == [
        [[1]], [1], [[4]], [7 + 5 * 2]]           # the third gives relu(-3) = 0


def test_compress_3_by_hand(xp, backend):
    net = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Conv2d(4, 1, 1, padding=1)).init(0)
    net.astype("float64")
    for w, value in zip(net.parameters(), ([1, 0, 0, 0], [1, 2, -3, 8], [4, 5, 6, 7], [9]),
                        strict=True):
        w.data = np.array(value, "float64").reshape(w.shape)
    small = md.compress(net.to(backend))
    assert [host(w.data).ravel().tolist() for w in small.parameters()] == [
        [1, 0], [1, 8], [4, 7 + 5 * 2 / 8], [9]]  # the fourth stands for the second
    assert_same(small, net, images(xp, 2, 1, 3, 3))


BETWEEN = [(nn.ReLU(),), (nn.Tanh(), md.Dropout(0.5, "paper")), (nn.Sigmoid(), nn.Identity()),
           (md.BatchNorm(5), nn.GELU(), md.GaussianDropout(0.5)), (nn.SELU(), md.AlphaDropout(0.5)),
           (md.BatchNorm(5, affine=False), nn.Sequential(nn.ReLU(), md.BatchNorm(5)))]
ON_MAPS = [(nn.MaxPool2d(2),), (nn.MaxPool2d(3, 2, 1), nn.Sigmoid()), (nn.AvgPool2d(2),),
           (md.DropBlock(0.1, 3), md.SpatialDropout(0.5), md.FeatureAlphaDropout(0.5))]
READERS = [lambda bias: nn.Conv2d(5, 3, 3, bias=bias), lambda bias: nn.Conv2d(5, 3, 1, bias=bias),
           lambda bias: nn.Conv2d(5, 3, 3, padding=1, bias=bias),
           lambda bias: nn.Conv2d(5, 3, (1, 3), 2, (0, 1), bias=bias)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("between", BETWEEN)
def test_compress_1_units_of_a_linear_layer(xp, backend, between, bias):
    net = pair(nn.Linear(4, 5), *copy.deepcopy(between), reader=nn.Linear(5, 3, bias=bias),
               backend=backend)
    small, x = md.compress(net), images(xp, 6, 4)
    assert_same(small, net, x)
    assert sizes(small)["maker"] == (4, 3 if bias else 4)
    assert small.train()(x).shape == (6, 3)       # and the noise fits what is left


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("read", range(len(READERS)))
@pytest.mark.parametrize("between", BETWEEN + ON_MAPS)
def test_compress_1_maps_of_a_convolution(xp, backend, between, read, bias):
    net = pair(nn.Conv2d(2, 5, 3, padding=1), *copy.deepcopy(between), reader=READERS[read](bias),
               backend=backend)
    small, x = md.compress(net), images(xp, 2, 2, 9, 9)
    assert_same(small, net, x)
    kept = sizes(small)["maker"][1]
    assert kept == sizes(small)["reader"][0]
    assert kept == 3 or kept == 4 and not (bias and read < 2)


@pytest.mark.parametrize("ends", [(nn.Flatten(),), (nn.GlobalAvgPool2d(),),
                                  (nn.MaxPool2d(2), nn.Flatten(), nn.Tanh(), md.Dropout(0.5)),
                                  (nn.GlobalAvgPool2d(), nn.Flatten(), md.BatchNorm(5))])
@pytest.mark.parametrize("bias", [True, False])
def test_compress_1_maps_that_a_linear_layer_reads(xp, backend, ends, bias):
    places = 1 if isinstance(ends[0], nn.GlobalAvgPool2d) else 36 // (4 if len(ends) > 1 else 1)
    net = pair(nn.Conv2d(2, 5, 3, padding=1), md.BatchNorm(5), nn.Sigmoid(), *copy.deepcopy(ends),
               reader=nn.Linear(5 * places, 3, bias=bias), backend=backend)
    small = md.compress(net)
    assert_same(small, net, images(xp, 2, 2, 6, 6))
    kept = 3 if bias else 4
    assert sizes(small) == {"maker": (2, kept), "reader": (kept * places, 3)}


def test_compress_2_a_constant_map_beside_padded_zeros_is_none(xp, backend):
    """The fault that this guards against: the sum of the weights, times c, as a bias."""
    net = pair(nn.Conv2d(1, 2, 1), nn.ReLU(), reader=nn.Conv2d(2, 1, 3, padding=1), dead=[1],
               backend=backend)
    net.maker.bias.data[1] = 1
    x = images(xp, 1, 1, 4, 4)
    wrong = copy.deepcopy(net)
    wrong.reader.bias.data = wrong.reader.bias.data + net.reader.weight.data[:, 1].sum()
    wrong.maker.bias.data[1] = 0
    off = abs(outputs(wrong, x) - outputs(net, x))[0, 0]
    assert off[1:3, 1:3].max() < 1e-12 < 1e-3 < off[0].min()
    small = md.compress(net)
    assert sizes(small)["maker"] == (1, 2)
    assert_same(small, net, x)


def test_compress_4_what_nothing_reads_goes_and_what_it_read_too(xp, backend):
    net = wide_awake(models.mlp(6, 5, 4, 3))
    net.out.weight.data[:, 1:] = 0                # one unit of hidden2 is read,
    net.hidden2.linear.weight.data[0, [0, 3]] = 0                 # and that reads three of hidden1
    small = md.compress(net.to(backend))
    assert sizes(small) == {"hidden1.linear": (6, 3), "hidden2.linear": (3, 1), "out": (1, 3)}
    assert_same(small, net, images(xp, 5, 6))


def test_a_constant_makes_others_and_a_network_of_constants_is_one():
    net = wide_awake(models.mlp(6, 5, 4, 3))
    net.hidden1.linear.weight.data[...] = 0
    small = md.compress(net)
    assert sizes(small) == {"hidden1.linear": (6, 1), "hidden2.linear": (1, 1), "out": (1, 3)}
    x = images(np, 5, 6)
    assert_same(small, net, x)
    assert_same(small, net, 0 * x)


def test_the_first_inputs_and_the_last_outputs_stay():
    net = pair(nn.Linear(4, 3), nn.ReLU(), reader=nn.Linear(3, 5), dead=[])
    net.maker.weight.data[:, 1:] = 0
    net.reader.weight.data[2] = 0
    assert sizes(md.compress(net)) == {"maker": (4, 3), "reader": (3, 5)}


def test_compress_leaves_what_it_does_not_know(xp, backend):
    class Sum(nn.Module):
        def forward(self, x):
            return x + x.sum(1, keepdims=True)

    class Loud(nn.ReLU):
        def forward(self, x):
            return x - x.mean(1, keepdims=True)

    class Louder(nn.Linear):
        def forward(self, x):
            return super().forward(x) + x.sum()

    class Shouting(md.Dropout):
        def expect(self, x):
            return x + x.sum(1, keepdims=True)

    class Both(nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    for between, ends in (((Sum(),), (5, 5)), ((Loud(),), (5, 5)), ((nn.Softmax(),), (5, 5)),
                          ((md.LayerNorm(5),), (5, 5)), ((md.GroupNorm(1, 5),), (5, 5)),
                          ((Shouting(0.5),), (5, 5)), ((md.StochasticDepth(Sum(), 0.5),), (5, 5)),
                          ((Both(nn.ReLU()),), (5, 5)), ((nn.ReLU(),), (3, 3))):
        net = pair(nn.Linear(4, 5), *between, reader=nn.Linear(5, 3), backend=backend)
        small = md.compress(net)
        assert (sizes(small)["maker"][1], sizes(small)["reader"][0]) == ends
        assert_same(small, net, images(xp, 6, 4))
    for maker, reader in ((Louder(4, 5), nn.Linear(5, 3)), (nn.Linear(4, 5), Louder(5, 3))):
        net = pair(maker, nn.ReLU(), reader=reader, backend=backend)
        small = md.compress(net)
        assert sizes(small)["maker"] == (4, 5)
        assert_same(small, net, images(xp, 6, 4))
    for maker, between, reader, shape in (
            (nn.Conv2d(2, 6, 1, groups=2), nn.ReLU(), nn.Conv2d(6, 3, 1), (3, 2, 4, 4)),
            (nn.Conv2d(2, 6, 1), nn.ReLU(), nn.Conv2d(6, 3, 1, groups=3), (3, 2, 4, 4)),
            (nn.Conv2d(2, 6, 1), nn.AvgPool2d(3, 1, 1), nn.Conv2d(6, 3, 1), (3, 2, 4, 4)),
            (nn.Conv2d(2, 6, 1), nn.ReLU(), nn.Linear(6, 3), (3, 2, 4, 6)),     # along the width
            (nn.Linear(4, 6), nn.Flatten(), nn.Linear(12, 3), (3, 2, 4)),       # of two tokens
            (nn.Linear(4, 6), nn.MaxPool2d(3, 1, 1), nn.Linear(6, 3), (3, 2, 2, 4)),
            (nn.Conv2d(2, 6, 1), nn.Sequential(nn.Flatten(), md.BatchNorm(24)), nn.Linear(24, 3),
             (3, 2, 2, 2))):
        net = pair(maker, between, reader=reader, backend=backend)
        small = md.compress(net)
        assert sizes(small) == sizes(net)
        assert_same(small, net, images(xp, *shape))


def test_compress_leaves_what_is_used_twice():
    layer, x = nn.Linear(4, 4), images(np, 6, 4)
    shared = nn.Sequential(layer, nn.ReLU(), nn.Linear(4, 4))
    weight = nn.Linear(4, 4)
    weight.weight = layer.weight
    for build in (lambda: nn.Sequential(a=layer, b=nn.ReLU(), c=layer),
                  lambda: nn.Sequential(a=layer, b=nn.ReLU(), c=weight),
                  lambda: nn.Sequential(a=shared, b=nn.ReLU(), c=shared, d=nn.Linear(4, 3))):
        net = wide_awake(build())
        for _, module in net.named_modules():
            if isinstance(module, nn.Linear):
                module.weight.data[[1, 2]] = 0
        small = md.compress(net)
        assert_same(small, net, x)
        inner = [m.n_out for _, m in small.named_modules() if isinstance(m, nn.Linear)]
        assert inner == ([2, 4, 3] if "d" in vars(net) else [4] * len(inner))


def test_inputs_of_a_chain_within_a_module_are_left(xp, backend):
    """A Sequential within a residual sum, in a list and in noise with a head."""
    class Branches(nn.Module):
        def __init__(self, *branches):
            self.branches = list(branches)

        def forward(self, x):
            return sum(branch(x) for branch in self.branches)

    def branch():
        return nn.Sequential(one=nn.Linear(4, 5), act=nn.ReLU(), two=nn.Linear(5, 4))

    net = wide_awake(nn.Sequential(
        first=nn.Linear(4, 4), many=Branches(branch(), branch()), sum=models.Residual(
            branch(), nn.Identity()), head=md.MultiSampleDropout(branch(), 0.5, 2)))
    for _, m in net.named_modules():
        if isinstance(m, nn.Linear):
            m.weight.data[1] = 0
    net.to(backend)
    small = md.compress(net)
    assert [n for path, n in sizes(small).items() if path.endswith("one")] == [(4, 4)] * 4
    assert sizes(small)["first"] == (4, 4)
    assert_same(small, net, images(xp, 3, 4))


# --- noise on weights -----------------------------------------------------------------------------

WRAPPERS = [lambda layer: md.TargetedDropout(layer, 0.5, 0.5, True, prune=True),
            lambda layer: md.TargetedDropout(layer, 0.5, 0.5, False, prune=False),
            md.L0, md.Variational, md.Smallify]


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_noise_on_weights_becomes_the_weights_of_evaluation(xp, backend, wrapper):
    net = models.wrap(models.lenet(size=16), "*", wrapper).init(0)
    for path, w in net.named_parameters():
        if path.endswith("log_alpha"):
            w.data[::2] = -9
        if path.endswith("log_sigma2"):
            w.data[: len(w.data) // 2] = 9
    for _, module in net.named_modules():
        if isinstance(module, md.Smallify):
            module.alive[::2] = 0
    net.astype("float64").to(backend)
    small = md.compress(net)
    assert not any(isinstance(m, nn.Wrapped) for _, m in small.named_modules())
    assert any(isinstance(m, nn.Wrapped) for _, m in net.named_modules())
    assert_same(small, net, images(xp, 3, 1, 16, 16))
    removed = sum(a[1] - b[1] for a, b in zip(sizes(models.lenet(size=16)).values(),
                                              sizes(small).values(), strict=True))
    assert removed == 0 if wrapper is WRAPPERS[1] else removed > 20


def test_noise_on_weights_alone_and_in_two_places():
    alone = wide_awake(md.TargetedDropout(nn.Linear(4, 3), 0.5, 0.5, True, prune=True))
    small, x = md.compress(alone), images(np, 5, 4)
    assert type(small) is nn.Linear
    assert_same(small, alone, x)
    gated = md.L0(nn.Linear(4, 4), start=0.5)
    net = wide_awake(nn.Sequential(a=gated, b=nn.Tanh(), c=gated))
    assert_same(md.compress(net), net, x)


# --- the rest -------------------------------------------------------------------------------------

def test_a_compressed_network_is_trained_saved_and_loaded(tmp_path):
    net = models.lenet(size=16).init(0)
    md.prune(net, 0.5, unit=True)
    small = md.compress(net)
    x, y = md.gaussian(0, (8, 1, 16, 16)), md.integers(1, 10, 8)
    md.fit(small, md.optim.SGD(0.1, momentum=0.9), (x, y), epochs=2, progress=False)
    md.save(small, tmp_path / "small.safetensors")
    other = md.load(md.compress(net), tmp_path / "small.safetensors")
    assert_array_equal(outputs(other, x), outputs(small, x))


@pytest.mark.parametrize("unborn", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_a_compressed_network_is_loaded_into_one_of_the_full_size(tmp_path, name, unborn):
    net = wide_awake(MODELS[name][0](), dtype="float32")
    md.prune(net, 0.6, unit=True)
    small, whole = md.compress(net), MODELS[name][0]()
    md.save(small, tmp_path / "small")
    if not unborn:
        whole.init(3)
    if sizes(small) != sizes(whole):
        with pytest.raises(ValueError, match="must have shape .* needs compressed=True"):
            md.load(whole, tmp_path / "small")
    with pytest.raises(ValueError, match="these differ: [^;]*$"):       # no matter of sizes
        md.load(models.mlp(6, 9, 8, 7, 3), tmp_path / "small")
    other, x = md.load(whole, tmp_path / "small", compressed=True), images(
        np, 3, *MODELS[name][1], dtype="float32")
    assert other is whole and sizes(other) == sizes(small) and repr(other) == repr(small)
    assert_array_equal(outputs(other, x), outputs(small, x))
    if not unborn:                                # and it goes on learning
        for one in (small, other):
            md.fit(one, md.optim.SGD(0.1, momentum=0.9), (x, np.arange(3) % 3), 2, progress=False)
        assert_array_equal(outputs(other, x), outputs(small, x))


def test_a_network_with_noise_or_without_dead_units_is_loaded_into_one_of_the_full_size(tmp_path):
    """TargetedDropout adds no parameters, Smallify has a switch and three buffers for a unit."""
    x, net = images(np, 3, 6, dtype="float32"), models.mlp(6, 9, 8, 3)
    models.wrap(net, "hidden*", md.Smallify).init(0).hidden1.linear.alive[:4] = 0
    models.remove_dead(net)
    md.save(net, tmp_path / "alive")
    other = models.wrap(models.mlp(6, 9, 8, 3), "hidden*", md.Smallify).init(1)
    md.load(other, tmp_path / "alive", compressed=True)
    assert sizes(other) == sizes(net) and sizes(net)["hidden1.linear.layer"] == (6, 5)
    assert_array_equal(outputs(other, x), outputs(net, x))
    net = models.mlp(6, 9, 8, 3).init(0)
    md.prune(net, 0.5, unit=True)
    md.save(small := md.compress(net), tmp_path / "small")
    other = models.wrap(models.mlp(6, 9, 8, 3), "*", lambda layer: md.TargetedDropout(
        layer, 0.5, 0.5, unit=False)).init(1)
    md.load(other, tmp_path / "small", compressed=True)
    assert_array_equal(outputs(other, x), outputs(small, x))
    assert other.train()(x).shape == (3, 3)


def test_a_bias_that_two_layers_share_is_folded_into_one_of_them():
    one, two = md.Smallify(nn.Linear(4, 4)), nn.Linear(4, 4)
    two.bias = one.bias
    net = nn.Sequential(one=one, relu=nn.ReLU(), two=two).init(0)
    small = md.compress(net)
    assert type(small.one) is nn.Linear and small.one.bias is not small.two.bias
    assert_same(small, net, md.gaussian(1, (5, 4)), 1e-6)


def test_sums_are_exact_beyond_the_dtype_of_the_network():
    """What a constant map is read with at its pixels: in float16, 2048 + 1 is 2048."""
    net = nn.Sequential(one=nn.Conv2d(1, 2, 1), flatten=nn.Flatten(), out=nn.Linear(18, 1))
    net = net.init(0).astype("float16")
    for w in net.parameters():
        w.data[...] = 0
    net.one.weight.data[0], net.one.bias.data[1], net.out.weight.data[:] = 1, 0.25, 1
    net.out.weight.data[0, 9] = 2048
    small = md.compress(net)
    assert small.one.n_out == 1 and small.out.bias.data.tolist() == [(2048 + 8) / 4]


def test_shrink_keeps_backend_and_dtype(xp, backend):
    def build():
        return nn.Sequential(groups=nn.Conv2d(2, 6, 3, groups=2), one=nn.Conv2d(6, 6, 1),
                             norm=md.BatchNorm(6), two=nn.Conv2d(6, 4, 1))

    net, other = build().init(0).astype("float64").to(backend), build().init(5)
    state = {path: a if path[:6] == "groups" or not a.ndim else a[:4, :4] if path == "two.weight"
             else a[:4] for path, a in other.state_dict().items()}
    assert nn.shrink(net, state).load_state_dict(state) is net
    assert sizes(net) == {"groups": (2, 6), "one": (6, 4), "two": (4, 4)}
    assert net.norm.channels == 4
    assert {type(a) for a in net.state_dict().values()} == {xp.ndarray}
    assert {str(a.dtype) for a in net.state_dict().values()} == {"float64", "int64"}
    assert outputs(net, images(xp, 2, 2, 5, 5)).shape == (2, 4, 3, 3)


@pytest.mark.parametrize("around", [
    md.Smallify, md.L0, lambda layer: md.L0(layer, gates="weight"), md.Variational,
    lambda layer: md.TargetedDropout(layer, 0.5, 0.5, unit=True)])
def test_shrink_reaches_what_is_around_a_layer(around):
    def build(width):
        return models.wrap(models.mlp(6, width, 3), "hidden*", around)

    net, small, x = build(8), build(5).init(0), md.gaussian(1, (4, 6))
    nn.shrink(net, small.state_dict()).load_state_dict(small.state_dict())
    assert_array_equal(outputs(net, x), outputs(small, x))
    assert net.init(3).train()(x).shape == (4, 3)


def test_a_layer_with_a_call_of_its_own_keeps_its_units():
    class Doubled(nn.Linear):
        def __call__(self, x):
            return 2 * super().__call__(x)

    net = nn.Sequential(one=Doubled(3, 4), two=nn.Linear(4, 2)).init(0)
    net.one.weight.data[:2] = 0
    small = md.compress(net)
    assert small.one.n_out == 4
    assert_same(small, net, md.gaussian(1, (5, 3)), 1e-6)


def test_shrink_of_another_file_changes_nothing(tmp_path):
    """Paths, kinds of numbers and the sizes within a layer are looked at before anything changes.
    """
    def build():
        return nn.Sequential(groups=nn.Conv2d(2, 6, 3, groups=2), one=nn.Conv2d(6, 5, 1),
                             norm=md.BatchNorm(5), flatten=nn.Flatten(), out=nn.Linear(5, 3))

    net, gated = build().init(0), models.wrap(models.mlp(6, 5, 3), "hidden*", md.Smallify).init(0)
    small = net.state_dict() | {path: a[:3] for path, a in net.state_dict().items()
                                if path[:3] in ("one", "nor") and a.ndim}
    few = {path: a[:3] for path, a in gated.state_dict().items() if "hidden" in path}
    for model, error, words, state in (
            (net, ValueError, "these differ: spare$", small | {"spare": np.ones(3, "float32")}),
            (net, ValueError, "these differ: out.bias$",
             {path: a for path, a in small.items() if path != "out.bias"}),
            (net, TypeError, "must hold floats, got int64", small | {"out.bias": np.ones(3, int)}),
            (net, ValueError, r"state must give one arrays of one length, got {2, 3}",
             small | {"one.bias": np.ones(2, "float32")}),
            (net, ValueError, r"state must give norm arrays of one length, got {1, 3}",
             small | {"norm.running_var": np.ones(1, "float32")}),
            (gated, ValueError, r"give hidden1.linear arrays of one length, got {1, 3}",
             gated.state_dict() | few | {"hidden1.linear.switch": np.ones(1, "float32")}),
            (net, ValueError, r"state\['groups.weight'\] must have shape \(6, 1, 3, 3\)",
             small | {"groups.weight": np.ones((4, 1, 3, 3), "float32"),
                      "groups.bias": np.ones(4, "float32")})):
        before = {path: a.copy() for path, a in model.state_dict().items()}
        with pytest.raises(error, match=words):
            nn.shrink(model, state)
        md.files.write(tmp_path / "net", {f"model/{path}": a for path, a in state.items()}, {})
        with pytest.raises(error, match=words):
            md.load(model, tmp_path / "net", compressed=True)
        assert model.state_dict().keys() == before.keys()
        assert all((a == before[path]).all() for path, a in model.state_dict().items())
        assert all(a.shape == before[path].shape for path, a in model.state_dict().items())
    nn.shrink(net, small)
    assert sizes(net)["one"] == (6, 3)


def test_shrink_refuses_what_no_compression_makes(tmp_path):
    net = models.lenet(size=16).init(0)
    before = {path: a.copy() for path, a in net.state_dict().items()}

    def saved(path, array):
        return net.state_dict() | {"stage1.conv.weight": before["stage1.conv.weight"][:3],
                                   path: array}

    for path, array in (("stage2.conv.weight", np.ones((99, 3, 5, 5), "float32")),
                        ("stage2.conv.weight", np.ones((3, 3, 3, 3), "float32")),
                        ("out.weight", np.ones((3, 0), "float32")),
                        ("out.bias", np.ones((3, 1), "float32"))):
        with pytest.raises(ValueError, match=rf"state\['{path}'\] must have shape"):
            nn.shrink(net, saved(path, array))
        assert all((a == before[path]).all() for path, a in net.state_dict().items())
    norm = nn.Sequential(norm=md.LayerNorm(4)).init(0)
    with pytest.raises(ValueError, match=r"state\['norm.weight'\] must have shape \(4,\)"):
        nn.shrink(norm, {path: a[:2] for path, a in norm.state_dict().items()})
    md.save(net, tmp_path / "net")
    with pytest.raises(TypeError, match="compressed must be True or False"):
        md.load(net, tmp_path / "net", compressed=1)


def test_a_module_that_calls_a_layer_of_its_sequential_gets_fewer_units():
    """What compress does not see, as it reads a Sequential and no forward."""
    class Peeking(nn.Module):
        def __init__(self):
            self.body = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))

        def forward(self, x):
            h = self.body[0](x)
            return self.body[2](self.body[1](h)), h

    net = Peeking().init(0)
    net.body[0].weight.data[:2] = 0
    x = np.ones((1, 4), "float32")
    (y, h), (y2, h2) = net(x), md.compress(net)(x)
    assert_allclose(y2.data, y.data, atol=1e-6)
    assert (h.shape, h2.shape) == ((1, 5), (1, 3))


def test_before_init_and_without_a_model():
    with pytest.raises(nn.NotInitialised, match=r"call model.init\(seed\)"):
        md.compress(models.mlp(4, 3, 2))
    for thing in (None, models.mlp, [nn.ReLU()]):
        with pytest.raises(TypeError, match="model must be a Module"):
            md.compress(thing)
    assert isinstance(md.compress(nn.ReLU()), nn.ReLU)


def test_memory_order_and_frozen_parameters_are_no_matter():
    net = wide_awake(models.lenet(size=16))
    md.prune(net, 0.5, unit=True)
    small, x = md.compress(net), images(np, 2, 1, 16, 16)
    for w in net.parameters():
        w.requires_grad = False
        if w.ndim == 4:
            w.data = np.ascontiguousarray(w.data.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        if w.ndim == 2:
            w.data = np.asfortranarray(w.data)
    other = md.compress(net)
    assert_allclose(outputs(other, x), outputs(small, x), rtol=1e-12)
    assert not any(w.requires_grad for w in other.parameters())


def test_pruning_offers_it_too():
    from minidrop.weights.pruning import compress

    assert compress is md.compress
    assert list(itertools.islice(sizes(md.compress(models.lenet().init(0))), 1)) == ["stage1.conv"]


@pytest.mark.parametrize("make", [md.L0, md.Variational, md.Smallify, lambda layer: (
    md.TargetedDropout(layer, 0.5, 0.5, unit=False, prune=True))])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("pattern", ["*", "a"])
def test_what_is_used_twice_gives_equal_outputs_from_any_wrapping(make, tied, pattern):
    """The same layer in two places, or two layers with one weight, in others or bare."""
    first = nn.Linear(6, 6)
    second = nn.Linear(6, 6) if tied else first
    second.weight = first.weight
    net = nn.Sequential(a=first, relu=nn.ReLU(), b=second, out=nn.Linear(6, 3))
    md.models.wrap(net, pattern, make).init(0).eval()
    for _, module in net.named_modules():
        if isinstance(module, md.L0):
            module.log_alpha.data[:3] = -5
        if isinstance(module, md.Smallify):
            module.switch.data[:2] = 0.25
    x = md.gaussian(1, (5, 6))
    due = net(x).data.copy()
    np.testing.assert_allclose(md.compress(net)(x).data, due, atol=1e-6)
    np.testing.assert_array_equal(net(x).data, due)               # and the original is as it was
