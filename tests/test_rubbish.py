"""Every public callable refuses rubbish, or gives what is right: tests/rubbish.py says what is due.

    pytest -s tests/test_rubbish.py                      one input in EVERY
    pytest -s -m slow tests/test_rubbish.py              all, one argument at a time, and PAIRS
    MINIDROP_RUBBISH=100000 pytest -s -m slow tests/test_rubbish.py -k two_arg     so many pairs

The last one shows how far it is, and goes on from the chunk of MINIDROP_RUBBISH_FROM, which the bar
names: each chunk has a seed of its own.
"""

import functools
import os
import re
import zlib
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tqdm import tqdm

import minidrop as md
from minidrop import nn, scalars
from minidrop.arguments import count
from tests import odd_entries, rubbish
from tests.clean_calls import LEFT_OUT, VALUE, Call, calls, public

EVERY = 10
CALLABLES, INPUTS = 350, 27000                    # so many are tried, at least
CHUNK = 1000                                      # pairs of one seed
MANY, FIRST = (int(os.environ.get(f"MINIDROP_RUBBISH{name}", "0")) for name in ("", "_FROM"))

FEWER = "a mask and noise may have fewer axes, and axes of size 1, as in NumPy"
OF_ALL = "one number, or one row, is made of all that there are"
RESULT = "a window leaves the last pixels out"
TIES = "of logits that are infinite the first counts"
NUMPY = "by NumPy's rules"
FREE = "it is handed on as it is"
EXCUSED = (                                         # of what argument, which inputs, and why
    ("*.mask", "axis|one axis|0-d|a NumPy", FEWER), ("*.masks", "axis", FEWER),
    ("*.noise", "axis|one axis|0-d|a NumPy", FEWER),
    ("attentive_cutmix.cells", "axis", "a coarser grid divides the image too"),
    ("*pool2d.x", "axis [23]", RESULT), ("nn.*Pool2d().x", "axis [23]", RESULT),
    ("batch_norm_statistics.x", "axis|one axis", OF_ALL), ("gradient_*.grads", "axis", OF_ALL),
    ("attention_cells.features", "axis 1", OF_ALL), ("*.probs", "axis [01]", OF_ALL),
    ("nn.FirstToken().x", "axis 1", OF_ALL), ("nn.MeanToken().x", "axis 1", OF_ALL),
    ("functional.moments.x", "axis 0", OF_ALL), ("cost.x", "axis|one axis", OF_ALL),
    ("*.logits", "axis . longer|one axis less", "more classes than there are labels of, or m = 1"),
    ("functional.magnitudes.w", "one axis more at", "weights count as (out, everything else)"),
    ("nn.Flatten().x", "one axis more at", "it is flattened"),
    ("nn.Flatten().x", "complex num|texts|times|records|booleans|objects", FREE),
    ("nn.Identity().x", ".", FREE), ("flip_crop.y", ".", FREE),
    ("Replay.draws", ".", FREE), ("scaled.values", ".", "fit checks it, beside its length"),
    ("Stream.name", "text|another|no word", "any word names a stream"),
    ("fit.checkpoint", "text", "a path"), ("Snapshots.folder", "text|an", "a path"),
    ("*.average.x", "axis|one axis|64", "there is no batch norm"),
    ("save.path", "text|another", "a path"), ("load.path", "text|another", "it was written before"),
    ("*.__call__.loss", ".", "it is not looked at"),
    ("Tensor.__matmul__.other", "complex num|texts|times|records|booleans|objects", NUMPY),
    ("Tensor.reshape.shape", "within", "a shape too"), ("Tensor.swapaxes.*", "True", NUMPY),
    ("Tensor.transpose.axes", "None|list of None|empty|within", "all of them, turned round"),
    ("functional.broadcast_to.x", ".", NUMPY), ("functional.broadcast_to.shape", "3", "(3,)"),
    ("fit.progress", "text", "the label of the bar"),
    ("Parameter.shape", "empty|3", "a shape too"), ("Parameter.rule", "class", "it may be called"),
    ("models.wrap.make", "class", "it may be called"), ("models.wrap.kinds", "class", "all layers"),
    ("models.wrap.kinds", "empty", "no layer is of no kind"),
    ("models.build.shape", "empty|3", "a shape too"),
    ("Tensor.data", "nan|in a list|array|True|NumPy|Frac", "numbers of any kind become arrays"),
    ("from_dlpack.x", "booleans", "booleans can be handed over"),
    ("*.x", "complex|nan|booleans|objects|-1 w|0 w", "by NumPy's rules, in exp and the like"),
    ("cost.x", "a nan|an inf|a -inf|3e38", "a time, which is another each time"),
    ("evaluate.data", "an inf", TIES), ("interpolation_curve.data", "an inf", TIES),
    ("loss_surface.data", "an inf", TIES),
    ("functional.smallest.scores", "a nan", "it counts as larger than any number"),
    ("LayerNorm().x", "3e38", "its square overflows"),
    ("cyclic*.t", "in a list|array", "an array of times"),
    ("mixup.weight", "array", "a weight for each example"),
    ("[Cc]utout.fill", "in a list|array", "a number for each channel"),
    ("dropconnect*.b", "None", "no bias"),
    ("BatchNorm.momentum", "None", "the mean of all batches"),
    ("Dynamics.reference", "None", "without a reference"),
    ("gradcheck.inputs", "twice", "f itself says how many it takes"),
    ("gradcheck.step", "[12]$", "f is not linear so far"),
    ("gradcheck.tolerance", "0|5e-324", "no gradient is so exact"),
    ("verify.c*.impl", "class", "its arguments are told when it is called"),
    ("removal_damage.removed", "nan as", "each of its numbers is then nan"),
    ("nn.shrink.state", "nan as", "values do not matter, but for their sizes"),
    ("Module.load_state_dict.state", "nan as", "it has diverged, and says so where it is used"),
    ("verify.check.*", "dict", "a dict by names of arguments"),
    ("unfold.stride", "None", "1"), ("nn.Sequential.layers", "empty", "no layers"),
    ("mini_batch_gradients.batches", "empty", "no gradients"),
    ("optim.step_decay.milestones", "empty", "no steps"),
    ("functional.flip_and_shift.shifts", "huge|below", "all is shifted away"),
)


