"""SGD, held against its four equations in Python floats; and what every optimizer owes."""

import numpy as np
import pytest

import minidrop as md
from minidrop import Module, Parameter, nn
from minidrop.optim import SGD
from minidrop.xp import CHUNK, LEAST, host

LR, MU, DECAY = 0.1, 0.9, 0.01


class Weights(Module):
    def __init__(self, *arrays):
        self.w = [Parameter(a.shape, lambda rng, shape, a=a: a.copy()) for a in arrays]


def run(xp, optimizer, start, gradients):
    """The number w after a step on each of the gradients."""
    net, path = Weights(xp.asarray([start])).init(0).astype("float64"), []
    for g in gradients:
        net.w[0].grad = xp.asarray([g])
        optimizer.step(net)
        path.append(float(net.w[0].data[0]))
    return path


# --- the equations -------------------------------------------------------------------------------

GRADIENTS = [1.0, -0.5, 2.0, 0.25]


def by_hand(w, lr=LR, momentum=0.0, nesterov=False, weight_decay=0.0):
    v, path = 0.0, []
    for g in GRADIENTS:
        g = g + weight_decay * w
        v = momentum * v + g
        w = w - lr * (g + momentum * v if nesterov else v)
        path.append(w)
    return path


def test_sgd_3_without_momentum_is_the_plain_step(xp):
    assert run(xp, SGD(lr=0.5), 1.0, GRADIENTS) == [0.5, 0.75, -0.25, -0.375]


def test_sgd_2_velocity_is_a_decaying_sum_of_the_gradients(xp):
    path = run(xp, SGD(lr=1.0, momentum=0.5), 0.0, GRADIENTS)
    velocities = [1.0, 0.5 - 0.5, 2.0, 1.0 + 0.25]
    assert path == (-np.cumsum(velocities)).tolist()


def test_sgd_1_weight_decay_is_the_gradient_of_half_the_square(xp):
    decayed, penalised = (Weights(xp.asarray([1.0, -2.0])).init(0).astype("float64")
                          for _ in range(2))
    for net, weight_decay in ((decayed, DECAY), (penalised, 0.0)):
        optimizer, w = SGD(LR, MU, weight_decay=weight_decay), net.w[0]
        for _ in range(3):
            loss = (w * w * w).sum()
            (loss if weight_decay else loss + 0.5 * DECAY * (w * w).sum()).backward()
            optimizer.step(net)
    np.testing.assert_allclose(host(decayed.w[0].data), host(penalised.w[0].data), rtol=1e-14)


def test_sgd_4_nesterov_looks_ahead_along_the_velocity(xp):
    path = run(xp, SGD(lr=1.0, momentum=0.5, nesterov=True), 0.0, GRADIENTS)
    velocities = np.array([1.0, 0.0, 2.0, 1.25])
    assert path == (-np.cumsum(GRADIENTS + 0.5 * velocities)).tolist()


