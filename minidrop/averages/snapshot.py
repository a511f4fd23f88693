r"""Snapshot ensembles: one run in cycles, a network kept after each, predictions averaged.

Paper    Huang, Li, Pleiss, Liu, Hopcroft, Weinberger, "Snapshot ensembles: train 1, get M for
         free", ICLR 2017, arXiv:1704.00109: "Huang 2017".
         Official code: gaohuang/SnapshotEnsemble (Torch).
Where    Over time, and in evaluation: the learning rate $\alpha$ of each mini-batch, bound by
         `fit(..., schedules={"lr": cyclic_cosine(range(1, T + 1), T, M, 0.1)})`; the networks after
         the steps of `snapshot_steps(T, M)`; and the mean of what the last m of them say.
Symbols  $t$ iteration (a mini-batch), from 1 to $T$, $M$ cycles, $f$ a falling function,
         $c = \lceil T / M \rceil$ iterations of a cycle, $\alpha_0$ first rate, $s_j$ the
         step after which snapshot $j$ is taken, $m$ members, $i$ a member, $h_i$ its softmax
         output, (N, K), $k$ a class, $y$ the label.

Huang 2017, equation (1): the rate falls, and starts again
$$ \alpha(t) = f(\mathrm{mod}(t - 1, \lceil T / M \rceil))                     \tag{snapshot.1} $$
Huang 2017, equation (2): along half a cosine wave
$$ \alpha(t) = \frac{\alpha_0}{2} \left( \cos \left( \frac{\pi \, \mathrm{mod}(t - 1,
   \lceil T / M \rceil)}{\lceil T / M \rceil} \right) + 1 \right)              \tag{snapshot.2} $$
From (snapshot.2): a cycle begins at $\alpha_0$ and ends above 0
$$ \alpha(1) = \alpha_0, \qquad \alpha(c) = \frac{\alpha_0}{2}
   \left( 1 + \cos \left( \pi \left( 1 - \frac{1}{c} \right) \right) \right)   \tag{snapshot.3} $$
Huang 2017, in words, but for the minimum, which is ours: a snapshot after every cycle
$$ s_j = \min(j c, T), \qquad j = 1, \dots, \lceil T / c \rceil \le M          \tag{snapshot.4} $$
Huang 2017, in words: the mean of the last m of the M softmax outputs
$$ h(x) = \frac{1}{m} \sum_{i=0}^{m-1} h_{M-i}(x)                              \tag{snapshot.5} $$
From (snapshot.5): its logarithm, without overflow or a logarithm of 0
$$ \ln h = a + \ln \frac{1}{m} \sum_i e^{\ln h_i - a}, \qquad
   a = \max_i \ln h_i                                                          \tag{snapshot.6} $$
From (snapshot.5), since $-\ln$ is convex: the loss is at most the mean of the members' losses
$$ -\ln h_y \le \frac{1}{m} \sum_i -\ln h_{i,y}                                \tag{snapshot.7} $$
Common practice, in words: the class that most members name
$$ \mathrm{argmax}_k \, \lvert \{ i : \mathrm{argmax}_j \, h_{i,j} = k \} \rvert \tag{snapshot.8} $$

Without noise  Nothing here draws: in evaluation the members are, and the ensemble is the mean of
what they say.

Differs
- From the official code, where a cycle has floor(epochs / M) epochs and the last one takes what is
  left: here a cycle has ceil(T / M) iterations, and the last one is cut short.  T = 10 and M = 3
  are cycles of 4, 4 and 2, and the last rate is 0.0854 of 0.1; T = 20 and M = 6 are five cycles.
  [test_snapshot_4_a_total_that_cycles_do_not_divide]
- From the official code, which takes the place in the last cycle modulo that cycle's own length:
  200 epochs in 6 cycles from 0.2 fall to 0.031 in epoch 166, where a cycle should begin, to 0 in
  epoch 175, are back at 0.1996 in 176, and the last snapshot is taken at 0.038.
  [test_snapshot_2_has_no_jump_within_its_last_cycle_as_the_official_code_has]
- From the official code, which counts the iterations of a cycle from 1: its first rate is just
  below $\alpha_0$ and its last one is 0; here the first is $\alpha_0$ and the last is not 0.
  [test_snapshot_3_the_official_code_is_one_iteration_ahead]
- From the official code, which adds the softmax outputs: the same classes, but no probabilities.
  [test_snapshot_5_a_sum_names_the_same_classes]
- From titu1994/Snapshot-Ensembles (Keras), where the rate is one for each epoch and a cycle has
  floor(epochs / M): 10 epochs in 3 cycles are 3, 3, 3 and one more at the full rate, which no
  snapshot follows.  [test_snapshot_2_per_epoch_with_the_floor_as_in_keras]
- From an average of logits, a geometric mean, which may name another class.
  [test_snapshot_5_logits_and_probabilities_can_name_different_classes]
- As in the official code, momentum goes on over a restart: only the rate starts again.
  [test_snapshot_2_momentum_goes_on_over_a_restart]
"""

import math

