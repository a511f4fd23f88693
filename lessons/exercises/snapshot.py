"""Snapshot ensembles: one run in cycles, a network kept after each, predictions averaged."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("snapshot", lesson="snapshots")


def runs(rng):
    yield from ((4, 2, 0.5), (3, 1, 0.2), (5, 2, 0.1), (1, 1, 0.3), (6, 6, 0.4))
    for total in rng.integers(7, 40, 3).tolist():
        yield total, int(rng.integers(2, 6)), round(rng.uniform(0.1, 0.9), 2)


@exercise.task(
    "snapshot.2", points=3, cases=runs,
    key=lambda total, cycles, lr0: md.cyclic_cosine(range(1, total + 1), total, cycles, lr0),
    hint="How many steps has a cycle, and where in its cycle is step t, counted from 1?")
def cosine_rates(total, cycles, lr0):
    """Make the learning rates of a run: in each cycle from lr0 down, along half a cosine wave.

    total is the number T of steps, which are counted from 1, cycles the number M of cycles, lr0 is
    alpha_0 in the formula.  Returns an array (total,): the first is the rate of step 1.
    """
    length = -(-total // cycles)
    rates = np.zeros(total)
    for t in range(1, total + 1):
        place = (t - 1) % length
        rates[t - 1] = lr0 / 2 * (np.cos(np.pi * place / length) + 1)
    return rates


@cosine_rates.right("array code")
def _(total, cycles, lr0):
    length = int(np.ceil(total / cycles))
    return lr0 / 2 * (1 + np.cos(np.pi * (np.arange(total) % length) / length))


@cosine_rates.right("one cycle, repeated, as the square of a cosine")
def _(total, cycles, lr0):
    length = (total + cycles - 1) // cycles
    once = lr0 * np.cos(np.arange(length) * np.pi / (2 * length))**2
    return np.tile(once, cycles)[:total]


@cosine_rates.wrong("a cycle begins with lr0 itself")
def _(total, cycles, lr0):
    length = -(-total // cycles)
    return lr0 / 2 * (1 + np.cos(np.pi * (np.arange(1, total + 1) % length) / length))


@cosine_rates.wrong("in each cycle the wave runs down, and never up again")
def _(total, cycles, lr0):
    length = -(-total // cycles)
    return lr0 / 2 * (1 + np.cos(2 * np.pi * (np.arange(total) % length) / length))


@cosine_rates.wrong("after each cycle the rate is large again")
def _(total, cycles, lr0):
    return lr0 / 2 * (1 + np.cos(np.pi * np.arange(total) / total))


@cosine_rates.wrong("the length of a cycle is rounded up to a whole number")
def _(total, cycles, lr0):
    length = max(total // cycles, 1)
    return lr0 / 2 * (1 + np.cos(np.pi * (np.arange(total) % length) / length))


@cosine_rates.wrong("the last step of a cycle is not at the end of the wave: mind its length")
def _(total, cycles, lr0):
    length = -(-total // cycles)
    return lr0 / 2 * (1 + np.cos(np.pi * (np.arange(total) % length) / max(length - 1, 1)))


def cycles_of_runs(rng):
    yield from ((4, 2), (5, 2), (10, 3), (1, 1), (6, 6), (20, 6))
    for total in rng.integers(12, 60, 3).tolist():
        yield total, int(rng.integers(2, 9))


@exercise.task("snapshot.4", points=2, cases=cycles_of_runs, key=md.snapshot_steps,
               hint="Cycles are equally long but for the last one, which ends with the run.")
def snapshot_steps(total, cycles):
    """List after how many steps a snapshot is taken: at the end of each cycle.

    A cycle has total / cycles steps, rounded up (c in the formula); the last one may be shorter,
    and where cycles are many there may be fewer of them.  Returns a list of whole numbers.
    """
    length = -(-total // cycles)
    steps = []
    for t in range(1, total + 1):
        if t % length == 0 or t == total:
            steps.append(t)
    return steps


@snapshot_steps.right("range")
def _(total, cycles):
    length = -(-total // cycles)
    return [min(end, total) for end in range(length, total + length, length)]


@snapshot_steps.right("an array")
def _(total, cycles):
    length = int(np.ceil(total / cycles))
    return np.minimum(np.arange(1, int(np.ceil(total / length)) + 1) * length, total)


@snapshot_steps.wrong("the last cycle has a snapshot too, even if it is cut short")
def _(total, cycles):
    length = -(-total // cycles)
    return list(range(length, total + 1, length))


@snapshot_steps.wrong("the length of a cycle is rounded up")
def _(total, cycles):
    length = max(total // cycles, 1)
    return [min(end, total) for end in range(length, total + length, length)]


@snapshot_steps.wrong("a snapshot is taken at the end of a cycle, not at its start")
def _(total, cycles):
    return list(range(0, total, -(-total // cycles)))


@snapshot_steps.wrong("where the run is over there is no cycle more: no snapshot is taken twice")
def _(total, cycles):
    length = -(-total // cycles)
    return [min(length * (j + 1), total) for j in range(cycles)]


@snapshot_steps.wrong("a run has no more steps than total")
def _(total, cycles):
    length = -(-total // cycles)
    return [length * (j + 1) for j in range(-(-total // length))]


def members(rng):
    yield (np.array([[[0.9, 0.1]], [[0.4, 0.6]]]), 2)
    for m, n, k, last in ((1, 2, 2, 1), (3, 1, 3, 2), (4, 2, 3, 3), (5, 3, 4, 1)):
        p = rng.integers(1, 9, (m, n, k)) / 1.0
        yield p / p.sum(2, keepdims=True), last


@exercise.task("snapshot.5", points=1, cases=members,
               key=lambda probs, m: md.average_probabilities(probs[len(probs) - m:]),
               hint="Which networks are the last, and what do all of their outputs sum to?")
def predict(probs, m):
    """Average the probabilities of the last m snapshots.

    probs is (M, N, K): the probabilities of M snapshots, the oldest first, for N examples and K
    classes; m is from 1 to M.  Returns (N, K).
    """
    M, N, K = probs.shape
    mean = np.zeros((N, K))
    for i in range(m):
        for n in range(N):
            for k in range(K):
                mean[n, k] += probs[M - 1 - i, n, k] / m
    return mean


@predict.right("the mean of a slice")
def _(probs, m):
    return probs[-m:].mean(axis=0)


@predict.right("einsum")
def _(probs, m):
    return np.einsum("snk->nk", probs[::-1][:m]) / m


@predict.wrong("the last snapshots are asked for, and here it is the first")
def _(probs, m):
    return probs[:m].mean(0)


@predict.wrong("only m of them take part")
def _(probs, m):
    return probs.mean(0)


@predict.wrong("a mean of probabilities sums to 1, and here it is a sum")
def _(probs, m):
    return probs[-m:].sum(0)


@predict.wrong("probabilities are averaged, and not their logarithms")
def _(probs, m):
    p = np.exp(np.log(probs[-m:]).mean(0))
    return p / p.sum(1, keepdims=True)


@predict.wrong("the mean is over the networks, and each example keeps its own row")
def _(probs, m):
    return probs[-m:].mean((0, 1), keepdims=True)[0].repeat(probs.shape[1], 0)


def votes(rng):
    yield (np.array([[[0.9, 0.1]], [[0.4, 0.6]], [[0.4, 0.6]]]),)
    yield (np.array([[[0.6, 0.3, 0.1]], [[0.1, 0.2, 0.7]]]),)
    yield (np.array([[[0.9, 0.1]], [[0.4, 0.6]]]),)
    for m, n, k in ((1, 2, 3), (4, 3, 2), (5, 2, 3), (6, 8, 4)):
        p = rng.random((m, n, k)) ** 2 + 0.01
        yield (p / p.sum(2, keepdims=True),)
    yield (np.array([[[0.6, 0.4, 0.0]], [[0.05, 0.45, 0.5]], [[0.1, 0.42, 0.48]]]),)
    # equal votes: no mean over voters alone, no maximum, no third class; then, certainty is no vote
    yield (np.array([[[0.6, 0.39, 0.01]], [[0.1, 0.5, 0.4]]]),)
    yield (np.array([[[0.9, 0.1, 0.0]], [[0.4, 0.3, 0.3]], *[[[0.1, 0.8, 0.1]]] * 2]),)
    yield (np.array([*[[[0.5, 0.05, 0.45]]] * 2, [[0.05, 0.5, 0.45]], [[0.04, 0.52, 0.44]]]),)
    yield (np.array([*[[[0.51, 0.49]]] * 3, *[[[0.05, 0.95]]] * 2]),)


@exercise.task("snapshot.8", points=3, cases=votes, key=md.majority_vote,
               hint="Count the votes first; the probabilities matter only where votes are equal.")
def vote(probs):
    """Find the class that most networks name; of those with equally many, the more probable one.

    probs is (M, N, K), the probabilities of M networks for N examples and K classes.  A network
    names its most probable class.  Where votes are equal, the larger mean probability decides.
    Returns an array (N,) of classes, counted from 0.
    """
    M, N, K = probs.shape
    winners = np.zeros(N, int)
    for n in range(N):
        count, mean = np.zeros(K), np.zeros(K)
        for m in range(M):
            count[probs[m, n].argmax()] += 1
            mean += probs[m, n] / M
        for k in range(K):
            w = winners[n]
            if count[k] > count[w] or (count[k] == count[w] and mean[k] > mean[w]):
                winners[n] = k
    return winners


@vote.right("votes, and a little for the probability")
def _(probs):
    named = np.eye(probs.shape[2])[probs.argmax(2)]
    return (named.sum(0) + 0.5 * probs.mean(0)).argmax(1)


@vote.right("sorted by two keys")
def _(probs):
    count = np.stack([(probs.argmax(2) == k).sum(0) for k in range(probs.shape[2])], 1)
    return np.lexsort((probs.mean(0), count), axis=1)[:, -1]


@vote.wrong("each network has one vote: this is the class of the largest mean")
def _(probs):
    return probs.mean(0).argmax(1)


@vote.wrong("where votes are equal the probabilities decide, and not the order of the classes")
def _(probs):
    return np.eye(probs.shape[2])[probs.argmax(2)].sum(0).argmax(1)


@vote.wrong("where votes are equal the mean over all networks decides, not over its voters")
def _(probs):
    named = np.eye(probs.shape[2])[probs.argmax(2)]
    return (named.sum(0) + 0.01 * (named * probs).sum(0)).argmax(1)


@vote.wrong("where votes are equal, only the classes with the most of them are left to decide on")
def _(probs):
    count = np.eye(probs.shape[2])[probs.argmax(2)].sum(0)
    equal = (count == count.max(1, keepdims=True)).sum(1) > 1
    return np.where(equal, probs.mean(0).argmax(1), count.argmax(1))


@vote.wrong("all networks vote, not only the one that is most certain")
def _(probs):
    return probs.max(0).argmax(1)


@vote.wrong("networks vote on each example for themselves")
def _(probs):
    return np.full(probs.shape[1], np.bincount(probs.argmax(2).ravel()).argmax())
