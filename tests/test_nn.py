"""Modules: paths, initial values, streams, modes, moving and saving."""

import copy
import itertools
import re

import numpy as np
import pytest

import minidrop as md
from minidrop import Forbid, Module, Noise, Parameter, nn
from minidrop.models.resnet import HalvedMaps
from minidrop.tape import REGISTRY
from minidrop.xp import host


def ones(rng, shape):
    return np.ones(shape, "float32")


class Block(Module):
    def __init__(self, *layers, **named):
        self.__dict__.update(named)
        self.layers = list(layers)


def mlp(p=0.5, **between):
    return nn.Sequential(first=nn.Linear(6, 8), act=nn.ReLU(), drop=md.Dropout(p), **between,
                         last=nn.Linear(8, 3))


def subclasses(kind):
    assert all(hasattr(md, name) for name in dir(md))      # asking for a name imports its file
    return {c for child in kind.__subclasses__() for c in (child, *subclasses(child))
            if re.match(r"minidrop\.(?!verify\.|claims\.)", c.__module__)}


def same_values(a, b):
    assert a.state_dict().keys() == b.state_dict().keys()
    for path, array in a.state_dict().items():
        np.testing.assert_array_equal(host(array), host(b.state_dict()[path]), err_msg=path)


# --- paths ---------------------------------------------------------------------------------------

def test_paths_follow_attributes_lists_tuples_and_dicts_in_order():
    w = [Parameter((1,), ones) for _ in range(6)]
    net = Block(Block(a=w[0]), w[1], b=w[2], pair=(w[3], [w[4]]), table={"key": w[5], 7: nn.ReLU()})
    assert [path for path, _ in net.walk()] == [
        "", "b", "pair.0", "pair.1.0", "table.key", "table.7", "layers.0", "layers.0.a", "layers.1"]
    assert net.parameters() == [w[2], w[3], w[4], w[5], w[0], w[1]]
    assert [m for _, m in net.named_modules()] == [net, net.table[7], net.layers[0]]


def test_names_that_start_with_an_underscore_are_not_walked():
    assert Block(_hidden=nn.Linear(1, 1), _list=[nn.ReLU()]).named_parameters() == []


def test_what_two_paths_reach_is_visited_once_under_the_first():
    shared = nn.Linear(2, 2)
    net = Block(shared, a=shared, b=Block(weight=shared.weight))
    assert [path for path, _ in net.walk()] == ["", "a", "a.weight", "a.bias", "b"]
    net.b.parent = net                            # a circle is walked once as well
    assert len(net.named_modules()) == 3


def test_sequential_names_its_layers_by_kind_and_count_or_by_keyword():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), md.Dropout(0.5), out=nn.Tanh())
    assert [path for path, _ in net.named_modules()] == [
        "", "linear1", "relu1", "linear2", "dropout1", "out"]
    assert net.linear2 is net[2] and net.out is net[-1]
    assert len(net) == 5 and list(net) == net.layers


@pytest.mark.parametrize("build, kind, message", [
    (lambda: nn.Sequential("relu"), TypeError, "must be a Module, got str"),
    (lambda: nn.Sequential(act=None), TypeError, "act must be a Module"),
    (lambda: nn.Sequential(nn.ReLU(), relu1=nn.ReLU()), ValueError, "'relu1' cannot name a layer"),
    (lambda: nn.Sequential(forward=nn.ReLU()), ValueError, "'forward' cannot name a layer"),
    (lambda: nn.Sequential(_act=nn.ReLU()), ValueError, "'_act' cannot name a layer"),
])
def test_sequential_refuses_what_is_no_layer_and_names_that_are_taken(build, kind, message):
    with pytest.raises(kind, match=message):
        build()


def test_an_unknown_attribute_raises():
    for thing in (nn.Linear(2, 2), mlp(), md.Dropout(0.5), Parameter((1,), ones), md.Tensor([1.0])):
        with pytest.raises(AttributeError, match="wieght"):
            thing.wieght


# --- init ----------------------------------------------------------------------------------------

