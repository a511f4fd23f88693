"""paths/stochastic_depth: every equation, exactly, and every sentence of "Differs"."""

import copy
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import nn
from minidrop.check import Forbid, Record, Replay, all_masks, exact_moments, gradcheck
from minidrop.xp import host
from tests.samplers import assert_fresh, assert_independent, assert_rate

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
RULES, SCALINGS = ("paper", "linspace", "efficientnet"), ("paper", "inverted", "none")
SKIP, BRANCH = np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([[10.0, 20.0], [-30.0, 40.0]])


def gates(xp, *bits):
    return xp.asarray(np.array(bits, bool))


class Counted(nn.Module):
    """A branch with everything a branch can have, which counts its calls."""

    def __init__(self, width):
        self.linear, self.norm = nn.Linear(width, width), md.BatchNorm(width)
        self.drop, self._calls = md.Dropout(0.5), 0

    def forward(self, x):
        self._calls += 1
        return self.drop(self.norm(self.linear(x)))


def deep(blocks=3, width=4, p=0.5, **options):
    """A chain of residual blocks between two linear layers."""
    chain = {f"block{k}": nn.Sequential(
        sum=md.StochasticDepth(Counted(width), p, **options), relu=nn.ReLU())
        for k in range(1, blocks + 1)}
    return nn.Sequential(first=nn.Linear(6, width), **chain, last=nn.Linear(width, 3))


def sums(net):
    return [m for _, m in net.named_modules() if isinstance(m, md.StochasticDepth)]


def closed(net, *bits):
    """The network with the gates of its next step given."""
    for module, bit in zip(sums(net), bits, strict=True):
        module.rng = Replay(bit)
    return net


def batch(xp, n=8):
    return xp.asarray(md.gaussian(1, (n, 6))), xp.asarray(md.integers(2, 3, n))


def bits_of(net, *more):
    state = {path: host(array) for path, array in net.state_dict().items()}
    return {key: (value.dtype, value.tobytes()) for part in (state, *more)
            for key, value in part.items()}


# --- (stochastic_depth.1) to (stochastic_depth.3): how survival falls ----------------------------

def all_closed(backend):
    """Two blocks of which nothing is left once their gates are closed, and nothing beside them."""
    net = md.nn.Sequential(*[md.StochasticDepth(md.nn.Linear(3, 3), 1.0) for _ in range(2)])
    return net.init(0).to(backend)


def test_a_step_in_which_every_branch_is_closed_changes_nothing(xp, backend):
    net, sgd = all_closed(backend), md.optim.SGD(lr=0.5, momentum=0.9)
    x, y = xp.ones((4, 3), "float32"), xp.zeros(4, "int64")
    before = [host(w.data).copy() for w in net.parameters()]
    history = md.fit(net, sgd, (x, y), epochs=3, progress=False)
    assert_allclose(history.loss, np.log(3), rtol=1e-6)
    assert_array_equal(np.stack([b.ravel()[:3] for b in before]),
                       np.stack([host(w.data).ravel()[:3] for w in net.parameters()]))
    assert not any(m.skipped for _, m in net.named_modules())
    md.train_step(net, sgd, x, y)
    assert not any(m.skipped for _, m in net.named_modules())     # both marks are used up
    net[0].p = net[1].p = 0.0
    assert md.train_step(net, sgd, x, y) > md.train_step(net, sgd, x, y)


def test_a_step_that_fails_leaves_no_branch_excused(xp, backend):
    net, x = all_closed(backend), xp.ones((4, 3), "float32")

    class Broken(md.optim.SGD):
        def step(self, model):
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        md.train_step(net, Broken(0.1), x, xp.zeros(4, "int64"))
    assert not any(m.skipped for _, m in net.named_modules())


def test_a_closed_branch_gives_a_tensor_where_its_skip_is_trained(xp, backend):
    net = md.StochasticDepth(md.nn.ReLU(), 1.0, skip=md.nn.Linear(3, 3)).init(0).to(backend)
    assert net(xp.ones((4, 3), "float32")).requires_grad
    bare = md.StochasticDepth(md.nn.ReLU(), 1.0).init(0).to(backend)
    assert isinstance(bare(xp.ones((4, 3), "float32")), xp.ndarray)


def test_stochastic_depth_1_and_2_and_3_are_three_lists():
    due = {"paper": [.875, .75, .625, .5], "linspace": [1, 5 / 6, 4 / 6, .5],
           "efficientnet": [1, .875, .75, .625]}
    for rule, rates in due.items():
        found = [md.survival(block, 4, 0.5, rule) for block in (1, 2, 3, 4)]
        assert_allclose(found, rates, rtol=0, atol=1e-15)
        assert all(type(q) is float for q in found)
    assert md.survival(3, 4, 0.5) == due["paper"][2]
    assert [md.survival(block, 2, 0.5, "linspace") for block in (1, 2)] == [1, 0.5]


