"""damage: curves of pruning, and the change in loss beside its estimates."""

import copy
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import models, nn
from minidrop.xp import host


def network(backend="numpy"):
    """Smooth, with a norm and with noise of two kinds."""
    net = nn.Sequential(
        one=nn.Linear(6, 8), norm=md.BatchNorm(8), act=nn.Tanh(), drop=md.Dropout(0.5),
        two=md.TargetedDropout(nn.Linear(8, 5), 0.5, 0.5, unit=False), act2=nn.Tanh(),
        out=nn.Linear(5, 3))
    net.init(0).norm.running_mean[:] = 0.3
    return net.to(backend)


def pair(xp, n=20, dtype="float32"):
    rng = np.random.default_rng(0)
    return xp.asarray(rng.normal(size=(n, 6)).astype(dtype)), xp.asarray(rng.integers(3, size=n))


def values(model):
    return {path: host(value).copy() for path, value in model.state_dict().items()}


def same(model, before):
    return all((value == before[path]).all() for path, value in values(model).items())


# --- pruned and pruning_curve ---------------------------------------------------------------------

def test_pruned_gives_the_weights_back_bit_for_bit(xp, backend):
    net, other = network(backend), network(backend)
    before, arrays = values(net), net.state_dict()
    with md.pruned(net, 0.5, unit=True) as kept:
        assert kept == md.prune(other, 0.5, unit=True)
        assert same(net, values(other)) and not same(net, before)
    assert same(net, before)
    assert all(net.state_dict()[path] is array for path, array in arrays.items())
    with pytest.raises(KeyError), md.pruned(net, 0.9, unit=False):
        net.one.weight.data = xp.ones((8, 6))     # whatever happens within
        raise KeyError("within")
    assert same(net, before) and net.one.weight.data is arrays["one.weight"]


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("scope", ["row", "layer", "global"])
def test_a_curve_is_what_a_loop_over_copies_finds(xp, backend, unit, scope):
    net, data = network(backend), pair(xp)
    modes = net.drop.training
    before, shares = values(net), [0.9, 0.0, 0.5]                  # in any order
    curve = md.pruning_curve(net, data, shares, unit, scope)
    assert same(net, before) and net.drop.training is modes
    assert curve.shares.tolist() == shares and {a.dtype.name for a in curve} == {"float64"}
    for i, share in enumerate(shares):
        other = copy.deepcopy(net)
        md.prune(other, share, unit, scope)
        assert (curve.loss[i], curve.accuracy[i]) == md.evaluate(other, data)
        left = sum(host(w.data).any(1).sum() * w.size // len(w.data) if unit
                   else (host(w.data) != 0).sum() for w in (other.one.weight, other.two.weight))
        assert curve.kept[i] == pytest.approx(left / (8 * 6 + 5 * 8), abs=1e-15)


def test_a_curve_takes_a_pattern_another_loss_and_soft_targets(xp, backend):
    net, (x, y) = network(backend), pair(xp)
    target = md.one_hot(y, 3)
    curve = md.pruning_curve(net, (x, target), (0.5,), False, pattern="out.weight",
                             loss=md.mse_loss, batch_size=7)
    assert math.isnan(curve.accuracy[0]) and curve.kept[0] == 9 / 15     # 2 of 5 go in each row
    md.prune(net, 0.5, False, pattern="out.weight")
    assert curve.loss[0] == pytest.approx(md.evaluate(net, (x, target), md.mse_loss).loss, rel=1e-6)


def test_a_curve_that_fails_leaves_the_network_as_it_was():
    net, (x, y) = network(), pair(np)
    before = values(net)
    for data, shares, kind, sentence in (
            ((x[:, :5], y), [0.5], ValueError, "x must have shape"),
            ((x, y + 1), [0.5], ValueError, "labels must lie"),
            ((x, y), [0.5, 1.5], ValueError, r"shares\[1\] is a probability"),
            ((x, y), [], ValueError, "shares must hold at least one"),
            ((x, y), 0.5, TypeError, "shares must be a list")):
        with pytest.raises(kind, match=sentence):
            md.pruning_curve(net, data, shares, unit=False)
        assert same(net, before)


# --- (damage.1) and (damage.2) --------------------------------------------------------------------

def test_damage_2_by_hand():
    """E = mean of (w x - t)^2 over x = 1, 2 with t = x, at w = 3; without w it is 5 / 2."""
    net = nn.Linear(1, 1, bias=False).init(0)
    net.weight.data[:] = 3
    data = np.array([[1.0], [2.0]]), np.array([[1.0], [2.0]])
    found = md.pruning_damage(net, data, 1.0, False, pattern="weight", loss=md.mse_loss)
    # gradient 2 (w - 1) 5 / 2 = 10, second derivative 5: -10 * 3 + 5 * 9 / 2
    assert found == (5 / 2 - 10, -30, -30 + 45 / 2)


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("sparsity", [0.2, 0.5, 0.9, 1.0])
def test_damage_2_is_exact_for_linear_regression(xp, backend, unit, sparsity):
    rng = np.random.default_rng(0)
    net = nn.Linear(6, 5).init(0).to(backend)
    data = xp.asarray(rng.normal(size=(40, 6))), xp.asarray(rng.normal(size=(40, 5)))
    found = md.pruning_damage(net, data, sparsity, unit, pattern="*", loss=md.mse_loss,
                              batch_size=16)
    assert found.second_order == pytest.approx(found.actual, abs=1e-12)
    assert abs(found.first_order - found.actual) > 1e-3
    before = md.evaluate(net.astype("float64"), data, md.mse_loss).loss
    md.prune(net, sparsity, unit, pattern="*")
    after = md.evaluate(net, data, md.mse_loss).loss
    assert found.actual == pytest.approx(after - before, abs=1e-12)


