"""weights/pruning: masks by hand and by loops, networks pruned in place, every "Differs"."""

import copy
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import minidrop as md
from minidrop import models, nn
from minidrop.xp import host

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
W = np.array([[0.1, -0.4, 0.2, -0.3], [2.0, -1.0, 3.0, 4.0], [0.5, 0.5, -0.5, 0.5]])
SHAPES = [(4, 6), (1, 1), (3, 1), (1, 5), (4, 2, 3, 2), (2, 3, 1, 5)]
shares = st.floats(0, 1) | st.sampled_from([0.29, 1 / 3, 0.5, 0.58])
weights = {"shape": st.sampled_from(SHAPES), "kinds": st.sampled_from([1, 2, 5, 1000]),
           "seed": st.integers(0, 99)}


def drawn(shape, kinds, seed):
    """Weights of which many are equal, where there are few `kinds`."""
    return np.random.default_rng(seed).integers(-kinds, kinds, size=shape, endpoint=True) / 4


def network(backend="numpy", seed=0):
    """Convolutions and linear layers, norms, and noise on the weights of one of them."""
    net = nn.Sequential(
        conv=nn.Conv2d(2, 6, 3, padding=1), norm=md.BatchNorm(6), relu=nn.ReLU(),
        flatten=nn.Flatten(), hidden=nn.Sequential(linear=nn.Linear(6 * 25, 8), relu=nn.ReLU()),
        noisy=md.TargetedDropout(nn.Linear(8, 5), 0.5, 0.5, unit=False), out=nn.Linear(5, 3))
    return net.init(seed).to(backend)


PRUNED = ("conv.weight", "hidden.linear.weight", "noisy.weight")


def values(model):
    return {path: host(value).copy() for path, value in model.state_dict().items()}


# --- (pruning.1) to (pruning.3): the masks --------------------------------------------------------

def test_pruning_1_and_2_by_hand(xp):
    w = xp.asarray(W)
    assert host(md.magnitude_mask(w, 0.5, False)).astype(int).tolist() == [
        [0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 1, 1]]
    assert host(md.magnitude_mask(w, 0.5, True)).tolist() == [False, True, True]
    assert host(md.magnitude_mask(w, 0.67, True)).tolist() == [False, True, False]


@PROPERTY
@given(share=shares, **weights)
def test_pruning_1_and_2_are_nested_loops(xp, shape, kinds, seed, share):
    w = drawn(shape, kinds, seed)
    due, units = np.ones(shape, bool), np.ones(shape[0], bool)
    for row, kept in zip(w, due, strict=True):
        places = sorted(np.ndindex(row.shape), key=lambda i, row=row: abs(row[i]))
        for place in places[:math.floor(share * row.size + 1e-9)]:
            kept[place] = False
    lengths = [sum(float(value) ** 2 for value in row.flatten()) for row in w]
    order = sorted(range(len(w)), key=lengths.__getitem__)
    units[order[:math.floor(share * len(w) + 1e-9)]] = False
    masks = [md.magnitude_mask(xp.asarray(w), share, unit) for unit in (False, True)]
    assert [mask.dtype for mask in masks] == [bool, bool]
    assert_array_equal(host(masks[0]), due)
    assert_array_equal(host(masks[1]), units)


def test_pruning_3_counts_are_exact(xp):
    w = xp.asarray(np.random.default_rng(0).normal(size=(100, 100)).astype("float32"))
    for percent in range(101):
        for mask in (md.magnitude_mask(w, percent / 100, False),
                     md.magnitude_mask(w, percent / 100, True)[:, None]):
            assert set((~host(mask)).sum(-1 if mask.shape[1] > 1 else 0)) == {percent}


@pytest.mark.parametrize("unit", [False, True])
def test_pruning_1_at_both_ends(xp, unit):
    w = xp.zeros((3, 4), "float32")
    assert host(md.magnitude_mask(w, 0, unit)).all()
    assert not host(md.magnitude_mask(w, 1, unit)).any()


@PROPERTY
@given(one=shares, other=shares, unit=st.booleans(), **weights)
def test_pruning_4_masks_are_nested(one, other, unit, shape, kinds, seed):
    w, (low, high) = drawn(shape, kinds, seed), sorted((one, other))
    assert (md.magnitude_mask(w, high, unit) <= md.magnitude_mask(w, low, unit)).all()