from ..arguments import (
    COUNTED,
    count,
    describe,
    floating,
    iterable,
    member_probabilities,
    number,
    takes,
)
from ..functional import exp, log, log_softmax, softmax, where
from ..nn import Module, evaluation
from ..xp import array_module


def cyclic(t, total, cycles, f):
    """The rate of iteration `t` when `f` is run through anew in each of `cycles` cycles.

    `t` counts from 1 to `total`: a whole number, or several as an array, a list or a range, such as
    all of them, range(1, total + 1).  `f` is called with the place in the cycle, an int from 0 to
    ceil(total / cycles) - 1, once for each place that is asked for, and should fall.  A float for a
    whole number, else an array of float64.

    ValueError for `cycles` outside 1..total, and for a `t` outside it.

    Source: Huang 2017, equation (1).

    >>> cyclic(range(1, 11), total=10, cycles=3, f=lambda k: 1 - k / 4)
    array([1.  , 0.75, 0.5 , 0.25, 1.  , 0.75, 0.5 , 0.25, 1.  , 0.75])
    """
    if takes(f, "f", "k") is None:
        raise TypeError("f must be a function, called as f(k), got None")
    k = _place(t, total, cycles)
    if isinstance(k, int):
        return _rate(f, k)                                                     # Eq. (snapshot.1)
    xp = array_module(k)
    places, each = xp.unique(k, return_inverse=True)
    rates = xp.asarray([_rate(f, place) for place in places.tolist()], "float64")
    return rates[each.reshape(k.shape)]                                        # Eq. (snapshot.1)


def cyclic_cosine(t, total, cycles, lr0):
    """The learning rate of iteration `t`: from `lr0` along half a cosine wave, in every cycle.

    `t`, `total`, `cycles` and the result are those of `cyclic`.  All rates of a run of `total`
    steps are `cyclic_cosine(range(1, total + 1), total, cycles, lr0)`, to be bound by
    `fit(..., schedules={"lr": ...})`.

    Source: Huang 2017, equation (2).

    >>> cyclic_cosine(range(1, 9), total=8, cycles=2, lr0=0.1).round(6)
    array([0.1     , 0.085355, 0.05    , 0.014645, 0.1     , 0.085355,
           0.05    , 0.014645])
    >>> cyclic_cosine(3, total=8, cycles=2, lr0=0.1)
    0.05
    """
    c, lr0, k = _length(total, cycles), number(lr0, "lr0"), _place(t, total, cycles)
    rates = lr0 / 2 * (array_module(k).cos(math.pi * (k / c)) + 1)             # Eq. (snapshot.2)
    return float(rates) if isinstance(k, int) else rates


def snapshot_steps(total, cycles):
    """After how many steps a snapshot is taken: at the end of each cycle, as a list.

    A cycle has ceil(total / cycles) steps.  Where that does not divide `total` the last cycle is
    cut short, and its snapshot is taken while the rate is still high; there can even be fewer
    cycles than asked for.  Best is a `total` that `cycles` divides.

    >>> snapshot_steps(total=20, cycles=4), snapshot_steps(10, 3), len(snapshot_steps(20, 6))
    ([5, 10, 15, 20], [4, 8, 10], 5)
    """
    c, total = _length(total, cycles), count(total, "total")
    return [min(end, total) for end in range(c, total + c, c)]                 # Eq. (snapshot.4)


def average_probabilities(probs):
    """The mean of the members' probabilities: (m, N, K), members on axis 0, to (N, K).

    `probs` is an array or Tensor whose rows sum to 1.  ValueError for what is no probabilities,
    such as logits, which would be averaged to something else: give `softmax(logits)`.

    Source: Huang 2017, in words.

    >>> import numpy as np
    >>> average_probabilities(np.array([[[0.9, 0.1]], [[0.4, 0.6]]]))
    array([[0.65, 0.35]])
    """
    return member_probabilities(probs).mean(0)                                 # Eq. (snapshot.5)


def majority_vote(probs):
    """The class that most members name: probabilities (m, N, K), to class indices (N,).

    Each member names its most probable class; between classes of equally many votes the larger mean
    probability decides, and where that is equal too, the first.  So it does within a member.
    ValueError as for `average_probabilities`.

    >>> import numpy as np
    >>> majority_vote(np.array([[[0.9, 0.1]], [[0.4, 0.6]], [[0.4, 0.6]]]))
    array([1])
    """
    p = _array(member_probabilities(probs))
    xp = array_module(p)
    votes = (p.argmax(-1)[..., None] == xp.arange(p.shape[-1])).sum(0)         # (N, K)
    most = votes == votes.max(-1, keepdims=True)
    return xp.where(most, p.mean(0), -1.0).argmax(-1)                          # Eq. (snapshot.8)


