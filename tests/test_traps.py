"""Traps that a user steps into once: aliasing, stale state, keywords, copies, threads."""

import copy
import os
import pickle
import threading
import time

import numpy as np
import pytest

import minidrop as md
from minidrop import allocator
from minidrop import xp as xp_file
from minidrop.check import Record, Replay, gradcheck
from minidrop.ops.elementwise import sigmoid
from minidrop.tape import REGISTRY, Primitive
from minidrop.xp import host


def two_layers():
    return md.nn.Sequential(md.nn.Linear(3, 4), md.Dropout(0.5), md.nn.Linear(4, 2)).init(0)


BATCH = np.ones((5, 3), "float32"), np.array([0, 1, 0, 1, 1])


def test_a_tensor_prints_in_every_format():
    loss = md.Tensor([1.25]).sum()
    assert f"{loss:.1f}" == "1.2" and f"{loss}" == str(loss) == repr(loss)


def test_parameters_do_not_share_the_array_of_their_rule():
    class Scale(md.nn.Module):
        def __init__(self, array):
            self.w = md.Parameter(array.shape, lambda rng, shape: array)

    array = np.ones(2, "float32")
    for rule in (array, np.broadcast_to(np.float32(1), (2,))):
        net = Scale(rule).init(0)
        net.w.grad = np.ones(2, "float32")
        md.optim.SGD(lr=0.5).step(net)
        assert net.w.data.tolist() == [0.5, 0.5]
    assert array.tolist() == [1, 1]


def test_an_activation_may_be_kept_on_a_module():
    class Keeping(md.nn.Linear):
        def forward(self, x):
            self.hidden = super().forward(x)
            return self.hidden

    net = md.nn.Sequential(Keeping(3, 2)).init(0)
    for _ in range(2):
        md.train_step(net, md.optim.SGD(lr=0.1), *BATCH)
    assert [path for path, _ in net.named_parameters()] == ["keeping1.weight", "keeping1.bias"]


def test_one_hot_targets_in_float64_leave_the_step_in_float32(xp, backend):
    seen = set()
    linear = REGISTRY["linear"]
    before, joint = linear.adjoints, linear.joint
    linear.vjps(*(lambda g, *args, f=f: seen.add(str(g.dtype)) or f(g, *args) for f in before))
    try:
        net = two_layers().to(backend)
        loss = md.train_step(net, md.optim.SGD(lr=0.1), xp.asarray(BATCH[0]),
                             xp.asarray(np.eye(2)[BATCH[1]]))
    finally:
        linear.vjps(*before, joint=joint)
    assert loss.dtype == "float32" and seen == {"float32"}


def test_gradients_of_a_step_that_failed_are_not_added_to_the_next():
    class Unused(md.nn.Module):
        def __init__(self):
            self.used, self.unused = md.nn.Linear(3, 2), md.nn.Linear(3, 2)

        def forward(self, x):
            return self.used(x)

    net, sgd = Unused().init(0), md.optim.SGD(lr=0.1)
    for _ in range(3):
        with pytest.raises(ValueError, match="unused.weight received no gradient"):
            md.train_step(net, sgd, *BATCH)
    assert [w.grad for w in net.parameters()] == [None] * 4


def test_a_gradient_of_the_wrong_shape_and_a_bad_rate_stop_the_step():
    net, sgd = md.nn.Linear(2, 2).init(0), md.optim.SGD(lr=0.1)
    net.weight.grad, net.bias.grad = np.ones((1, 2), "float32"), np.ones(2, "float32")
    with pytest.raises(ValueError, match=r"gradient of weight must have shape \(2, 2\), got"):
        sgd.step(net)
    for lr in (-1.0, float("nan")):
        sgd.lr = lr
        with pytest.raises(ValueError, match="lr must be finite and at least 0"):
            sgd.step(net)


def test_samplers_take_their_arguments_by_name():
    due = md.bernoulli(3, 0.5, (4, 4))
    for mask in (md.bernoulli(3, q=0.5, shape=(4, 4)), md.bernoulli(rng=3, q=0.5, shape=(4, 4))):
        np.testing.assert_array_equal(mask, due)
    assert md.permutation(0, n=5).shape == (5,)
    assert md.beta(Replay(0.3), 2, 5) == 0.3               # 5 is b, not a shape
    assert md.uniform(Record(0), 3).shape == (3,)          # an int seed, as everywhere


def test_a_rate_written_as_a_whole_number_can_be_scheduled():
    net = two_layers()
    net.dropout1.p = 0
    rates = []
    md.fit(net, md.optim.SGD(lr=0.1), BATCH, epochs=2, progress=False,
           schedules={"drop*.p": [0.25, 0.75]}, recorder=lambda *_: rates.append(net.dropout1.p))
    assert rates == [0.25, 0.75] and net.dropout1.p == 0


def test_a_pattern_matches_from_a_dot_on_and_not_within_a_name():
    class Two(md.nn.Module):
        def __init__(self):
            self.p, self.xp = 0.1, 0.2

    net = md.nn.Sequential(two=Two())
    assert list(md.binding.Binding(net, md.optim.SGD(lr=1), {"p": [0.5]}, 1).bound) == ["two.p"]


def test_lists_that_hold_themselves_end_the_walk():
    net = two_layers()
    net.log = [1.0]
    net.log.append(net.log)
    assert len(net.parameters()) == 4


@pytest.mark.parametrize("use", [
    lambda x: md.Tensor(x), lambda x: md.dropout(x, np.ones(3, bool), 0.5),
    lambda x: md.dropout(np.ones(3), x, 0.5)])