@PROPERTY
@given(share=shares, unit=st.booleans(), **weights)
def test_pruning_5_what_is_pruned_stays(share, unit, shape, kinds, seed):
    w = drawn(shape, kinds, seed)
    w[~md.magnitude_mask(w, share, unit)] = 0
    again = w.copy()
    again[~md.magnitude_mask(w, share, unit)] = 0
    assert_array_equal(again, w)


@pytest.mark.parametrize("unit", [False, True])
def test_pruning_1_and_2_remove_the_candidates_of_targeted_dropout(unit):
    for shape in SHAPES:
        w = drawn(shape, 3, 0)
        for share in (0.0, 0.29, 0.5, 1.0):
            candidates = md.targeted_candidates(w, share, unit)
            assert_array_equal(md.magnitude_mask(w, share, unit), ~candidates)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_pruning_1_reads_any_memory_order_dtype_and_tensors(xp, dtype):
    w = np.random.default_rng(0).normal(size=(3, 4, 2, 5)).astype(dtype)
    for unit in (False, True):
        due = md.magnitude_mask(w, 0.4, unit)
        turned = xp.asarray(w.transpose(2, 3, 1, 0).copy()).transpose(3, 2, 0, 1)
        assert_array_equal(host(md.magnitude_mask(turned, 0.4, unit)), due)
        assert_array_equal(host(md.magnitude_mask(md.Tensor(xp.asarray(w)), 0.4, unit)), due)


# --- networks -------------------------------------------------------------------------------------

@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.5, 1.0])
def test_prune_by_rows_removes_what_the_masks_say(xp, backend, unit, sparsity):
    net = network(backend)
    before = values(net)
    kept = md.prune(net, sparsity, unit)
    after = values(net)
    assert tuple(kept) == PRUNED
    for path, old in before.items():
        due = old.copy()
        if path in PRUNED:
            mask = md.magnitude_mask(old, sparsity, unit)
            due[~mask] = 0
            assert kept[path] == mask.mean()
        assert_array_equal(after[path], due)


def test_prune_changes_the_weights_in_place_and_nothing_else(xp, backend):
    net = network(backend)
    arrays, other = net.state_dict(), values(net)
    md.prune(net, 0.5, unit=False)
    assert all(net.state_dict()[path] is array for path, array in arrays.items())
    changed = {path for path, value in values(net).items() if (value != other[path]).any()}
    assert changed == set(PRUNED)                 # no bias, no norm, not the last layer


@pytest.mark.parametrize("unit", [False, True])
def test_prune_by_layer_and_globally_are_one_sort_by_hand(xp, backend, unit):
    for scope in ("layer", "global"):
        net = network(backend)
        before = values(net)
        kept = md.prune(net, 0.41, unit, scope)
        size = {path: np.sqrt((before[path].reshape(len(before[path]), -1) ** 2).sum(1))
                if unit else abs(before[path]) for path in PRUNED}
        groups = [PRUNED] if scope == "global" else [(path,) for path in PRUNED]
        for group in groups:
            scores = np.concatenate([size[path].ravel() for path in group])
            limit = np.sort(scores)[math.floor(0.41 * len(scores) + 1e-9) - 1]
            for path in group:
                gone = size[path] <= limit
                assert kept[path] == (~gone).mean()
                before[path][gone] = 0
        for path, due in before.items():
            assert_array_equal(values(net)[path], due)


def test_prune_counts_exactly_in_every_scope():
    for sparsity in (0.1, 0.29, 0.5, 0.75, 0.9):
        for scope in ("row", "layer", "global"):
            net = models.lenet().init(0)
            kept = md.prune(net, sparsity, False, scope)
            removed = {path: int((w.data == 0).sum()) for path, w in net.named_parameters()
                       if path in kept}
            sizes = {path: w.shape for path, w in net.named_parameters() if path in kept}
            whole = {path: math.prod(shape) for path, shape in sizes.items()}
            if scope == "row":
                due = {path: shape[0] * math.floor(sparsity * whole[path] / shape[0] + 1e-9)
                       for path, shape in sizes.items()}
                assert removed == due
            elif scope == "layer":
                assert removed == {path: math.floor(sparsity * n + 1e-9)
                                   for path, n in whole.items()}
            else:
                assert sum(removed.values()) == math.floor(sparsity * sum(whole.values()) + 1e-9)
            assert kept == {path: (n - removed[path]) / n for path, n in whole.items()}


