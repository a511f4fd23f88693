"""Dropout before batch norm: in evaluation the norm meets another variance than it kept."""

from ..batch_statistics import batch_norm_statistics
from ..models import place, wrap
from ..nn import Module, evaluation
from ..norms.batch_norm import BatchNorm
from ..placement import home
from ..plots import DARK, LIGHT, MIDDLE, subplots
from ..tape import data_of
from ..units.dropout import Dropout
from ..xp import array_module, host, to_backend
from . import cnns, compare, recipe
from .claim import Claim, Verdict

PLACES = {"none": None, "before": "stage*.drop", "after": "head.drop"}       # of dropout, by arm
BEHIND = "norm2"            # the norms that follow a place of "before", with a convolution between
SIZE = 500                  # images at a time


def run(arm, seed, settings, progress):
    """Train one arm: its errors with the statistics it kept and with new ones, and the shift."""
    splits = cnns.images(settings)
    net = cnns.network(settings, splits.train[0])
    if PLACES[arm]:
        place(net, PLACES[arm], Dropout(settings["p"]))
    recipe.train(net, splits.train, settings, seed, progress)
    x = to_backend(splits.train[0], home(net))
    found = {"error": recipe.error(net, splits.test), "shift": shift(net, x)}
    batch_norm_statistics(net, x, SIZE)
    return found | {"renewed": recipe.error(net, splits.test)}


class Meeting(Module):
    """A batch norm that keeps the variance of each channel of what it is given."""

    def __init__(self, norm):
        self.norm, self.met = norm, []

    def forward(self, x):
        self.met.append(data_of(x).var(axis=(0, 2, 3)))
        return self.norm(x)


def shift(net, x):
    """{norm: ln(variance that it kept / variance that it meets in evaluation)}, over the channels.

    The network stays as it is, but for its norms, which are in a `Meeting` afterwards.
    """
    wrap(net, "norm*", Meeting, kinds=(BatchNorm,))
    with evaluation(net):
        for i in range(0, len(x), SIZE):
            net(x[i:i + SIZE])
    meetings = {path: one for path, one in net.named_modules() if isinstance(one, Meeting)}
    return {path.replace("sum.branch.", ""): round(_mean_log(one), 5)
            for path, one in meetings.items()}


def _mean_log(meeting):
    norm, xp = meeting.norm, array_module(meeting.met[0])
    met = sum(meeting.met) / len(meeting.met)
    return float(host(xp.log((norm.running_var + norm.eps) / (met + norm.eps)).mean()))


def shifts(results, arm, end=""):
    """The shift of each norm whose name ends so, (seeds, norms)."""
    return array_module().asarray([[value for name, value in one["shift"].items()
                                    if name.endswith(end)] for one in results[arm]])


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*compare.table(results, test_error="error", renewed_statistics="renewed")]
    lines += [f"{arm}: the second norms of the blocks meet {share(results, arm):.3f} times the "
              "variance they kept" for arm in results]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    more = compare.interval((shifts(results, "before", BEHIND)
                             - shifts(results, "none", BEHIND)).mean(1))
    cost, behind = (compare.interval(compare.column(results, "before") - other) for other in (
        compare.column(results, "before", "renewed"), compare.column(results, "after")))
    gain = compare.less(results, "after", "none")
    lines += [f"ln(kept / met) of dropout before, less that of none: {more}",
              f"before, kept - renewed statistics: {compare.percent(cost)} points of test error",
              f"before - after: {compare.percent(behind)} points of test error",
              f"none - after: {compare.percent(gain)} points of test error"]
    means = {arm: 100 * compare.column(results, arm).mean() for arm in results}
    return Verdict(compare.word(more, cost, behind), (
        f"behind dropout a norm meets {share(results, 'before'):.2f} times the variance it kept "
        f"(ln {more}, without dropout {share(results, 'none'):.2f} times); test error "
        f"{means['before']:.2f} %, {compare.percent(cost)} points more than with new statistics, "
        f"and {compare.percent(behind)} more than with dropout behind the last norm; "
        f"{means['none']:.2f} % without dropout"), tuple(lines))


def share(results, arm):
    """Variance met over variance kept, the geometric mean over seeds and norms behind dropout."""
    return float(array_module().exp(-shifts(results, arm, BEHIND).mean()))