def test_the_same_seed_gives_the_same_network_bit_for_bit(xp, backend):
    a, b, other = (mlp().init(seed).to(backend) for seed in (3, 3, 4))
    x = xp.asarray(md.gaussian(1, (5, 6)))
    same_values(a, b)
    masks = []
    for _ in range(2):
        np.testing.assert_array_equal(host(a(x).data), host(b(x).data))
        masks.append(host(a.drop.noise).tolist())
    assert masks[0] != masks[1]
    assert (host(a.first.weight.data) != host(other.first.weight.data)).any()
    assert a.drop.rng.key != other.drop.rng.key


def test_the_stream_of_a_value_is_named_after_its_path():
    net = mlp().init(3)
    due = nn.fan_in_uniform(6)(md.Stream(3, "first.weight"), (8, 6))
    np.testing.assert_array_equal(net.first.weight.data, due)
    assert net.drop.rng.key == md.Stream(3, "drop").key
    assert md.Dropout(0.5).init(3).rng.key == md.Stream(3, "").key


def test_an_inserted_layer_leaves_the_values_and_masks_of_the_others(xp, backend):
    x = xp.asarray(md.gaussian(1, (5, 6)))
    plain, longer = mlp(), mlp(extra=nn.Linear(8, 8), noise=md.Dropout(0.3))
    for net in (plain, longer):
        net.init(3).to(backend)(x)
    for path, array in plain.state_dict().items():
        np.testing.assert_array_equal(host(array), host(longer.state_dict()[path]))
    np.testing.assert_array_equal(host(plain.drop.noise), host(longer.drop.noise))
    assert longer.noise.rng.key != longer.drop.rng.key


def test_init_again_starts_over():
    net, x = mlp().init(3), np.ones((4, 6), "float32")
    first = net(x).data
    net.first.weight.data += 1
    np.testing.assert_array_equal(net.init(3)(x).data, first)


def test_linear_starts_uniform_within_one_over_the_root_of_its_inputs():
    w = nn.Linear(100, 1000).init(0).weight.data
    assert w.dtype == "float32" and abs(w).max() <= 0.1 and w.max() > 0.0999 and w.min() < -0.0999


def test_shapes_are_known_before_init_and_values_are_an_error():
    net = mlp()
    assert [w.shape for w in net.parameters()] == [(8, 6), (8,), (3, 8), (3,)]
    x = np.ones((2, 6), "float32")
    for use in (lambda: net(x), lambda: net.first.weight.data, lambda: net.first.weight + 1,
                lambda: net.state_dict(), lambda: net.astype("float64"), lambda: md.Dropout(0.5)(x),
                lambda: net.to("numpy")):
        with pytest.raises(md.nn.NotInitialised, match=r"call model\.init\(seed\)"):
            use()


def test_what_draws_nothing_runs_before_init(xp):
    x = xp.asarray([[-1.0, 2.0]])
    assert host(nn.ReLU()(x)).tolist() == [[0.0, 2.0]]
    assert host(md.Dropout(0.5).eval()(x)).tolist() == [[-1.0, 2.0]]


@pytest.mark.parametrize("initialised", [True, False])
def test_a_deep_copy_is_independent_and_draws_the_same(initialised):
    net, x = mlp(), np.ones((4, 6), "float32")
    if initialised:
        net.init(3)(x)                            # its stream has moved on: the copy's has too
    twin = copy.deepcopy(net)
    if not initialised:
        net.init(3), twin.init(3)
    np.testing.assert_array_equal(twin(x).data, net(x).data)
    twin.first.weight.data += 1
    assert not (twin.first.weight.data == net.first.weight.data).any()


# --- modes ---------------------------------------------------------------------------------------

def test_modes_reach_the_whole_tree_and_methods_return_the_module():
    net = nn.Sequential(mlp(), nn.ReLU())
    for returned in (net.init(0), net.eval(), net.train(), net.to("numpy"), net.astype("float32"),
                     md.noise_on(net)):
        assert returned is net
    assert all(m.training for _, m in net.named_modules())
    net.eval()
    assert not any(m.training for _, m in net.named_modules())


class Shake(Noise):
    """A noise module with a child."""

    def __init__(self, child):
        self.child = child