@pytest.mark.parametrize("scope", ["row", "layer", "global"])
@pytest.mark.parametrize("unit", [False, True])
def test_prune_twice_is_once_and_more_is_on_top(unit, scope):
    net, other = network(), network()
    md.prune(net, 0.5, unit, scope)
    once = values(net)
    md.prune(net, 0.5, unit, scope)
    assert all((value == once[path]).all() for path, value in values(net).items())
    md.prune(net, 0.8, unit, scope)               # what was 0 goes first: nested
    md.prune(other, 0.8, unit, scope)
    assert all((value == values(net)[path]).all() for path, value in values(other).items())


def test_prune_by_a_pattern_takes_the_last_layer_biases_and_norms():
    assert list(md.prune(network(), 0.5, False, pattern="*.weight")) == [
        "conv.weight", "norm.weight", "hidden.linear.weight", "noisy.weight", "out.weight"]
    net = network()
    before = values(net)
    assert md.prune(net, 0.5, False, pattern="out.*") == {"out.weight": 0.6,      # 2 of 5 go
                                                          "out.bias": 2 / 3}      # 1 of 3 goes
    first = abs(before["out.bias"]).argmin()
    assert_array_equal(values(net)["out.bias"] == 0, np.arange(3) == first)
    net = network()
    assert md.prune(net, 0.5, True, pattern="hidden*.bias") == {"hidden.linear.bias": 0.5}
    assert (values(net)["hidden.linear.bias"] == 0).sum() == 4


def test_prune_goes_by_what_noise_on_weights_answers(xp, backend):
    """L0 with a gate for each unit: the units of the smallest log alpha, not of the shortest rows.
    """
    net = nn.Sequential(gated=md.L0(nn.Linear(4, 6)), out=nn.Linear(6, 2)).init(0).to(backend)
    net.gated.log_alpha.data = xp.asarray(np.array([3, -2, 1, -1, 2, 0], "float32"))
    assert md.prune(net, 0.5, unit=True) == {"gated.weight": 0.5}
    assert host(net.gated.weight.data).any(1).tolist() == [True, False, True, False, True, False]


MIXTURES = [  # (unit, a layer, what it goes by)
    (True, md.L0, "L0"), (False, lambda layer: md.L0(layer, gates="weight"), "L0"),
    (False, md.Variational, "Variational"), (True, md.Variational, "Variational")]


@pytest.mark.parametrize("unit, make, measure", MIXTURES)
def test_prune_compares_no_log_alpha_with_sizes(xp, backend, unit, make, measure):
    net = nn.Sequential(plain=nn.Linear(4, 6), learned=make(nn.Linear(6, 6)), more=make(
        nn.Linear(6, 3)), out=nn.Linear(3, 2)).init(0).to(backend)
    before = values(net)
    with pytest.raises(ValueError, match=f"plain.weight by size, learned.weight by the score of "
                                         f"{measure};"):
        md.prune(net, 0.5, unit, "global")
    assert all((value == before[path]).all() for path, value in values(net).items())
    md.prune(net, 0.5, unit, "layer")             # within a layer there is one measure
    net.load_state_dict(before)
    scores = {path: host(net[int(path == "more.weight") + 1].score(unit)).copy()
              for path in ("learned.weight", "more.weight")}
    kept = md.prune(net, 0.5, unit, "global", pattern="*e*.weight")         # equals are compared
    assert list(kept) == ["learned.weight", "more.weight"]
    everything = np.concatenate([score.ravel() for score in scores.values()])
    limit = np.sort(everything)[math.floor(0.5 * everything.size) - 1]
    assert kept == {path: (score > limit).mean() for path, score in scores.items()}


@pytest.mark.parametrize("make", [
    lambda a: md.L0(a, gates="weight"), md.Smallify,
    lambda a: md.TargetedDropout(a, 0.5, 0.5, unit=True, prune=True)])