@PROPERTY
@given(blocks=st.integers(1, 60), q_last=st.floats(0, 1), rule=st.sampled_from(RULES))
def test_stochastic_depth_1_and_2_and_3_are_lines_between_two_known_ends(blocks, q_last, rule):
    rates = [md.survival(block, blocks, q_last, rule) for block in range(1, blocks + 1)]
    first = {"paper": 1 - (1 - q_last) / blocks}.get(rule, 1.0)
    last = {"efficientnet": 1 - (1 - q_last) * (blocks - 1) / blocks}.get(rule, q_last)
    if blocks == 1 and rule == "linspace":
        last = 1.0                                # the list starts at 1, and it has one entry
    assert_allclose(rates, np.linspace(first, last, blocks), rtol=0, atol=1e-12)
    assert all(0 <= q <= 1 for q in rates)


# --- (stochastic_depth.4): the gate --------------------------------------------------------------

@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
def test_stochastic_depth_4_lives_where_the_bits_are_below_q(xp, backend, p):
    bound = (1 - p) * 2.0**32
    for seed in range(20):
        gate = md.path_gate(md.Stream(seed, "a", backend), 7, p, "batch")
        assert type(gate) is bool and gate == (md.Stream(seed, "a").bits(()) < bound)
    rows = md.path_gate(md.Stream(5, "a", backend), 300, p, "row")
    assert rows.dtype == bool and type(rows) is xp.ndarray
    assert_array_equal(host(rows), md.Stream(5, "a").bits(300) < bound)


@pytest.mark.parametrize("mode, draw", [("batch", ("coin", (0.75,))),
                                        ("row", ("bernoulli", (0.75, (7,))))])
def test_stochastic_depth_4_draws_once(xp, backend, mode, draw):
    rng = Record(md.Stream(0, "", backend))
    md.path_gate(rng, 7, 0.25, mode)
    assert [(name, args) for name, args, _ in rng.draws] == [draw]


def test_stochastic_depth_4_a_coin_is_a_bernoulli_draw_on_the_host(xp, backend):
    for q in (0.0, 2.0**-32, 0.5, 0.7, 1.0):
        one, other = md.Stream(3, "a", backend), md.Stream(3, "a")
        for _ in range(50):
            assert md.coin(one, q) is bool(md.bernoulli(other, q, ()))
        assert one.state == other.state
    for seed in range(20):                        # where the high halves tie, the low ones decide
        bits = int(md.Stream(seed, "a").bits(()))
        found = [md.coin(md.Stream(seed, "a", backend), k / 2**32) for k in (bits, bits + 1)]
        assert found == [False, True]


def test_stochastic_depth_4_is_exact_at_both_ends():
    for p in (0.0, 1.0):
        assert {md.path_gate(seed, 3, p, "batch") for seed in range(50)} == {p == 0}
        assert md.path_gate(0, 10_000, p, "row").sum() == (1 - p) * 10_000


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_stochastic_depth_4_drops_with_the_rate_p(p):
    rows, stream = md.path_gate(3, 10**6, p, "row"), md.Stream(4, f"{p}")
    assert_rate((~rows).sum(), 10**6, p)          # one draw a row
    steps = [md.path_gate(stream, 64, p, "batch") for _ in range(4000)]
    assert_rate(steps.count(False), 4000, p)      # one draw a step, whatever the batch


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_stochastic_depth_4_gates_are_independent_and_may_all_be_closed(p):
    stream = md.Stream(6, f"{p}")
    rows = [md.path_gate(stream, 4000, p, "row") for _ in range(2)]
    assert_independent(rows[0], 0, p)             # 2000 pairs of neighbours
    assert_fresh(*rows, 1 - p)                    # 4000 pairs of calls
    blocks = sums(deep(4, p=p).init(7))
    found = [[block.sample((2, 4)) for block in blocks] for _ in range(1500)]
    for axis in (0, 1):                           # of steps, 750 x 4 pairs, and of blocks, 1500 x 2
        assert_independent(found, axis, p)
    assert_rate((~np.array(found)).sum(), 6000, p)
    none = sum(not any(row) for row in found)     # no join insists on one open path
    assert_rate(none, 1500, p**4)


# --- (stochastic_depth.5) to (stochastic_depth.8): the sum ---------------------------------------

@pytest.mark.parametrize("scaling, weight, calm", [("paper", 1, 0.8), ("inverted", 1.25, 1),
                                                   ("none", 1, 1)])
