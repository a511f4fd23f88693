"""What every optimizer owes: in-place updates of any array, whom it leaves alone, its state."""

import copy
import pickle

import numpy as np
import pytest

import minidrop as md
from minidrop import Module, Parameter, nn
from minidrop.optim import SGD, Adam, AdamW
from minidrop.xp import CHUNK, LEAST, host

LR, MU, DECAY = 0.1, 0.9, 0.01
EACH = pytest.mark.parametrize("build", [
    lambda: SGD(LR), lambda: SGD(LR, MU, nesterov=True, weight_decay=DECAY),
    lambda: Adam(LR, weight_decay=DECAY), lambda: AdamW(LR)],
    ids=["sgd", "sgd with all", "adam", "adamw"])


class Weights(Module):
    def __init__(self, *arrays):
        self.w = [Parameter(a.shape, lambda rng, shape, a=a: a.copy()) for a in arrays]


def run(xp, optimizer, start, gradients, dtype="float64"):
    """The number w after a step on each of the gradients."""
    net, path = Weights(xp.asarray([start])).init(0).astype(dtype), []
    for g in gradients:
        net.w[0].grad = xp.asarray([g], dtype=dtype)
        optimizer.step(net)
        path.append(float(net.w[0].data[0]))
    return path


# --- size, dtype and memory order do not matter --------------------------------------------------

