r"""Early and late dropout: drop only at the start of a run, or only from some step on.

Paper    Liu, Xu, Jin, Shen, Darrell, "Dropout reduces underfitting", ICML 2023, arXiv:2303.01500:
         "Liu 2023".  Official code: facebookresearch/dropout.
Where    Over time: the rate of dropout or of stochastic depth, one value for each iteration, bound
         by `fit(..., schedules={"drop*.p": early(0.1, 500, 2000)})`.
Symbols  $t$ iteration (a step of the optimizer), from 0 to $T - 1$, $T_c$ cutoff, $p$ rate,
         $p_t$ rate of iteration $t$, $l$ block, $p_l$ the rate that block $l$ started with,
         $s_t$ a schedule of factors, with the rate 1.

Liu 2023, in words (early dropout): dropout until the cutoff, none afterwards
$$ p_t = p \;\text{ if } t < T_c, \quad 0 \;\text{ otherwise}               \tag{early_late.1} $$
Official code, drop_scheduler.py (linear): it falls, and ends with the last early iteration
$$ p_t = p \left( 1 - \frac{t}{T_c - 1} \right) \;\text{ if } t < T_c, \quad 0
   \;\text{ otherwise}, \quad p_0 = p \;\text{ for } T_c = 1             \tag{early_late.2} $$
Liu 2023, in words (late dropout): none until the cutoff, dropout afterwards
$$ p_t = 0 \;\text{ if } t < T_c, \quad p \;\text{ otherwise}               \tag{early_late.3} $$
Ours, from (early_late.2): late is early backwards in time, and so rises where early falls
$$ p_t^{\mathrm{late}}(T_c) = p_{T - 1 - t}^{\mathrm{early}}(T - T_c)       \tag{early_late.4} $$
Liu 2023, in words (early and late stochastic depth): every block keeps its share of the rate
$$ p_{l, t} = p_l \, s_t                                                 \tag{early_late.5} $$

Without noise  Evaluation draws nothing, as ever.  After `fit` the layers have the rates that they
started with.

Differs
- From the official code, which has late schedules of one kind alone, the constant one: `kind`
  "linear" of `late` is ours.  [test_early_late_4_late_schedules_of_the_official_code_are_constant]
- From the official code, which counts the cutoff in epochs: here it is in iterations, epochs times
  the batches of one.  [test_early_late_1_and_2_and_3_have_the_values_of_the_official_code]
- From the official code, which allows dropout or stochastic depth, not both: here each pattern has
  its own schedule.  [test_early_late_5_dropout_and_stochastic_depth_side_by_side]
- From the official code, which gives every dropout layer the same rate: so does an array, but
  `scaled` lets each layer, too, keep its share.  [test_early_late_5_layers_keep_their_share]
- From the official code, which computes a list of rates for the blocks anew at every iteration:
  `scaled(early(1.0, ...))` multiplies those of `drop_paths(net, p, rule="linspace")`, which is the
  same.  [test_early_late_5_has_the_rates_that_the_official_code_computes_anew]
- From a layer that is taken out: at the rate 0 it keeps everything, bit for bit, but still draws.
  So early dropout has the masks of standard dropout until the cutoff, late dropout from it on.
  [test_early_late_1_and_3_share_their_steps_with_standard_dropout_and_with_none]
- From the official code, whose layers all scale while training: ours may weigh in evaluation
  instead (`scaling="paper"`, the default of stochastic depth, and DropConnect), by the rate that
  they have then.  After early dropout that is not the rate the run ended with, so `fit` refuses it:
  take `scaling="inverted"`, or a DropConnect that begins with p = 0.
  [test_early_late_1_layers_that_weigh_in_evaluation_are_refused]
"""

from ..arguments import count, option, probability
from ..xp import array_module

KINDS = ("constant", "linear")


def early(p, cutoff, total, kind="constant"):
    """Rates for early dropout: an array (total,), `p` before iteration `cutoff` and 0 from there.

    With `kind` "linear" the rate falls from `p` to 0, which the last early iteration has already;
    one early iteration alone has the rate `p`.  `cutoff` lies in 0..`total`: at 0 there is no
    dropout, at `total` the constant kind is standard dropout.  Both count iterations, not epochs:
    three epochs of 20 are `early(p, cutoff=3 * batches, total=20 * batches)`.  ValueError for a
    rate outside [0, 1] and for a cutoff outside the run.

    Source: Liu 2023; its official code for the linear kind.

    >>> early(0.1, cutoff=4, total=6)
    array([0.1, 0.1, 0.1, 0.1, 0. , 0. ])
    >>> early(0.1, cutoff=4, total=6, kind="linear").round(4)
    array([0.1   , 0.0667, 0.0333, 0.    , 0.    , 0.    ])
    """
    p, cutoff, total = _checked(p, cutoff, total)
    xp = array_module()
    rates = xp.zeros(total)
    if option(kind, "kind", KINDS) == "linear":
        rates[:cutoff] = xp.linspace(p, 0.0, cutoff)                       # Eq. (early_late.2)
    else:
        rates[:cutoff] = p                                                 # Eq. (early_late.1)
    return rates


def late(p, cutoff, total, kind="constant"):
    """Rates for late dropout: an array (total,), 0 before iteration `cutoff` and `p` from there.

    With `kind` "linear" the rate rises from 0, which the first late iteration still has, to `p` in
    the last one; one late iteration alone has the rate `p`.  `cutoff` lies in 0..`total`: at 0 the
    constant kind is standard dropout, at `total` there is none.  ValueError as for `early`.

    Source: Liu 2023; the linear kind is ours.

    >>> late(0.1, cutoff=4, total=6)
    array([0. , 0. , 0. , 0. , 0.1, 0.1])
    >>> late(0.1, cutoff=1, total=6, kind="linear")
    array([0.   , 0.   , 0.025, 0.05 , 0.075, 0.1  ])
    """
    p, cutoff, total = _checked(p, cutoff, total)
    return early(p, total - cutoff, total, kind)[::-1].copy()   # Eq. (early_late.3), (early_late.4)


def _checked(p, cutoff, total):
    p, cutoff, total = probability(p), count(cutoff, "cutoff", least=0), count(total, "total")
    if cutoff > total:
        raise ValueError(f"cutoff must be at most total = {total} iterations, got {cutoff}")
    return p, cutoff, total
