"""Models: shapes, parameters, places and what filling a place leaves alone."""

import importlib
import math
from collections import Counter

import numpy as np
import pytest

import minidrop as md
from minidrop import Forbid, Noise, graph, models, nn
from minidrop.xp import host

resnet_file = importlib.import_module("minidrop.models.resnet")    # its name is the function's too

BUILT = {
    "mlp": (lambda: models.mlp(784, 256, 64, 10), (1, 28, 28)),
    "lenet": (models.lenet, (1, 28, 28)),
    "vgg_small": (models.vgg_small, (3, 32, 32)),
    "resnet8": (models.resnet8, (3, 32, 32)),
    "resnet8 B": (lambda: models.resnet8(shortcut="projection"), (3, 32, 32)),
    "vit": (lambda: models.vit(size=8, channels=1, patch=2, width=12, depth=2), (1, 8, 8)),
    "mixer": (lambda: models.mixer(size=8, channels=1, patch=2, width=12, depth=2), (1, 8, 8)),
}
every_model = pytest.mark.parametrize("name", BUILT)


def images(shape, n=2, seed=1):
    return md.gaussian(seed, (n, *shape))


class Halved(nn.Module):
    """Stands for stochastic depth: half the branch, under the same names."""

    def __init__(self, branch, skip):
        self.branch, self.skip = branch, skip

    def forward(self, x):
        return 0.5 * self.branch(x) + self.skip(x)


def residual():
    return nn.Sequential(first=nn.Linear(4, 4), sum=models.Residual(
        branch=nn.Sequential(linear=nn.Linear(4, 4), drop=nn.Identity()), skip=nn.Identity()))


# --- the models ----------------------------------------------------------------------------------

@every_model
def test_logits_loss_and_gradients_are_float32(name, xp, backend):
    build, shape = BUILT[name]
    net = build().init(0).to(backend)
    x, y = xp.asarray(images(shape)), xp.asarray(np.array([3, 7]))
    assert net.eval()(x).shape == (2, 10)
    loss = md.cross_entropy(net.train()(x), y)
    loss.backward()
    found = {str(a.dtype) for w in net.parameters() for a in (w.data, w.grad)}
    assert found | {str(loss.dtype)} == {"float32"}


@every_model
def test_the_same_seed_gives_the_same_logits_bit_for_bit(name):
    build, shape = BUILT[name]
    first, second, other = (build().init(seed).eval()(images(shape)).data for seed in (3, 3, 4))
    assert (first == second).all() and (first != other).any()


@every_model
def test_evaluation_draws_nothing_with_every_place_for_dropout_filled(name):
    build, shape = BUILT[name]
    net = models.place(build(), "drop*", md.Dropout(0.5)).init(0).eval()
    filled = [m for _, m in net.named_modules() if isinstance(m, Noise)]
    assert filled
    for m in filled:
        m.rng = Forbid()
    net(images(shape))
    with pytest.raises(AssertionError, match="no noise is allowed"):
        net.train()(images(shape))


def sizes_between(net, x):
    """The shapes after each child of a chain, the batch left out."""
    shapes = {}
    for name, layer in vars(net).items():
        if isinstance(layer, nn.Module):
            x = layer(x)
            shapes[name] = x.shape[1:]
    return shapes


def test_lenet_has_the_shapes_of_its_docstring():
    net = models.lenet().init(0)
    assert sizes_between(net.stage1, images((1, 28, 28)))["conv"] == (20, 24, 24)
    assert sizes_between(net, images((1, 28, 28))) == {
        "input": (1, 28, 28), "stage1": (20, 12, 12), "stage2": (50, 4, 4), "flatten": (800,),
        "hidden": (500,), "out": (10,)}


def test_vgg_small_has_the_shapes_of_its_docstring():
    net = models.vgg_small().init(0)
    assert sizes_between(net, images((3, 32, 32))) == {
        "input": (3, 32, 32), "stage1": (32, 16, 16), "stage2": (64, 8, 8), "flatten": (4096,),
        "hidden": (512,), "out": (10,)}


