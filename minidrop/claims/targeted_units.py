"""Targeted dropout of whole units, and with ramping: how many of them a network can lose."""

from ..plots import DARK, LIGHT, MIDDLE, subplots
from ..xp import array_module
from . import compare, pruned
from .claim import Claim, Verdict

LOW = 0.80                      # a network is of no use below
STYLES = {"none": (MIDDLE, "-"), "targeted": (DARK, "-"), "ramping": (DARK, "--")}
PUBLISHED = {"none": {}, "targeted": {"gamma": 0.75, "alpha": 0.66},
             "ramping": {"gamma": 0.9, "alpha": 0.99}}
SHARES = [0.0, 0.3, 0.5, 0.6, 0.65, 0.7, 0.725, 0.75, 0.775, 0.8, 0.825, 0.85, 0.875, 0.9, 0.925,
          0.95]


def crossing(shares, accuracy, level):
    """The largest share at which the lines through the accuracies are still at the level.

    The last share where they never fall below, and 0 where they never reach it.

    >>> crossing([0.0, 0.5, 0.9], [0.95, 0.95, 0.55], 0.75), crossing([0.0, 0.5], [0.9, 0.8], 0.95)
    (0.7, 0.0)
    """
    last = max((i for i, one in enumerate(accuracy) if one >= level), default=-1)
    if last < 0 or last == len(shares) - 1:
        return 0.0 if last < 0 else shares[-1]
    fallen = (accuracy[last] - level) / (accuracy[last] - accuracy[last + 1])
    return round(float(shares[last] + fallen * (shares[last + 1] - shares[last])), 6)


def borders(results, settings):
    """{arm: the share of each seed at which it is as good as its level}: of none LOW, else high."""
    return {arm: array_module().asarray([
        crossing(settings["shares"], one["accuracy"], LOW if arm == "none" else settings["high"])
        for one in runs]) for arm, runs in results.items()}


def differences(results, settings):
    """{what: differences of paired seeds} that decide, in shares of the units."""
    found = borders(results, settings)
    return {f"{arm} - {other}": found[arm] - found[other]
            for arm, other in (("targeted", "none"), ("ramping", "targeted"))}


def judge(results, settings):
    """By the rule of the claim."""
    lines, high = [*pruned.table(results, settings)], 100 * settings["high"]
    ends = {arm: compare.interval(row) for arm, row in borders(results, settings).items()}
    lines += [f"{arm}: {100 * LOW if arm == 'none' else high:.0f} % until "
              f"{compare.percent(one)} % of the units are pruned" for arm, one in ends.items()]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    found = {what: compare.interval(row) for what, row in differences(results, settings).items()}
    whole = ", ".join(f"{arm} {100 * compare.column(results, arm, 'accuracy')[:, 0].mean():.1f}"
                      for arm in results)
    return Verdict(compare.word(*found.values()), (
        f"none is of no use from {compare.percent(ends['none'])} % of pruned units on, targeted "
        f"keeps {high:.0f} % until {compare.percent(ends['targeted'])}, ramping until "
        f"{compare.percent(ends['ramping'])}; in shares of the units {compare.said(found)}; "
        f"unpruned accuracy {whole} %"), tuple(lines))


def draw(results, settings):
    """Accuracy against the pruned share, and how much further an arm's border lies."""
    figure, (left, right) = subplots(1, 2, size=(9.5, 3.6), width_ratios=(1.5, 1))
    for arm, (colour, line) in STYLES.items():
        rows = 100 * compare.column(results, arm, "accuracy")
        for row in rows:
            left.plot([100 * share for share in settings["shares"]], row, line, color=colour,
                      alpha=0.3, linewidth=0.8)
        left.plot([100 * share for share in settings["shares"]], rows.mean(0), line, color=colour,
                  label=arm)
    for level in (LOW, settings["high"]):
        left.axhline(100 * level, color=LIGHT, linewidth=1)
    left.set(xlabel="share of the units that is pruned, %", ylim=(0, 102),
             ylabel="test accuracy, %",
             title=f"{compare.called(settings)}, no fine-tuning; mean and seeds")
    left.legend(loc="lower left")
    compare.rows(right, {what: 100 * row for what, row in differences(results, settings).items()})
    right.axvline(0, color=LIGHT, linewidth=1)
    right.set(xlabel="how much later it falls, % of the units", title="differences of paired seeds")
    return figure


CLAIM = Claim(
    name="targeted-units",
    techniques=("targeted", "ramps", "damage"),
    sentence="With targeted dropout of units an MLP can be pruned without fine-tuning to a share "
             "of its hidden units at which it is useless without, and with ramping further still.",
    source="Gomez et al. 2019 (arXiv:1905.13678), table 2 and in words; its experiments are on "
           "larger networks.",
    known="The numbers of its tables are not known to us well enough to be printed; its published "
          "code ramps units to 0.9 of them at 0.99.",
    protocol=pruned.TRAINING + "Of each hidden layer the units with the shortest weights are "
             "pruned; their biases stay. Targeted dropout of units has 0.75 of them for candidates "
             "and drops those at 0.66, or with ramping 0.9 at 0.99, both grown over half of the "
             "run: as in the paper's published code, and chosen by no data. "
             + pruned.PAPERS,
    before="A first run, with seeds 0 to 4, was not seen: its rule looked at the largest share in "
           "a table at which targeted dropout kept 90 % in the mean, 0.75, where the plain network "
           "was not yet sure to be useless, and the next share was 0.8; ramping kept 93 % at 0.9. "
           "So the rule follows each network between finer shares now; by it those seeds differ by "
           "3.33 +- 4.43 and 11.30 +- 2.64 points, and to decide the first the seeds are ten now, "
           "10 to 19 (quick: 0 to 4). The bars of 90 % and 80 % are those of the first run.",
    measure="test accuracy at each share of pruned units; for each seed the largest share at which "
            "the straight lines through them are still at 90 % (on CIFAR-10 85 %) with targeted "
            f"dropout, and at {100 * LOW:.0f} % without, below which a network counts as useless; "
            "mean and 95 % interval over the seeds; differences are of paired seeds.",
    rule=compare.rule("the intervals of the share until which targeted dropout keeps 90 % less "
                      "that from which the plain network is useless, and of the share until which "
                      "ramping keeps 90 % less that of targeted dropout, both lie above 0"),
    arms=(*STYLES,),
    scales={
        "quick": pruned.QUICK | {"unit": True, "shares": SHARES, "high": 0.9, "ramp": 0.5,
                                 "chosen": PUBLISHED},
        "standard": pruned.STANDARD | {"unit": True, "shares": SHARES, "high": 0.9, "ramp": 0.5,
                                       "chosen": PUBLISHED, "first_seed": 10,
                                       "seeds": 10},
        "paper": pruned.PAPER | {"unit": True, "shares": SHARES, "high": 0.85, "ramp": 0.444,
                                 "chosen": PUBLISHED}},
    takes={"quick": "a few seconds of one core", "standard": "at most 4 minutes of one core",
           "paper": "90,000 steps of a ResNet-32 each, for a GPU, and not timed by us"},
    run=pruned.run, judge=judge, draw=draw)
