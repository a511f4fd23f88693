r"""Fast geometric ensembling: short cycles of the rate, and a network from the middle of each.

Paper    Garipov, Izmailov, Podoprikhin, Vetrov, Wilson, "Loss surfaces, mode connectivity, and fast
         ensembling of DNNs", NeurIPS 2018, arXiv:1802.10026: "Garipov 2018".  Official code:
         timgaripov/dnn-mode-connectivity.
Where    Over time: the learning rate, from weights that are trained already.
Symbols  $i$ a step, from 0, $c$ the steps of a cycle, $u_i$ the part of its cycle that is over,
         $\alpha_1$ and $\alpha_2$ the largest and the smallest rate, $\alpha(i)$ that of step i,
         $T$ the number of steps, $h_m$ the softmax outputs of the m-th network of M.

Official code: where in its cycle a step is
$$ u_i = \mathrm{mod}(i, c) / c                                                   \tag{fge.1} $$
Official code, its two cases as one: the rate falls to the middle of a cycle and rises again
$$ \alpha(i) = \lvert 1 - 2 u_i \rvert \, \alpha_1
   + (1 - \lvert 1 - 2 u_i \rvert) \, \alpha_2                                     \tag{fge.2} $$
Official code: networks are collected when so many steps have been taken
$$ \tfrac12 c, \; \tfrac32 c, \; \tfrac52 c, \; \dots \; \le T                    \tag{fge.3} $$
Official code, which leaves out the factor: the mean of their softmax outputs
$$ h = \frac{1}{M} \sum_{m=1}^M h_m                                               \tag{fge.4} $$

The step that follows a collection is the one with the smallest rate, u = 1/2: the last step before
it has the rate above, larger by 2 (alpha_1 - alpha_2) / c.

Without noise  Nothing is drawn: it is a schedule, and its members are networks like any other.

Differs
- From the official code, which counts epochs, of which a cycle has an even number: here it has an
  even number of steps.  [test_fge_2_has_the_values_of_the_official_code]
- From the same, which adds the softmax outputs: the mean ranks classes alike, and its rows sum to
  1.  [test_fge_4_the_mean_of_the_outputs_ranks_classes_as_their_sum_does]
"""

from ..arguments import count, number
from ..xp import array_module


def fge_rates(alpha1, alpha2, total, cycle):
    """Learning rates for fast geometric ensembling: an array (total,), one for each step.

    Each cycle of `cycle` steps, an even number, starts at `alpha1` and has `alpha2`, which is at
    most `alpha1`, in its middle.

    Source: Garipov 2018, official code.

    >>> fge_rates(0.05, 0.01, total=10, cycle=8)
    array([0.05, 0.04, 0.03, 0.02, 0.01, 0.02, 0.03, 0.04, 0.05, 0.04])
    """
    alpha1 = number(alpha1, "alpha1")
    alpha2, total, xp = number(alpha2, "alpha2", most=alpha1), count(total, "total"), array_module()
    cycle = _even(cycle)
    u = xp.arange(total) % cycle / cycle                                          # Eq. (fge.1)
    share = abs(1 - 2 * u)
    return share * alpha1 + (1 - share) * alpha2                                  # Eq. (fge.2)


def fge_steps(total, cycle):
    """After how many steps networks are collected: the middle of each cycle, as a list.

    `total` is at least half a cycle.

        fit(..., schedules={"lr": fge_rates(alpha1, alpha2, total, cycle)},
            recorder=Snapshots(folder, fge_steps(total, cycle)))

    Source: Garipov 2018, official code.

    >>> fge_steps(total=20, cycle=8)
    [4, 12, 20]
    """
    total, cycle = count(total, "total"), _even(cycle)
    if total < cycle // 2:
        raise ValueError(f"total must be at least half a cycle, {cycle // 2}, got {total}")
    return list(range(cycle // 2, total + 1, cycle))                              # Eq. (fge.3)


def _even(cycle):
    if count(cycle, "cycle", least=2) % 2:
        raise ValueError(f"cycle must be an even number of steps, got {cycle!r}")
    return int(cycle)