def test_resnet8_has_the_shapes_of_its_docstring():
    net = models.resnet8().init(0).eval()
    assert sizes_between(net, images((3, 32, 32))) == {
        "stem": (16, 32, 32), "stage1": (16, 32, 32), "stage2": (32, 16, 16), "stage3": (64, 8, 8),
        "pool": (64,), "head": (64,), "out": (10,)}


@pytest.mark.parametrize("build, exactly, millions", [
    (models.resnet20, 269_722, "0.27"), (models.resnet32, 464_154, "0.46"),
    (models.resnet56, 853_018, "0.85"), (models.resnet110, 1_727_962, "1.7")])
def test_resnets_have_as_many_parameters_as_table_6_of_he_2016_says(build, exactly, millions):
    net = build()
    total = sum(math.prod(w.shape) for w in net.parameters())
    assert total == exactly and f"{total / 1e6:.{len(millions) - 2}f}" == millions
    weighted = [path for path, w in net.named_parameters()
                if path.endswith("weight") and "norm" not in path]
    assert f"resnet{len(weighted)}" == build.__name__


def test_option_a_has_no_parameters_and_option_b_two_projections():
    a, b = (models.resnet20(shortcut=shortcut) for shortcut in ("zeros", "projection"))
    paths = [{path for path, _ in net.named_parameters()} for net in (a, b)]
    assert not paths[0] - paths[1] and paths[1] - paths[0] == {
        f"stage{k}.block1.sum.skip.{name}" for k in (2, 3)
        for name in ("conv.weight", "norm.weight", "norm.bias")}


def test_option_a_takes_every_second_pixel_and_appends_zeros(xp):
    x = xp.asarray(images((2, 5, 7), n=3))
    y = host(resnet_file.HalvedMaps(2, 5)(x))
    np.testing.assert_array_equal(y[:, :2], host(x)[:, :, ::2, ::2])
    assert y.shape == (3, 5, 3, 4) and not y[:, 2:].any()
    assert md.gradcheck(resnet_file.HalvedMaps(2, 5), md.gaussian(1, (2, 2, 3, 4)).astype(float))


def test_the_convolutions_of_a_resnet_start_with_the_variance_of_he_2015():
    net = models.resnet8().init(0)
    w = net.stage3.block1.sum.branch.conv2.weight.data
    n, due = w.size, 2 / (64 * 9)
    assert w.shape == (64, 64, 3, 3)
    # 6 standard deviations of a mean and of a variance of n normal numbers: chance 4e-9
    assert abs(w.mean()) < 6 * math.sqrt(due / n)
    assert abs(w.var() / due - 1) < 6 * math.sqrt(2 / n)


def test_a_block_is_relu_of_branch_plus_skip():
    block, x = models.resnet8().init(0).eval().stage2.block1, images((16, 8, 8))
    due = np.maximum(block.sum.branch(x).data + block.sum.skip(x), 0)
    np.testing.assert_allclose(block(x).data, due, rtol=1e-6)


def test_the_places_of_a_resnet():
    there = models.places(models.resnet20())
    assert Counter(there.values()) == {"stochastic depth": 9, "DropBlock": 27, "dropout": 10}
    net = models.resnet20()
    models.place(net, "stage[23].*.dropblock*", md.Dropout(0.1))
    filled = [path for path, m in net.named_modules() if isinstance(m, Noise)]
    assert len(filled) == 18 and not any(path.startswith("stage1") for path in filled)


def test_stochastic_depth_with_a_rate_for_each_block_changes_no_weight():
    plain, net = models.resnet8().init(3), models.resnet8()
    seen = []

    def make(old, k):
        seen.append(k)
        return Halved(old.branch, old.skip)

    models.place(net, "*.sum", make).init(3)
    assert seen == [1, 2, 3]
    for (path, w), (path2, w2) in zip(plain.named_parameters(), net.named_parameters(),
                                      strict=True):
        assert path == path2
        np.testing.assert_array_equal(w.data, w2.data)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["paper", "linspace", "efficientnet"])
