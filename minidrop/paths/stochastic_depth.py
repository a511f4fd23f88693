r"""Stochastic depth: leave out the branch of a residual block, whole, with probability p.

Papers   Huang, Sun, Liu, Sedra, Weinberger, "Deep networks with stochastic depth", ECCV 2016,
         arXiv:1603.09382: "Huang 2016".
         Larsson, Maire, Shakhnarovich, "FractalNet: ultra-deep neural networks without residuals",
         ICLR 2017, arXiv:1605.07648, for the name DropPath: "Larsson 2017".
Where    Paths: the branch of a residual sum, one draw for each block, for the whole mini-batch
         ("batch") or for each of its examples ("row").  The latter is what timm calls DropPath and
         EfficientNet's code drop connect.
Symbols  $l$ block, from 1 to $L$; $p_l$ drop probability, $q_l = 1 - p_l$ survival probability
         (Huang 2016 writes $p_l$ for our $q_l$); $b$ gate (1 lives), $f$ branch, $s$ skip (the
         identity, for most blocks), $x$ input, $y$ the sum, whose ReLU is the block's output,
         $D$ number of open blocks, $F_l$ a branch that is a matrix.

Huang 2016, in words: survival falls linearly, and the input counts as block 0 (rule "paper")
$$ q_l = 1 - \frac{l}{L} (1 - q_L)                                    \tag{stochastic_depth.1} $$
timm's rates, torchvision's ConvNeXt and Swin: the first block always lives (rule "linspace")
$$ q_l = 1 - \frac{l-1}{L-1} (1 - q_L)                                \tag{stochastic_depth.2} $$
EfficientNet in timm and torchvision: and no block reaches q_L (rule "efficientnet")
$$ q_l = 1 - \frac{l-1}{L} (1 - q_L)                                  \tag{stochastic_depth.3} $$
Huang 2016, in words, for the mini-batch; timm, for each example: draw a gate
$$ b \sim \mathrm{Bernoulli}(q)                                       \tag{stochastic_depth.4} $$
Huang 2016, in words (scaling "paper"): train with the branch or without it
$$ y = b \, f(x) + s(x)                                               \tag{stochastic_depth.5} $$
Huang 2016, in words (scaling "paper"): weigh the branch in evaluation
$$ y = q \, f(x) + s(x)                                               \tag{stochastic_depth.6} $$
timm and torchvision (scaling "inverted"): weigh it while training, and in evaluation y = f + s
$$ y = b \, f(x) / q + s(x)                                           \tag{stochastic_depth.7} $$
From (stochastic_depth.4) to (stochastic_depth.7): evaluation is the mean over the gates
$$ \mathbb{E}[b f + s] = q f + s, \quad \mathrm{Var} = p \, q \, f^2, \qquad
   \mathbb{E}[b f / q + s] = f + s, \quad \mathrm{Var} = f^2 \, p / q \tag{stochastic_depth.8} $$
Huang 2016, in words, by (stochastic_depth.1): expected depth, (3 L - 1) / 4 at q_L = 1/2
$$ \mathbb{E}[D] = \sum_l q_l = L - \tfrac12 (L + 1) (1 - q_L), \qquad
   \mathrm{Var}[D] = \sum_l p_l \, q_l                                \tag{stochastic_depth.9} $$
From (stochastic_depth.4): without ReLU, evaluation is the mean of all 2^L networks
$$ \mathbb{E} \Big[ \prod_l (1 + b_l F_l) \Big] = \prod_l (1 + q_l F_l)
                                                                     \tag{stochastic_depth.10} $$

Without noise  The paper's scaling: (stochastic_depth.6).  The others: $y = f(x) + s(x)$.

Differs
- From the official code, whose optimiser holds all weights in one vector, so that momentum and
  weight decay still move a block that was left out: here it keeps its weights, its velocity and
  its count of steps, unless a penalty gives it a gradient.
  [test_stochastic_depth_4_an_optimizer_leaves_a_closed_branch_alone]
- From torchvision, whose "batch" mode multiplies a branch that was computed by 0: a closed batch
  gate computes nothing, forward or backward, and leaves the running statistics and streams of the
  branch alone.  A row gate computes the whole branch, as everywhere, and its batch norm sees the
  closed rows too.  [test_stochastic_depth_5_a_closed_batch_gate_computes_nothing,
  test_stochastic_depth_5_a_row_gate_computes_every_row,
  test_a_batch_under_the_gates_of_torchvision]
- From timm, whose DropPath has a gate for each example, divides by q and starts the rates at 0:
  these are `mode="row"`, `scaling="inverted"` and the rule "linspace".  With a last rate of 0.5,
  four blocks live with .875, .75, .625, .5 here, with 1, .833, .667, .5 there and with 1, .875,
  .75, .625 in EfficientNet.  [test_stochastic_depth_1_and_2_and_3_are_three_lists,
  test_rows_under_the_gates_of_timm, test_the_rule_linspace_has_the_rates_of_timm,
  test_the_rule_efficientnet_has_the_rates_of_torchvisions_efficientnet]
- From timm's `scale_by_keep=False`, which is not the paper's scheme either: it never scales, so
  evaluation is not the mean of training.  It is `scaling="none"` here.
  [test_stochastic_depth_6_unlike_no_scaling_at_all,
  test_evaluation_of_timm_is_the_branch_as_it_is]
- From Larsson 2017, whose drop-path closes some of the paths that meet in a join, but not all: in
  a residual sum the skip always lives, and every gate is drawn by itself.
  [test_stochastic_depth_4_gates_are_independent_and_may_all_be_closed]
- From libraries that multiply by the gate for a whole batch: a closed batch gate gives the skip
  itself, so an infinite branch does no harm.  A closed row is multiplied and gives nan.
  [test_stochastic_depth_5_an_infinite_branch,
  test_torchvision_multiplies_an_infinite_branch_by_a_closed_gate]
"""

