"""averages/snapshot: rates, steps and averages, exactly, and every sentence of "Differs"."""

import copy
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import nn
from minidrop.check import Forbid, gradcheck
from minidrop.xp import host

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None)
LOGITS = np.array([[[10.0, 0.0]], [[0.0, 5.0]], [[0.0, 4.9]]])    # three members, one example


def logits(seed, m=3, n=4, k=5, scale=3.0):
    return scale * md.gaussian(seed, (m, n, k)).astype("float64")


class Says(nn.Module):
    """A network that gives its table whatever it is asked."""

    def __init__(self, table):
        self.table = table

    def forward(self, x):
        return md.Tensor(self.table[:len(x)])


def says(xp, tables):
    return md.SnapshotEnsemble([Says(xp.asarray(table)) for table in tables])


# --- (snapshot.1) to (snapshot.4): the rate, and where a cycle ends -------------------------------

def test_snapshot_1_calls_f_with_the_place_in_the_cycle(xp):
    seen = []

    def f(k):
        seen.append(k)
        return 1.0 / (1 + k)

    assert [md.cyclic(t, 7, 2, f) for t in range(1, 8)] == [1, 1/2, 1/3, 1/4, 1, 1/2, 1/3]
    assert seen == [0, 1, 2, 3, 0, 1, 2] and {type(k) for k in seen} == {int}
    seen.clear()
    rates = md.cyclic(xp.arange(1, 8), 7, 2, f)
    assert isinstance(rates, xp.ndarray)
    assert_array_equal(host(rates), [1, 1/2, 1/3, 1/4, 1, 1/2, 1/3])
    assert seen == [0, 1, 2, 3] and {type(k) for k in seen} == {int}            # once each
    assert_array_equal(md.cyclic(range(7, 0, -2), 7, 2, f), [1/3, 1, 1/3, 1])
    assert_array_equal(md.cyclic([7, 5], 7, 2, f), md.cyclic((7, 5), 7, 2, f))
    assert md.cyclic([[7, 5]], 7, 2, f).tolist() == [[1/3, 1]]
    assert_array_equal(md.cyclic(np.array([200], "uint8"), 1000, 2, lambda k: k), [199])


def test_snapshot_1_takes_functions_of_one_number_and_of_arrays(xp):
    c, t = 4, xp.arange(1, 9)
    due = host(md.cyclic_cosine(t, 8, 2, 0.1))
    for f in (lambda k: 0.05 * (math.cos(math.pi * k / c) + 1),
              lambda k: 0.05 * (np.cos(np.pi * k / c) + 1),
              lambda k: xp.asarray(due)[k], [*due].__getitem__):
        rates = md.cyclic(t, 8, 2, f)
        assert isinstance(rates, xp.ndarray) and rates.dtype == "float64"
        assert_allclose(host(rates), due, atol=1e-16)
        assert type(md.cyclic(3, 8, 2, f)) is float
    assert md.cyclic(t, 8, 2, lambda k: 1).tolist() == [1.0] * 8


def test_snapshot_1_takes_a_step_schedule_within_each_cycle():
    # the official code offers it too: a tenth at half of each cycle, a hundredth at three quarters
    steps = md.optim.step_decay(0.1, 8, [4, 6])
    rates = md.cyclic(range(1, 17), 16, 2, lambda k: steps[k])
    assert_array_equal(rates, np.tile(steps, 2))


@given(st.integers(1, 60), st.data())
@PROPERTY
def test_snapshot_1_and_2_are_the_formula_in_a_loop(total, data):
    cycles, c = data.draw(st.integers(1, total)), 0
    while c * cycles < total:                     # the smallest c with at least T in M cycles
        c += 1
    due, k = [], 0
    for _ in range(total):
        due.append(0.1 * (1 + math.cos(math.pi * k / c)) / 2)
        k = k + 1 if k + 1 < c else 0
    rates = md.cyclic_cosine(range(1, total + 1), total, cycles, 0.1)
    assert_allclose(rates, due, atol=1e-16)
    assert_allclose([md.cyclic_cosine(t + 1, total, cycles, 0.1) for t in range(total)], due,
                    atol=1e-16)
    ends = [t + 1 for t in range(total) if t + 1 == total or due[t + 1] == due[0]]
    assert md.snapshot_steps(total, cycles) == ends