def test_prune_compares_sizes_from_any_wrapping(make):
    """With a gate for each weight, L0 has sizes for its units."""
    net = nn.Sequential(plain=nn.Linear(4, 6), other=make(nn.Linear(6, 6)), out=nn.Linear(6, 2))
    assert net.init(0).other.measure(unit=True) == "size"
    assert set(md.prune(net, 0.5, True, "global")) == {"plain.weight", "other.weight"}


def test_prune_compares_no_score_that_is_made_up_with_sizes():
    class Mine(nn.Wrapped):
        def forward(self, x):
            return self.layer(x)

        def score(self, unit):
            return -super().score(unit)

    net = nn.Sequential(mine=Mine(nn.Linear(4, 6)), plain=nn.Linear(6, 6), out=nn.Linear(6, 2))
    with pytest.raises(ValueError, match="mine.weight by the score of Mine, plain.weight by size"):
        md.prune(net.init(0), 0.5, False, "global")


def test_prune_leaves_what_was_set_last_and_not_what_computes_last():
    class Odd(nn.Module):
        def __init__(self):
            self.out, self.hidden = nn.Linear(4, 2), nn.Linear(3, 4)

        def forward(self, x):
            return self.out(self.hidden(x))

    assert list(md.prune(Odd().init(0), 0.5, False)) == ["out.weight"]
    assert list(md.prune(Odd().init(0), 0.5, False, pattern="hidden.weight")) == ["hidden.weight"]


@pytest.mark.parametrize("twin", [0, 1, 2])
def test_prune_leaves_a_last_layer_whose_weights_are_those_of_another(twin):
    net = nn.Sequential(one=nn.Linear(4, 4), two=nn.Linear(4, 4), three=nn.Linear(4, 4),
                        out=nn.Linear(4, 4)).init(0)
    net.out.weight = net[twin].weight
    before = net.out.weight.data.copy()
    names = ["one.weight", "two.weight", "three.weight"]
    assert list(md.prune(net, 0.5, unit=False)) == names[:twin] + names[twin + 1:]
    assert_array_equal(net.out.weight.data, before)


def test_prune_takes_the_weights_of_dropconnect_too():
    """It is a layer of weights, though none around another."""
    net = nn.Sequential(one=nn.Linear(4, 6), two=md.DropConnect(6, 6, 0.5), out=nn.Linear(6, 3))
    assert md.prune(net.init(0), 0.5, unit=False) == {"one.weight": 0.5, "two.weight": 0.5}
    assert (host(net.two.weight.data) == 0).sum(1).tolist() == [3] * 6
    net = nn.Sequential(one=nn.Linear(4, 6), out=md.DropConnect(6, 3, 0.5)).init(0)
    assert list(md.prune(net, 0.5, unit=True)) == ["one.weight"]
    assert net.out.weight.data.all()


@pytest.mark.parametrize("pattern", ["*.bias", "norm.*", "*"])
def test_pruned_gives_back_biases_and_norms_too(pattern):
    net = network()
    before = values(net)
    with md.pruned(net, 0.5, unit=False, pattern=pattern):
        assert any((value != before[path]).any() for path, value in values(net).items())
    assert all((value == before[path]).all() for path, value in values(net).items())


def test_prune_counts_zeros_of_before_as_kept_beyond_its_share():
    net = nn.Sequential(one=nn.Linear(8, 4, bias=False), out=nn.Linear(4, 2, bias=False)).init(0)
    net.one.weight.data[:, :6] = 0
    w = net.one.weight.data.copy()
    assert md.prune(net, 0.5, unit=False) == {"one.weight": 0.5}  # four of the six zeros
    assert_array_equal(net.one.weight.data, w)
    assert md.cost(net, np.ones((1, 8), "float32")).nonzero == 4 * 2 + 4 * 2
    assert md.prune(net, 0.875, unit=False) == {"one.weight": 0.125}
    assert (net.one.weight.data != 0).sum() == 4