from ..arguments import count, describe, floating, keep_mask, option, probability
from ..functional import masked
from ..nn import Identity, Module, Noise, Tensor
from ..noise import bernoulli, coin

RULES = ("paper", "linspace", "efficientnet")
MODES = ("batch", "row")
SCALINGS = ("paper", "inverted", "none")


def survival(block, blocks, q_last, rule="paper"):
    """The survival probability of block number `block`, from 1 to `blocks`, as a Python float.

    `q_last` is what the last block survives with under the rules "paper" and "linspace"; under
    "efficientnet" an imagined next one would.  A single block lives always under "linspace".

    Source: Huang 2016 for "paper", timm and torchvision for the others.

    >>> [survival(block, 4, q_last=0.5) for block in (1, 2, 3, 4)]
    [0.875, 0.75, 0.625, 0.5]
    """
    l, last, p = count(block, "block"), count(blocks, "blocks"), 1 - probability(q_last, "q_last")
    if l > last:
        raise ValueError(f"block must be at most the number of blocks, {last}, got {l}")
    if option(rule, "rule", RULES) == "paper":
        return 1 - l / last * p                                       # Eq. (stochastic_depth.1)
    if rule == "linspace":
        return 1 - (l - 1) / max(1, last - 1) * p                     # Eq. (stochastic_depth.2)
    return 1 - (l - 1) / last * p                                     # Eq. (stochastic_depth.3)


def path_gate(rng, batch, p, mode="batch"):
    """Draw whether a branch lives, for `batch` examples: each gate is False with probability `p`.

    One bool on the host for mode "batch", so that nobody waits for a GPU to hear what to compute;
    a boolean array (batch,) for "row".  `rng` is a `Stream` or an int seed.

    Source: Huang 2016 ("batch"); timm's DropPath ("row").

    >>> path_gate(1, batch=4, p=0.5), path_gate(1, batch=4, p=0.5, mode="row").astype(int)
    (True, array([1, 1, 0, 0]))
    """
    q, n = 1 - probability(p), count(batch, "batch", least=0)
    if option(mode, "mode", MODES) == "batch":
        return bool(coin(rng, q))                                     # Eq. (stochastic_depth.4)
    return bernoulli(rng, q, (n,))                                    # Eq. (stochastic_depth.4)