def test_snapshot_2_has_the_values_of_the_paper_s_formula(xp):
    due = [0.1, 0.085355, 0.05, 0.014645]
    rates = md.cyclic_cosine(xp.arange(1, 9), 8, 2, 0.1)
    assert isinstance(rates, xp.ndarray) and rates.dtype == "float64"
    assert_allclose(host(rates), due * 2, atol=5e-7)
    assert type(md.cyclic_cosine(3, 8, 2, 0.1)) is float
    assert md.cyclic_cosine(np.int64(5), 8, 2, 0.1) == 0.1


def test_snapshot_2_in_one_cycle_is_the_cosine_without_restarts():
    assert_allclose(md.cyclic_cosine(range(1, 31), 30, 1, 0.3), md.optim.cosine(0.3, 30),
                    atol=1e-16)


@pytest.mark.parametrize("c", [1, 2, 3, 40, 1000])
def test_snapshot_3_the_ends_of_a_cycle(c):
    rates = md.cyclic_cosine(range(1, 3 * c + 1), 3 * c, 3, 0.1).reshape(3, c)
    assert (rates[:, 0] == 0.1).all()
    assert_allclose(rates[:, -1], 0.05 * (1 + math.cos(math.pi * (1 - 1 / c))), atol=1e-16)
    assert (rates > 0).all() and (np.diff(rates) < 0).all()
    if c == 40:
        assert round(rates[0, -1], 6) == 0.000154


def test_snapshot_4_a_total_that_cycles_do_not_divide():
    rates = md.cyclic_cosine(range(1, 11), 10, 3, 0.1)
    assert [int(k) for k in np.flatnonzero(rates == 0.1)] == [0, 4, 8]
    assert round(float(rates[-1]), 4) == 0.0854
    assert md.snapshot_steps(10, 3) == [4, 8, 10]
    assert md.snapshot_steps(20, 6) == [4, 8, 12, 16, 20]
    assert (md.cyclic_cosine(range(1, 21), 20, 6, 0.1) == 0.1).sum() == 5
    assert md.snapshot_steps(7, 7) == [*range(1, 8)] and md.snapshot_steps(7, 1) == [7]
    small = md.snapshot_steps(np.uint8(200), np.uint8(3))         # 201 is not what wraps around
    assert small == [67, 134, 200] and {type(end) for end in small} == {int}


def test_snapshot_2_steers_a_run(xp, backend):
    x, y = xp.asarray(md.gaussian(0, (20, 3))), xp.asarray(md.integers(1, 2, 20))
    net, sgd, seen = nn.Linear(3, 2).init(0).to(backend), md.optim.SGD(0.1), []
    rates = md.cyclic_cosine(range(1, 11), 10, 2, 0.1)
    md.fit(net, sgd, (x, y), 2, batch_size=4, schedules={"lr": rates}, progress=False,
           recorder=lambda step, net, loss: seen.append(sgd.lr))
    assert seen == rates.tolist()


# --- (snapshot.5) to (snapshot.8): averages and votes ---------------------------------------------

def test_snapshot_5_by_hand(xp):
    probs = xp.asarray(np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.6, 0.4]]]))
    assert_allclose(host(md.average_probabilities(probs)), [[0.7, 0.3], [0.4, 0.6]], atol=1e-15)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
@PROPERTY
def test_snapshot_5_and_8_are_loops_over_members_examples_and_classes(m, n, k, seed):
    probs = np.asarray(md.softmax(np.round(logits(seed, m, n, k))))
    mean, votes = md.average_probabilities(probs), md.majority_vote(probs)
    for i in range(n):
        count = [0] * k
        for member in range(m):
            count[max(range(k), key=lambda j: (probs[member, i, j], -j))] += 1
        due = [sum(probs[member, i, j] for member in range(m)) / m for j in range(k)]
        assert_allclose(mean[i], due, atol=1e-15)
        best = max(range(k), key=lambda j: (count[j], mean[i, j], -j))
        assert votes[i] == best
    assert_allclose(mean.sum(-1), 1, atol=1e-14)


