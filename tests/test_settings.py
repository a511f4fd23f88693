"""What tells one run from another: functions by what is in them, equal numbers alike."""

import copy
import operator
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial, wraps

import numpy as np
import pytest

import minidrop as md
from minidrop import AttentiveCutMix, CutMix, Cutout, Mixup, flip_crop, nn
from minidrop.settings import LONG, text
from tests.test_targets import fit_with

SHARE = 0.2                                       # a test sets these two
TRANSFORM = Mixup(0.2)


@dataclass
class Of:
    """A transform that holds anything."""

    held: object = field(repr=False)

    def __call__(self, rng, x, y):
        return x, y

    def method(self, rng, x, y):
        return x, y


@dataclass(slots=True)
class Slotted:
    held: object

    def __call__(self, rng, x, y):
        return x, y


class Plain:
    def __init__(self, held, _calls=0):
        self.held, self._calls = held, _calls

    def __call__(self, rng, x, y):
        return x, y


class PlainSlots:
    __slots__ = "held"

    def __init__(self, held):
        self.held = held

    def __call__(self, rng, x, y):
        return x, y


def in_this_file(x):
    return SHARE * x


def compose(first, second, rng, x, y):
    return first(rng, *second(rng, x, y))


def closed(*transforms):
    return lambda rng, x, y: transforms[0](rng, x, y)


def decorated(transform):
    @wraps(flip_crop)
    def inner(rng, x, y):
        return transform(rng, x, y)
    return inner


def numbered(first=0.5, second=0.5):
    mixup = Mixup(second)

    def batch(rng, x, y, share=first, *, more=mixup):
        return more(rng, share * x, y)
    return batch


def nested(first, second):
    return [lambda rng, x, y: [(lambda: flip_crop(rng, x, y))() for _ in "a"][0],
            lambda rng, x, y: [(lambda: Mixup()(rng, x, y))() for _ in "a"][0]][first < second]


def circle(held):
    ring = [held]
    ring.append(ring)

    def around(rng, x, y):
        return around(rng, x, y) if ring else (x, y)

    return around


def extractor(seed, p=0.5):
    return AttentiveCutMix(nn.Sequential(nn.Conv2d(1, 2, 3), md.Dropout(p)).init(seed), n=6)


def table(middle):
    values = np.zeros(5000, "float32")
    values[2500] = middle
    return values