def test_stochastic_depth_5_and_6_and_7_by_hand(xp, scaling, weight, calm):
    """Keep 0.8, one open row and one closed: s_0 + 1.25 r_0 and s_1, and s + 0.8 r."""
    skip, branch = xp.asarray(SKIP), xp.asarray(BRANCH)
    y = md.stochastic_depth(skip, branch, gates(xp, 1, 0), 0.2, scaling)
    assert_allclose(host(y), [SKIP[0] + weight * BRANCH[0], SKIP[1]], rtol=1e-15)
    y = md.stochastic_depth(skip, branch, True, 0.2, scaling)
    assert_allclose(host(y), SKIP + weight * BRANCH, rtol=1e-15)
    assert md.stochastic_depth(skip, branch, False, 0.2, scaling) is skip
    y = md.stochastic_depth_expect(skip, branch, 0.2, scaling)
    assert_allclose(host(y), SKIP + calm * BRANCH, rtol=1e-15)


@PROPERTY
@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple),
       p=st.sampled_from([0.0, 0.2, 0.5, 1.0]), scaling=st.sampled_from(SCALINGS),
       seed=st.integers(0, 99))
def test_stochastic_depth_7_is_what_loops_give(xp, shape, p, scaling, seed):
    skip, branch = np.random.default_rng(seed).normal(size=(2, *shape))
    gate = md.path_gate(seed, shape[0], p, "row")
    due = skip.copy()
    for place in np.ndindex(shape):
        if gate[place[0]].item():
            divisor = 1 - p if scaling == "inverted" else 1.0
            due[place] += branch[place] / divisor
    for form in (gate, gate.reshape(-1, *[1] * (len(shape) - 1)),
                 np.broadcast_to(gate.reshape(-1, *[1] * (len(shape) - 1)), shape).copy()):
        y = md.stochastic_depth(xp.asarray(skip), xp.asarray(branch), xp.asarray(form), p, scaling)
        assert_allclose(host(y), due, rtol=1e-14, atol=1e-14)


def test_stochastic_depth_5_a_gate_for_each_row_is_not_read_along_the_last_axis(xp):
    square = xp.ones((3, 3))
    y = md.stochastic_depth(square * 0, square, gates(xp, 1, 0, 0), 0.5)
    assert_array_equal(host(y), [[1, 1, 1], [0, 0, 0], [0, 0, 0]])


def test_stochastic_depth_5_one_gate_of_any_form_is_the_same(xp):
    skip, branch = xp.asarray(SKIP), xp.asarray(BRANCH)
    for bit in (False, True):
        due = host(md.stochastic_depth(skip, branch, bit, 0.2, "inverted"))
        for gate in (gates(xp, bit).reshape(1, 1), gates(xp, bit).reshape(()), np.bool_(bit)):
            y = md.stochastic_depth(skip, branch, gate, 0.2, "inverted")
            assert_array_equal(host(y), due)


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9])
def test_stochastic_depth_8_mean_and_variance_over_all_gates(xp, p):
    skip, branch = xp.asarray(SKIP), xp.asarray(BRANCH)
    factor = {"paper": p * (1 - p), "inverted": p / (1 - p), "none": p * (1 - p)}
    for scaling in SCALINGS:
        mean, variance = exact_moments(lambda m, s=scaling: host(md.stochastic_depth(
            skip, branch, xp.asarray(m), p, s)), 2, p)
        assert_allclose(variance, factor[scaling] * BRANCH**2, atol=1e-10)
        if scaling != "none":
            due = host(md.stochastic_depth_expect(skip, branch, p, scaling))
            assert_allclose(mean, due, atol=1e-12)


def test_stochastic_depth_7_at_p_1_leaves_the_skip_alone(xp):
    branch = md.Tensor(xp.asarray(BRANCH), requires_grad=True)
    for gate in (gates(xp, 0, 0), gates(xp, 1, 1), True):
        y = md.stochastic_depth(xp.asarray(SKIP), branch, gate, 1.0, "inverted")
        assert_array_equal(host(y.data), SKIP)
        assert not host(md.grad(y.sum(), branch)).any()