def test_snapshot_5_is_the_same_in_any_order_and_with_all_of_them(xp):
    tables = logits(1)
    x, due = xp.ones((4, 1)), None
    for order in itertools.permutations(range(3)):
        found = host(says(xp, tables[list(order)])(x).data)
        due = found if due is None else due
        assert_allclose(found, due, atol=1e-14)
    ensemble = says(xp, tables)
    assert_array_equal(host(ensemble.last(3)(x).data), host(ensemble(x).data))
    assert_array_equal(host(ensemble.last(2)(x).data), host(says(xp, tables[1:])(x).data))
    assert ensemble.last(1).members == ensemble.last(np.uint8(1)).members == ensemble.members[2:]


def test_snapshot_5_logits_and_probabilities_can_name_different_classes(xp):
    probs = np.asarray(md.softmax(LOGITS))
    assert_allclose(LOGITS.mean(0), [[3.33, 3.30]], atol=5e-3)
    mean = host(md.average_probabilities(xp.asarray(probs)))
    assert_allclose(mean, [[0.338, 0.662]], atol=5e-4)
    assert LOGITS.mean(0).argmax(-1) == 0 and mean.argmax(-1) == 1
    geometric = np.exp(np.log(probs).mean(0))     # what averaged logits stand for
    assert_allclose(geometric / geometric.sum(), np.asarray(md.softmax(LOGITS.mean(0))), atol=1e-12)


def test_snapshot_5_a_sum_names_the_same_classes():
    probs = np.asarray(md.softmax(logits(2, 4, 50)))
    summed = sum(probs)
    assert_array_equal(summed.argmax(-1), md.average_probabilities(probs).argmax(-1))
    assert_allclose(summed.sum(-1), 4)


@pytest.mark.parametrize("order", [1, 2])
def test_snapshot_5_has_a_gradient(xp, order):
    probs = xp.asarray(np.asarray(md.softmax(logits(3))))
    weights = xp.asarray(logits(4)[0])
    tensor = md.Tensor(probs, requires_grad=True)
    g = md.grad((md.average_probabilities(tensor) * weights).sum(), tensor)
    assert_allclose(host(g), np.broadcast_to(host(weights) / 3, (3, 4, 5)))
    assert gradcheck(lambda z: md.average_probabilities(md.softmax(z)), xp.asarray(logits(3)),
                     order=order) < 1e-6


def test_snapshot_6_is_the_logarithm_of_the_mean(xp):
    tables = logits(5)
    due = np.log(np.asarray(md.average_probabilities(np.asarray(md.softmax(tables)))))
    assert_allclose(host(says(xp, tables)(xp.ones((4, 1))).data), due, atol=1e-12)


def test_snapshot_6_neither_overflows_nor_takes_the_logarithm_of_0(xp):
    tables = np.array([[[0.0, -2000.0, 3000.0]], [[1000.0, -1000.0, 5000.0]]])
    found = host(says(xp, tables)(xp.ones((1, 1))).data)
    # the first member's ln p are -3000, -5000 and 0, the second's -4000, -6000 and 0
    assert_allclose(found, [[-3000 - math.log(2), -5000 - math.log(2), 0]], atol=1e-9)
    never = np.array([[[0.0, -np.inf, 1.0]], [[2.0, -np.inf, 0.0]]])
    found = host(says(xp, never)(xp.ones((1, 1))).data)
    assert found[0, 1] == -np.inf
    assert_allclose(np.exp(found).sum(), 1)
    one = host(says(xp, [never[0], [[0.0, 0.0, 0.0]]])(xp.ones((1, 1))).data)
    assert_allclose(np.exp(one[0, 1]), 1 / 6)


@pytest.mark.parametrize("m", [1, 2, 4])
def test_snapshot_6_of_equal_members_is_that_network_bit_for_bit(xp, backend, m):
    net = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).init(0).to(backend)
    x, y = xp.asarray(md.gaussian(1, (9, 5))), xp.asarray(md.integers(2, 3, 9))
    ensemble = md.SnapshotEnsemble([copy.deepcopy(net) for _ in range(m)])
    assert_array_equal(host(ensemble(x).data), host(md.log_softmax(net(x)).data))
    alone, together = md.evaluate(net, (x, y)), md.evaluate(ensemble, (x, y))
    assert together.accuracy == alone.accuracy
    assert together.loss == pytest.approx(alone.loss, rel=1e-6)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(2, 6), st.integers(0, 10**6),
       st.floats(0, 50))
