"""What snapshot ensembles are held to: (snapshot.1) to (snapshot.8), in five functions.

what="rate": the rate of iteration t, f(t, total, cycles, lr0), t from 1; "steps": after which steps
snapshots are taken, f(total, cycles); "mean": of the members' probabilities (m, N, K), f(probs);
"log mean": its logarithm; "vote": the class that most members name.
"""

import math

import numpy as np

from ...averages.snapshot import majority_vote
from ..checks.formulas import Formula, agrees, inputs, manners, unless
from ..technique import Technique, fails, held, of_form, states

LENGTHS = "ceiling", "floor", "floor, the last takes the rest"


def _length(total, cycles, options):
    return -(-total // cycles) if options["length"] == "ceiling" else total // cycles


def rate(t, total, cycles, lr, options):
    """The rate of iteration t, and its known variants, written out."""
    c = _length(total, cycles, options) if options["restarts"] else total
    start = 1 if options["t is from"] != 0 else 0
    if options["restarts"] and options["length"] == LENGTHS[2] and t - start >= (cycles - 1) * c:
        c = total - (cycles - 1) * c              # modulo its own length, as the official code
    k = (t - start) % c + options["ahead"]
    return np.asarray(lr / 2 * (math.cos(math.pi * k / c) + 1))


RUNS = (2, 1), (2, 2), (4, 2), (8, 2), (10, 3), (20, 6)


def _iterations(options):
    for total, cycles in RUNS:
        for t in range(1, total + 1):
            yield (), {"t": t, "total": total, "cycles": cycles, "lr": 0.1}


def _snapshots(total, cycles, options):
    c = _length(total, cycles, options)
    ends = [c * j for j in range(1, cycles + 1)]
    if options["length"] == LENGTHS[2]:
        ends[-1] = total
    return np.array(sorted({min(end, total) for end in ends}))


RATE = Formula(lambda *, options, **n: rate(**n, options=options), _iterations)
STEPS = Formula(lambda *, options, **n: _snapshots(**n, options=options),
                lambda options: [((), {"total": total, "cycles": m}) for total, m in RUNS])


@states("snapshot.1")
def restarts(box):
    """The rate falls within a cycle of ceil(T / M) iterations, and then begins again."""
    for total, cycles in RUNS:
        c = _length(total, cycles, box.options) if box.options["restarts"] else total
        rates = [float(box.train(like=None, t=t, total=total, cycles=cycles, lr=0.1).y)
                 for t in range(1, total + 1)]
        due = [float(rate(t, total, cycles, 0.1, box.options)) for t in range(1, total + 1)]
        for i in range(total - 1):
            if np.sign(round(rates[i + 1] - rates[i], 7)) != np.sign(round(due[i + 1] - due[i], 7)):
                text = f"total = {total}, cycles = {cycles}, lr = 0.1, t = {i + 1} and {i + 2}"
                return fails(text, f"{rates[i]:.6g}, then {rates[i + 1]:.6g}",
                             f"{due[i]:.6g}, then {due[i + 1]:.6g}: cycles of {c}")
    return held(f"every t of T, M = {', '.join(map(str, RUNS))}")


@states("snapshot.3")
def ends_of_a_cycle(box):
    """A cycle begins at the full rate, and ends above 0."""
    unless(box, "restarts", reason="its cycles have other ends")
    cases = [((), {"t": t, "total": 8, "cycles": 2, "lr": 0.1}) for t in (1, 4, 5, 8)]
    return agrees(RATE, (), "", cases=lambda options: cases)(box)


def members(options=None):
    """Probabilities of two or three members, in which no two votes or means are equal."""
    yield (np.array([[[0.9, 0.1]], [[0.4, 0.6]]]),), {}
    yield (np.array([[[0.8, 0.2], [0.3, 0.7]], [[0.1, 0.9], [0.2, 0.8]], [[0.3, 0.7], [0.6, 0.4]]]),
           ), {}


def _mean(probs, *, options):
    if options["members are"] == "added":
        return probs.sum(0)
    if options["members are"] == "multiplied":
        together = np.exp(np.log(probs).mean(0))
        return together / together.sum(-1, keepdims=True)
    return probs.mean(0)


MEAN = Formula(_mean, members)
LOG = Formula(lambda probs, *, options: np.log(_mean(probs, options=options)), members)
VOTES = np.array([[[0.6, 0.4]], [[0.7, 0.3]], [[0.1, 0.9]]])      # two for 0, and the mean for 1
VOTE = Formula(lambda probs, *, options: majority_vote(probs),
               lambda options: [((VOTES,), {}), *[*members()][1:]])


@states("snapshot.7")
def loss_of_the_mean(box):
    """The loss of the ensemble is at most the mean of the members' losses."""
    for x in inputs(MEAN, box):
        y = box.train(*x.arrays, like=None).y
        mean = -np.log(x.arrays[0]).mean(0)
        if (-np.log(y) > mean + 1e-5).any():
            at = tuple(map(int, np.argwhere(-np.log(y) > mean + 1e-5)[0]))
            return fails(x.text, f"loss {-np.log(y[at]):.6g}, class {at[1]}",
                         f"at most {mean[at]:.6g}")
    return held(f"up to {x.text}")


TECHNIQUE = Technique(
    "snapshot", arrays=("probs",), parameters=("t", "total", "cycles", "lr"),
    checks=(
        *of_form("rate", restarts, agrees(
            RATE, ("snapshot.2",), "Half a cosine wave in every cycle", "wave",
            after=("restarts",)), ends_of_a_cycle),
        *of_form("steps", agrees(STEPS, ("snapshot.4",), "A snapshot at the end of every cycle",
                                 "steps")),
        *of_form("mean", agrees(MEAN, ("snapshot.5",), "The mean of the members' probabilities",
                                "mean"), loss_of_the_mean, *manners(MEAN)),
        *of_form("log mean", agrees(LOG, ("snapshot.6",), "The logarithm of the mean of the "
                                    "members' probabilities", "log mean"), *manners(LOG)),
        *of_form("vote", agrees(VOTE, ("snapshot.8",), "The class that most members name",
                                "vote"))),
    options={"what": ("rate", "steps", "mean", "log mean", "vote"), "length": LENGTHS,
             "t is from": (1, 0), "ahead": (0, 1), "restarts": (True, False),
             "members are": ("averaged", "added", "multiplied")},
    variants={"t counts from 0": {"t is from": 0},
              "one iteration ahead, so that a cycle ends at 0 (the official code)": {"ahead": 1},
              "a cycle has floor(T / M) iterations": {"length": "floor"},
              "floor(T / M) iterations, and the last cycle the rest (the official code)":
              {"length": LENGTHS[2]},
              "the rate never restarts": {"restarts": False},
              "the outputs are added, not averaged (the official code)": {"members are": "added"},
              "a geometric mean, as of logits": {"members are": "multiplied"}},
    layers=False)