def test_noise_on_switches_noise_modules_alone():
    net = nn.Sequential(shake=Shake(nn.Sequential(nn.ReLU(), md.Dropout(0.5))), act=nn.ReLU())
    md.noise_on(net.eval())
    on = [path for path, m in net.named_modules() if m.training]
    assert on == ["shake", "shake.child.dropout1"]


NOISES = {
    md.Dropout: [lambda: md.Dropout(0.5), lambda: md.Dropout(0.5, scaling="paper")],
    md.AlphaDropout: [lambda: md.AlphaDropout(0.5), lambda: md.AlphaDropout(0.5, 1.0, 2.0)],
    md.FeatureAlphaDropout: [lambda: md.FeatureAlphaDropout(0.5)],
    md.GaussianDropout: [lambda: md.GaussianDropout(0.5)],
    md.DropBlock: [lambda: md.DropBlock(0.5, 2), lambda: md.DropBlock(0.5, 2, "all"),
                   lambda: md.DropBlock(0.5, 1, shared=True),
                   lambda: md.DropBlock(0.5, 2, norm="sample"),
                   lambda: md.DropBlock(0.5, 2, norm="none")],
    md.SpatialDropout: [lambda: md.SpatialDropout(0.5)],
    md.MultiSampleDropout: [lambda: md.MultiSampleDropout(nn.Tanh(), 0.5, 1),
                            lambda: md.MultiSampleDropout(nn.ReLU(), 0.5, 1, True, 1)],
    md.TargetedDropout: [
        lambda: md.TargetedDropout(nn.Conv2d(3, 3, 1), 0.5, 0.5, unit=False),
        lambda: md.TargetedDropout(nn.Conv2d(3, 3, 1), 0.5, 0.5, unit=True, prune=True)],
    md.L0: [lambda: md.L0(nn.Conv2d(3, 3, 1)), lambda: md.L0(nn.Conv2d(3, 3, 1), gates="weight")],
    md.Variational: [lambda: md.Variational(nn.Conv2d(3, 3, 1)),
                     lambda: md.Variational(nn.Conv2d(3, 3, 1), local=False)],
    md.StochasticDepth: [lambda: md.StochasticDepth(nn.Tanh(), 0.5, mode="row"),
                         lambda: md.StochasticDepth(nn.ReLU(), 0.1, scaling="inverted")],
}
DRAWS_IN_EVALUATION = {md.DropConnect,            # where its inference is "gaussian" or "mc"
                       md.MultiSampleDropout}     # where it is "mc"


def test_every_noise_module_is_tried():
    assert subclasses(Noise) == NOISES.keys() | DRAWS_IN_EVALUATION | {nn.OnWeights}


@pytest.mark.parametrize("build", [build for builds in NOISES.values() for build in builds])
def test_evaluation_never_draws_and_training_does(build, xp, backend):
    layer, x = build().init(0).to(backend), xp.ones((2, 3, 4, 4), "float32")
    layer.rng = Forbid()
    layer.eval()(x)
    layer.train()
    with pytest.raises(AssertionError, match="was drawn where no noise is allowed"):
        layer(x)


def test_a_planted_draw_in_evaluation_is_found(monkeypatch):
    def drawing(layer, x):
        layer.sample(x.shape)                     # the fault: a draw that nothing comes of
        return x

    monkeypatch.setattr(md.Dropout, "expect", drawing)
    layer = md.Dropout(0.5).eval()
    layer.rng = Forbid()
    with pytest.raises(AssertionError, match="was drawn where no noise is allowed"):
        layer(np.ones(3))


def test_a_module_keeps_its_last_noise(xp, backend):
    layer, x = md.Dropout(0.5).init(0).to(backend), xp.ones((3, 4))
    assert layer.noise is None
    y = layer(x)
    assert host(layer.noise).tolist() == (host(y) > 0).tolist()
    assert layer.init(0).noise is None


# --- moving, dtypes and saving -------------------------------------------------------------------

def test_a_network_moves_with_its_streams_and_draws_the_same_bits(xp, backend):
    net, stayed, x = mlp().init(0), mlp().init(0), md.gaussian(1, (5, 6))
    due = stayed(x).data
    moved = net.to(backend)(xp.asarray(x)).data
    assert type(moved) is xp.ndarray and type(net.drop.noise) is xp.ndarray
    np.testing.assert_allclose(host(moved), due, rtol=1e-6)
    np.testing.assert_array_equal(host(net.drop.noise), stayed.drop.noise)
    same_values(net.to("numpy"), stayed)