@pytest.mark.parametrize("order, power", [("first_order", 2), ("second_order", 3)])
def test_damage_2_leaves_a_remainder_of_the_next_order(xp, backend, order, power):
    net, rng = network(backend), np.random.default_rng(2)
    paths = [path for path, w in net.named_parameters()]
    d = {path: xp.asarray(rng.normal(size=w.shape)) for path, w in net.named_parameters()}
    rests = []
    for k in range(5, 9):
        step = 2.0**-k
        found = md.removal_damage(net, pair(xp), {path: step * d[path] for path in paths})
        rests.append(abs(getattr(found, order) - found.actual))
    slopes = np.log2(np.array(rests[:-1]) / rests[1:])
    assert_allclose(slopes, power, atol=0.15)


@pytest.mark.parametrize("name", ["lenet", "mlp"])
def test_damage_2_of_models_with_kinks_and_pools(name):
    build, shape = {"lenet": (lambda: models.lenet(size=16), (1, 16, 16)),
                    "mlp": (lambda: models.mlp(9, 8, 7, 10), (9,))}[name]
    net, rng = build().init(0).astype("float64"), np.random.default_rng(0)
    data = rng.normal(size=(6, *shape)), rng.integers(10, size=6)
    small = {path: 1e-4 * w.data for path, w in net.named_parameters() if w.ndim > 1}
    found = md.removal_damage(net, data, small)
    assert abs(found.second_order - found.actual) < 1e-3 * abs(found.first_order - found.actual)


def test_damage_1_removes_what_pruning_does(xp, backend):
    net = network(backend)
    before = values(net)
    with md.pruned(net, 0.5, unit=False):
        after = values(net)
    removed = {path: xp.asarray(before[path] - after[path])
               for path in ("one.weight", "two.weight")}
    direct = md.removal_damage(net, pair(xp), removed)
    assert direct == md.pruning_damage(net, pair(xp), 0.5, unit=False)
    assert same(net, before) and net.one.weight.dtype == "float32" and net.training


def test_damage_2_has_a_sign():
    net = nn.Linear(2, 1, bias=False).init(0)
    net.weight.data[:] = [[0.5, 3.0]]
    data = np.eye(2), np.array([[0.0], [3.0]])    # the small weight does nothing but harm
    found = md.pruning_damage(net, data, 0.5, False, pattern="weight", loss=md.mse_loss)
    assert found.actual == -0.125 and found.second_order == -0.125


@pytest.mark.slow
def test_targeted_dropout_leaves_less_damage_and_the_second_order_shows_it():
    data, found = md.data.digits(), []
    for targeted in (False, True):
        net = models.mlp(64, 128, 128, 10)
        if targeted:
            models.wrap(net, "hidden*", lambda layer: md.TargetedDropout(layer, 0.75, 0.66, False))
        md.fit(net.init(0), md.optim.SGD(0.05, momentum=0.9), data, epochs=12, progress=False)
        found.append(md.pruning_damage(net, data.train, 0.75, unit=False))
    plain, spared = found                         # 0.14 beside 0.04
    assert plain.actual > 0.05 and abs(spared.actual) < plain.actual / 2
    for damage in found:
        assert abs(damage.second_order - damage.actual) < abs(damage.first_order - damage.actual)


def test_mini_batches_and_frozen_or_unread_parameters_change_nothing(xp, backend):
    net, data = network(backend), pair(xp)
    whole = md.pruning_damage(net, data, 0.5, False, batch_size=20)
    assert_allclose(md.pruning_damage(net, data, 0.5, False, batch_size=7), whole, rtol=1e-12)
    net.one.weight.requires_grad = False
    assert md.pruning_damage(net, data, 0.5, False, batch_size=20) == whole
    assert not net.one.weight.requires_grad
    nothing = md.removal_damage(net, data, {"one.bias": xp.zeros(8)})
    assert nothing == (0, 0, 0)
    bias = net.two.bias
    assert md.removal_damage(net, data, {"two.bias": bias}) == md.removal_damage(
        net, data, {"two.bias": bias.data})


def test_a_mistake_is_named():
    net, data = network(), pair(np)
    for removed, kind, sentence in (
            ({}, TypeError, "removed must map paths"), (np.ones(3), TypeError, "removed must map"),
            ({"one": np.ones(3)}, ValueError, "got 'one'; there are one.weight, one.bias, "),
            ({"one.bias": [1.0] * 8}, TypeError, r"removed\['one.bias'\] must be a NumPy"),
            ({"one.bias": np.ones(8, int)}, TypeError, r"removed\['one.bias'\] must hold floats"),
            ({"one.bias": np.ones(3)}, ValueError, r"of that parameter, \(8,\), got")):
        with pytest.raises(kind, match=sentence):
            md.removal_damage(net, data, removed)
    assert_array_equal(values(net)["one.bias"], net.one.bias.data)