def test_drop_paths_gives_every_block_its_rate_and_changes_no_weight(rule):
    plain, net = models.resnet20(), models.drop_paths(models.resnet20(), 0.5, rule=rule)
    layers = [m for _, m in net.init(3).named_modules() if isinstance(m, md.StochasticDepth)]
    rates = [1 - md.survival(k, 9, 0.5, rule) for k in range(1, 10)]
    assert [m.p for m in layers] == pytest.approx(rates, rel=1e-14)
    for path, array in plain.init(3).state_dict().items():
        np.testing.assert_array_equal(array, net.state_dict()[path])
    assert models.places(net) == models.places(plain)
    by_hand = models.place(models.resnet20(), "*.sum", lambda old, k: md.StochasticDepth(
        old.branch, rates[k - 1], old.skip)).init(3)
    x = images((3, 8, 8))
    np.testing.assert_array_equal(net(x).data, by_hand(x).data)
    nodes, due = (graph.trace(one, (3, 8, 8)) for one in (net, plain))
    assert [node[::5] for node in nodes] == [node[::5] for node in due]       # path and inputs
    assert [m.noise for m in layers] == [md.path_gate(md.Stream(3, path), 2, p) for path, p in zip(
        [path for path, use in models.places(net).items() if use == "stochastic depth"], rates,
        strict=True)]


def test_drop_paths_in_some_blocks_with_its_options():
    net = models.drop_paths(models.resnet8(), 0.3, pattern="stage[23].*.sum", mode="row",
                            scaling="inverted")
    assert type(net.stage1.block1.sum) is models.Residual
    found = [net[k].block1.sum for k in (2, 3)]
    assert [m.p for m in found] == [0.15, 0.3]    # what was asked for, to the last digit
    assert models.drop_paths(models.resnet8(), 0.45).stage3.block1.sum.p == 0.45
    assert {(m.mode, m.scaling) for m in found} == {("row", "inverted")}


@pytest.mark.parametrize("options, sentence", [
    ({"p": 1.5}, "p is a probability"), ({"p": 0.5, "pattern": "sun"}, "'sun' matches no place"),
    ({"p": 0.5, "pattern": "stage1.*"}, "pattern 'stage1.*' must match sums alone, and stage1.*drop"
     "block1 is a place for DropBlock"), ({"p": 0.5, "rule": "linear"}, "rule must be one of"),
    ({"p": 0.5, "mode": "rows"}, "mode must be one of")])
def test_drop_paths_refuses_what_is_no_sum_or_rate_and_changes_nothing(options, sentence):
    net = models.resnet8()
    before = repr(net)
    with pytest.raises(ValueError, match=sentence):
        models.drop_paths(net, **options)
    assert repr(net) == before


def test_sums_below_one_block_share_a_rate_and_others_have_their_own():
    def one():
        return models.Residual(nn.ReLU(), nn.Identity())

    def pair():
        return nn.Sequential(one=nn.Sequential(sum=one()), two=nn.Sequential(sum=one()))

    net = nn.Sequential(sum1=one(), block1=pair(), stage=nn.Sequential(block12=pair()),
                        block3=nn.Sequential(block1=pair(), sum=one()), blocks=pair(), sum2=one())
    models.drop_paths(net, 0.8, pattern="*sum*")
    rates = {path: round(m.p, 12) for path, m in net.named_modules()
             if isinstance(m, md.StochasticDepth)}
    assert rates == {
        "sum1": 0.1, "block1.one.sum": 0.2, "block1.two.sum": 0.2, "stage.block12.one.sum": 0.3,
        "stage.block12.two.sum": 0.3, "block3.block1.one.sum": 0.4, "block3.block1.two.sum": 0.4,
        "block3.sum": 0.5, "blocks.one.sum": 0.6, "blocks.two.sum": 0.7, "sum2": 0.8}


def test_a_resnet_with_stochastic_depth_computes_the_open_blocks_alone(xp, backend):
    net = models.drop_paths(models.resnet8(), 0.5).init(0).to(backend)
    x, y = xp.asarray(images((3, 8, 8), n=4)), xp.asarray(np.array([3, 7, 1, 1]))
    rule, seen = md.optim.SGD(0.1, 0.9, True, 1e-4), set()
    for _ in range(6):
        before = {path: host(array).copy() for path, array in net.state_dict().items()}
        md.train_step(net, rule, x, y)
        gates = tuple(net[k].block1.sum.noise for k in (1, 2, 3))
        for path, array in net.state_dict().items():
            stage = int(path[5]) if path.startswith("stage") else None
            assert (host(array) != before[path]).any() == (stage is None or gates[stage - 1]), path
        seen.add(gates)
    assert len(seen) > 1 and not all(map(all, seen))