@PROPERTY
def test_snapshot_7_the_mean_loses_at_most_the_mean_of_the_losses(m, n, k, seed, scale):
    tables, y = logits(seed, m, n, k, scale), md.integers(seed + 1, k, n)
    losses = [float(md.cross_entropy(table, y)) for table in tables]
    together = md.SnapshotEnsemble([Says(table) for table in tables])(np.ones((n, 1)))
    loss = float(md.cross_entropy(together.data, y))
    assert loss <= sum(losses) / m + 1e-12
    assert loss <= min(losses) + math.log(m) + 1e-12               # the best alone is 1 / m of it


def test_snapshot_8_ties_go_to_the_larger_mean(xp):
    probs = np.array([[[0.5, 0.4, 0.1]], [[0.1, 0.9, 0.0]], [[0.5, 0.1, 0.4]], [[0.0, 0.6, 0.4]]])
    votes = md.majority_vote(xp.asarray(probs))   # two votes for class 0, two for class 1
    assert isinstance(votes, xp.ndarray) and votes.dtype.kind == "i" and votes.shape == (1,)
    assert int(votes[0]) == 1
    assert int(md.majority_vote(xp.asarray(probs[:, :, [1, 0, 2]]))[0]) == 0
    third = np.array([[[0.4, 0.35, 0.25]], [[0.4, 0.0, 0.6]], [[0.0, 0.9, 0.1]]])
    assert int(md.majority_vote(xp.asarray(third))[0]) == 1       # one each, and mean 0.417
    most = np.array([[[0.51, 0.49]], [[0.51, 0.49]], [[0.0, 1.0]]])
    assert int(md.majority_vote(xp.asarray(most))[0]) == 0        # though the mean says 1
    assert int(md.average_probabilities(most).argmax(-1)[0]) == 1
    assert_array_equal(host(md.majority_vote(md.Tensor(xp.asarray(probs)))), [1])
    even = np.array([[[0.0, 0.5, 0.5]], [[0.0, 0.5, 0.5]]])       # and the first where all is equal
    assert int(md.majority_vote(xp.asarray(even))[0]) == 1
    both = np.array([[[0.25, 0.0, 0.75]], [[0.25, 0.75, 0.0]]])
    assert int(md.majority_vote(xp.asarray(both))[0]) == 1


# --- the ensemble as a module ---------------------------------------------------------------------

def mlp(p=0.5):
    return nn.Sequential(nn.Linear(5, 7), md.BatchNorm(7), nn.ReLU(), md.Dropout(p),
                         nn.Linear(7, 3))


def data(xp):
    return xp.asarray(md.gaussian(1, (9, 5))), xp.asarray(md.integers(2, 3, 9))


def test_snapshot_6_gradients_reach_every_member(xp):
    tables, y = logits(6), xp.asarray(md.integers(7, 5, 4))
    nets = [nn.Linear(1, 5, bias=False).init(0).astype("float64") for _ in tables]

    def loss(*weights):
        for net, w in zip(nets, weights, strict=True):
            net.weight = w
        return md.cross_entropy(md.SnapshotEnsemble(nets)(xp.ones((4, 1))), y)

    weights = [xp.asarray(table[0][:, None]) for table in tables]
    assert gradcheck(loss, *weights, order=2) < 1e-6


def test_snapshot_6_the_mode_of_the_ensemble_is_that_of_its_members(xp, backend):
    nets, x = [mlp().init(seed).to(backend) for seed in range(3)], data(xp)[0]
    ensemble = md.SnapshotEnsemble(nets)
    assert all(net.training for net in nets)      # none was switched
    noisy = host(ensemble(x).data)
    assert (noisy != host(ensemble(x).data)).any() and nets[0].dropout1.noise is not None
    means = [host(net.batchnorm1.running_mean) for net in nets]
    ensemble.eval()
    for net in nets:
        assert not net.dropout1.training
        net.dropout1.rng = Forbid()
    due = np.log(np.mean([host(md.softmax(net(x)).data) for net in nets], axis=0))
    assert_allclose(host(ensemble(x).data), due, atol=1e-5)
    for net, mean in zip(nets, means, strict=True):
        assert_array_equal(host(net.batchnorm1.running_mean), mean)


