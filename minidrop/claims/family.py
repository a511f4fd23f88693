"""The family in one figure: a small network under every technique at its usual rate."""

import math
from collections import Counter

from ..intervals import Interval, student
from ..plots import DARK, LIGHT, MIDDLE, subplots
from ..xp import array_module
from . import cnns, compare, recipe
from .claim import Claim, Verdict
from .family_arms import ARMS, RATES, Run

LEVEL = 0.95                                      # how often all intervals together are right


def run(arm, seed, settings, progress):
    """Train the network with one technique: its error on held-out images, and on its own."""
    splits = cnns.images(settings)
    this, net = Run(splits.train, settings, seed, progress), cnns.network(settings, splits.train[0])
    taken = ARMS[arm](net, this, *settings["rates"].get(arm, ()))
    recipe.train(net, *this, **taken)
    if "recorder" in taken:
        net = taken["recorder"].average(splits.train[0])
    return {"error": recipe.error(net, splits.test), "training": recipe.error(net, splits.train)}


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*compare.table(results, error_held_out="error", error_in_training="training")]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    found = gains(results)
    words = {arm: ("not told apart", "better", "worse")[compare.sign(one)]
             for arm, one in found.items()}
    lines.append("none less each, points; the intervals hold together, for all of them:")
    lines += [f"  {arm:18}{compare.percent(one):>16}  {words[arm]}"
              for arm, one in sorted(found.items(), key=lambda pair: -pair[1].mean)]
    idle = [arm for arm in found if results[arm] == results["none"]]
    lines += [f"the same errors as none in every seed, as if it had never acted: {arm}"
              for arm in idle]
    lines += told(results)
    counts = Counter(words.values())
    acted = f", {' and '.join(idle)} of them as it never acted" * bool(idle)
    best = max(found, key=lambda arm: found[arm].mean)
    own = {arm: 100 * compare.column(results, arm, "training").mean() for arm in results}
    late = [own[arm] for arm in found if words[arm] == "worse"]
    short = (f"; on their own images those worse err in {min(late):.0f} to {max(late):.0f} %, "
             f"none in {own['none']:.0f} %" if late else "")
    return Verdict(compare.word(*found.values()), f"of {len(found)} techniques "
                   f"{counts['better']} are better than none, {counts['worse']} worse, "
                   f"{counts['not told apart']} not told apart{acted}; none has "
                   f"{compare.percent(compare.interval(compare.column(results, 'none')))} % error, "
                   f"{best} {compare.percent(found[best])} points less{short}", tuple(lines))


def told(results):
    """A line, and no part of the rule: the intervals without the arm that may widen all of them."""
    if len(results) > 3:
        odd = max({*results} - {"none"}, key=lambda arm: compare.column(results, arm).std())
        found = gains({arm: runs for arm, runs in results.items() if arm != odd})
        counts = Counter(map(compare.sign, found.values()))
        half = 100 * next(iter(found.values())).half
        yield (f"without {odd}, whose seeds differ most: +- {half:.2f}; {counts[1]} better, "
               f"{counts[-1]} worse, {counts[0]} not told apart (no part of the rule)")


def gains(results):
    """{arm: Interval} of how much less error it has than none; all hold at once, LEVEL of the time.

    Errors are taken as a sum of an arm's, a seed's and a rest that varies alike in all arms; each
    interval has a share of what may go wrong, as large as every other's (Bonferroni).
    """
    xp = array_module()
    errors = xp.stack([compare.column(results, arm) for arm in results])      # (arms, seeds)
    arms, seeds = errors.shape
    rest = errors - errors.mean(0) - errors.mean(1, keepdims=True) + errors.mean()
    degrees = (arms - 1) * (seeds - 1)
    half = student(degrees, 1 - (1 - LEVEL) / (arms - 1)) * math.sqrt(
        2 * float((rest ** 2).sum()) / degrees / seeds)
    less = errors[[*results].index("none")] - errors
    return {arm: Interval(float(row.mean()), half)
            for arm, row in zip(results, less, strict=True) if arm != "none"}


def draw(results, settings):
    """How much less error than none each technique has, the most first, with its training error."""
    single = compare.one_seed(results)
    found = {arm: Interval(float((compare.column(results, "none")
                                  - compare.column(results, arm)).mean()), math.inf)
             for arm in results if arm != "none"} if single else gains(results)
    arms = sorted(found, key=lambda arm: found[arm].mean)
    figure, (left, right) = subplots(1, 2, size=(9.0, 1.2 + 0.28 * len(arms)), sharey=True)
    for place_, arm in enumerate(arms):
        one = found[arm]
        left.errorbar([100 * one.mean], [place_], xerr=None if single else [100 * one.half],
                      fmt="o", capsize=3, color=MIDDLE if single or not compare.sign(one) else DARK)
    left.axvline(0, color=LIGHT)
    for name, marker, label in (("error", "o", "held-out"), ("training", "x", "training")):
        means = [100 * compare.column(results, arm, name).mean() for arm in arms]
        right.plot(means, range(len(arms)), marker, color=DARK, label=label)
        right.axvline(100 * compare.column(results, "none", name).mean(), color=LIGHT)
    left.set(yticks=range(len(arms)), yticklabels=[named(arm, settings) for arm in arms],
             xlabel="error of none less that of the technique, points",
             title="one seed" if single else "95 % of the time all of these hold")
    right.set(xlabel=f"error on {compare.called(settings)}, % (lines: none)",
              title="mean over the seeds")
    right.legend()
    return figure