def test_stochastic_depth_6_at_p_1_leaves_the_skip_alone_in_evaluation(xp):
    y = md.stochastic_depth_expect(xp.asarray(SKIP), xp.asarray(BRANCH), 1.0)
    assert_array_equal(host(y), SKIP)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_stochastic_depth_7_gradients_for_given_gates(xp, scaling):
    skip, branch, weight = xp.asarray(SKIP), xp.asarray(BRANCH), {"inverted": 1.25}.get(scaling, 1)
    for gate, open_ in ((gates(xp, 1, 0), [1, 0]), (True, [1, 1])):
        def f(s, b, gate=gate):
            return md.stochastic_depth(s, b * b, gate, 0.2, scaling)

        assert gradcheck(f, skip, branch, order=2) < 1e-8
        s, b = (md.Tensor(a, requires_grad=True) for a in (skip, branch))
        y = md.stochastic_depth(s, b, gate, 0.2, scaling)
        to_skip, to_branch = md.grad(y.sum(), [s, b])
        assert_array_equal(host(to_skip), np.ones((2, 2)))
        assert_array_equal(host(to_branch), np.outer(open_, [weight, weight]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_stochastic_depth_5_keeps_dtype_and_kind(xp, dtype):
    skip, branch = xp.ones((2, 3), dtype), xp.ones((2, 3), dtype)
    for gate, scaling in itertools.product((gates(xp, 1, 0), True, False), SCALINGS):
        y = md.stochastic_depth(skip, branch, gate, 0.3, scaling)
        assert type(y) is xp.ndarray and y.dtype == dtype
        calm = md.stochastic_depth_expect(skip, branch, 0.3, scaling)
        assert type(calm) is xp.ndarray and calm.dtype == dtype
    y = md.stochastic_depth(skip, md.Tensor(branch), gates(xp, 1, 0), 0.3)
    assert isinstance(y, md.Tensor) and y.dtype == dtype


def test_stochastic_depth_5_every_memory_order_gives_the_same_numbers(xp):
    skip, branch = np.random.default_rng(0).normal(size=(2, 2, 3, 4, 5))
    due = host(md.stochastic_depth(xp.asarray(skip), xp.asarray(branch), gates(xp, 0, 1), 0.2))
    for axes in itertools.permutations(range(4)):
        back = tuple(map(int, np.argsort(axes)))
        turned = [xp.asarray(np.ascontiguousarray(a.transpose(axes))).transpose(*back)
                  for a in (skip, branch)]
        for pair in (turned, (xp.asarray(skip), turned[1])):
            y = md.stochastic_depth(*pair, gates(xp, 0, 1), 0.2)
            assert_array_equal(host(y), due)


# --- (stochastic_depth.9) and (stochastic_depth.10): how deep, and the mean network --------------

@pytest.mark.parametrize("rule, depth", [("paper", 40.25), ("linspace", 40.5),
                                         ("efficientnet", 40.75)])
def test_stochastic_depth_9_of_54_blocks(rule, depth):
    rates = [md.survival(block, 54, 0.5, rule) for block in range(1, 55)]
    assert_allclose(sum(rates), depth, atol=1e-12)
    if rule == "paper":
        assert depth == Fraction(3 * 54 - 1, 4) == 54 - Fraction(55, 2) / 2


@pytest.mark.parametrize("blocks, q_last", [(1, 0.5), (3, 0.5), (5, 0.2), (8, 0.9)])
def test_stochastic_depth_9_over_all_networks(blocks, q_last):
    rates = np.array([md.survival(k, blocks, q_last) for k in range(1, blocks + 1)])
    masks = all_masks(blocks)
    chance = np.where(masks, rates, 1 - rates).prod(1)
    open_ = masks.sum(1)
    mean = chance @ open_
    assert_allclose(chance.sum(), 1, atol=1e-12)
    assert_allclose(mean, blocks - (blocks + 1) * (1 - q_last) / 2, atol=1e-12)
    assert_allclose(chance @ (open_ - mean)**2, (rates * (1 - rates)).sum(), atol=1e-12)


def linear_chain(rates, scaling):
    chain = nn.Sequential(*(md.StochasticDepth(nn.Linear(3, 3, bias=False), 1 - q, scaling=scaling)
                            for q in rates)).init(2)
    return chain.astype("float64")


@pytest.mark.parametrize("scaling", ["paper", "inverted"])
def test_stochastic_depth_10_evaluation_is_the_mean_of_all_linear_networks(xp, backend, scaling):
    rates = [md.survival(block, 5, 0.4) for block in range(1, 6)]
    net = linear_chain(rates, scaling).to(backend)
    x, mean = xp.asarray(np.random.default_rng(1).normal(size=(4, 3))), 0.0
    for mask in all_masks(5):
        y = closed(net, *map(bool, mask))(x).data if mask.any() else x
        mean = mean + float(np.where(mask, rates, 1 - np.array(rates)).prod()) * y
    assert_allclose(host(mean), host(net.eval()(x).data), atol=1e-12)
    due = host(x)
    for layer, q in zip(net, rates, strict=True):
        share = q if scaling == "paper" else 1
        due = due @ (np.eye(3) + share * host(layer.branch.weight.data)).T
    assert_allclose(host(mean), due, atol=1e-12)


def test_stochastic_depth_10_needs_branches_that_are_linear():
    """From 0 on by 1, then by relu(x - 0.5): the four networks give 0, 1, 0 and 1.5."""
    class Rise(nn.Module):
        def forward(self, x):
            return x * 0 + 1

    class Bend(nn.Module):
        def forward(self, x):
            return md.relu(x - 0.5)

    net, x = nn.Sequential(*(md.StochasticDepth(f(), 0.5) for f in (Rise, Bend))), np.zeros((1, 1))
    found = [closed(net, *map(bool, mask))(x).item() for mask in all_masks(2)]
    assert found == [0, 1, 0, 1.5] and np.mean(found) == 0.625
    assert net.eval()(x).item() == 0.5


# --- the module ----------------------------------------------------------------------------------

def test_stochastic_depth_5_a_closed_batch_gate_computes_nothing(xp, backend):
    net, (x, y) = deep().init(0).to(backend), batch(xp)
    closed(net, True, False, True)
    before = bits_of(net)
    forbidden = net.block2.sum.branch.drop
    forbidden.rng = Forbid()                      # its stream is left alone
    md.cross_entropy(net(x), y).backward()
    assert [m.branch._calls for m in sums(net)] == [1, 0, 1]
    for path, w in net.named_parameters():
        assert (w.grad is None) == path.startswith("block2")
    after = bits_of(net)
    moved = {path for path in before if before[path] != after[path]}
    assert moved == {f"block{k}.sum.branch.norm.{name}" for k in (1, 3)
                     for name in ("running_mean", "running_var", "num_batches_tracked")}


def test_stochastic_depth_5_a_row_gate_computes_every_row(xp, backend):
    net, (x, y) = deep(mode="row").init(0).to(backend), batch(xp)
    gate, branch = gates(xp, 1, 0, 0, 1, 0, 1, 1, 0), net.block2.sum.branch
    md.cross_entropy(closed(net, gate, gate & False, gate)(x), y).backward()
    assert [m.branch._calls for m in sums(net)] == [1, 1, 1] and not branch.skipped
    assert not host(branch.linear.weight.grad).any()              # all closed: zeros, not None
    seen = net.block1.sum.branch                  # the statistics of its norm are of all rows
    due = host(seen.linear(net.first(x)).data).mean(0)
    assert_allclose(host(seen.norm.running_mean), 0.1 * due, rtol=1e-5, atol=1e-7)


def test_stochastic_depth_4_an_optimizer_leaves_a_closed_branch_alone(xp, backend):
    """Neither decay, nor momentum, nor Adam's count of steps; the official code moves all three."""
    for build in (lambda: md.optim.SGD(0.1, 0.9, True, 0.01), lambda: md.optim.Adam(0.1),
                  lambda: md.optim.AdamW(0.1, weight_decay=0.1)):
        net, (x, y), rule = deep().init(0).to(backend), batch(xp), build()
        md.train_step(closed(net, True, True, True), rule, x, y)
        before = bits_of(net, rule.state_dict())
        md.train_step(closed(net, True, False, True), rule, x, y)
        after = bits_of(net, rule.state_dict())
        still = {key for key in before if before[key] == after[key]}
        assert still == {key for key in before if "block2." in key}
        md.train_step(closed(net, False, True, False), rule, x, y)
        again = bits_of(net, rule.state_dict())
        assert {key for key in again if again[key] != after[key]} == {
            key for key in again if "block1." not in key and "block3." not in key}
    w, v = np.ones(1), np.full(1, 0.5)            # in one flat vector the gradient is 0, not None
    md.optim.SGD(0.1, 0.9, weight_decay=0.01).update(w, np.zeros(1), v)
    assert_allclose(w, 1 - 0.1 * (0.9 * 0.5 + 0.01))


def test_a_mark_of_a_closed_branch_excuses_one_step(xp, backend):
    net, (x, y), rule = deep(1).init(0).to(backend), batch(xp), md.optim.SGD(0.1)
    md.train_step(closed(net, False), rule, x, y)
    assert not net.block1.sum.branch.skipped
    closed(net, True)
    net.block1.sum.branch.linear.forward = lambda x: x            # the fault: a forgotten weight
    with pytest.raises(ValueError, match=r"block1\.sum\.branch\.linear\.weight received no grad"):
        md.train_step(net, rule, x, y)


def test_gradients_of_several_forwards_add_up_whichever_gates_are_closed(xp, backend):
    """Open in the first and closed in the second: the branch is trained by the first."""
    (x, y), found = batch(xp), []
    for order in ((True, False), (False, True)):
        net, rule = deep(1).init(0).to(backend), md.optim.SGD(0.1)
        net.block1.sum.branch.drop.p = 0.0
        before = bits_of(net)
        for bit in order:
            md.cross_entropy(closed(net, bit)(x), y).backward()
        rule.step(net)
        after = bits_of(net)
        assert all(before[path] != after[path] for path in after if "branch.linear.w" in path)
        found.append(host(net.block1.sum.branch.linear.weight.data))
    assert_allclose(*found, rtol=1e-6)


def test_a_weight_shared_with_a_closed_branch_is_trained_by_its_other_use(xp, backend):
    for inside_first in (True, False):
        shared = nn.Linear(4, 4)
        inside = md.StochasticDepth(nn.Sequential(shared), 0.5)
        parts = {"a": inside, "b": shared} if inside_first else {"b": shared, "a": inside}
        net = nn.Sequential(first=nn.Linear(6, 4), **parts, last=nn.Linear(4, 3))
        net.init(0).to(backend)
        before, (x, y) = host(shared.weight.data).copy(), batch(xp)
        md.train_step(closed(net, False), md.optim.SGD(0.1), x, y)
        assert (host(shared.weight.data) != before).all()


def test_weights_that_only_closed_branches_share_need_no_gradient(xp, backend):
    shared, (x, y) = nn.Linear(4, 4), batch(xp)
    net = nn.Sequential(first=nn.Linear(6, 4),
                        **{f"b{k}": md.StochasticDepth(nn.Sequential(shared), 0.5) for k in (1, 2)})
    net.init(0).to(backend).tied = [shared]
    for bits in ((False, False), (True, False), (False, True)):
        before = host(shared.weight.data).copy()
        md.train_step(closed(net, *bits), md.optim.SGD(0.1), x, y % 3)
        assert (host(shared.weight.data) != before).any() == any(bits)


def test_a_penalty_reaches_a_closed_branch(xp, backend):
    net, (x, y) = deep(1).init(0).to(backend), batch(xp)
    w = net.block1.sum.branch.linear.weight
    due = host(w.data) * (1 - 0.1 * 0.5)
    md.train_step(closed(net, False), md.optim.SGD(0.1), x, y,
                  penalty=lambda net, step: 0.5 * md.l2(net.parameters()))
    assert_allclose(host(w.data), due, rtol=1e-6)


@pytest.mark.parametrize("mode", ["batch", "row"])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_stochastic_depth_module_computes_the_equations(xp, backend, mode, scaling):
    layer = md.StochasticDepth(nn.Linear(2, 2), 0.2, nn.Tanh(), mode, scaling).init(0).to(backend)
    x = xp.asarray(SKIP.astype("float32"))
    skip, branch = layer.skip(x), layer.branch(x).data
    for gate in ((False, True) if mode == "batch" else (gates(xp, 1, 0), gates(xp, 0, 1))):
        layer.rng = Replay(gate)
        y = layer(x)
        due = md.stochastic_depth(skip, branch, gate, 0.2, scaling)
        assert_array_equal(host(y.data), host(due))
        assert layer.noise is gate
    layer.eval().rng = Forbid()
    due = md.stochastic_depth_expect(skip, branch, 0.2, scaling)
    assert_array_equal(host(layer(x).data), host(due))


def test_a_block_that_always_lives_is_the_plain_sum_bit_for_bit(xp, backend):
    plain = md.models.resnet8().init(0).to(backend)
    x, y = xp.asarray(md.gaussian(1, (4, 3, 8, 8))), xp.asarray(np.arange(4))
    for mode, scaling in itertools.product(("batch", "row"), SCALINGS):
        net = md.models.resnet8()
        md.models.place(net, "*.sum", lambda old, k, m=mode, s=scaling: md.StochasticDepth(
            old.branch, 0.0, old.skip, m, s))
        other = copy.deepcopy(plain)
        losses = [md.train_step(one, md.optim.SGD(0.1), x, y).item()
                  for one in (other, net.init(0).to(backend))]
        assert losses[0] == losses[1] and bits_of(other) == bits_of(net)
        assert_array_equal(host(other.eval()(x).data), host(net.eval()(x).data))


def test_a_closed_gate_gives_the_kind_that_an_open_one_gives(xp, backend):
    x = xp.ones((2, 3), "float32")
    for branch, kind in ((nn.Linear(3, 3), md.Tensor), (nn.ReLU(), xp.ndarray)):
        layer = md.StochasticDepth(branch, 0.5).init(0).to(backend)
        for bit in (True, False):
            layer.rng = Replay(bit)
            assert type(layer(x)) is kind


def test_noise_on_leaves_the_batch_norm_of_the_branch_in_evaluation(xp, backend):
    for mode, gate in (("batch", True), ("row", gates(xp, 1, 1, 0, 1, 1, 0, 1, 1))):
        net, (x, _) = deep(1, mode=mode).init(0).to(backend), batch(xp)
        net.block1.sum.branch.drop.p = 0.0
        net(x)                                    # the running statistics have moved
        before = bits_of(net)
        calm = net.block1.sum.branch.eval()(net.first(x)).data
        md.noise_on(net.eval())
        assert net.block1.sum.training and not net.block1.sum.branch.norm.training
        y = closed(net, gate).block1.sum(net.first(x)).data
        due = md.stochastic_depth(net.first(x).data, calm, gate, 0.5)
        assert_allclose(host(y), host(due), rtol=1e-6, atol=1e-6)
        assert bits_of(net) == before


def test_monte_carlo_passes_have_gates_of_their_own(xp, backend):
    net = linear_chain([0.5, 0.5], "paper").to(backend)
    x = xp.asarray(np.random.default_rng(1).normal(size=(2, 3)))
    assert (host(md.mc_predict(net, x, passes=40).mutual_information) > 0).all()


def test_stochastic_depth_repeats_its_gates_after_init_and_names_its_stream_by_path(xp, backend):
    (x, _), found = batch(xp), []
    for _ in range(2):
        net = deep(3).init(9).to(backend)
        found.append([])
        for _ in range(12):
            net(x)
            found[-1].append([m.noise for m in sums(net)])
    assert found[0] == found[1] and len({tuple(row) for row in found[0]}) > 1
    assert net.block2.sum.rng.key == md.Stream(9, "block2.sum").key
    due = [md.path_gate(md.Stream(9, f"block{k}.sum"), 8, 0.5) for k in (1, 2, 3)]
    assert found[0][0] == due


def test_gates_change_no_weight_mask_or_gate_of_another_layer(xp, backend):
    """A block that is closed more often leaves what all others draw as it was."""
    (x, _), masks = batch(xp), []
    for p in (0.0, 1.0):
        net = deep(3).init(9).to(backend)
        net.block2.sum.p = p
        seen = []
        for _ in range(4):
            net(x)
            seen += [[net.block1.sum.noise, net.block3.sum.noise]]
        masks.append(seen)
    assert masks[0] == masks[1]


# --- a run that is broken off --------------------------------------------------------------------

EPOCHS, STEPS = 3, 4


def run(xp, backend, path, mode, break_at=None):
    net = deep(3, mode=mode).init(7).to(backend)
    x, y = xp.asarray(md.gaussian(1, (15, 6))), xp.asarray(np.arange(15) % 3)

    def recorder(step, net, loss):
        if step == break_at:
            raise KeyboardInterrupt

    rule, rates = md.optim.SGD(0.1, 0.9, True, 1e-3), np.linspace(0.2, 1.2, EPOCHS * STEPS)
    history = md.fit(net, rule, md.data.Splits((x, y), (x, y), (x, y)), EPOCHS, batch_size=4,
                     schedules={"sum.p": md.scaled(rates)}, checkpoint=path, recorder=recorder,
                     progress=False)
    return bits_of(net, rule.state_dict(), {"loss": history.loss, "v": history.validation_loss})


@pytest.mark.parametrize("mode", ["batch", "row"])
@pytest.mark.parametrize("break_at", [4, 7])
def test_a_run_with_stochastic_depth_goes_on_bit_for_bit(xp, backend, tmp_path, mode, break_at):
    whole = run(xp, backend, None, mode)
    with pytest.raises(KeyboardInterrupt):
        run(xp, backend, tmp_path / "run", mode, break_at)
    assert run(xp, backend, tmp_path / "run", mode) == whole == run(xp, backend, None, mode)


def test_a_net_that_was_used_goes_on_from_its_checkpoint_like_a_fresh_one(tmp_path):
    """A gate is a number that a module holds, and no setting of the run."""
    net, (x, y) = deep(1).init(7), batch(np)
    options = {"batch_size": 4, "checkpoint": tmp_path / "run", "progress": False}
    md.fit(net, md.optim.SGD(0.1), (x, y), 2, **options)
    assert type(net.block1.sum.noise) is bool
    assert "noise" not in repr(net) and "skipped" not in repr(net)
    md.fit(net, md.optim.SGD(0.1), (x, y), 2, **options)
    md.fit(deep(1).init(7), md.optim.SGD(0.1), (x, y), 2, **options)


# --- "Differs" -----------------------------------------------------------------------------------

def test_stochastic_depth_6_unlike_no_scaling_at_all(xp):
    """timm's scale_by_keep=False: training has the mean s + q f, evaluation computes s + f."""
    skip, branch = xp.asarray(SKIP), xp.asarray(BRANCH)
    mean, _ = exact_moments(lambda m: host(md.stochastic_depth(skip, branch, xp.asarray(m), 0.2,
                                                               "none")), 2, 0.2)
    calm = host(md.stochastic_depth_expect(skip, branch, 0.2, "none"))
    assert_allclose(mean, SKIP + 0.8 * BRANCH, atol=1e-12)
    assert_allclose(calm - mean, 0.2 * BRANCH, atol=1e-12)
    same = md.stochastic_depth(skip, branch, gates(xp, 1, 0), 0.2, "paper")
    assert_array_equal(host(md.stochastic_depth(skip, branch, gates(xp, 1, 0), 0.2, "none")),
                       host(same))


def test_stochastic_depth_5_an_infinite_branch(xp):
    class Infinite(nn.Module):
        def forward(self, x):
            return x + np.inf

    layer, x = md.StochasticDepth(Infinite(), 0.5), xp.ones((2, 1))
    layer.rng = Replay(False)
    assert_array_equal(host(layer(x)), [[1], [1]])
    with np.errstate(invalid="ignore"):
        y = md.stochastic_depth(x, x + np.inf, gates(xp, 1, 0), 0.5)
    assert_array_equal(host(y), [[np.inf], [np.nan]])


def test_stochastic_depth_5_leaves_its_inputs_alone(xp):
    skip, branch, gate = xp.asarray(SKIP.copy()), xp.asarray(BRANCH.copy()), gates(xp, 1, 0)
    for scaling in SCALINGS:
        md.stochastic_depth(skip, branch, gate, 0.2, scaling)
        md.stochastic_depth_expect(skip, branch, 0.2, scaling)
    assert_array_equal(host(skip), SKIP)
    assert_array_equal(host(branch), BRANCH)
    assert_array_equal(host(gate), [True, False])


# --- bad input -----------------------------------------------------------------------------------

@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_rates_outside_0_1_are_refused_wherever_they_enter(xp, p):
    x, layer = xp.ones((2, 3)), md.StochasticDepth(nn.ReLU(), 0.5).init(0)
    layer.p = p                                   # goes past __init__
    for use in (lambda: md.StochasticDepth(nn.ReLU(), p), lambda: layer(x),
                lambda: copy.copy(layer).eval()(x), lambda: md.path_gate(0, 2, p, "batch"),
                lambda: md.path_gate(0, 2, p, "row"), lambda: md.stochastic_depth(x, x, False, p),
                lambda: md.stochastic_depth_expect(x, x, p)):
        with pytest.raises(ValueError, match=r"p is a probability and must lie in \[0, 1\], got"):
            use()


def test_what_does_not_fit_is_refused_in_one_sentence(xp):
    x, layer = xp.ones((2, 3)), md.StochasticDepth(nn.ReLU(), 0.5).init(0)
    for error, words, use in [
            (ValueError, "block must be at most the number of blocks, 4, got 5",
             lambda: md.survival(5, 4, 0.5)),
            (ValueError, "block must be a whole number of at least 1",
             lambda: md.survival(0, 4, 0.5)),
            (ValueError, "q_last is a probability", lambda: md.survival(1, 4, 1.5)),
            (ValueError, "rule must be one of 'paper', 'linspace'",
             lambda: md.survival(1, 4, 0.5, "linear")),
            (ValueError, "mode must be one of 'batch', 'row'",
             lambda: md.path_gate(0, 2, 0.5, "rows")),
            (TypeError, "rng must be a Stream", lambda: md.path_gate(None, 2, 0.5)),
            (ValueError, "batch must be a whole number", lambda: md.path_gate(0, -1, 0.5)),
            (ValueError, "branch must have the shape .2, 3. of skip, got .2, 1.",
             lambda: md.stochastic_depth(x, x[:, :1], True, 0.5)),
            (ValueError, "branch must have the shape", lambda: md.stochastic_depth_expect(
                x[:1], x, 0.5)),
            (TypeError, "branch must hold floats",
             lambda: md.stochastic_depth(x, x.astype(int), True, 0.5)),
            (TypeError, "skip must be a NumPy", lambda: md.stochastic_depth(None, x, True, 0.5)),
            (ValueError, "gate must have one entry for each example of shape .2, 3., got",
             lambda: md.stochastic_depth(x, x, gates(xp, 1, 0, 1), 0.5)),
            (ValueError, "gate has shape", lambda: md.stochastic_depth(
                x, x, gates(xp, 1, 0, 1).reshape(3, 1), 0.5)),
            (TypeError, "gate must be a boolean", lambda: md.stochastic_depth(x, x, 1, 0.5)),
            (TypeError, "gate must be boolean",
             lambda: md.stochastic_depth(x, x, x[:, 0] / 2, 0.5)),
            (ValueError, "scaling must be one of", lambda: md.stochastic_depth(
                x, x, True, 0.5, "keep")),
            (TypeError, "branch must be a Module, got the class ReLU",
             lambda: md.StochasticDepth(nn.ReLU, 0.5)),
            (TypeError, "skip must be a Module", lambda: md.StochasticDepth(nn.ReLU(), 0.5, "id")),
            (TypeError, "p must be a number", lambda: md.StochasticDepth(nn.ReLU(), nn.ReLU())),
            (ValueError, "x must have a row for each example", lambda: layer(xp.ones(()))),
            (ValueError, "init", lambda: md.StochasticDepth(nn.ReLU(), 0.5)(x))]:
        with pytest.raises(error, match=words):
            use()


def test_an_empty_batch_passes(xp, backend):
    for mode in ("batch", "row"):
        layer = md.StochasticDepth(nn.ReLU(), 0.5, mode=mode).init(0).to(backend)
        for _ in range(4):
            assert layer(xp.ones((0, 3))).shape == (0, 3)
