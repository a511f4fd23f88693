"""schedules/early_late: every equation, exactly, in runs too, and every sentence of "Differs"."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import nn
from minidrop.check import Record
from minidrop.xp import host
from tests.samplers import assert_rate

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None)
KINDS = ("constant", "linear")
EPOCHS, STEPS, CUTOFF, TOTAL = 3, 4, 5, 12        # steps of an epoch, iterations of a run
HALF = {"early": md.early(0.5, CUTOFF, TOTAL), "late": md.late(0.5, CUTOFF, TOTAL),
        "early linear": md.early(0.5, CUTOFF, TOTAL, "linear"),
        "late linear": md.late(0.5, CUTOFF, TOTAL, "linear")}


# --- the arrays ----------------------------------------------------------------------------------

def test_early_late_1_and_2_and_3_by_hand():
    # 3 epochs of 2 iterations, the cutoff after 2 epochs
    assert md.early(0.1, 4, 6).tolist() == [0.1, 0.1, 0.1, 0.1, 0, 0]
    assert_allclose(md.early(0.1, 4, 6, "linear"), [0.1, 0.2 / 3, 0.1 / 3, 0, 0, 0], atol=1e-16)
    assert md.late(0.1, 4, 6).tolist() == [0, 0, 0, 0, 0.1, 0.1]


def test_early_late_4_by_hand():
    assert_allclose(md.late(0.1, 2, 6, "linear"), [0, 0, 0, 0.1 / 3, 0.2 / 3, 0.1], atol=1e-16)


@PROPERTY
@given(p=st.floats(0, 1), total=st.integers(1, 40), data=st.data())
def test_early_late_1_and_2_and_3_and_4_iteration_by_iteration(p, total, data):
    cutoff = data.draw(st.integers(0, total))
    first = [p if t < cutoff else 0 for t in range(total)]
    falling = [0 if t >= cutoff else p if t == 0 else p * (1 - t / (cutoff - 1))
               for t in range(total)]
    assert md.early(p, cutoff, total).tolist() == first
    assert md.late(p, cutoff, total).tolist() == [p - rate for rate in first]
    rates = md.early(p, cutoff, total, "linear")
    assert_allclose(rates, falling, atol=1e-15)
    assert (np.diff(rates) <= 0).all() and (rates >= 0).all() and (rates <= p).all()
    assert_array_equal(md.late(p, total - cutoff, total, "linear"), rates[::-1])


@pytest.mark.parametrize("kind", KINDS)
def test_early_late_1_and_2_and_3_and_4_at_the_ends(kind):
    none, whole = [0.0] * 5, [0.3] * 5
    assert md.early(0.3, 0, 5, kind).tolist() == md.late(0.3, 5, 5, kind).tolist() == none
    assert md.early(0.0, 2, 5, kind).tolist() == md.late(0.0, 2, 5, kind).tolist() == none
    assert md.early(0.3, 1, 5, kind).tolist() == [0.3, 0, 0, 0, 0]      # alone it has the rate p
    assert md.late(0.3, 4, 5, kind).tolist() == [0, 0, 0, 0, 0.3]
    assert md.early(0.3, 2, 5, "linear").tolist() == [0.3, 0, 0, 0, 0]  # the same as a cutoff of 1
    assert md.early(0.3, 1, 1, kind).tolist() == md.late(0.3, 0, 1, kind).tolist() == [0.3]
    assert md.early(0.3, 5, 5).tolist() == md.late(0.3, 0, 5).tolist() == whole     # standard
    assert_allclose(md.early(1.0, 5, 5, "linear"), [1, 0.75, 0.5, 0.25, 0], atol=1e-15)
    rates = md.early(1, 2, 5, kind), md.late(1, 2, 5, kind)
    assert all(type(r) is np.ndarray and r.dtype == "float64" and r.shape == (5,)
               and r.flags.writeable and r.flags.c_contiguous for r in rates)


def official(p, epochs, per_epoch, cutoff_epoch, mode, kind):
    """The rule of the official drop_scheduler.py."""
    first, rest = cutoff_epoch * per_epoch, (epochs - cutoff_epoch) * per_epoch
    early = np.linspace(p, 0, first) if kind == "linear" else np.full(first, p)
    return np.r_[early, np.zeros(rest)] if mode == "early" else np.r_[0 * early, np.full(rest, p)]


@pytest.mark.parametrize("p, epochs, per_epoch, cutoff_epoch", [
    (0.1, 3, 2, 2), (0.1, 300, 7, 50), (0.5, 30, 11, 5), (0.4, 6, 5, 0), (0.4, 6, 5, 6)])
def test_early_late_1_and_2_and_3_have_the_values_of_the_official_code(p, epochs, per_epoch,
                                                                      cutoff_epoch):
    cutoff, total = cutoff_epoch * per_epoch, epochs * per_epoch
    for kind in KINDS:
        due = official(p, epochs, per_epoch, cutoff_epoch, "early", kind)
        assert_array_equal(md.early(p, cutoff, total, kind), due)
    due = official(p, epochs, per_epoch, cutoff_epoch, "late", "constant")
    assert_array_equal(md.late(p, cutoff, total), due)


def test_early_late_4_late_schedules_of_the_official_code_are_constant():
    constant = official(0.4, 6, 5, 2, "late", "constant")
    assert_array_equal(md.late(0.4, 10, 30), constant)            # what is there is the default
    rising = md.late(0.4, 10, 30, "linear")
    assert_allclose(rising[10:], np.linspace(0, 0.4, 20), atol=1e-15)
    assert rising[:11].tolist() == [0.0] * 11 and rising[-1] == constant[-1]
    assert rising.sum() == pytest.approx(constant.sum() / 2)      # half of the noise in all


# --- runs ----------------------------------------------------------------------------------------

class Block(nn.Module):
    """A residual sum of a matrix."""

    def __init__(self):
        self.sum = md.models.Residual(nn.Linear(6, 6), nn.Identity())

    def forward(self, x):
        return self.sum(x)


def network(backend, p=0.5, depth=0.6):
    """Two dropout layers with the rates p and p / 2, then four blocks."""
    blocks = {f"block{k}": Block() for k in range(1, 5)}
    net = nn.Sequential(drop1=md.Dropout(p), first=nn.Linear(32, 6), drop2=md.Dropout(p / 2),
                        **blocks, last=nn.Linear(6, 3))
    return md.models.drop_paths(net, depth, rule="linspace", mode="row", scaling="inverted"
                                ).init(0).to(backend)


def run(xp, net, schedules, look=lambda net: None, batch=16, **options):
    """What `look` saw after each of TOTAL iterations."""
    seen, x = [], xp.asarray(md.gaussian(1, (batch * STEPS, 32)))
    y = xp.asarray(md.integers(2, 3, len(x)))
    options = {"recorder": lambda step, net, loss: seen.append(look(net))} | options
    md.fit(net, md.optim.SGD(0.05, momentum=0.9), (x, y), EPOCHS, batch_size=batch,
           schedules=schedules, progress=False, **options)
    return seen


def bits(net):
    return b"".join(host(array).tobytes() for array in net.state_dict().values())


def masks(net):
    return [host(drop.noise).tolist() for drop in (net.drop1, net.drop2)]


@pytest.mark.parametrize("kind", HALF)
def test_early_late_1_and_2_and_3_and_4_in_a_run(kind, xp, backend):
    # Each of 12 iterations draws 4096 + 768 entries, one draw each: a right sampler fails with a
    # probability of at most 24 times 1e-9.
    due, net, batch = HALF[kind], network(backend), 128
    drops = [net.drop1, net.drop2]
    for drop in drops:
        drop.rng = Record(drop.rng)
    seen = run(xp, net, {"drop*.p": due}, lambda net: [drop.p for drop in drops], batch)
    assert seen == [[rate, rate] for rate in due]
    for drop, width in zip(drops, (32, 6), strict=True):
        assert [(name, args) for name, args, _ in drop.rng.draws] == [
            ("bernoulli", (1 - rate, (batch, width))) for rate in due]
        for rate, (*_, mask) in zip(due, drop.rng.draws, strict=True):
            assert_rate((~host(mask)).sum(), mask.size, rate)     # at 0 nothing may be dropped
    assert [drop.p for drop in drops] == [0.5, 0.25]              # as they were


def test_early_late_1_and_3_share_their_steps_with_standard_dropout_and_with_none(xp, backend):
    def seen(schedule):
        return run(xp, network(backend, depth=0), {"drop*.p": schedule},
                   lambda net: (bits(net), masks(net)))

    standard, early, late = (seen(rates) for rates in (
        [0.5] * TOTAL, HALF["early"], HALF["late"]))
    empty = network(backend, depth=0)
    md.models.place(empty, "drop*", nn.Identity()).init(0).to(backend)
    none = run(xp, empty, None, bits)
    assert early[:CUTOFF] == standard[:CUTOFF] and early[CUTOFF][1] != standard[CUTOFF][1]
    assert [weights for weights, _ in late[:CUTOFF]] == none[:CUTOFF]     # a layer taken out
    assert [drawn for _, drawn in late[CUTOFF:]] == [drawn for _, drawn in standard[CUTOFF:]]
    assert len({run[-1][0] for run in (standard, early, late)} | {none[-1]}) == 4


@pytest.mark.parametrize("break_at", [2, 4, 5, 9])
@pytest.mark.parametrize("kind", ["early linear", "late"])
def test_early_late_a_run_that_goes_on_ends_in_the_same_bits(kind, break_at, xp, backend,
                                                             tmp_path):
    def stop(step, net, loss):
        if step == break_at:
            raise KeyboardInterrupt

    schedules = {"drop*.p": HALF[kind], "sum.p": md.scaled(2 * HALF[kind])}
    whole, broken, other = (network(backend) for _ in range(3))
    run(xp, whole, schedules)
    with pytest.raises(KeyboardInterrupt):
        run(xp, broken, schedules, recorder=stop, checkpoint=tmp_path / "run")
    assert broken.drop1.p == 0.5 and bits(broken) != bits(whole)
    run(xp, other, schedules, checkpoint=tmp_path / "run")
    assert bits(other) == bits(whole)


# --- stochastic depth, and layers with rates of their own ----------------------------------------

DEPTH = 0.6                                       # of the last of four blocks


def sums(net):
    return [block.sum for block in net[3:7]]


def rates_of(net):
    return [block.p for block in sums(net)]


@pytest.mark.parametrize("kind", HALF)
def test_early_late_5_in_a_run(kind, xp, backend):
    # Each of 12 iterations draws 256 gates for each of 4 blocks: a right sampler fails with a
    # probability of at most 48 times 1e-9.
    net, factors, own = network(backend, depth=DEPTH), 2 * HALF[kind], [0, 0.2, 0.4, 0.6]
    for block in sums(net):
        block.rng = Record(block.rng)
    assert_allclose(rates_of(net), own, atol=1e-15)
    seen = run(xp, net, {"block*.sum.p": md.scaled(factors)}, rates_of, batch=256)
    assert_allclose(seen, np.outer(factors, own), atol=1e-15)
    for block, rates in zip(sums(net), np.transpose(seen), strict=True):
        for rate, (name, args, gates) in zip(rates, block.rng.draws, strict=True):
            assert (name, args) == ("bernoulli", (1 - rate, (256,)))
            assert_rate((~host(gates)).sum(), 256, rate)
    assert_allclose(rates_of(net), own, atol=1e-15)               # as they were


@pytest.mark.parametrize("kind", KINDS)
def test_early_late_5_has_the_rates_that_the_official_code_computes_anew(kind, xp, backend):
    factors = md.scaled(md.early(1.0, CUTOFF, TOTAL, kind))
    seen = run(xp, network(backend, depth=DEPTH), {"sum.p": factors}, rates_of)
    anew = [np.linspace(0, rate, 4) for rate in official(DEPTH, 12, 1, CUTOFF, "early", kind)]
    assert_allclose(seen, anew, atol=1e-15)


def test_early_late_5_layers_keep_their_share(xp, backend):
    def seen(schedule):
        return run(xp, network(backend), {"drop?.p": schedule},
                   lambda net: [net.drop1.p, net.drop2.p])

    assert seen(HALF["early"])[0] == [0.5, 0.5]
    due = np.outer(md.early(1.0, CUTOFF, TOTAL, "linear"), [0.5, 0.25])
    assert seen(md.scaled(md.early(1.0, CUTOFF, TOTAL, "linear"))) == due.tolist()


def test_early_late_5_dropout_and_stochastic_depth_side_by_side(xp, backend):
    seen = run(xp, network(backend, depth=DEPTH),
               {"drop*.p": md.early(0.1, CUTOFF, TOTAL), "sum.p": md.scaled(2 * HALF["late"])},
               lambda net: (net.drop1.p, net.drop2.p, net.block4.sum.p))
    assert seen == [(0.1, 0.1, 0.0)] * CUTOFF + [(0.0, 0.0, DEPTH)] * (TOTAL - CUTOFF)


def test_early_late_1_layers_that_weigh_in_evaluation_are_refused(xp, backend):
    data = xp.ones((4, 3), "float32"), xp.asarray([0, 1, 2, 0])

    def train(layer, rates):
        net = nn.Sequential(drop=layer, last=nn.Linear(3, 3)).init(0).to(backend)
        md.fit(net, md.optim.SGD(0.1), data, 2, schedules={"drop.p": rates}, progress=False)
        return net.eval().drop

    ones = xp.ones((2, 3))
    assert float(train(md.Dropout(0.5), md.early(0.5, 1, 2))(ones).mean()) == 1.0
    for layer, rates, words in (
            (md.Dropout(0.5, "paper"), md.early(0.5, 1, 2), "ends at 0, .* by 0.5 again, .*; give"),
            (md.Dropout(0.0, "paper"), md.late(0.5, 1, 2), "ends at 0.5, .* by 0 again, .*; give"),
            (md.Dropout(0.5, "paper"), md.linear_ramp(0.5, 0.0, 2, 1), "ends at 0, "),
            (md.Dropout(0.5, "paper"), md.linear_ramp(0.5, 0.09, 2, 1), "ends at 0.09, "),
            (md.StochasticDepth(nn.Linear(3, 3), 0.5), md.scaled([1, 0]), "scaling='inverted'"),
            (md.DropConnect(3, 3, 0.5), md.early(0.5, 1, 2), "; let it begin with 0")):
        with pytest.raises(ValueError, match=words):
            train(layer, rates)
    seen = run(xp, nn.Sequential(drop=md.DropConnect(32, 3, 0.5)).init(0).to(backend),
               {"drop.samples": [2] * TOTAL}, lambda net: net.drop.samples)
    assert seen == [2] * TOTAL                    # another number of the layer than its rate
    cured = train(md.DropConnect(3, 3, 0.0, inference="mean"), md.early(0.5, 1, 2))
    due = host(md.linear(ones, cured.weight.data, cured.bias.data))
    assert_allclose(host(cured(ones).data), due, rtol=1e-6)       # no connection is weighed
    for rates in (md.late(0.5, 1, 2), md.linear_ramp(0.0, 0.5, 2)):        # these end with noise
        assert float(train(md.Dropout(0.5, "paper"), rates)(ones).mean()) == 0.5


# The networks that the paper is about: the update of its code gives every dropout, that of the
# attention weights too, one rate, and both halves of a block the rate of the block.
@pytest.mark.parametrize("build, dropouts", [(md.models.vit, 1 + 3 * 4), (md.models.mixer, 3 * 4)])
def test_early_late_1_and_5_reach_every_layer_of_a_vision_transformer_and_a_mixer(
        build, dropouts, xp, backend):
    def layers(kind):
        return [m for _, m in net.named_modules() if isinstance(m, kind)]

    net = md.models.place(build(size=4, patch=2, width=6, depth=3), "drop*", md.Dropout(0.1))
    md.models.drop_paths(net, DEPTH, rule="linspace", mode="row", scaling="inverted").init(0)
    net.to(backend)
    for drop in layers(md.Dropout) + layers(md.StochasticDepth):
        drop.rng = Record(drop.rng)
    early, late = md.early(0.1, 2, 4, "linear"), md.late(DEPTH, 2, 4)
    x = xp.asarray(md.gaussian(0, (8, 3, 4, 4)))
    md.fit(net, md.optim.SGD(0.01), (x, xp.asarray(md.integers(1, 10, 8))), 1, batch_size=2,
           schedules={"drop*.p": early, "sum.p": md.scaled(late / DEPTH)}, progress=False)
    drawn = [[args[0] for _, args, _ in drop.rng.draws] for drop in layers(md.Dropout)]
    assert drawn == [list(1 - early)] * dropouts
    gates = [[args[0] for _, args, _ in block.rng.draws] for block in layers(md.StochasticDepth)]
    due = [np.linspace(0, rate, 3) for rate in late]              # anew at every iteration
    assert_allclose(gates, 1 - np.repeat(np.transpose(due), 2, axis=0), atol=1e-15)
    if build is md.models.vit:                    # the weights with which 5 tokens attend
        heads = net.block1.attention.sum.branch.heads.drop
        assert [args[1][-2:] for _, args, _ in heads.rng.draws] == [(5, 5)] * 4


# --- what is refused -----------------------------------------------------------------------------

@pytest.mark.parametrize("call, kind, message", [
    (lambda f: f(1.5, 2, 5), ValueError, r"p is a probability and must lie in \[0, 1\], got 1.5"),
    (lambda f: f(float("nan"), 2, 5), ValueError, "p is a probability"),
    (lambda f: f([0.1], 2, 5), TypeError, "p must be a number in"),
    (lambda f: f(0.1, 6, 5), ValueError, "cutoff must be at most total = 5 iterations, got 6"),
    (lambda f: f(0.1, -1, 5), ValueError, "cutoff must be a whole number of at least 0, got -1"),
    (lambda f: f(0.1, 0.5, 5), TypeError, "cutoff must be a whole number, got float 0.5"),
    (lambda f: f(0.1, 0, 0), ValueError, "total must be a whole number of at least 1, got 0"),
    (lambda f: f(0.1, 2, 5, "cosine"), ValueError,
     "kind must be one of 'constant', 'linear', got 'cosine'"),
])
@pytest.mark.parametrize("function", [md.early, md.late])
def test_a_mistake_in_early_or_late_is_named(function, call, kind, message):
    with pytest.raises(kind, match=message):
        call(function)


@pytest.mark.parametrize("pattern, path", [("drop*.p", "embed.drop"), ("heads.drop.p", "block1.*"),
                                           ("sum.p", "block1.attention.sum")])
def test_a_place_that_is_still_empty_is_named(pattern, path):
    net = md.models.vit(size=4, channels=1, patch=2, width=6, depth=1).init(0)
    with pytest.raises(ValueError, match=f"schedules: {path} has no rate; put a layer with one"):
        md.fit(net, md.optim.SGD(0.1), (np.ones((4, 1, 4, 4)), np.arange(4)), 1, progress=False,
               schedules={pattern: md.early(0.1, 1, 1)})


def test_an_early_schedule_of_another_length_stops_before_the_first_step(xp, backend):
    net = network(backend)
    for steps in (11, 13):
        with pytest.raises(ValueError, match=f"12 steps .epochs x batches., got {steps}"):
            run(xp, net, {"drop*.p": md.early(0.1, 5, steps)})
    assert net.drop1.p == 0.5 and bits(net) == bits(network(backend))