class SnapshotEnsemble(Module):
    """Networks that predict together: the logarithm of their mean probabilities, (N, K).

    `members` are networks that give logits (N, K).  The outputs of the ensemble are logits of its
    probabilities, so `evaluate`, `cross_entropy` and `accuracy` take it as they take a network; its
    paths are those of the members, "members.0.linear1.weight", and `save`, `load` and `to` reach
    all of them.  The members are the networks themselves, no copies, oldest first.

    Its mode is theirs: call `eval()` to predict.  In training mode the members' noise is on, and
    gradients flow to all of them, to train them together.  `init(seed)` draws all members, each
    with values of its own.

    Source: Huang 2017, in words.

    >>> import minidrop as md
    >>> nets = [md.nn.Linear(4, 3).init(seed) for seed in range(5)]
    >>> ensemble, x = SnapshotEnsemble(nets).eval(), md.gaussian(0, (2, 4))
    >>> ensemble(x).shape, ensemble.last(2).probabilities(x).shape
    ((2, 3), (2, 2, 3))
    >>> bool((md.softmax(ensemble(x)).data.sum(-1).round(5) == 1).all())
    True
    """

    def __init__(self, members):
        if isinstance(members, Module):
            raise TypeError("members must be a list of networks, got one "
                            f"{type(members).__name__}; for an ensemble of one give [net]")
        found = list(iterable(members, "members", "a list of networks"))
        for i, net in enumerate(found):
            if not isinstance(net, Module):
                raise TypeError(f"members must be networks, got {describe(net)} as number {i}")
        if not found or len({id(net) for net in found}) < len(found):
            raise ValueError("members must hold at least one network, and each once; to keep one "
                             "that is trained further, take copy.deepcopy(net), got "
                             f"{len(found)} of which {len({id(net) for net in found})} differ")
        self.members = found

    def forward(self, x):
        logs = [log_softmax(z) for z in self._logits(x)]
        arrays = [_array(each) for each in logs]
        xp = array_module(*arrays)
        largest = xp.stack(arrays).max(0)
        some = largest > -math.inf                # else the class is impossible to all members
        shift = xp.where(some, largest, 0).astype(largest.dtype)
        mean = sum(exp(each - shift) for each in logs) / len(logs)
        return log(where(some, mean, 1.0)) + largest                           # Eq. (snapshot.6)

    def last(self, m):
        """The ensemble of the last `m` members, which it shares with this one."""
        if (m := count(m, "m")) > len(self.members):
            raise ValueError(f"m must be at most the {len(self.members)} members, got {m}")
        return SnapshotEnsemble(self.members[-m:])

    def probabilities(self, x, batch_size=1024):
        """What each member says in evaluation, as an array (m, N, K); modes are kept.

        >>> import minidrop as md
        >>> ensemble = SnapshotEnsemble([md.nn.Linear(4, 3).init(seed) for seed in range(5)])
        >>> probs = ensemble.probabilities(md.gaussian(0, (2, 4)))
        >>> average_probabilities(probs).shape, majority_vote(probs).shape
        ((2, 3), (2,))
        """
        size = count(batch_size, "batch_size", most=COUNTED)
        if floating(x).ndim == 0 or len(x) == 0:
            raise ValueError(f"x must hold at least one example, got shape {x.shape}")
        with evaluation(self):
            parts = [[softmax(_array(z)) for z in self._logits(x[i:i + size])]
                     for i in range(0, len(x), size)]
        xp = array_module(parts[0][0])
        return xp.concatenate([xp.stack(part) for part in parts], axis=1)

    def _logits(self, x):
        """The members' logits, Tensors of one shape (N, K)."""
        found = [net(x) for net in self.members]
        shapes = [getattr(z, "shape", type(z).__name__) for z in found]
        if len(set(shapes)) > 1 or getattr(found[0], "ndim", 0) != 2:
            raise ValueError("members must give logits of one shape (N, K), got "
                             f"{', '.join(map(str, dict.fromkeys(shapes)))}")
        return found


def _length(total, cycles):
    """The iterations of a cycle."""
    total, cycles = count(total, "total"), count(cycles, "cycles")
    if cycles > total:
        raise ValueError(f"cycles must be at most total = {total} iterations, got {cycles}")
    return -(-total // cycles)


def _place(t, total, cycles):
    """Where in their cycles the iterations `t` are, from 0: an int, or an array of int64."""
    c = _length(total, cycles)
    t = array_module().asarray(t) if isinstance(t, range | list | tuple) else t
    if not getattr(t, "ndim", 0):
        t = low = high = count(t, "t")
    elif t.dtype.kind not in "iu" or t.size == 0:
        raise TypeError(f"t must hold whole numbers, and at least one, got {describe(t)}")
    else:
        t, low, high = t.astype("int64"), int(t.min()), int(t.max())
    if low < 1 or high > total:
        raise ValueError(f"t must lie in 1..total, which is {total}, got {low} to {high}")
    return (t - 1) % c


def _rate(f, k):
    rate = f(k)
    if isinstance(rate, str) or getattr(rate, "ndim", 0) > 0 or not hasattr(rate, "__float__"):
        raise TypeError(f"f must give a number, got {describe(rate)} for k = {k}")
    return float(rate)


def _array(x):
    return x.data if hasattr(x, "requires_grad") else x