@pytest.mark.parametrize("build, shape", [
    (lambda: models.resnet8(channels=1, classes=4), (1, 9, 8)),
    (lambda: models.lenet(channels=3, size=17, classes=4), (3, 17, 17)),
    (lambda: models.vgg_small(channels=1, size=7, classes=4), (1, 7, 7)),
    (lambda: models.mlp(12, 4), (12,)),
])
def test_models_for_other_images_and_classes(build, shape):
    assert build().init(0)(images(shape)).shape == (2, 4)


@pytest.mark.parametrize("build, sentence", [
    (lambda: models.lenet(size=15), "size must be a whole number of at least 16, got 15"),
    (lambda: models.vgg_small(size=3), "size must be a whole number of at least 4, got 3"),
    (lambda: models.mlp(10), r"sizes must be at least two, .* got \(10,\)"),
    (lambda: models.resnet(21), "depth must be 6n \\+ 2 for a whole n, 8, 14, 20, ..., got 21"),
    (lambda: models.resnet(2), "depth must be 6n"),
    (lambda: models.resnet8(shortcut="A"), "shortcut must be one of 'zeros', 'projection', got"),
    (lambda: resnet_file.HalvedMaps(3, 2), "n_out must be a whole number of at least 3, got 2"),
    (lambda: resnet_file.HalvedMaps(3, 6)(images((1, 4, 4))), "x must be images .N, 3, H, W.*got"),
    (lambda: models.mlp(10, 0), "sizes must be a whole number of at least 1, got 0"),
])
def test_a_size_of_which_nothing_is_left_is_refused(build, sentence):
    with pytest.raises(ValueError, match=sentence):
        build()


# --- places --------------------------------------------------------------------------------------

def test_places_are_found_in_any_network_and_say_what_they_are_for():
    net = nn.Sequential(nn.Linear(2, 2), drop=nn.Identity(), tail=residual())
    assert models.places(net) == {"drop": "dropout", "tail.sum": "stochastic depth",
                                  "tail.sum.branch.drop": "dropout"}
    assert models.places(nn.Sequential(nn.Linear(2, 2), md.Dropout(0.5))) == {}
    net.table = {"drop": nn.Identity()}
    assert "table.drop" not in models.places(net)             # nobody could set it


@every_model
def test_empty_places_hold_the_identity_and_stay_places_when_filled(name):
    net = BUILT[name][0]()
    there = models.places(net)
    assert "dropout" in there.values()
    modules = dict(net.named_modules())
    for path, use in there.items():
        assert type(modules[path]) is (models.Residual if use == "stochastic depth"
                                       else nn.Identity)
    for name in {path.rpartition(".")[2] for path, use in there.items()} - {"sum"}:
        models.place(net, name, md.Dropout(0.1))
    assert models.places(net) == there


@every_model
def test_filling_a_place_leaves_weights_and_masks_of_all_others_their_bits(name, xp, backend):
    build, shape = BUILT[name]
    first, second = [path for path, use in models.places(build()).items() if use == "dropout"][-2:]
    nets = [models.place(build(), second, md.Dropout(0.5)), models.place(build(), second,
            md.Dropout(0.5))]
    models.place(nets[1], first, md.Dropout(0.3))
    x = xp.asarray(images(shape))
    for net in nets:
        net.init(0).to(backend)(x)
    one, two = (dict(net.walk()) for net in nets)
    assert one.keys() == two.keys()
    for path, w in nets[0].named_parameters():
        np.testing.assert_array_equal(host(w.data), host(two[path].data), err_msg=path)
    np.testing.assert_array_equal(host(one[second].noise), host(two[second].noise))
    assert two[first].noise is not None


