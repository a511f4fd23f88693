"""Early dropout over a range of cutoffs and of rates: what it gains is no matter of one setting."""

from ..plots import DARK, LIGHT, MIDDLE, subplots
from . import cnns, compare, timed
from .claim import Claim, Verdict

SHARES = {"1/24": 1 / 24, "1/12": 1 / 12, "1/6": 1 / 6, "1/3": 1 / 3, "2/3": 2 / 3}
RATES = (0.02, 0.05, 0.1, 0.2, 0.4)
EARLY = {f"{p} until {share}": {"p": p, "cutoff": SHARES[share]}              # arm: its settings
         for p, share in [(0.1, share) for share in SHARES] + [(p, "1/6") for p in RATES]}


def run(arm, seed, settings, progress):
    """Train one arm: its test error, and its loss without noise on the images as trained on."""
    splits = cnns.images(settings)
    net = timed.train("early" if arm in EARLY else arm, splits.train, settings, seed, progress,
                      **EARLY.get(arm, {}))
    return timed.measured(net, splits, settings, seed)


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*timed.lines(results)]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    gains = {arm: compare.less(results, arm, "none") for arm in EARLY}
    word, regime = timed.in_regime(results, "underfits", gains.values())
    lines += [regime, *(f"test error, none - {arm}: {compare.percent(one)} points; training loss: "
              f"{compare.less(results, arm, 'none', 'training')}" for arm, one in gains.items())]
    signs = [compare.sign(one) for one in gains.values()]
    best = max(gains, key=lambda arm: gains[arm].mean)
    return Verdict(word, f"of {len(gains)} settings of early dropout {signs.count(1)} make fewer "
                   f"errors than none, {signs.count(-1)} more, {signs.count(0)} are undecided; the "
                   f"best of so many is {best}, by {compare.percent(gains[best])} points; {regime}",
                   (*lines,))


def draw(results, settings):
    """The gain over none against the cutoff, and against the rate."""
    figure, axes = subplots(1, 2, size=(9.0, 3.6), sharey=True)
    for axis, arms, ticks, label in (
            (axes[0], [f"0.1 until {share}" for share in SHARES], [*SHARES],
             "cutoff, as a share of the run (p = 0.1)"),
            (axes[1], [f"{p} until 1/6" for p in RATES], [*RATES], "p, until 1/6 of the run")):
        places = range(len(arms))
        for name, colour, line, legend, aside in (
                ("error", DARK, "-", "test error", -0.06),
                ("training_error", MIDDLE, "--", "training error", 0.06)):
            none = 100 * compare.column(results, "none", name)
            found = [compare.interval(none - 100 * compare.column(results, arm, name))
                     for arm in arms]
            axis.errorbar([at + aside for at in places], [one.mean for one in found],
                          None if compare.one_seed(results) else [one.half for one in found],
                          color=colour, linestyle=line, marker="o", capsize=3, label=legend)
        axis.axhline(0, color=LIGHT, linewidth=1)
        axis.set(xticks=[*places], xticklabels=ticks, xlabel=label)
    axes[0].set(ylabel="gain of early dropout over none, points", title=compare.over(results))
    axes[0].legend()
    return figure


CLAIM = Claim(
    name="cutoff",
    techniques=("early_late", "dropout"),
    sentence="What early dropout gains depends little on its cutoff and on its rate: it is there "
             "over a wide range of both.",
    source="Liu et al. 2023 (arXiv:2303.01500), in words: robustness to the cutoff and to p.",
    known="Its numbers are not known to us well enough to be printed.",
    protocol="MLP 784-100-100-10 with ReLU on the first 10,000 training images of MNIST, shifted "
             "by up to 4 pixels (quick: 64-20-10 on digits, by up to a pixel); dropout of the "
             "hidden units whose rate falls to 0 in a straight line: 0.1 until 1/24, 1/12, 1/6, "
             "1/3 and 2/3 of the steps, and 0.02, 0.05, 0.2 and 0.4 until 1/6; standard: 0.1 "
             "throughout; SGD with momentum 0.9, mini-batches of 100 (quick: 50), 20 epochs "
             "(quick: 12), a learning rate that falls as half a cosine from 0.05 (quick: 0.2), "
             "the same for all arms: of 0.02, 0.05, 0.1 and 0.2 (quick: the last three) the one "
             "with the fewest errors on validation data, a mean over none and standard, with seed "
             "900 (quick: and 901). Paired seeds. Paper: the Mixer of the claim `early`.",
    measure="test error of none less that of each setting of early dropout, mean and 95 % interval "
            "over the seeds, of paired seeds. That nine intervals are right at once is less likely "
            "than that one is. The training loss is told, and no part of the rule.",
    rule={"held": "the network underfits: the interval of the test error of standard less that of "
                  "none lies above 0; and the nine intervals of none less early all lie above 0",
          "not held": "it underfits, and some of the nine lie above 0",
          "not seen at this scale": "it does not underfit; or none of the nine lies above 0, and "
                                    "none below; or one seed alone",
          "refuted": "it underfits, none of the nine lies above 0, and at least one below"},
    arms=("none", "standard", *EARLY),
    scales=timed.MLP,
    takes={"quick": "15 seconds of one core", "standard": "8 minutes, beside much else",
           "paper": "300 epochs of a Mixer each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)
