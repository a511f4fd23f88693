"""The time of an epoch with stochastic depth, against the same network at constant depth."""

import time

from ..models import drop_paths
from ..plots import DARK, MIDDLE, subplots
from . import cnns, compare, recipe
from .claim import Claim, Verdict

LEAST = 0.15                            # the saving that counts as about the paper's quarter


def run(arm, seed, settings, progress):
    """Train for one epoch again and again, in turns with and without: the savings of each turn."""
    x, y = cnns.images(settings).train
    nets = [cnns.network(settings, x), drop_paths(cnns.network(settings, x), 1 - settings["q_last"],
                                                  mode=arm)]
    turns = []
    for turn in range(settings["turns"] + 1):
        seconds = {}
        for which in (0, 1) if turn % 2 else (1, 0):
            start = time.perf_counter()
            recipe.train(nets[which], (x, y), settings, 1000 * seed + turn, False, epochs=1)
            seconds[which] = time.perf_counter() - start
        turns.append(seconds)
    turns = turns[1:]                             # in the first one all is new
    savings = [round(1 - one[1] / one[0], 4) for one in turns]
    return {"saving": median(savings), "savings": savings,
            "constant": median([round(one[0], 4) for one in turns])}


def median(values):
    """The one in the middle.

    >>> median([3, 1, 2]), median([4, 1, 2, 3])
    (2, 2.5)
    """
    row, half = sorted(values), len(values) // 2
    return row[half] if len(row) % 2 else (row[half - 1] + row[half]) / 2


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*compare.table(results, time_saved="saving")]
    lines.append("seconds of an epoch at constant depth: " + ", ".join(
        f"{one['constant']:.2f}" for one in results["batch"]))
    if compare.one_seed(results):
        return compare.unjudged(lines)
    saved, row = (compare.interval(compare.column(results, arm, "saving")) for arm in results)
    word = ("held" if saved.low > LEAST else "not held" if saved.low > 0 else
            "refuted" if saved.high < 0 else "not seen at this scale")
    return Verdict(word, f"an epoch takes {compare.percent(saved)} % less time where each gate "
                   f"holds for a mini-batch, and {compare.percent(row)} % less where it holds for "
                   "one example", tuple(lines))


def draw(results, settings):
    """The saving of every turn, and the interval of their medians over the seeds."""
    figure, axis = subplots(size=(6.5, 3.0))
    for place, (arm, runs) in enumerate(results.items()):
        for seed, one in enumerate(runs):
            at = place + 0.3 * (seed - (len(runs) - 1) / 2) / len(runs)
            axis.plot([at] * len(one["savings"]), [100 * value for value in one["savings"]], ".",
                      color=MIDDLE, alpha=0.7)
        found = compare.interval(100 * compare.column(results, arm, "saving"))
        axis.errorbar([place + 0.25], [found.mean], None if len(runs) == 1 else [found.half],
                      fmt="o", color=DARK, capsize=3)
    axis.axhline(0, color="black", linewidth=0.6)
    axis.axhline(25, color=MIDDLE, linestyle="--", linewidth=0.8, label="about 25 %: the paper")
    axis.set(xticks=range(len(results)), xlabel="one gate for each", xlim=(-0.5, 1.5),
             ylabel="time saved, %", title=f"points: turns; {compare.over(results)}")
    axis.set_xticklabels([{"batch": "mini-batch", "row": "example"}[arm] for arm in results])
    axis.legend()
    return figure


CLAIM = Claim(
    name="depth-time",
    techniques=("stochastic_depth",),
    sentence="With stochastic depth, survival falling linearly to one half, an epoch takes about a "
             "quarter less time than at constant depth.",
    source="Huang et al. 2016, its measurement of training time.",
    known="About 25 % at a last survival of one half. For the 9 blocks of a ResNet-20 (3 L - 1) / "
          "4 = 6.5 are open on average, so 28 % of their time could be saved.",
    protocol="ResNet-20, one epoch of 300 images of CIFAR-10 (quick: 400 of digits) in "
             "mini-batches of 50, at constant depth and with stochastic depth in turns, which of "
             "them comes first changing from turn to turn: 9 turns (quick: 7) after one that is "
             "not counted, each with new weights and gates. The arm batch draws one gate for "
             "each block and mini-batch, as the paper does; row draws one for each example and "
             "computes every branch: it is there to compare, and no part of the rule. The machine "
             "was not ours alone.",
    measure="1 less the time of an epoch with stochastic depth over that of the epoch beside it at "
            "constant depth; of a seed the median over its turns, mean and 95 % interval over the "
            "seeds. About a quarter is taken to be above 15 %, on any machine.",
    rule={"held": f"the interval of the saving lies above {LEAST:.0%}".replace("%", " %"),
          "not held": f"it lies above 0, but not above {LEAST:.0%}".replace("%", " %"),
          "not seen at this scale": "it contains 0; or one seed alone",
          "refuted": "the interval lies below 0"},
    arms=("batch", "row"),
    scales={
        "quick": {"data": "digits", "images": 400, "net": "resnet20", "turns": 7, "batch_size": 50,
                  "lr": 0.1, "momentum": 0.9, "q_last": 0.5, "epochs": 1, "seeds": 3},
        "standard": {"data": "cifar10", "images": 300, "held_out": 1, "net": "resnet20",
                     "turns": 9, "batch_size": 50, "lr": 0.1, "momentum": 0.9, "q_last": 0.5,
                     "epochs": 1, "seeds": 5},
        "paper": {"data": "cifar10", "images": 35000, "net": "resnet110", "turns": 5,
                  "batch_size": 128, "lr": 0.1, "momentum": 0.9, "q_last": 0.5, "epochs": 1,
                  "seeds": 3}},
    takes={"quick": "half a minute of one core", "standard": "6 minutes of one core",
           "paper": "60 epochs of a ResNet-110, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw, effect="about 25 % less time")