class Average(Module):
    buffers = ("mean", "steps")

    def __init__(self):
        self.mean, self.steps = np.zeros(2, "float32"), np.zeros((), "int64")


def test_buffers_move_convert_and_are_saved_but_not_trained(xp, backend):
    net = nn.Sequential(nn.Linear(2, 2), Average()).init(0).to(backend)
    assert list(net.state_dict()) == ["linear1.weight", "linear1.bias", "average1.mean",
                                      "average1.steps"]
    assert type(net.average1.mean) is xp.ndarray and len(net.parameters()) == 2
    net.astype("float64")
    assert {str(a.dtype) for a in net.state_dict().values()} == {"float64", "int64"}


def test_a_state_restores_a_network_bit_for_bit(xp, backend):
    net, other = mlp().init(0).to(backend), mlp().init(1).to(backend)
    assert other.load_state_dict(net.state_dict()) is other
    same_values(net, other)
    other.first.weight.data += 1
    assert not bool((other.first.weight.data == net.first.weight.data).any())       # a copy


def test_a_buffer_that_counts_takes_whole_numbers_alone():
    net, other = Average(), Average()
    net.steps += 3
    assert other.load_state_dict(net.state_dict()).steps == 3 and other.steps.dtype == "int64"
    with pytest.raises(TypeError, match=r"state\['steps'\] must hold whole numbers, got float32"):
        other.load_state_dict(net.state_dict() | {"steps": np.zeros((), "float32")})


@pytest.mark.parametrize("change, message", [
    (lambda s: s.pop("first.bias"), "these differ: first.bias"),
    (lambda s: s.update(extra=s["first.bias"]), "these differ: extra"),
    (lambda s: s.update({"first.bias": s["last.bias"]}),
     r"state\['first.bias'\] must have shape \(8,\), got \(3,\)"),
])
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, message):
    net, before = mlp().init(0), mlp().init(0)
    state = mlp().init(1).state_dict()
    change(state)
    with pytest.raises(ValueError, match=message):
        net.load_state_dict(state)
    same_values(net, before)


class Reshaped(Module):
    """A layer for images between layers for features (N, 6); it must leave as many numbers."""

    def __init__(self, layer, shape):
        self.layer, self.shape = layer, shape

    def forward(self, x):
        return self.layer(x.reshape(-1, *self.shape)).reshape(-1, 6)


LAYERS = [lambda: HalvedMaps(6, 6),
          nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Flatten, nn.GELU, lambda: nn.GELU("none"), nn.SELU,
          nn.Softmax, nn.LogSoftmax, nn.Identity, lambda: nn.Linear(6, 6),
          lambda: md.DropConnect(6, 6, 0.5, activation=md.relu),
          lambda: md.Smallify(nn.Linear(6, 6)),
          *itertools.chain.from_iterable(NOISES.values()),
          lambda: nn.Conv2d(1, 1, 3, padding=1), lambda: nn.MaxPool2d(3, 1, 1),
          lambda: nn.AvgPool2d(3, 1, 1), nn.GlobalAvgPool2d,
          lambda: nn.PatchEmbedding(1, 2, (2, 1)), lambda: nn.MultiHeadAttention(3, 3),
          lambda: nn.PositionEmbedding(2, 3, False), lambda: nn.TokenLinear(2, 2),
          nn.FirstToken, nn.MeanToken,
          lambda: md.SnapshotEnsemble([nn.Linear(6, 6), nn.Linear(6, 6)]),
          lambda: md.models.Residual(nn.ReLU(), nn.Identity()),
          lambda: md.StochasticDepth(nn.Linear(6, 6), 0.5, None, "row", "inverted"),
          lambda: md.BatchNorm(6), lambda: md.LayerNorm(6), lambda: md.LayerNorm(6, affine=False),
          lambda: md.GroupNorm(2, 6), lambda: md.InstanceNorm(2, affine=True)]