@pytest.mark.parametrize("name", models.named.MODELS)
def test_prune_knows_every_model_and_leaves_its_last_layer(name):
    net = models.named.build(name).init(0)
    before = values(net)
    kept = md.prune(net, 0.5, unit=True)
    modules = dict(net.named_modules())
    linear = nn.Linear | nn.Conv2d | nn.TokenLinear
    assert kept and all(isinstance(modules[path.removesuffix(".weight")], linear) for path in kept)
    last = [path for path, m in modules.items() if isinstance(m, nn.Linear)][-1]
    assert f"{last}.weight" not in kept and len(kept) == len(
        [m for m in modules.values() if isinstance(m, linear)]) - 1
    for path, value in values(net).items():
        rows = value.reshape(len(value), -1) if value.ndim else value.reshape(1, 1)
        if path in kept:
            assert (~rows.any(1)).sum() == len(rows) // 2
        else:
            assert_array_equal(value, before[path])


def test_pruning_2_a_removed_unit_puts_out_its_bias_and_a_norm_its_shift(xp, backend):
    net = nn.Sequential(linear=nn.Linear(3, 4), norm=md.BatchNorm(4), out=nn.Linear(4, 2))
    net.init(0).astype("float64").to(backend)
    for path, value in net.state_dict().items():
        if "num" not in path:
            value[...] = xp.asarray(np.random.default_rng(len(path)).uniform(0.5, 2, value.shape))
    md.prune(net, 1.0, unit=True)
    x = xp.asarray(np.random.default_rng(0).normal(size=(5, 3)))
    b, norm = host(net.linear.bias.data), net.eval().norm
    assert_array_equal(host(net.linear(x).data), np.broadcast_to(b, (5, 4)))
    mean, var, weight, bias = (host(a) for a in (norm.running_mean, norm.running_var,
                                                 norm.weight.data, norm.bias.data))
    due = weight * (b - mean) / np.sqrt(var + norm.eps) + bias
    np.testing.assert_allclose(host(norm(net.linear(x)).data), np.broadcast_to(due, (5, 4)))


def test_a_mistake_is_named_and_nothing_is_changed():
    net = network()
    net.noisy.weight.data[0, 0] = math.nan
    before = values(net)
    for model, options, sentence in (
            (net, {}, "noisy.weight must not hold nan"),
            (network, {}, "model must be a Module"),
            (nn.Linear(2, 3).init(0), {}, "must have a Linear or Conv2d before its last one"),
            (models.mlp(4, 3, 2), {}, r"call model.init\(seed\)"),
            (net, {"pattern": "linear3"}, "'linear3' matches no parameter; there are hidden"),
            (net, {"scope": "unit"}, "scope must be one of 'row', 'layer', 'global'"),
            (net, {"unit": 1, "pattern": "conv.weight"}, "unit must be True or False"),
            (net, {"sparsity": 1.5}, r"sparsity .* must lie in \[0, 1\]")):
        with pytest.raises((ValueError, TypeError), match=sentence):
            md.prune(model, **{"sparsity": 0.5, "unit": False, **options})
    assert_array_equal(net.noisy.weight.data, before["noisy.weight"])
    assert_array_equal(net.conv.weight.data, before["conv.weight"])


# --- other implementations ------------------------------------------------------------------------

def official(w, share):
    """The script of for-ai/TD: keep what reaches the entry int(share n) of the sorted row."""
    size = abs(w)
    return size >= np.sort(size, -1)[:, int(share * w.shape[1])][:, None]


def test_pruning_3_the_official_threshold_keeps_ties_and_loses_one():
    w = np.random.default_rng(0).normal(size=(3, 100))
    assert_array_equal(official(w, 0.5), md.magnitude_mask(w, 0.5, False))
    assert official(w, 0.29).sum(1).tolist() == [72] * 3        # int(0.29 * 100) is 28
    assert md.magnitude_mask(w, 0.29, False).sum(1).tolist() == [71] * 3
    equal = np.ones((3, 100))
    assert official(equal, 0.5).all()
    assert md.magnitude_mask(equal, 0.5, False).sum(1).tolist() == [50] * 3
    with pytest.raises(IndexError):
        official(w, 1.0)


def test_pruning_3_pytorch_rounds_to_the_nearest():
    w = np.array([[0.1, 0.2, 0.3]])
    assert round(0.5 * 3) == 2 and (~md.magnitude_mask(w, 0.5, False)).sum() == 1


def test_a_copy_keeps_the_old_weights():
    net = network()
    kept = copy.deepcopy(net)
    md.prune(net, 0.9, unit=False)
    assert kept.conv.weight.data.all() and not net.conv.weight.data.all()