def test_snapshot_5_probabilities_are_those_of_evaluation_in_batches(xp, backend):
    nets, (x, y) = [mlp().init(seed).to(backend) for seed in range(3)], data(xp)
    ensemble = md.SnapshotEnsemble(nets)
    nets[1].eval()
    probs = ensemble.probabilities(x)
    assert isinstance(probs, xp.ndarray) and probs.shape == (3, 9, 3) and probs.dtype == "float32"
    assert [net.training for net in nets] == [True, False, True]
    assert_allclose(host(ensemble.probabilities(x, batch_size=2)), host(probs), atol=1e-6)
    for net, p in zip(nets, probs, strict=True):
        assert_allclose(host(md.softmax(net.eval()(x)).data), host(p), atol=1e-6)
    score = md.evaluate(ensemble, (x, y))
    mean = host(md.average_probabilities(probs))
    assert score.accuracy == pytest.approx((mean.argmax(-1) == host(y)).mean())
    assert score.loss == pytest.approx(-np.log(mean[np.arange(9), host(y)]).mean(), rel=1e-5)


def test_an_ensemble_can_be_trained_together(xp, backend):
    ensemble = md.SnapshotEnsemble([mlp(), mlp()]).init(0).to(backend)
    first, second = ensemble.members
    assert (host(first.linear1.weight.data) != host(second.linear1.weight.data)).any()
    before = {path: host(a).copy() for path, a in ensemble.state_dict().items()}
    history = md.fit(ensemble, md.optim.SGD(0.5), data(xp), 20, batch_size=9, progress=False)
    assert history.loss[-1] < history.loss[0]
    after = ensemble.state_dict()
    assert all((host(after[path]) != value).any() for path, value in before.items()
               if path.endswith("weight"))


def test_an_ensemble_is_saved_and_loaded_as_any_network(xp, backend, tmp_path):
    ensemble = md.SnapshotEnsemble([mlp().init(seed) for seed in range(3)]).to(backend)
    assert list(ensemble.state_dict())[0] == "members.0.linear1.weight"
    md.save(ensemble, tmp_path / "three")
    other = md.load(md.SnapshotEnsemble([mlp() for _ in range(3)]), tmp_path / "three")
    x = md.gaussian(1, (9, 5))
    assert_array_equal(other.probabilities(x), ensemble.to("numpy").probabilities(x))
    with pytest.raises(ValueError, match="these differ: members.2.batchnorm1.bias"):
        md.load(ensemble.last(2), tmp_path / "three")


