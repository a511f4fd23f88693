"""The dynamics of training with dropout: shorter gradients, a longer way, directions that agree."""

from ..intervals import Interval
from ..plots import DARK, MIDDLE, subplots
from ..recorder import Dynamics
from ..xp import array_module
from . import cnns, compare, timed
from .augmented import shifted
from .claim import Claim, Verdict

# Each curve: what the figure calls it, which way dropout moves it, whether for a while alone.
CURVES = {"gradient_norm": ("length of gradients", -1, False),
          "model_distance": ("distance from the start", 1, False),
          "gradient_direction_variance": ("direction variance", -1, True),
          "gradient_direction_error": ("direction error", -1, True)}
SAID = {1: "as claimed", 0: "undecided", -1: "the other way"}
STYLES = {"none": (MIDDLE, "--", "without dropout"), "standard": (DARK, "-", "with dropout")}


def run(arm, seed, settings, progress):
    """Train one arm under a recorder: its four curves."""
    splits, made = cnns.images(settings), []

    def recorder(net):
        made.append(Dynamics(net, shifted(splits.train, settings, seed), settings["looks"],
                             settings["batches"], settings["batch_size"], seed=seed))
        return made[0]

    net = timed.train(arm, splits.train, settings, seed, progress, recorder=recorder)
    curves = {name: [round(value, 6) for value in getattr(made[0], name).tolist()]
              for name in CURVES}
    return {"step": made[0].step.tolist()} | curves | timed.measured(net, splits, settings, seed)


def change(noisy, plain):
    """What dropout changes, as a share of what is there without; 0 where that is nothing."""
    return (noisy - plain) / array_module().where(plain == 0, 1.0, plain)


def mean_change(results, name, settings):
    """The interval of the change of a curve's mean over the looks that count.

    They are those after step 0, and of some curves the early ones of these.
    """
    steps = compare.column(results, "none", "step")[0]
    some = (steps > 0) & (steps <= (settings["early"] if CURVES[name][2] else steps[-1]))
    return compare.interval(change(*(compare.column(results, arm, name)[:, some].mean(1)
                                     for arm in ("standard", "none"))))


def judge(results, settings):
    """By the rule of the claim."""
    found = {name: mean_change(results, name, settings) for name in CURVES}
    lines = [f"{label}, change by dropout {'early' if early else 'after step 0'}: "
             f"{compare.percent(found[name])} %" for name, (label, _, early) in CURVES.items()]
    steps = [int(step) for step in compare.column(results, "none", "step")[0]]
    for name, (label, _, _) in CURVES.items():
        means = 100 * change(*(compare.column(results, arm, name).mean(0)
                               for arm in ("standard", "none")))
        lines.append(f"{label}, by step: " + ", ".join(
            f"{step} {mean:+.0f} %" for step, mean in zip(steps, means, strict=True)))
    lines += timed.lines(results)
    if compare.one_seed(results):
        return compare.unjudged(lines)
    claimed = {name: Interval(CURVES[name][1] * one.mean, one.half) for name, one in found.items()}
    return Verdict(compare.word(*claimed.values()), "; ".join(
        f"{CURVES[name][0]} {compare.percent(found[name])} %, {SAID[compare.sign(one)]}"
        for name, one in claimed.items()), tuple(lines))


def draw(results, settings):
    """The four curves of both arms, each with its interval."""
    figure, axes = subplots(2, 2, size=(9.0, 5.6), sharex=True)
    steps = compare.column(results, "none", "step")[0]
    for axis, (name, (label, _, early)) in zip(axes.ravel(), CURVES.items(), strict=True):
        for arm, (colour, line, who) in STYLES.items():
            values = compare.column(results, arm, name)
            mean, half = (compare.interval(values) if len(values) > 1 else (values[0], 0))
            axis.plot(steps, mean, line, color=colour, marker=".", label=who)
            axis.fill_between(steps, mean - half, mean + half, color=colour, alpha=0.2, linewidth=0)
        if early:
            axis.axvline(settings["early"], color=DARK, linewidth=0.8, linestyle=":")
        axis.set(ylabel=label, xscale="symlog", xlim=(0, None))
    for axis in axes[1]:
        axis.set_xlabel("steps taken (dotted: the last that counts as early)")
    axes[0, 0].set_title(compare.over(results))
    axes[0, 0].legend()
    return figure


def looks(last, *steps):
    """Settings of a recorder that looks at some steps, and at seven more up to the last."""
    return [*steps, *range(last // 4, last + 1, last // 8)]


CLAIM = Claim(
    name="dynamics",
    techniques=("dynamics", "dropout"),
    sentence="Dropout makes the gradients of mini-batches shorter, and yet leads further away from "
             "the first weights; early in training it lets the mini-batches agree more on a "
             "direction, and that direction is nearer to the one of all the data.",
    source="Liu et al. 2023 (arXiv:2303.01500), section 3, figures 6 to 8: a ViT-T on ImageNet "
           "with a rate of 0.1 against none.",
    known="The figures are curves, whose numbers are not known to us well enough to be printed. No "
          "code of the authors computes them.",
    protocol="The runs of none and standard of the claim `early`, under a recorder: a small "
             "MLP-Mixer on the first 10,000 training images of CIFAR-10 (quick: on digits), "
             "dropout at all its places with the rate 0.1, throughout, against none; SGD with "
             "momentum 0.9, mini-batches of 100 (quick: 50), 12 epochs. A look takes the gradients "
             "of 20 mini-batches at the same weights, with the masks on, and the gradient of all "
             "training images without masks; all of them are of images that were cut once, alike "
             "for both arms. Nothing was chosen for this claim by any data; but the measure was "
             "changed after one seed of the quick scale: the change of the mean over looks, where "
             "before it was the mean of the changes at each look. Paired seeds. Paper: CIFAR-10 in "
             "the place of ImageNet, and SGD in that of AdamW.",
    measure="the relative change by dropout of each curve's mean: for the mean length of the "
            "gradients and the distance from the first weights over all looks after step 0, for "
            "the direction variance and the direction error over those in the first sixth of the "
            "run; mean and 95 % interval over the seeds, of paired seeds.",
    rule={"held": "four intervals lie on the side of the claim: length, variance and error fall, "
                  "and the distance grows",
          "not held": "one to three of them do",
          "not seen at this scale": "none of them does, and none lies on the other side; or one "
                                    "seed alone",
          "refuted": "none of them does, and at least one lies on the other side"},
    arms=("none", "standard"),
    scales={
        "quick": timed.MIXER["quick"] | {
            "batches": 8, "early": 48, "looks": looks(288, 0, 6, 12, 24, 48)},
        "standard": timed.MIXER["standard"] | {
            "batches": 20, "early": 200, "looks": looks(1200, 0, 10, 20, 50, 100, 200)},
        "paper": timed.MIXER["paper"] | {
            "batches": 50, "early": 13700,
            "looks": looks(82200, 0, 100, 300, 1000, 3000, 6000, 13700)}},
    takes={"quick": "40 seconds of one core",
           "standard": "10 minutes of one core, beside another run",
           "paper": "300 epochs of a Mixer each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)