def stochastic_depth(skip, branch, gate, p, scaling="paper"):
    """`skip` plus `branch` where the gate lives: the sum that the block's ReLU then takes.

    `skip` and `branch` are floating arrays or Tensors of one shape (N, ...).  `gate` is a bool, a
    boolean array (N,) with one gate for each example, or one that broadcasts to their shape.  With
    `scaling` "inverted" the branch is divided by 1 - p (p = 1 leaves the skip alone), with "paper"
    and "none" it is not.  A gate that is False returns `skip` itself.

    Source: Huang 2016; timm and torchvision for "inverted".

    >>> import numpy as np
    >>> skip, branch = np.array([[1.0], [2.0]]), np.array([[10.0], [20.0]])
    >>> stochastic_depth(skip, branch, np.array([True, False]), 0.2, "inverted")
    array([[13.5],
           [ 2. ]])
    """
    q, _ = 1 - probability(p), _one_shape(skip, branch)
    weight = 1.0 if option(scaling, "scaling", SCALINGS) != "inverted" else 1 / q if q else 0.0
    if gate is False:
        return skip
    if gate is not True:
        branch = masked(branch, _gates(gate, branch.shape), weight)
    elif weight != 1:
        branch = branch * weight
    return branch + skip                       # Eq. (stochastic_depth.5), (stochastic_depth.7)


def stochastic_depth_expect(skip, branch, p, scaling="paper"):
    """What evaluation does: `skip` plus `branch`, which "paper" multiplies by 1 - p.

    Source: Huang 2016; timm and torchvision for "inverted" and "none".

    >>> import numpy as np
    >>> stochastic_depth_expect(np.array([1.0]), np.array([10.0]), p=0.2)
    array([9.])
    """
    q, _ = 1 - probability(p), _one_shape(skip, branch)
    if option(scaling, "scaling", SCALINGS) == "paper":
        return branch * q + skip                                      # Eq. (stochastic_depth.6)
    return branch + skip


def _one_shape(skip, branch):
    if floating(branch, "branch").shape != floating(skip, "skip").shape:
        raise ValueError(f"branch must have the shape {skip.shape} of skip, got {branch.shape}")


def _gates(gate, shape):
    """`gate` as a boolean array that broadcasts to `shape`; (N,) is one gate for each example."""
    if getattr(gate, "ndim", None) == 1:
        if gate.shape != shape[:1]:
            raise ValueError(f"gate must have one entry for each example of shape {shape}, got "
                             f"{describe(gate)}")
        gate = gate.reshape(-1, *[1] * (len(shape) - 1))
    return keep_mask(gate, shape, "gate")


class StochasticDepth(Noise):
    """A residual sum whose `branch` is left out with probability `p`: it takes a Residual's place.

    `skip` is the identity unless it is given.  `mode` "batch" draws one gate for all examples, and
    a closed one computes nothing: the branch gets no gradient, is marked `skipped`, and an
    optimizer leaves its weights alone.  `mode` "row" draws a gate for each example.  `scaling` is
    "paper" (weigh the branch by 1 - p in evaluation), "inverted" (by 1 / (1 - p) in training) or
    "none".  The ReLU behind the sum is not part of it.

    >>> from minidrop.nn import Linear
    >>> depth = [StochasticDepth(Linear(8, 8), 1 - survival(l, 4, 0.5)) for l in (1, 2, 3, 4)]
    >>> [block.p for block in depth]
    [0.125, 0.25, 0.375, 0.5]
    """

    def __init__(self, branch, p, skip=None, mode="batch", scaling="paper"):
        skip = Identity() if skip is None else skip
        for name, module in (("branch", branch), ("skip", skip)):
            if not isinstance(module, Module):
                raise TypeError(f"{name} must be a Module, got {describe(module)}")
        self.branch, self.skip, self.p = branch, skip, probability(p)
        self.mode = option(mode, "mode", MODES)
        self.scaling = option(scaling, "scaling", SCALINGS)

    def sample(self, shape):
        if not shape:
            raise ValueError("x must have a row for each example, got shape ()")
        return path_gate(self.rng, shape[0], self.p, self.mode)

    def apply(self, x, gate):
        if gate is False:
            self.branch.skipped = True
            return self._kind(self.skip(x))
        branch = self.branch(x)                   # first, as in a plain sum
        return stochastic_depth(self.skip(x), branch, gate, self.p, self.scaling)

    def expect(self, x):
        branch = self.branch(x)
        return stochastic_depth_expect(self.skip(x), branch, self.p, self.scaling)

    def _kind(self, y):
        """`y` as an open gate would give it: a Tensor, where anything here is trained."""
        return y if isinstance(y, Tensor) or not self.parameters() else Tensor(y)