def test_an_ensemble_of_ensembles_weighs_by_members(xp):
    tables = logits(8, m=4)
    x = xp.ones((4, 1))
    nested = md.SnapshotEnsemble([says(xp, tables[:2]), says(xp, tables[2:])])
    assert_allclose(host(nested(x).data), host(says(xp, tables)(x).data), atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_kind_are_kept(xp, dtype):
    probs = xp.asarray(np.asarray(md.softmax(logits(9)))).astype(dtype)
    assert md.average_probabilities(probs).dtype == dtype
    assert isinstance(md.average_probabilities(md.Tensor(probs)), md.Tensor)
    assert says(xp, logits(9).astype(dtype))(xp.ones((4, 1), dtype)).dtype == dtype


def test_probabilities_in_float16_are_taken(xp):
    probs = xp.asarray(np.asarray(md.softmax(logits(9, n=99, k=7))).astype("float16"))
    assert float(abs(probs.astype("float64").sum(-1) - 1).max()) > 1e-5
    assert md.average_probabilities(probs).dtype == "float16"


def test_every_memory_order_gives_the_same_numbers(xp):
    probs = np.asarray(md.softmax(logits(10)))
    mean, votes = md.average_probabilities(probs), md.majority_vote(probs)
    for axes in itertools.permutations(range(3)):
        turned = xp.asarray(np.ascontiguousarray(probs.transpose(axes)))
        turned = turned.transpose(*map(int, np.argsort(axes)))
        assert_allclose(host(md.average_probabilities(turned)), mean, atol=1e-15)
        assert_array_equal(host(md.majority_vote(turned)), votes)


# --- "Differs" ------------------------------------------------------------------------------------

def official(epochs, cycles, batches, lr0):
    """Every rate of the official Torch code (train.lua), restated."""
    each, rates = epochs // cycles, []
    for epoch in range(1, epochs + 1):
        length = each if epoch <= each * (cycles - 1) else epochs - each * (cycles - 1)
        for i in range(1, batches + 1):
            place = ((epoch - 1) % length * batches + i) / (length * batches)
            rates.append(lr0 / 2 * (math.cos(math.pi * place) + 1))
    return np.array(rates)


def test_snapshot_3_the_official_code_is_one_iteration_ahead():
    theirs = official(epochs=6, cycles=2, batches=4, lr0=0.1).reshape(2, 12)
    ours = md.cyclic_cosine(range(1, 25), 24, 2, 0.1).reshape(2, 12)
    assert_allclose(theirs[:, :-1], ours[:, 1:], atol=1e-16)
    assert (ours[:, 0] == 0.1).all() and (theirs[:, 0] < 0.1).all()
    assert_allclose(theirs[:, -1], 0, atol=1e-17)
    assert (ours[:, -1] > 1e-3).all()


def test_snapshot_2_has_no_jump_within_its_last_cycle_as_the_official_code_has():
    theirs = official(epochs=200, cycles=6, batches=1, lr0=0.2)
    assert [round(float(theirs[epoch - 1]), 4) for epoch in (166, 175, 176, 200)] == [
        0.0309, 0, 0.1996, 0.0377]
    ours = md.cyclic_cosine(range(1, 201), 200, 6, 0.2)
    ends = md.snapshot_steps(200, 6)
    assert ends == [34, 68, 102, 136, 170, 200]
    for start, end in itertools.pairwise([0, *ends]):
        assert ours[start] == 0.2 and (np.diff(ours[start:end]) < 0).all()


def test_snapshot_2_per_epoch_with_the_floor_as_in_keras():
    def keras(epoch, epochs, cycles, lr0):        # titu1994, restated: t from 0
        each = epochs // cycles
        return lr0 / 2 * (math.cos(math.pi * (epoch % each) / each) + 1)

    even = [keras(epoch, 12, 3, 0.1) for epoch in range(12)]
    assert_allclose(md.cyclic_cosine(range(1, 13), 12, 3, 0.1), even, atol=1e-16)
    odd = [keras(epoch, 10, 3, 0.1) for epoch in range(10)]
    assert [epoch for epoch in range(10) if odd[epoch] == 0.1] == [0, 3, 6, 9]
    saved = [epoch + 1 for epoch in range(10) if (epoch + 1) % (10 // 3) == 0]
    assert saved == [3, 6, 9] != md.snapshot_steps(10, 3)
    assert even[-1] > 0


def test_snapshot_2_momentum_goes_on_over_a_restart(xp, backend):
    x, y = xp.ones((1, 1), "float32"), xp.asarray(np.array([0]))
    net = nn.Linear(1, 2, bias=False).init(0).to(backend)
    sgd, rates, seen = md.optim.SGD(0.1, momentum=0.9), md.cyclic_cosine(range(1, 9), 8, 2, 0.1), []
    w, velocity = host(net.weight.data).astype("float64")[:, 0], 0.0
    md.fit(net, sgd, (x, y), 8, schedules={"lr": rates}, progress=False,
           recorder=lambda step, net, loss: seen.append(host(net.weight.data)[:, 0].copy()))
    for rate, found in zip(rates, seen, strict=True):
        p = np.exp(w) / np.exp(w).sum()
        velocity = 0.9 * velocity + p - [1, 0]    # also from step 4 to step 5, where a cycle begins
        w = w - rate * velocity
        assert_allclose(found, w, atol=1e-6)


# --- bad input ------------------------------------------------------------------------------------

class Pair(nn.Module):
    """A network that gives two outputs."""

    def forward(self, x):
        return x, x


def test_what_does_not_fit_is_refused_in_one_sentence(xp):
    probs, net, rate = xp.full((2, 4, 3), 1 / 3), nn.Linear(3, 3).init(0), math.cos
    for error, words, use in [
            (ValueError, "cycles must be at most total = 5 iterations, got 6",
             lambda: md.snapshot_steps(5, 6)),
            (ValueError, "cycles must be a whole number of at least 1, got 0",
             lambda: md.cyclic_cosine(1, 5, 0, 0.1)),
            (ValueError, "t must lie in 1..total, which is 5, got 6 to 6",
             lambda: md.cyclic(6, 5, 2, rate)),
            (ValueError, "t must be a whole number of at least 1, got 0",
             lambda: md.cyclic(0, 5, 2, rate)),
            (ValueError, "t must lie in 1..total, which is 5, got 0 to 4",
             lambda: md.cyclic_cosine(xp.arange(5), 5, 2, 0.1)),
            (TypeError, "t must hold whole numbers", lambda: md.cyclic(xp.ones(3), 5, 2, rate)),
            (ValueError, "lr0 must be finite and at least 0",
             lambda: md.cyclic_cosine(1, 5, 2, -0.1)),
            (TypeError, r"f must be a function, called as f\(k\), got None",
             lambda: md.cyclic(1, 5, 2, None)),
            (TypeError, "t must hold whole numbers, and at least one, got ndarray of shape .0,.",
             lambda: md.cyclic(range(0), 5, 2, rate)),
            (TypeError, "t must hold whole numbers", lambda: md.cyclic([1.0, 2.0], 5, 2, rate)),
            (TypeError, "f must give a number, got NoneType None for k = 0",
             lambda: md.cyclic(1, 5, 2, lambda k: None)),
            (TypeError, "f must give a number, got str '1' for k = 1",
             lambda: md.cyclic(xp.arange(2, 3), 5, 2, lambda k: str(k))),
            (TypeError, r"f must give a number, got ndarray of shape \(1,\), float64 for k = 0",
             lambda: md.cyclic(xp.arange(1, 6), 5, 2, lambda k: xp.ones(1))),
            (ValueError, "logits become such by softmax",
             lambda: md.average_probabilities(xp.asarray(LOGITS))),
            (ValueError, "rows that sum to 1", lambda: md.majority_vote(3 * probs)),
            (ValueError, "rows that sum to 1", lambda: md.majority_vote(probs * math.nan)),
            (ValueError, "rows that sum to 1", lambda: md.majority_vote(probs * 1.01)),
            (ValueError, "at least 0", lambda: md.majority_vote(xp.asarray([[[1.5, -0.5]]]))),
            (ValueError, "and not be empty", lambda: md.average_probabilities(probs[:0])),
            (ValueError, r"probs must have shape \(m, N, K\), members on axis 0",
             lambda: md.average_probabilities(probs[0])),
            (TypeError, "members must be a list of networks, got one Sequential; .* give .net.",
             lambda: md.SnapshotEnsemble(nn.Sequential(net))),
            (TypeError, "members must be networks, got .* as number 1",
             lambda: md.SnapshotEnsemble([net, nn.Linear])),
            (ValueError, "copy.deepcopy.net., got 2 of which 1 differ",
             lambda: md.SnapshotEnsemble([net, net])),
            (ValueError, "members must hold at least one", lambda: md.SnapshotEnsemble([])),
            (ValueError, r"logits of one shape \(N, K\), got \(2, 3\), \(2, 4\)",
             lambda: md.SnapshotEnsemble([net, nn.Linear(3, 4).init(0)])(np.ones((2, 3)))),
            (ValueError, r"logits of one shape \(N, K\), got \(3,\), tuple",
             lambda: md.SnapshotEnsemble([nn.ReLU(), Pair()])(np.ones(3))),
            (ValueError, r"logits of one shape \(N, K\), got tuple",
             lambda: md.SnapshotEnsemble([Pair()])(np.ones((2, 3)))),
            (ValueError, r"logits of one shape \(N, K\), got \(3,\)",
             lambda: md.SnapshotEnsemble([nn.ReLU()])(np.ones(3))),
            (ValueError, "m must be at most the 1 members, got 2",
             lambda: md.SnapshotEnsemble([net]).last(2)),
            (ValueError, "m must be a whole number of at least 1",
             lambda: md.SnapshotEnsemble([net]).last(0)),
            (ValueError, "x must hold at least one example",
             lambda: md.SnapshotEnsemble([net]).probabilities(np.ones((0, 3))))]:
        with pytest.raises(error, match=words):
            use()