SHAPES = [(), (1,), (CHUNK,), (CHUNK + 1,), (3, CHUNK // 2), (CHUNK // 2 + 1, 3), (2 * LEAST + 17,),
          (9, 3, LEAST // 8)]


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
@EACH
def test_blocks_and_threads_do_not_change_the_bits(build, shape, threads, monkeypatch):
    monkeypatch.setattr("minidrop.xp.threads", lambda: threads)
    rng = np.random.default_rng(0)
    start, *gradients = (rng.standard_normal(shape).astype("float32") for _ in range(3))
    optimizer, rule, net = build(), build(), Weights(np.asarray(start)).init(0)
    w, state = np.array(start), [np.zeros(shape, "float32") for _ in rule.slots]
    for t, g in enumerate(gradients, 1):
        net.w[0].grad = np.array(g)
        optimizer.step(net)                       # and the rule on the whole array at once:
        rule.update(w, np.array(g), *state, **({"t": t} if rule.counts else {}))
    np.testing.assert_array_equal(net.w[0].data, w)
    for slot, array in zip(rule.slots, state, strict=True):
        np.testing.assert_array_equal(optimizer.state_dict()[f"{slot}.w.0"], array)


@pytest.mark.parametrize("view", [lambda a: a.T, lambda a: a[::-1], lambda a: a[:, ::2]])
@EACH
def test_weights_in_any_memory_order_are_updated_in_place(build, view, xp):
    base = xp.asarray(np.random.default_rng(0).standard_normal((300, 400)))
    net, plain = Weights(base).init(0), Weights(view(base)).init(0).astype("float64")
    plain.w[0].data = view(base).copy()
    net.w[0].data = held = view(base)
    for model in (net, plain):
        model.w[0].grad = xp.ones(held.shape)
        build().step(model)
    assert net.w[0].data is held
    np.testing.assert_array_equal(host(held), host(plain.w[0].data))


@EACH
def test_float32_stays_float32(build, xp):
    net, optimizer = Weights(xp.ones(3, "float32")).init(0), build()
    for _ in range(2):
        net.w[0].grad = xp.ones(3, "float32")
        optimizer.step(net)
    arrays = [net.w[0].data, *(array for part in optimizer.state.values() for array in part)]
    assert {str(array.dtype) for array in arrays} == {"float32"}


@EACH
def test_the_gradient_array_itself_is_not_written_to(build, xp):
    g, net = xp.ones(3), Weights(xp.ones(3)).init(0)
    net.w[0].grad = g
    build().step(net)
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


def test_a_mark_is_used_up_by_one_step(xp, backend):
    optimizer = SGD(LR)
    net, _ = two_branches(xp, backend, skip=True)
    optimizer.step(net)
    assert not net.right.skipped
    net.left(xp.ones((1, 1), "float32")).sum().backward()
    with pytest.raises(ValueError, match=r"^right\.weight received no gradient in this step"):
        optimizer.step(net)


def test_a_skipped_module_that_did_receive_a_gradient_is_trained(xp, backend):
    """By a penalty, by another use of its weights, by a forward before the one that skipped it."""
    net, before = two_branches(xp, backend, skip=True)
    net.right.weight.sum().backward()
    SGD(LR).step(net)
    assert float(net.right.weight.data[0, 0]) == pytest.approx(before["right.weight"] - LR)


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


class WithGate(Module):
    """A weight and a gate, which both start at 2."""

    def __init__(self):
        self.w = Parameter((3,), nn.constant(2.0))
        self.gate = Parameter((3,), nn.constant(2.0), decay=False)


@pytest.mark.parametrize("kind, options", [
    (SGD, {}), (SGD, {"momentum": MU}), (SGD, {"momentum": MU, "nesterov": True}), (Adam, {}),
    (AdamW, {})])
def test_no_weight_decay_reaches_a_parameter_that_says_so(kind, options, xp, backend):
    """It moves as without any, to the bit, and its state with it; the weight beside it does not."""
    found = []
    for weight_decay in (0.5, 0.0):
        net, optimizer = WithGate().init(0).to(backend), kind(LR, weight_decay=weight_decay,
                                                              **options)
        for g in ([0.0, 1.0, -2.0], [0.0, -1.0, 0.5]):
            net.w.grad, net.gate.grad = xp.asarray(g, "float32"), xp.asarray(g, "float32")
            optimizer.step(net)
        assert optimizer.weight_decay == weight_decay
        found.append({path: host(array) for path, array in
                      {**net.state_dict(), **optimizer.state_dict()}.items()})
    for path in found[0]:
        if path.endswith("gate"):
            np.testing.assert_array_equal(found[0][path], found[1][path])
    assert found[0]["gate"][0] == 2 and (found[0]["w"] != found[1]["w"]).all()
    assert found[0]["w"][0] < 2


def test_what_has_no_decay_says_so_in_a_copy_too():
    net = copy.deepcopy(WithGate().init(0))
    net.gate.become(net.gate.data[:2])
    assert (net.w.decay, net.gate.decay) == (True, False)
    assert not pickle.loads(pickle.dumps(net)).gate.decay


# --- bad settings --------------------------------------------------------------------------------

def steps(optimizer, net, n, seed):
    for g in np.random.default_rng(seed).standard_normal((n, 4, 3)).astype("float32"):
        net.weight.grad, net.bias.grad = g.copy(), g[:, 0].copy()
        optimizer.step(net)


@EACH
def test_saved_halfway_and_restored_it_ends_in_the_same_bits(build):
    net, optimizer = nn.Linear(3, 4).init(0), build()
    steps(optimizer, net, 3, seed=0)
    saved, weights = ({key: np.array(array) for key, array in thing.state_dict().items()}
                      for thing in (optimizer, net))
    steps(optimizer, net, 3, seed=1)
    twin, again = nn.Linear(3, 4).init(5).load_state_dict(weights), build()
    again.load_state_dict(saved, twin)
    steps(again, twin, 3, seed=1)
    for thing, other in ((net, twin), (optimizer, again)):
        assert thing.state_dict().keys() == other.state_dict().keys()
        for key, array in thing.state_dict().items():
            np.testing.assert_array_equal(array, other.state_dict()[key])


@EACH
def test_loaded_arrays_are_copies_beside_the_weights(build, xp, backend):
    net, optimizer = nn.Linear(3, 4).init(0), build()
    steps(optimizer, net, 1, seed=0)
    saved = optimizer.state_dict()
    moved = build()
    moved.load_state_dict(saved, nn.Linear(3, 4).init(0).to(backend).astype("float64"))
    for path, arrays in moved.state.items():
        for array, source in zip(arrays, optimizer.state[path], strict=True):
            assert type(array) is xp.ndarray and array.dtype == "float64"
            np.testing.assert_array_equal(host(array), source)
            array += 1
            assert not np.array_equal(host(array), source)


@pytest.mark.parametrize("change, message", [
    (lambda s: s.update({"mean.w": s["mean.weight"]}), r"state\['mean.w'\], ndarray of shape"),
    (lambda s: s.update({"speed.weight": s["mean.weight"]}), r"state\['speed.weight'\]"),
    (lambda s: s.update({"mean.weight": s["mean.bias"]}), r"state\['mean.weight'\]"),
    (lambda s: s.update({"step.weight": s["mean.bias"]}), r"state\['step.weight'\]"),
    (lambda s: s.update({"mean.weight": 3}), r"state\['mean.weight'\], int 3"),
    (lambda s: s.pop("step.weight"), "mean and square and step of weight, got mean and square"),
])
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, message):
    net, optimizer = nn.Linear(3, 4).init(0), Adam()
    steps(optimizer, net, 1, seed=0)
    state, other = optimizer.state_dict(), Adam()
    change(state)
    with pytest.raises(ValueError, match=message):
        other.load_state_dict(state, net)
    assert other.state_dict() == {}


@pytest.mark.parametrize("build", [Adam, lambda: SGD(0.1, momentum=0.5)])
@pytest.mark.parametrize("change, kind, message", [
    (lambda a: a + 1j, TypeError, "must hold floats, got complex"),
    (lambda a: a.astype("U8"), TypeError, "must hold floats, got <U8"),
    (lambda a: a.astype(int), TypeError, "must hold floats, got int64"),
    (lambda a: a * np.nan, ValueError, "must not hold nan"),
    (lambda a: a * 0 + 1e300, ValueError, "must fit into float32, .* got 1e[+]300")])
def test_a_state_of_other_numbers_is_refused_and_changes_nothing(build, change, kind, message):
    net, optimizer, other = nn.Linear(3, 4).init(0), build(), build()
    steps(optimizer, net, 1, seed=0)
    state = optimizer.state_dict()
    for slot in build().slots:
        wrong = change(np.array(state[f"{slot}.weight"], "float64"))
        with pytest.raises(kind, match=rf"^state\['{slot}.weight'\] {message}"):
            other.load_state_dict(state | {f"{slot}.weight": wrong}, net)
        assert other.state_dict() == {}


@pytest.mark.parametrize("key, wrong, message", [
    ("square.bias", np.full(4, -1e-9), "must be at least 0 everywhere, got -1e-09"),
    ("step.bias", np.asarray(0), "must be a whole number of at least 1, got"),
    ("step.bias", np.asarray(1.5), "must be a whole number, got"),
    ("step.bias", np.asarray(np.nan), "must be a whole number, got")])
def test_a_state_that_adam_cannot_have_is_refused(key, wrong, message):
    net, optimizer = nn.Linear(3, 4).init(0), Adam()
    steps(optimizer, net, 1, seed=0)
    with pytest.raises((ValueError, TypeError), match=rf"^state\['{key}'\] {message}"):
        optimizer.load_state_dict(optimizer.state_dict() | {key: wrong}, net)


def test_a_state_whose_square_has_overflowed_goes_on():
    net, optimizer, other = nn.Linear(3, 4).init(0), Adam(), Adam()
    steps(optimizer, net, 1, seed=0)
    optimizer.state["weight"][1][:] = np.inf
    other.load_state_dict(optimizer.state_dict(), net)
    np.testing.assert_array_equal(other.state["weight"][1], np.inf)


@pytest.mark.parametrize("build, kind, message", [
    (lambda: SGD(lr=-0.1), ValueError, "lr must be finite and at least 0"),
    (lambda: SGD(lr=float("nan")), ValueError, "lr must be finite"),
    (lambda: SGD(lr="0.1"), TypeError, "lr must be a number"),
    (lambda: SGD(0.1, momentum=1.5), ValueError, r"momentum must be finite and in \[0, 1\]"),
    (lambda: SGD(0.1, weight_decay=-1), ValueError, "weight_decay must be finite and at least 0"),
    (lambda: SGD(0.1, nesterov=True), ValueError, "nesterov needs a momentum"),
    (lambda: Adam(betas=0.9), TypeError, "betas must be a pair of numbers"),
    (lambda: Adam(betas=(0.9, 1.0)), ValueError, "betas must be below 1"),
    (lambda: Adam(betas=(-0.1, 0.9)), ValueError, "betas must be finite and in"),
    (lambda: Adam(eps=0), ValueError, "eps must be finite and at least 1e-30"),
    (lambda: AdamW(weight_decay=-1), ValueError, "weight_decay must be finite and at least 0"),
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