# Two settings of each kind that are not the same.
OTHERS = {
    "a lambda and what it calls": [
        lambda rng, x, y: Mixup()(rng, *flip_crop(rng, x, y)),
        lambda rng, x, y: CutMix()(rng, *flip_crop(rng, x, y))],
    "what a lambda finds in a module": [lambda rng, x, y: md.Mixup()(rng, x, y),
                                        lambda rng, x, y: md.CutMix()(rng, x, y)],
    "a number in a lambda": [lambda rng, x, y: (2 * x, y), lambda rng, x, y: (4 * x, y)],
    "a word in a lambda": [lambda rng, x, y: Mixup(per="batch")(rng, x, y),
                           lambda rng, x, y: Mixup(per="example")(rng, x, y)],
    "a sign in a lambda": [lambda rng, x, y: (x + x, y), lambda rng, x, y: (x - x, y)],
    "a lambda in a lambda": [nested(0, 1), nested(1, 0)],
    "a closure": [closed(Mixup(0.2)), closed(Mixup(0.4))],
    "a closure over another class": [closed(Mixup(0.2)), closed(CutMix(0.2))],
    "a closure over a list": [closed([Cutout(2), flip_crop]), closed([Cutout(4), flip_crop])],
    "a closure over a lambda": [closed(closed(Mixup(0.2))), closed(closed(Mixup(0.4)))],
    "a decorated function": [decorated(Mixup(0.2)), decorated(Mixup(0.4))],
    "a default": [numbered(0.5), numbered(0.25)],
    "a default by name": [numbered(0.5, 0.5), numbered(0.5, 0.25)],
    "a recursive closure": [circle(1), circle(2)],
    "a partial": [partial(compose, Cutout(2), Mixup()), partial(compose, Cutout(4), Mixup())],
    "the function of a partial": [partial(compose, Cutout(2)), partial(flip_crop, Cutout(2))],
    "a partial by name": [partial(compose, first=Mixup(0.2)), partial(compose, first=Mixup(0.4))],
    "a class": [Of(Mixup), Of(CutMix)],
    "a hidden field": [Of(3), Of(4)],
    "an array": [Of(table(0)), Of(table(1))],
    "a shape": [Of(np.zeros((2, 3))), Of(np.zeros((3, 2)))],
    "an array of objects": [Of(np.array([1, None])), Of(np.array([2, None]))],
    "a Tensor": [Of(md.Tensor([0.0, 1.0])), Of(md.Tensor([0.0, 2.0]))],
    "weights": [Of(extractor(0)), Of(extractor(1))],
    "a rate in an extractor": [Of(extractor(0, 0.5)), Of(extractor(0, 0.25))],
    "a dictionary": [Of({"a": Mixup(0.2)}), Of({"a": Mixup(0.4)})],
    "a bound method": [Of(3).method, Of(4).method],
    "slots": [Slotted(3), Slotted(4)],
    "plain slots": [PlainSlots(3), PlainSlots(4)],
    "attributes": [Plain(3), Plain(4)],
    "a built-in object": [Of(operator.itemgetter(1)), Of(operator.itemgetter(2))],
    "a built-in function": [Of(print), Of(len)],
    "a built-in method": [Of([1].index), Of([2].index)],
    "a primitive": [Of(md.relu), Of(md.tanh)],
    "words": [Of("a" * 5000), Of("a" * 4999 + "b")],
    "bytes": [Of(b"a"), Of(b"b")],
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_in_it_tells_a_setting_from_another(kind):
    first, second = (text(value, {}) for value in OTHERS[kind])
    assert first != second
    for told in (first, second):
        assert "0x" not in told and len(told) <= LONG + 30


@pytest.mark.parametrize("first, second", [
    (Mixup(1.0), Mixup(1)), (Mixup(0.2), Mixup(np.float64(0.2))), (Mixup(), Mixup(classes=10)),
    (CutMix(classes=10), CutMix(classes=np.int64(10))), (Of(1), Of(1.0)),
    (Of(1), Of(np.array(1.0))),
    (extractor(0), copy.deepcopy(extractor(0))), (Of(table(1)), Of(table(1).copy())),
    (closed([Cutout(2)]), closed([Cutout(2)])), (numbered(), numbered()), (circle(1), circle(1)),
    (partial(compose, first=1, second=2), partial(compose, second=2, first=1)),
    (Of({"a": 1, "b": 2}), Of({"b": 2, "a": 1})), (Of(Plain), Of(Plain)),
    (Plain(3, _calls=1), Plain(3, _calls=2)),
    (Of(object()), Of(object())), (Of(type("A", (), {"a": 1})()), Of(type("A", (), {"a": 1})())),
    (Of(np.random.default_rng(0)), Of(np.random.default_rng(0)))])
def test_equal_settings_are_told_alike(first, second):
    assert text(first, {}) == text(second, {})


def test_transforms_hold_numbers_of_python():
    one, two = np.int64(6), np.int64(10)
    for made in (Mixup(np.float64(0.2), two), CutMix(1, two)):
        assert type(made.alpha) is float and type(made.classes) is int
    made = AttentiveCutMix(nn.Linear(1, 1), one, two)
    assert type(made.n) is int and type(made.classes) is int


def test_a_function_is_told_by_the_variables_it_refers_to(monkeypatch):
    def share(rng, x, y):
        return [SHARE * row for row in x], y

    def transform(rng, x, y):
        return TRANSFORM(rng, x, y)

    def attribute(rng, x, y):                     # a variable of the name of an attribute is none
        return x.SHARE, y.TRANSFORM

    def helped(rng, x, y):
        return in_this_file(x), y

    functions = share, transform, helped, attribute
    before = [text(f, {}) for f in functions]
    monkeypatch.setitem(globals(), "SHARE", 0.4)
    monkeypatch.setitem(globals(), "TRANSFORM", Mixup(0.4))
    after = [text(f, {}) for f in functions]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, False, True]


def test_functions_of_minidrop_are_told_by_their_names():
    assert [text(f, {}) for f in (md.cross_entropy, flip_crop, md.relu)] == [
        "cross_entropy", "flip_crop", "relu"]


def test_functions_that_call_each_other_are_told_once():
    calls = [lambda rng, x, y: (x, y)]
    for _ in range(60):                           # 2 ** 60 ways to the first of them
        calls.append(lambda rng, x, y, one=calls[-1], two=calls[-1]: one(*two(rng, x, y)))
    assert "<lambda>" in text(calls[-1], {})