class Case(NamedTuple):
    """Some rubbish in the place of one argument of a call, and what is due."""

    call: Any
    argument: str
    what: str
    thing: Any
    due: str

    @property
    def place(self):
        return f"{self.call.name}.{self.argument}"

    def fault(self):
        """The sentence on what is wrong, "" for nothing."""
        found = rubbish.fault(self.call, self.argument, self.thing, self.due,
                              functools.partial(right, self.call.name))
        return found and f"{self.place} = {self.what}: {found}"


@functools.cache
def right(name):
    call, = (call for call in calls() if call.name == name)
    return rubbish.outcome(call, call.fresh())


@functools.cache
def cases():
    found = []
    for call in calls():
        values = call.fresh()
        for argument, default in call.defaults.items():
            value = values.get(argument, default)
            if value is not VALUE:
                found += [Case(call, argument, *one) for one in rubbish.instead_of(value, default)]
    return [case._replace(due=rubbish.REFUSED)
            if odd_entries.cannot_be(case.place, case.what) else case for case in found]


def excused(case):
    by_numpy = case.call.name in rubbish.BY_NUMPY
    return any(fnmatchcase(case.place, place) and re.match(inputs, case.what)
               and (place != "*.x" or by_numpy) for place, inputs, _ in EXCUSED)


@functools.cache
def due():
    return [case for case in cases() if not excused(case)
            and (case.due == rubbish.REFUSED or not case.call.name.startswith("verify."))]


def faults(some):
    return [found for case in some if (found := case.fault())]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)                   # a text may be the path of a file


def test_everything_public_has_a_clean_call_or_a_reason():
    left = {name for names in LEFT_OUT for name in names.split(", ")}
    named = {call.name for call in calls()}
    assert public().keys() - named == left and not named & left


@pytest.mark.slow
def test_no_fewer_callables_and_inputs_are_tried():
    print(f"{len(due())} inputs to {len(calls())} callables")
    assert len(calls()) >= CALLABLES and len(due()) >= INPUTS


@pytest.mark.slow
def test_some_rubbish_is_refused_or_gives_what_is_right():
    assert faults(case for case in due()
                  if zlib.crc32(f"{case.place} {case.what}".encode()) % EVERY == 0) == []


@pytest.mark.slow
def test_all_rubbish_is_refused_or_gives_what_is_right():
    assert faults(due()) == []


@pytest.mark.slow
def test_no_excuse_is_left_over():
    wrong = [case for case in cases() if excused(case) and case.fault()]
    assert [row for row in EXCUSED if not any(
        fnmatchcase(case.place, row[0]) and re.match(row[1], case.what) for case in wrong)] == []