def test_arrays_of_another_library_are_refused(use):
    class ForeignDtype:
        pass

    class Foreign:
        dtype, shape, ndim = ForeignDtype(), (3,), 1

    with pytest.raises(TypeError, match="must"):
        use(Foreign())


def test_copies_and_pickles_of_model_and_optimizer_go_on_alone():
    net, sgd = two_layers(), md.optim.SGD(lr=0.1, momentum=0.9)
    md.train_step(net, sgd, *BATCH)
    for twin, other in (copy.deepcopy((net, sgd)), pickle.loads(pickle.dumps((net, sgd)))):
        assert twin.dropout1.noise is None
        assert other.state["linear1.weight"][0] is not sgd.state["linear1.weight"][0]
        loss = md.train_step(twin, other, *BATCH)
        assert np.isfinite(loss)


def test_sigmoid_does_not_overflow(xp):
    assert host(sigmoid(xp.asarray([-1000.0, 0.0, 1000.0]))).tolist() == [0, 0.5, 1]


def test_two_leaves_never_share_one_gradient(xp):
    x, y = (md.Tensor(xp.ones(3), requires_grad=True) for _ in range(2))
    ((x + y) * 2).backward(xp.ones(3))
    x.grad *= 0
    assert host(y.grad).tolist() == [2, 2, 2]


def test_a_primitive_may_keep_a_value_for_its_adjoint(xp):
    def square_root(x):
        root = x ** 0.5
        return root, root

    try:
        keeping = Primitive(square_root, twice=False, keeps=True)
        keeping.vjps(lambda g, y, x, kept: 0.5 * g / kept)
        x = md.Tensor(xp.asarray([4.0]), requires_grad=True)
        assert float(md.grad(keeping(x).sum(), x)[0]) == 0.25
        assert float(keeping(x.data)[0]) == 2.0
        with pytest.raises(ValueError, match="square_root has no second derivative"):
            md.grad(keeping(x).sum(), x, create_graph=True)
    finally:
        del REGISTRY["square_root"]


def test_the_second_order_goes_through_the_twin(xp):
    """Also where an argument occurs twice, is no leaf, or needs no gradient."""
    def product(x, y):
        return x * y * y, 0.0

    try:
        fused = Primitive(product, twice=False, keeps=True)
        fused.vjps(lambda g, z, x, y, kept: g * y * y, lambda g, z, x, y, kept: 2 * g * x * y,
                   twin=lambda x, y: x * y * y)
        x, y = (md.Tensor(xp.asarray([v]), requires_grad=True) for v in (3.0, 5.0))
        gradcheck(fused, x.data, y.data, order=2)
        t = x * x                                            # d/dx of t t^2 = x^6 is 6 x^5
        first = md.grad(fused(t, t), x, create_graph=True)
        assert float(first.data[0]) == 6 * 3**5
        assert float(md.grad(first, x)[0]) == 30 * 3**4
        first = md.grad(fused(x, y), y, create_graph=True)   # one argument alone
        assert [float(g[0]) for g in md.grad(first, [x, y])] == [10, 6]
    finally:
        del REGISTRY["product"]


def test_a_joint_adjoint_makes_the_wanted_gradients_at_once(xp):
    asked = []

    def quotient(x, y):
        return x / y

    def joint(wanted, g, z, x, y):
        asked.append(list(wanted))
        return {0: g / y, 1: -g * z / y}

    try:
        both = Primitive(quotient)
        both.vjps(lambda g, z, x, y: g / y, lambda g, z, x, y: -g * z / y, joint=joint)
        x, y = (md.Tensor(xp.asarray([v]), requires_grad=True) for v in (3.0, 2.0))
        assert [float(g[0]) for g in md.grad(both(x, y), [x, y])] == [0.5, -0.75]
        md.grad(both(x, y), y), md.grad(both(x.data, y), y)
        both(x, y).backward()
        assert float(x.grad[0]) == 0.5 and asked == [[0, 1], [1], [1], [0, 1]]
        gradcheck(both, x.data, y.data, order=2)             # the second by each one's own
    finally:
        del REGISTRY["quotient"]


def test_a_parallel_pass_within_another_ends(monkeypatch):
    monkeypatch.setattr(xp_file, "threads", lambda: 2)
    x, done = np.ones((2, 2 * xp_file.LEAST), "float32"), []

    def part(lo, hi):
        md.dropout(x, md.dropout_mask(0, x.shape, 0.5), 0.5)
        done.append(hi - lo)

    worker = threading.Thread(target=xp_file.par, args=(part, 4 * xp_file.LEAST), daemon=True)
    worker.start()
    worker.join(30)
    assert sum(done) == 4 * xp_file.LEAST


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own():
    shape = (4 * xp_file.LEAST,)
    due = md.dropout_mask(0, shape, 0.5).sum()             # the pool is running
    child = os.fork()
    if child == 0:
        os._exit(0 if md.dropout_mask(0, shape, 0.5).sum() == due else 1)
    until = time.monotonic() + 30
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < until:
        time.sleep(0.01)
    assert ended == (child, 0)


def test_tuning_is_told_and_can_be_refused(monkeypatch):
    monkeypatch.setattr(allocator, "tuned", False)
    monkeypatch.setenv("MINIDROP_TUNE", "0")
    assert md.tune() is False and allocator.tuned is False
    monkeypatch.delenv("MINIDROP_TUNE")
    assert md.tune() is allocator.tuned


def test_a_wrong_number_of_threads_is_named(monkeypatch):
    monkeypatch.setenv("MINIDROP_THREADS", "abc")
    with pytest.raises(ValueError, match="MINIDROP_THREADS must be a whole number .* got 'abc'"):
        xp_file.threads.__wrapped__()