def test_arrays_are_told_by_their_values_wherever_they_are(xp):
    first, second = (text(Of(xp.asarray(table(k))), {}) for k in (0, 1))
    assert first != second and text(Of(table(0)), {}) == first


@pytest.mark.parametrize("kind", ["a lambda and what it calls", "a closure", "an array", "slots",
                                  "weights", "a bound method"])
def test_a_run_does_not_go_on_with_another_transform(kind, tmp_path):
    first, second = OTHERS[kind]
    if kind == "a bound method":
        fit_with(first, tmp_path / "run")
        fit_with(Of(3).method, tmp_path / "run")
    else:                                         # these ask for images, or for more classes
        first, second = Of(first).method, Of(second).method
        fit_with(first, tmp_path / "run"), fit_with(first, tmp_path / "run")
    with pytest.raises(ValueError, match="is of another run: batch"):
        fit_with(second, tmp_path / "run")


def test_what_training_changes_does_not_tell_a_function(tmp_path):
    net, adam = nn.Linear(3, 3).init(0), md.optim.Adam(0.1)
    x, y = np.eye(3, dtype="float32"), np.arange(3)

    def penalty(_, step):
        return 1e-3 * md.l2([net.weight, *weights]) * adam.lr

    weights = net.parameters()
    for _ in range(2):
        md.fit(net, adam, (x, y), 2, penalty=penalty, progress=False, checkpoint=tmp_path / "run")


@pytest.mark.parametrize("first, second", [
    (lambda: md.DropConnect(3, 3, 0.5, activation=md.relu),
     lambda: md.DropConnect(3, 3, 0.5, activation=md.tanh)),
    (lambda: nn.Sequential(nn.Flatten(), nn.Linear(3, 3)),
     lambda: nn.Sequential(nn.Flatten(), nn.Linear(3, 3, bias=False)))])
def test_a_layer_is_told_by_the_functions_it_holds(first, second, tmp_path):
    def run(make):
        md.fit(make().init(0), md.optim.SGD(0.1), (np.eye(3, dtype="float32"), np.arange(3)), 1,
               progress=False, checkpoint=tmp_path / "run")

    run(first), run(first)
    with pytest.raises(ValueError):
        run(second)


def test_a_convolution_is_told_by_its_stride(tmp_path):
    def run(stride):
        net = nn.Sequential(nn.Conv2d(1, 3, 3, stride, padding=1), nn.GlobalAvgPool2d())
        md.fit(net.init(0), md.optim.SGD(0.1), (np.ones((3, 1, 4, 4), "float32"), np.arange(3)), 1,
               progress=False, checkpoint=tmp_path / "run")

    run(1), run(1)
    with pytest.raises(ValueError, match=r"conv2d1.stride 'tuple\(1, 1\)' there and 'tuple\(2, 2"):
        run(2)


@pytest.mark.slow
def test_another_process_tells_the_same():
    code = ("from minidrop.settings import text; from tests.test_settings import OTHERS, Of\n"
            "print([text(v, {}) for pair in OTHERS.values() for v in pair])\n"
            "print(text(Of({'a', 'b', 'c'}), {}), text(lambda v: v in {'a', 'b', 'c'}, {}))")
    told = {subprocess.run([sys.executable, "-c", code], check=True, text=True, timeout=60,
                           env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(
                               [os.getcwd(), *sys.path])}, stdout=subprocess.PIPE).stdout
            for seed in "12"}
    assert len(told) == 1


# --- pickles, which keep the names of primitives -------------------------------------------------

def test_primitives_and_layers_that_hold_them_can_be_pickled():
    from minidrop.operators import REGISTRY

    for f in REGISTRY.values():
        if f.forward.__module__.startswith("minidrop."):
            assert pickle.loads(pickle.dumps(f)) is f is copy.deepcopy(f)
    layer, x = md.DropConnect(3, 2, 0.5, activation=md.relu).init(0), np.ones((4, 3), "float32")
    twin = pickle.loads(pickle.dumps(layer))
    np.testing.assert_array_equal(twin(x).data, layer(x).data)


@pytest.mark.slow
def test_another_process_reads_the_pickle_of_a_primitive():
    code = ("import pickle, sys; f = pickle.load(sys.stdin.buffer); import minidrop\n"
            "assert f is minidrop.relu and f(-1.0 * minidrop.Tensor([1.0])).data[0] == 0")
    kept = pickle.dumps(md.relu)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, input=kept)