@pytest.mark.slow
def test_two_arguments_of_rubbish_are_refused_or_accepted_in_good_order():
    sizes = [CHUNK] * -(-MANY // CHUNK) or [300]
    assert len(sizes) > FIRST, "MINIDROP_RUBBISH_FROM is behind the last of MINIDROP_RUBBISH"
    with tqdm(total=sum(sizes), initial=FIRST * CHUNK, unit="pair", disable=not MANY) as bar:
        for chunk in range(FIRST, len(sizes)):
            bar.set_description(f"MINIDROP_RUBBISH_FROM={chunk}")         # the bar ends with it
            pairs(chunk, sizes[chunk])()
            bar.update(CHUNK)


def pairs(chunk, many):
    """A function that tries so many pairs, which the number of the chunk chooses."""
    @seed(chunk)
    @settings(max_examples=many, deadline=None, database=None,
              suppress_health_check=list(HealthCheck))
    @given(st.data())
    def run(data):
        one = data.draw(st.sampled_from(due()))
        others = [case for case in by_call()[one.call.name] if case.argument != one.argument]
        two = data.draw(st.sampled_from(others)) if others else one
        assert rubbish.fault_of_pair(one.call, {one.argument: one.thing, two.argument: two.thing},
                                     (one.due, two.due)) == ""
    return run


@functools.cache
def by_call():
    found = {}
    for case in due():
        found.setdefault(case.call.name, []).append(case)
    return found


def test_an_array_of_the_other_backend_is_refused_or_does_the_same(xp):
    for call in calls():
        for argument, value in call.fresh().items():
            if isinstance(value, np.ndarray) and value.ndim:
                came = xp.asarray(value)
                found = rubbish.fault_of_backend(call, argument, came, right(call.name))
                assert found == "", f"{call.name}.{argument}: {found}"


# --- each way to be wrong is noticed -------------------------------------------------------------

def takes_all(x):
    return 1.0


def falls_inside(x):
    return [1.0][x]


def names_another(x):
    return count(x, "y")


def goes_on(x):
    raise ValueError("x must be a number.\nIt was none.")


def divides(x):
    return np.float32(1) / np.float32(0)


def waits(x):
    while True:
        pass


def of_wrapped_bytes(x):
    return -x


def of_its_row(x):
    return x + np.zeros((2, 2), "float32")


X = np.ones((2, 2, 4, 4), "float32")
PAIR = np.array([[1, 2], [3, 4]], "float32")


@pytest.mark.parametrize("function, thing, due, sentence", [
    (takes_all, None, rubbish.REFUSED, "accepted"), (takes_all, 2.0, rubbish.SAME, "gives [1.0]"),
    (falls_inside, 3, rubbish.SOUND, "IndexError"), (falls_inside, None, rubbish.REFUSED, "inside"),
    (names_another, None, rubbish.REFUSED, "names nothing of x"),
    (names_another, 1.0, rubbish.SAME, "refused, though it is right"),
    (goes_on, None, rubbish.REFUSED, "a long message"), (divides, 0, rubbish.SOUND, "RuntimeWarn"),
    (waits, 0, rubbish.EITHER, "TooLong"), (lambda x: x - x, np.inf, rubbish.SOUND, "nan"),
    (of_wrapped_bytes, PAIR.astype("uint8"), rubbish.EITHER, "gives"),
    (of_its_row, PAIR[:1], rubbish.SHAPED, "broadcast in silence")])
def test_what_a_wrong_function_does_is_noticed(function, thing, due, sentence, monkeypatch):
    monkeypatch.setattr(rubbish, "SECONDS", 0.05)
    call = Call("wrong", lambda: {"x": 1.0}, lambda arguments: function(**arguments), {"x": VALUE})
    due_of = {of_wrapped_bytes: -PAIR, of_its_row: PAIR, takes_all: 2.0}.get(function, 0.0)
    assert sentence in rubbish.fault(call, "x", thing, due, lambda: [due_of])


@pytest.mark.parametrize("function, what, sentence", [
    (np.nan_to_num, "a nan", "tells nothing of the nan"),
    (lambda x: x.argmax(-1) == 1, "a nan first", "tells nothing of the nan"),
    (lambda x: x / x.mean() if x.mean() > 0 else x, "a nan", "tells nothing of the nan"),
    (lambda x: np.where(np.isinf(x), 0, x), "an inf", "is not the limit"),
    (lambda x: np.where(np.isinf(x), 0, x), "a -inf", "is not the limit"),
    (lambda x: np.minimum(x, 1e30 if x.itemsize == 4 else x), "3e38 within",
     "is not what it is in float64"),
    (lambda x: x[np.isfinite(x)], "an inf", "of another kind or shape"),
    (lambda x: x if np.isfinite(x).all() else "oops", "an inf", "of another kind or shape"),
    (lambda x: np.where(np.isinf(x), 0, np.tanh(x) / 100), "an inf", "is not the limit"),
    (lambda x: np.where(np.isinf(x).any(), 0.01, np.tanh(x) / 100), "an inf", "is not the limit"),
    (lambda x: np.nan_to_num(x * x, posinf=0), "3e38 within", "is not what it is in float64"),
    (lambda x: 1 / x, "0 within", "warned: divide by zero"),
    (lambda x: [float("nan"), 1.0][int(x.min() > 0)], "-1 within", "nan")])
def test_what_a_wrong_function_makes_of_one_odd_entry_is_noticed(function, what, sentence):
    call = Call("wrong", lambda: {"x": PAIR}, lambda given: function(**given), {"x": VALUE})
    (thing, due), = ((thing, due) for name, thing, due in odd_entries.odd(PAIR) if name == what)
    clean = rubbish.outcome(call, call.fresh())
    assert sentence in rubbish.fault(call, "x", thing, due, lambda: clean)


@pytest.mark.parametrize("function", [np.tanh, np.exp, lambda x: x / x.sum(), lambda x: x[:1] * 2])
def test_what_a_right_function_makes_of_odd_entries_is_right(function):
    call = Call("right", lambda: {"x": PAIR}, lambda given: function(given["x"]), {"x": VALUE})
    for what, thing, due in odd_entries.odd(PAIR):
        found = rubbish.fault(call, "x", thing, due, lambda: rubbish.outcome(call, call.fresh()))
        assert found == "", what


def test_entries_that_cannot_be_are_those_of_a_call():
    for row, *_ in odd_entries.OUTSIDE:
        assert any(fnmatchcase(case.place, row) and odd_entries.cannot_be(case.place, case.what)
                   for case in cases()), row


@pytest.mark.parametrize("argument, message, named", [
    ("a", "q must be a whole number", False), ("a", "a must be a whole number", True),
    ("a", "b must differ from a", False), ("a", "a and b must differ", True),
    ("p", "q must be at least p", False), ("x", "the images have a shape x of their own", True)])
def test_a_refusal_names_the_argument_that_was_wrong(argument, message, named):
    assert rubbish.names(message, argument) == named


def test_what_a_refusal_got_is_no_name():
    assert rubbish.names("net must be as large as p, got 3", "p", others={"net": 1})
    assert not rubbish.names("net must be a Module, got str p", "p", others={"x": 1})


@pytest.mark.parametrize("name, use", [
    ("padding", lambda: md.conv2d(X, np.ones((3, 2, 3, 3), "float32"), padding=10**6)),
    ("padding", lambda: md.max_pool2d(X, 2 * 10**6, padding=10**6)),
    ("depth", lambda: md.models.vit(depth=10**9)), ("degrees", lambda: md.student(10**9)),
    ("depth", lambda: md.models.resnet(6 * 10**9 + 2)),
    ("classes", lambda: md.one_hot(np.zeros(4, int), scalars.MOST)),
    ("shape", lambda: md.dropout_mask(0, scalars.MEMORY + 1, 0.5)),
    ("n_in and n_out", lambda: nn.Linear(2**20, 2**21)),
    ("n_in and n_out", lambda: nn.TokenLinear(2**20, 2**21)),
    ("n_in and n_out", lambda: md.DropConnect(2**20, 2**21, 0.5)),
    ("n_in, n_out and size", lambda: nn.Conv2d(2**20, 2**20, 3)),
    ("n_in, width and patch", lambda: nn.PatchEmbedding(2**20, 2**20, 4)),
    ("width", lambda: nn.MultiHeadAttention(2**20, 4)),
    ("cycles", lambda: md.snapshot_steps(9, 10**12)),
    ("epochs", lambda: md.fit(nn.Linear(4, 2), md.optim.SGD(0.1), (X[0, 0], np.zeros(4, int)),
                              scalars.MOST, batch_size=2, progress=False))])
def test_more_than_this_machine_has_memory_for_is_refused(name, use):
    with pytest.raises(ValueError, match=f"^{name} must "):
        use()


def test_a_share_of_memory_is_not_refused(monkeypatch):
    monkeypatch.setattr(scalars, "MEMORY", 80)
    assert scalars.shape_of((8, 10)) == (8, 10) and scalars.room(10, "n", each=8) == 10
    for use in (lambda: scalars.shape_of((9, 9)), lambda: scalars.room(11, "n", each=8)):
        with pytest.raises(ValueError, match="this machine has memory"):
            use()