def named(arm, settings):
    """An arm with its rates."""
    return f"{arm} {', '.join(f'{rate:.3g}' for rate in settings['rates'][arm])}"


CLAIM = Claim(
    name="family",
    techniques=("dropout", "gaussian", "spatial", "dropblock", "multi_sample", "early_late",
                "stochastic_depth", "dropconnect", "targeted", "max_norm", "l2", "flip_crop",
                "cutout", "mixup", "cutmix", "attentive_cutmix", "ema", "swa"),
    sentence="On a small network each technique of the family, at its usual rate, makes fewer "
             "errors than no technique.",
    source="No single paper: each says it of its own technique, on networks and data of its own.",
    known="There is no number for the whole family on one network that we know of. The rates are "
          "those that papers or their programs state for images of this size or nearest to it, "
          "where they state one.",
    effect="each paper reports fewer errors, at its own scale",
    protocol="ResNet-8 on the first 1,000 of the images for training of CIFAR-10 (quick: on "
             "digits, with blocks, squares and shifts as small as they are), 28 epochs (quick: 4) "
             "in mini-batches of 50, SGD with momentum 0.9, a learning rate that falls as half a "
             "cosine, no weight decay. All arms share its first value 0.03, with which, of 0.01, "
             "0.03, 0.1 and 0.3, the arm none has the fewest errors on validation data with seed "
             "900: 53.6 %, and 9.7 % on its own images (quick: 0.1, which was not chosen). As it "
             "was planned first, with 2,500 images, 12 epochs and the rate 0.1, the arm none had "
             "31.6 % errors on its own images in such a trial, too many for a regulariser to "
             "help; other arms were run for at most 4 epochs of 400 images, to see how long they "
             "take. So the rate suits the arm none, and nothing is tuned for any technique. "
             "Between the convolutions of the blocks: dropout 0.3 (wide ResNets), Gaussian "
             "dropout with the same rate, spatial dropout 0.1, early dropout from 0.1 to 0 in a "
             "sixth of the run. DropBlock 0.1 in the last two stages, behind all convolutions and "
             "on the skips, with blocks of 4, half the side of the smallest maps, as the paper's "
             "7 are of maps of 14. Stochastic depth up to 0.5. The last layer: DropConnect 0.5, "
             "or 8 samples of dropout 0.5. Targeted dropout of the weights of the blocks, 0.75 "
             "and 0.66. Max-norm 3, which weights may never reach, L2 1e-4. Images: mirrored and "
             "shifted by up to 4 pixels, Cutout 16, mixup and CutMix with alpha 1 in every batch, "
             "Attentive CutMix of 8 of 64 cells by a network that was trained before on the same "
             "images, which costs a run more. Averages of weights: EMA with a memory 1 / (1 - mu) "
             "of a tenth of the run, 0.982 for 560 steps (quick: 0.79), since the usual 0.999 "
             "remembers more steps than there are; SWA over the last quarter, at half of the "
             "first rate. Left out is what needs another network (alpha dropout), another way to "
             "predict (MC dropout, ensembles), or is there to make a network smaller (pruning, "
             "Smallify, L0, variational dropout). Paired seeds. Paper: 0.999, and SWA at 0.05.",
    measure="error on 5,000 images that nothing was chosen by, less than that of none, in pairs of "
            "seeds. The intervals are 95 % together: of 18 comparisons each has an eighteenth of "
            "what may go wrong, and the rest of the errors, without what arms and seeds have in "
            "common, is taken to vary alike in all arms.",
    rule={"held": "the intervals of all techniques lie above 0",
          "not held": "some do, and others do not",
          "not seen at this scale": "none lies above 0, and none below; or one seed alone",
          "refuted": "none lies above 0, and at least one lies below"},
    arms=tuple(ARMS),
    scales={
        "quick": {"data": "digits", "net": "resnet8", "images": 600, "epochs": 4, "batch_size": 50,
                  "lr": 0.1, "momentum": 0.9, "seeds": 3, "rates": RATES | {
                      "dropblock": [0.1, 2], "flip-crop": [1, False], "cutout": [4],
                      "attentive-cutmix": [1], "ema": [0.79]}},
        "standard": {"data": "cifar10", "net": "resnet8", "images": 1000, "held_out": 5000,
                     "epochs": 28, "batch_size": 50, "lr": 0.03, "momentum": 0.9, "seeds": 3,
                     "rates": RATES | {"ema": [0.982], "swa": [0.25, 0.015]}},
        "paper": {"data": "cifar10", "net": "resnet20", "images": 35000, "epochs": 164,
                  "batch_size": 128, "lr": 0.1, "momentum": 0.9, "seeds": 5, "rates": RATES}},
    takes={"quick": "a minute of one core", "standard": "26 minutes of two cores",
           "paper": "164 epochs of a ResNet-20 each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)
