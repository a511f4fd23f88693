"""Stochastic depth beside torchvision and timm: the same gates for both, values and gradients."""

import numpy as np
import pytest

import minidrop as md
from tests.parity.draws import assert_close, of_minidrop, of_torch, pair
from tests.samplers import assert_rate

pytestmark = pytest.mark.reference
CLOSE = {"float32": 1e-6, "float64": 1e-15}
RATES = [0.1, 0.2, 0.5, 0.9, 1 / 3]
dtypes = pytest.mark.parametrize("dtype", CLOSE)
rates = pytest.mark.parametrize("p", RATES)
shapes = pytest.mark.parametrize("shape", [(40, 5), (16, 3, 4, 5)])


def gates(mask):
    """(N,) of a mask (N, ...) that is the same all over each example."""
    found = mask.reshape(len(mask), -1)
    assert (found == found[:, :1]).all()
    return found[:, 0]


def assert_agree(theirs, branch, skip, gate, p, g, scaling, close):
    """Their branch, gated and added to the skip, is ours; `theirs` is (y, gradient)."""
    y, gradient = of_minidrop(lambda f: md.stochastic_depth(skip, f, gate, p, scaling), branch, g)
    assert_close(y, skip + theirs[0], close)
    assert_close(gradient, theirs[1], close)


@dtypes
@rates
@shapes
def test_rows_under_the_gates_of_torchvision(torch, torchvision, rng, shape, p, dtype):
    branch, g = pair(rng, shape, dtype)
    skip, _ = pair(rng, shape, dtype)
    *theirs, mask = of_torch(torch, lambda x: torchvision.ops.stochastic_depth(x, p, "row"),
                             branch, g)
    assert_agree(theirs, branch, skip, gates(mask), p, g, "inverted", CLOSE[dtype])


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_a_batch_under_the_gates_of_torchvision(torch, torchvision, rng, p):
    seen = set()
    for seed in range(20 if p == 0.5 else 1):
        torch.manual_seed(seed)
        state = torch.random.get_rng_state()
        branch, g = pair(rng, (4, 3), "float64")
        skip, _ = pair(rng, (4, 3), "float64")

        def theirs(x, state=state):
            torch.random.set_rng_state(state)
            return torchvision.ops.stochastic_depth(x, p, "batch")

        *found, mask = of_torch(torch, theirs, branch, g)
        gate = bool(mask.any())
        assert gate == mask.all()
        seen.add(gate)
        if gate:
            assert_agree(found, branch, skip, gate, p, g, "inverted", 1e-15)
        else:                                     # ours computes nothing, so nothing has a gradient
            assert md.stochastic_depth(skip, branch, gate, p, "inverted") is skip
            assert not found[0].any() and not found[1].any()
    assert seen == {0.0: {True}, 0.5: {True, False}, 1.0: {False}}[p]


@dtypes
@rates
@shapes
@pytest.mark.parametrize("scaling", ["inverted", "none"])
def test_rows_under_the_gates_of_timm(torch, timm, rng, shape, p, scaling, dtype):
    branch, g = pair(rng, shape, dtype)
    skip, _ = pair(rng, shape, dtype)
    layer = timm.drop.DropPath(p, scale_by_keep=scaling == "inverted")
    *theirs, mask = of_torch(torch, layer, branch, g)
    assert_agree(theirs, branch, skip, gates(mask), p, g, scaling, CLOSE[dtype])


def test_torchvision_multiplies_an_infinite_branch_by_a_closed_gate(torch, torchvision):
    branch = np.full((2, 3), np.inf)
    y = torchvision.ops.stochastic_depth(torch.from_numpy(branch), 1.0, "batch")
    assert torch.isnan(y).all()
    assert (md.stochastic_depth(np.ones((2, 3)), branch, False, 1.0, "inverted") == 1).all()


def test_evaluation_of_timm_is_the_branch_as_it_is(torch, timm, rng):
    """With and without scaling: so without it, evaluation is not the mean of training."""
    x = rng.standard_normal((4, 3))
    for scale in (True, False):
        layer = timm.drop.DropPath(0.5, scale_by_keep=scale).eval()
        np.testing.assert_array_equal(layer(torch.from_numpy(x)).numpy(), x)
    branch = md.nn.Identity()
    for scaling, due in (("inverted", 2 * x), ("none", 2 * x), ("paper", 1.5 * x)):
        block = md.StochasticDepth(branch, 0.5, mode="row", scaling=scaling).init(0).eval()
        np.testing.assert_array_equal(block(x), due)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_all_close_the_asked_share_of_gates(torch, torchvision, timm, p):
    torch.manual_seed(0)
    n, ones = 100_000, torch.ones(100_000, 1)
    for kept in (torchvision.ops.stochastic_depth(ones, p, "row").numpy() > 0,
                 timm.drop.drop_path(ones, p, training=True).numpy() > 0,
                 md.path_gate(0, n, p, "row")):
        assert_rate(n - kept.sum(), n, p)


# --- which block gets which rate ------------------------------------------------------------------

def rates_in(torch, torchvision, build):
    """The rates of a torchvision network, block by block, built without memory for its weights."""
    with torch.device("meta"):
        network = build()
    return [m.p for m in network.modules() if isinstance(m, torchvision.ops.StochasticDepth)]


def ours(blocks, rate, rule):
    return [1 - md.survival(block, blocks, 1 - rate, rule) for block in range(1, blocks + 1)]


@pytest.mark.parametrize("blocks, rate", [(4, 0.5), (12, 0.1), (54, 0.5)])
def test_the_rule_linspace_has_the_rates_of_timm(timm, blocks, rate):
    theirs = timm.drop.calculate_drop_path_rates(rate, blocks)
    np.testing.assert_allclose(ours(blocks, rate, "linspace"), theirs, atol=1e-7)    # in float32


def test_the_rule_linspace_has_the_rates_of_torchvisions_convnext(torch, torchvision):
    theirs = rates_in(torch, torchvision, torchvision.models.convnext_tiny)
    np.testing.assert_allclose(ours(18, 0.1, "linspace"), theirs, atol=1e-15)


def test_the_rule_efficientnet_has_the_rates_of_torchvisions_efficientnet(torch, torchvision):
    theirs = rates_in(torch, torchvision, torchvision.models.efficientnet_b0)
    np.testing.assert_allclose(ours(16, 0.2, "efficientnet"), theirs, atol=1e-15)