ON_IMAGES = {md.InstanceNorm: (2, 3), nn.PatchEmbedding: (1, 2, 3), nn.MultiHeadAttention: (2, 3),
             nn.Conv2d: (1, 2, 3), nn.MaxPool2d: (1, 2, 3), nn.AvgPool2d: (1, 2, 3),
             nn.PositionEmbedding: (2, 3), nn.TokenLinear: (2, 3), nn.FirstToken: (1, 6),
             nn.MeanToken: (1, 6),
             nn.GlobalAvgPool2d: (6, 1, 1), HalvedMaps: (6, 1, 1),
             md.SpatialDropout: (2, 3, 1), md.FeatureAlphaDropout: (2, 3, 1),
             md.DropBlock: (1, 2, 3), md.MultiSampleDropout: (1, 2, 3),
             md.TargetedDropout: (3, 1, 2), md.L0: (3, 1, 2),
             md.Variational: (3, 1, 2)}


def test_every_layer_takes_part_in_the_dtype_test():
    tried = {type(build()) for build in LAYERS} | {nn.Sequential, Noise, nn.conv._Pool}
    assert subclasses(Module) == tried | {nn.OnWeights, nn.Wrapped}


@pytest.mark.parametrize("build", LAYERS)
def test_one_training_step_in_float32_makes_no_float64(build, xp, backend, monkeypatch):
    """Every array that a primitive makes, forward and in its adjoints, is looked at."""
    seen = set()

    def look(name):
        forward = REGISTRY[name].forward

        def looked(*args, **params):
            y = forward(*args, **params)
            result, kept = y if REGISTRY[name].keeps else (y, ())
            for array in (result, *(kept if isinstance(kept, tuple) else [kept])):
                seen.add((name, str(getattr(array, "dtype", "float64"))))
            return y
        monkeypatch.setattr(REGISTRY[name], "forward", looked)

    layer = build()
    if type(layer) in ON_IMAGES:
        layer = Reshaped(layer, ON_IMAGES[type(layer)])
    net = nn.Sequential(nn.Linear(6, 6), layer, nn.Linear(6, 3)).init(0).to(backend)
    x, y = xp.asarray(md.gaussian(1, (5, 6))), xp.asarray(md.integers(2, 3, 5))
    for name in REGISTRY:
        look(name)
    optimizer = md.optim.SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)
    loss = md.train_step(net, optimizer, x, y, penalty=lambda net, step: (net[0].weight**2).sum())
    arrays = [loss, *net.state_dict().values(), *optimizer.state_dict().values()]
    found = {str(a.dtype) for a in arrays if a.dtype.kind == "f"} | {dtype for _, dtype in seen}
    assert found - {"bool"} == {"float32"}         # for a gradient, max_pool2d keeps yes and no


def test_a_tensor_that_would_silently_not_be_trained_is_refused():
    class Scale(Module):
        def __init__(self):
            self.w = md.Tensor([1.0], requires_grad=True)

    with pytest.raises(TypeError, match="w is a Tensor that needs a gradient .* a Parameter"):
        nn.Sequential(Scale()).init(0)


def test_parameters_are_float32_whatever_their_rule_gives():
    class Scale(Module):
        def __init__(self):
            self.w = Parameter((2,), lambda rng, shape: np.ones(shape, "float64"))

    net = Scale().init(0)
    assert net.w.dtype == "float32" and net.astype("float64").w.dtype == "float64"
    with pytest.raises(TypeError, match="dtype must be floating, got 'int64'"):
        net.astype("int64")


def test_loading_keeps_dtype_and_says_what_noise_needs():
    weights = nn.Linear(2, 3).init(0).astype("float64").state_dict()
    assert nn.Linear(2, 3).init(1).load_state_dict(weights).weight.dtype == "float32"
    net = nn.Sequential(nn.Linear(2, 3), md.Dropout(0.5))
    net.load_state_dict({f"linear1.{name}": w for name, w in weights.items()})
    with pytest.raises(ValueError, match="no stream to draw from: call model.init"):
        net(np.ones((1, 2)))


def test_models_can_be_pickled(tmp_path):
    import pickle

    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), md.Dropout(0.5)).init(0)
    twin, x = pickle.loads(pickle.dumps(net)), np.ones((4, 2), "float32")
    assert (twin(x).data == net(x).data).all()
