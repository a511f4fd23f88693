"""What it costs to let the learning rate fall early."""

from fractions import Fraction

from ..plots import DARK, LIGHT, MIDDLE, subplots
from . import budgets, cnns, compare, recipe
from .claim import Claim, Verdict

LITTLE = 0.25               # of what the fall brings at all
USUAL, EARLY, NEVER = "1/2", ("1/4", "1/8"), "never"
STYLES = {USUAL: (DARK, "-"), "1/4": (MIDDLE, "-"), "1/8": (MIDDLE, "--"), NEVER: (LIGHT, "-")}


def run(arm, seed, settings, progress):
    """One run whose rate falls after that share of it, with each first rate.

    The error of the one that validation data chose, and on those its error after each epoch.
    """
    splits = cnns.images(settings)
    curves: dict = {}
    total, x = recipe.steps(splits.train, settings), splits.train[0]

    def make(lr):
        rates = budgets.falling(lr, total, 1 if arm == NEVER else float(Fraction(arm)))
        curve = curves[lr] = []

        def watch(step, net, loss):
            if (step + 1) % (total // settings["epochs"]) == 0:
                curve.append(recipe.error(net, splits.validation))

        nets = budgets.leave(budgets.network(settings, x), splits.train, settings, seed, progress,
                             rates, [total], watch)
        return nets[0]

    found = recipe.chosen(make, settings, splits)
    return found | {"curve": thinned(curves[found["lr"]])}


def thinned(curve, most=50):
    """At most so many of the values, evenly apart, the last among them."""
    apart = -(-len(curve) // most)
    return curve[::-1][::apart][::-1]


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*compare.table(results, error="error", validation="validation"),
             compare.rates(results)]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    usual, never = (compare.column(results, arm) for arm in (USUAL, NEVER))
    gain, costs, slack = compare.interval(never - usual), [], []
    lines.append(f"never - {USUAL}, what the fall brings: {compare.percent(gain)} points of error")
    for arm in EARLY:
        cost = compare.column(results, arm) - usual
        slack.append(compare.interval(LITTLE * (never - usual) - cost))
        costs.append(compare.percent(compare.interval(cost)))
        lines.append(f"{arm} - {USUAL}, what an early fall costs: {costs[-1]} points; a quarter of "
                     f"what the fall brings, less that: {compare.percent(slack[-1])}")
    word = compare.word(*slack) if gain.low > 0 else "not seen at this scale"
    return Verdict(word, "error " + ", ".join(
        f"{100 * compare.column(results, arm).mean():.2f} % "
        + (f"where the rate falls after {arm} of the run" if arm == USUAL else f"after {arm}"
           if arm != NEVER else "where it never falls") for arm in results)
        + f"; early falls cost {' and '.join(costs)} points, of {compare.percent(gain)} that the "
        "fall brings", tuple(lines))


def draw(results, settings):
    """The error on validation data over the epochs, and what is measured at the end."""
    figure, (left, right) = subplots(1, 2, size=(9.0, 3.6), width_ratios=(1.5, 1))
    for place, (arm, (colour, line)) in enumerate(STYLES.items()):
        curve = 100 * compare.column(results, arm, "curve").mean(0)
        epochs = [settings["epochs"] * (i + 1) / len(curve) for i in range(len(curve))]
        left.plot(epochs, curve, line, color=colour, label=arm)
        values = 100 * compare.column(results, arm)
        one = compare.interval(values)
        right.plot([place + 0.2] * len(values), values, ".", color=MIDDLE, alpha=0.7)
        right.errorbar([place], [one.mean], None if len(values) == 1 else [one.half], fmt="o",
                       color=DARK, capsize=3)
    left.xaxis.get_major_locator().set_params(integer=True)
    left.set(xlabel="epoch", ylabel=f"error on validation data of {compare.called(settings)}, %",
             title="mean over the seeds")
    left.legend(title="share of the run before\nthe rate falls")
    right.set(xticks=range(len(STYLES)), xticklabels=[*STYLES], ylabel="error at the end, %",
              xlabel="share before the rate falls", title=compare.over(results))
    return figure


CLAIM = Claim(
    name="early-drop",
    techniques=("snapshot",),
    sentence="To let the learning rate fall early costs little: the error in the end is nearly "
             "that of the usual schedule.",
    source="Huang et al. 2017, in words, as we recall its reason for short cycles.",
    known="Its numbers are not known to us well enough to be printed, nor how early the rate fell.",
    protocol="MLP 3072-256-256-10 with ReLU on the first 5,000 training images of CIFAR-10 (quick: "
             "64-100-10 on digits), SGD with momentum 0.9 and weight decay 1e-4, mini-batches of "
             "64, 20 epochs. The rate falls tenfold after a half (the usual schedule), a quarter "
             "or an eighth of the run, and again halfway from there to its end; or never. Of two "
             "first rates each run takes the one with the fewer errors on validation data in the "
             "end. Nothing else was chosen by any data. Images are neither flipped nor shifted. "
             "Paired seeds.",
    measure="error on images that no choice has seen, mean and 95 % interval over the seeds; "
            "differences are of paired seeds. What a fall brings is the error without any, less "
            "that of the usual schedule. Little is below a quarter of it, which is ours.",
    rule={"held": "the interval of what the fall brings lies above 0, and so do those of a quarter "
                  "of it less what the fall after a quarter, and after an eighth, costs",
          "not held": "the first of these three intervals and one of the others do",
          "not seen at this scale": "the first does not, or it alone does and neither of the "
                                    "others lies below 0; or one seed alone",
          "refuted": "the first interval lies above 0, neither of the others does, and at least "
                     "one lies below"},
    arms=(USUAL, *EARLY, NEVER),
    scales=budgets.SCALES,
    takes={"quick": "6 seconds of one core", "standard": "6 minutes of one core",
           "paper": "twice 200 epochs of a ResNet-110 each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)