def test_every_place_gets_a_layer_of_its_own_with_its_own_stream():
    layer = md.Dropout(0.5).init(7)
    net = models.place(models.mlp(8, 8, 8, 3), "hidden*.drop", layer)
    with pytest.raises(ValueError, match=r"call model\.init"):
        net.hidden1.drop(images((8,)))            # not the stream of the layer that was copied
    net.init(0)(images((8,)))
    assert net.hidden1.drop is not net.hidden2.drop is not layer
    assert (net.hidden1.drop.noise != net.hidden2.drop.noise).any()


def test_a_function_sees_what_is_there_and_the_number_of_the_place():
    seen = []

    def make(old, k):
        seen.append((type(old), k))
        return md.Dropout(k / 10)

    net = models.place(models.mlp(8, 8, 8, 3), "drop", make)
    assert seen == [(nn.Identity, 1), (nn.Identity, 2), (nn.Identity, 3)]
    assert [net.input.drop.p, net.hidden1.drop.p, net.hidden2.drop.p] == [0.1, 0.2, 0.3]


def test_a_sum_is_replaced_under_the_paths_of_its_branch_and_skip():
    plain, halved = residual(), residual()
    models.place(halved, "sum", lambda old, k: Halved(old.branch, old.skip))
    models.place(halved, "drop", md.Dropout(0.5))
    plain.init(3), halved.init(3)
    assert [path for path, _ in plain.walk()] == [path for path, _ in halved.walk()]
    for path, w in plain.named_parameters():
        np.testing.assert_array_equal(w.data, dict(halved.named_parameters())[path].data)
    x = images((4,))
    due = plain.first(x) + 0.5 * plain.sum.branch(plain.first(x))
    np.testing.assert_array_equal(halved.eval()(x).data, due.data)


def test_what_is_placed_takes_the_mode_of_what_was_there():
    net = residual().eval()
    net.sum.branch.linear.train()                 # on purpose: nobody else may touch it
    models.place(net, "sum", lambda old, k: Halved(old.branch, old.skip))
    models.place(net, "drop", md.Dropout(0.5))
    on = [path for path, m in net.named_modules() if m.training]
    assert on == ["sum.branch.linear"]


@pytest.mark.parametrize("pattern, layer, kind, sentence", [
    ("stage9.drop", md.Dropout(0.5), ValueError, "'stage9.drop' matches no place; there are "
     "first.drop, sum, sum.branch.drop"),
    ("rop", md.Dropout(0.5), ValueError, "'rop' matches no place"),
    ("sum.branch.linear", md.Dropout(0.5), ValueError, "matches no place"),
    ("sum", md.Dropout(0.5), ValueError, "the layer for sum must keep its children branch and "
     "skip, got Dropout"),
    ("*", md.Dropout(0.5), ValueError, "the layer for sum must keep"),
    ("drop", lambda old, k: 0.5, TypeError, "layer must give a Module for first.drop, got float"),
    ("drop", 0.5, TypeError, "layer must be a Module or a function"),
    ("drop", md.Dropout, TypeError, "layer must be a Module .*, got the class Dropout"),
    (3, md.Dropout(0.5), TypeError, "pattern must be a string, got int 3"),
])
def test_a_wrong_place_or_layer_is_refused_in_one_sentence_and_changes_nothing(
        pattern, layer, kind, sentence):
    net = residual()
    net.first = nn.Sequential(nn.Linear(4, 4), drop=nn.Identity())
    before = repr(net)
    with pytest.raises(kind, match=sentence):
        models.place(net, pattern, layer)
    assert repr(net) == before


@pytest.mark.parametrize("use", [models.places, lambda net: models.place(net, "drop", nn.ReLU())])
def test_places_needs_a_network(use):
    with pytest.raises(TypeError, match="net must be a Module, got str 'lenet'"):
        use("lenet")


@pytest.mark.parametrize("parts, name", [((None, nn.ReLU()), "branch"), ((nn.ReLU(), 3), "skip")])
def test_a_sum_is_made_of_modules(parts, name):
    with pytest.raises(TypeError, match=f"{name} must be a Module"):
        models.Residual(*parts)


def test_a_sum_refuses_a_branch_of_another_shape_than_its_skip():
    with pytest.raises(ValueError, match=r"branch must give the shape \(4, 3\) of skip, got"):
        models.Residual(nn.Linear(3, 1).init(0), nn.Identity())(np.ones((4, 3), "f"))