def draw(results, settings):
    """Variance met over variance kept at each norm, and the errors with both statistics."""
    figure, (left, right) = subplots(1, 2, size=(9.0, 3.8))
    names = [*next(iter(results.values()))[0]["shift"]]
    for (arm, runs), colour, mark in zip(results.items(), (MIDDLE, DARK, LIGHT), "s^o",
                                         strict=True):
        met = [compare.interval(one) for one in array_module().exp(-shifts(results, arm)).T]
        left.errorbar(range(len(names)), [one.mean for one in met],
                      None if len(runs) == 1 else [one.half for one in met],
                      color=colour, marker=mark, capsize=2, label=arm)
    left.axhline(1, color="black", linewidth=0.6)
    left.set(xticks=range(len(names)), xlabel="norm, from the images on", ylim=(0, None),
             ylabel="variance met / variance kept", title="evaluation against training")
    left.set_xticklabels([name.replace("stage", "").replace("block", "") for name in names],
                         rotation=60, ha="right", fontsize=8)
    left.legend()
    for name, label, colour, mark, aside in (("error", "kept", DARK, "o", -0.08),
                                             ("renewed", "new", MIDDLE, "s", 0.08)):
        found = [compare.interval(100 * compare.column(results, arm, name)) for arm in results]
        right.errorbar([i + aside for i in range(len(found))], [one.mean for one in found],
                       None if compare.one_seed(results) else [one.half for one in found],
                       color=colour, marker=mark, linestyle="none", capsize=3, label=label)
    right.set(xticks=range(len(results)), xticklabels=[*results], xlabel="place of dropout",
              xlim=(-0.5, len(results) - 0.5),
              ylabel=f"test error on {compare.called(settings)}, %",
              title=f"statistics; {compare.over(results)}")
    right.legend()
    return figure


CLAIM = Claim(
    name="variance-shift",
    techniques=("batch_norm", "dropout", "batch_statistics"),
    sentence="Behind dropout a batch norm meets a smaller variance in evaluation than it kept from "
             "training, and that costs errors; dropout behind the last norm costs fewer.",
    source="Li et al. 2019, its analysis of dropout before batch norm, and its advice on where to "
           "put dropout.",
    known="The ratio follows from the masks alone: where a norm follows dropout at once, and its "
          "inputs have mean and variance 1, it meets a third of the variance it kept at p = 0.5. "
          "The paper's tables are not known to us well enough to be printed.",
    protocol="ResNet-8 on the first 3,000 images of CIFAR-10, measured on 5,000 others (quick: "
             "digits); dropout at p = 0.5 between the two convolutions of every block, so that a "
             "convolution and a norm follow (before), or before the last layer (after); SGD with "
             "momentum 0.9, weight decay 1e-4, rate 0.1 falling as half a cosine, mini-batches of "
             "50, 10 epochs (quick: 12), no augmentation; nothing was chosen by any data. "
             "Paired seeds. New statistics come from one pass over the training images without "
             "dropout.",
    measure="ln of the variance that a norm kept over the one it meets in evaluation, as the "
            "network stands after training, mean over channels and over the second norms of all "
            "blocks; test error with kept and with new statistics; means and 95 % intervals over "
            "the seeds, differences of paired seeds. Whether dropout behind the last norm is "
            "better than none is told, and no part of the rule.",
    rule=compare.rule("three intervals lie above 0: of ln(kept / met) with dropout before the "
                      "norms, less that without dropout; of the error there with kept, less that "
                      "with new statistics; and of the error there, less that with dropout behind "
                      "the last norm"),
    arms=("none", "before", "after"),
    scales={
        "quick": {"data": "digits", "images": 1197, "net": "resnet8", "epochs": 12,
                  "batch_size": 50, "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "p": 0.5,
                  "seeds": 3},
        "standard": {"data": "cifar10", "images": 3000, "held_out": 5000, "net": "resnet8",
                     "epochs": 10, "batch_size": 50, "lr": 0.1, "momentum": 0.9,
                     "weight_decay": 1e-4, "p": 0.5, "seeds": 5},
        "paper": {"data": "cifar10", "images": 35000, "net": "resnet110", "epochs": 200,
                  "batch_size": 64, "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "p": 0.5,
                  "seeds": 5}},
    takes={"quick": "40 seconds of one core", "standard": "15 minutes of one core",
           "paper": "200 epochs of a ResNet-110 each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw,
    effect="by the masks alone a third of the variance, of inputs of mean and variance 1")