@pytest.mark.parametrize("momentum, nesterov", [(0, False), (MU, False), (MU, True), (1.0, False)])
@pytest.mark.parametrize("weight_decay", [0.0, DECAY])
def test_all_together(momentum, nesterov, weight_decay, xp):
    options = {"momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
    np.testing.assert_allclose(run(xp, SGD(LR, **options), 3.0, GRADIENTS), by_hand(3.0, **options),
                               rtol=1e-14)


def test_the_state_lies_under_the_path_of_its_parameter(xp):
    optimizer = SGD(LR, momentum=MU)
    run(xp, optimizer, 0.0, [2.0, 1.0])
    assert list(optimizer.state_dict()) == ["velocity.w.0"]
    assert float(optimizer.state_dict()["velocity.w.0"][0]) == MU * 2.0 + 1.0


# --- size, dtype and memory order do not matter --------------------------------------------------

SHAPES = [(), (1,), (CHUNK,), (CHUNK + 1,), (3, CHUNK // 2), (CHUNK // 2 + 1, 3), (2 * LEAST + 17,),
          (9, 3, LEAST // 8)]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_blocks_and_threads_do_not_change_the_bits(shape, threads, monkeypatch):
    monkeypatch.setattr("minidrop.xp.threads", lambda: threads)
    rng = np.random.default_rng(0)
    start, *gradients = (rng.standard_normal(shape).astype("float32") for _ in range(3))
    options = {"lr": LR, "momentum": MU, "nesterov": True, "weight_decay": DECAY}
    optimizer, rule, net = SGD(**options), SGD(**options), Weights(np.asarray(start)).init(0)
    w, v = np.array(start), np.zeros(shape, "float32")
    for g in gradients:
        net.w[0].grad = np.array(g)
        optimizer.step(net)
        rule.update(w, np.array(g), v)            # the rule on the whole array at once
    np.testing.assert_array_equal(net.w[0].data, w)
    np.testing.assert_array_equal(optimizer.state_dict()["velocity.w.0"], v)


@pytest.mark.parametrize("view", [lambda a: a.T, lambda a: a[::-1], lambda a: a[:, ::2]])
def test_weights_in_any_memory_order_are_updated_in_place(view, xp):
    base = xp.asarray(np.random.default_rng(0).standard_normal((300, 400)))
    net = Weights(base).init(0)
    due = host(view(base)) - LR
    net.w[0].data = held = view(base)
    net.w[0].grad = xp.ones(held.shape)
    SGD(LR).step(net)
    assert net.w[0].data is held
    np.testing.assert_array_equal(host(held), due)


def test_float32_stays_float32(xp):
    net = Weights(xp.ones(3, "float32")).init(0)
    optimizer = SGD(LR, MU, nesterov=True, weight_decay=DECAY)
    for _ in range(2):
        net.w[0].grad = xp.ones(3, "float32")
        optimizer.step(net)
    assert net.w[0].data.dtype == optimizer.state_dict()["velocity.w.0"].dtype == "float32"


def test_the_gradient_array_itself_is_not_written_to(xp):
    g, net = xp.ones(3), Weights(xp.ones(3)).init(0)
    net.w[0].grad = g
    SGD(LR, MU, weight_decay=DECAY).step(net)
    assert host(g).tolist() == [1.0, 1.0, 1.0] and net.w[0].grad is None


# --- which parameters take part ------------------------------------------------------------------

class TwoBranches(Module):
    def __init__(self):
        self.left, self.right = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)

    def forward(self, x):
        self.right.skipped = self.skip_right
        return self.left(x) if self.skip_right else self.left(x) + self.right(x)


def two_branches(xp, backend, skip):
    net = TwoBranches().init(0).to(backend)
    net.skip_right = skip
    before = {path: float(array[0, 0]) for path, array in net.state_dict().items()}
    net(xp.ones((1, 1), "float32")).sum().backward()
    return net, before


def test_a_parameter_without_a_gradient_is_an_error_that_names_its_path(xp, backend):
    net, _ = two_branches(xp, backend, skip=True)
    net.right.skipped = False
    with pytest.raises(ValueError, match=r"^right\.weight received no gradient in this step"):
        SGD(LR).step(net)


def test_a_module_that_was_skipped_keeps_its_weights(xp, backend):
    optimizer = SGD(LR, momentum=MU)
    net, before = two_branches(xp, backend, skip=True)
    optimizer.step(net)
    after = {path: float(array[0, 0]) for path, array in net.state_dict().items()}
    assert after["right.weight"] == before["right.weight"]
    assert after["left.weight"] != before["left.weight"]
    assert list(optimizer.state_dict()) == ["velocity.left.weight"]


def test_a_frozen_parameter_keeps_its_value(xp, backend):
    for late in (False, True):                    # frozen before, or only after, the backward pass
        net = TwoBranches().init(0).to(backend)
        net.skip_right, net.right.weight.requires_grad = False, late
        before = float(net.right.weight.data[0, 0])
        net(xp.ones((1, 1), "float32")).sum().backward()
        net.right.weight.requires_grad = False
        SGD(LR, weight_decay=0.5).step(net)
        assert float(net.right.weight.data[0, 0]) == before and net.right.weight.grad is None


def test_a_skipped_path_does_not_cover_a_name_that_only_begins_like_it(xp):
    net = Module()
    net.a, net.ab = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    net.init(0).a.skipped = True
    with pytest.raises(ValueError, match=r"^ab\.weight received no gradient"):
        SGD(LR).step(net)


def test_a_second_model_is_refused_even_when_the_first_is_gone(xp):
    optimizer = SGD(LR, momentum=MU)
    run(xp, optimizer, 0.0, [1.0])                # its model dies with the call
    with pytest.raises(ValueError, match="holds the state of another model"):
        run(xp, optimizer, 0.0, [1.0])


# --- bad settings --------------------------------------------------------------------------------

@pytest.mark.parametrize("build, kind, message", [
    (lambda: SGD(lr=-0.1), ValueError, "lr must be finite and at least 0"),
    (lambda: SGD(lr=float("nan")), ValueError, "lr must be finite"),
    (lambda: SGD(lr="0.1"), TypeError, "lr must be a number"),
    (lambda: SGD(0.1, momentum=1.5), ValueError, r"momentum must be finite and in \[0, 1\]"),
    (lambda: SGD(0.1, weight_decay=-1), ValueError, "weight_decay must be finite and at least 0"),
    (lambda: SGD(0.1, nesterov=True), ValueError, "nesterov needs a momentum"),
])
def test_a_mistake_is_named(build, kind, message):
    with pytest.raises(kind, match=message):
        build()


def test_an_optimizer_without_a_rule_says_so():
    net = Weights(np.ones(1)).init(0)
    net.w[0].grad = np.ones(1)
    with pytest.raises(NotImplementedError, match="must define update"):
        md.optim.Optimizer().step(net)


def test_a_model_that_is_initialised_again_needs_a_new_optimizer():
    net, optimizer = Weights(np.ones(1)).init(0), SGD(LR, momentum=MU)
    net.w[0].grad = np.ones(1, "float32")
    optimizer.step(net)
    net.init(0).w[0].grad = np.ones(1, "float32")
    with pytest.raises(ValueError, match="before its last init"):
        optimizer.step(net)


def test_a_missing_gradient_is_found_before_anything_changes():
    net = Weights(np.ones(1), np.ones(1)).init(0)
    net.w[0].grad = np.ones(1, "float32")
    with pytest.raises(ValueError, match="w.1 received no gradient"):
        SGD(LR).step(net)
    assert net.w[0].data == 1 and net.w[0].grad is not None
