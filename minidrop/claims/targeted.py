"""Targeted dropout: a network that was trained for pruning survives it."""

import math

from .. import data
from ..damage import pruning_curve
from ..intervals import Interval, mean_interval
from ..models import mlp, place, resnet, wrap
from ..optim import SGD, cosine, step_decay
from ..plots import DARK, LIGHT, MIDDLE, subplots
from ..schedules.ramps import targeted_ramp
from ..train import fit
from ..units.dropout import Dropout
from ..weights.targeted import TargetedDropout
from . import compare
from .claim import Claim, Verdict

LOW = 0.80                      # a network is of no use below
STYLES = {"none": (MIDDLE, "-"), "dropout": (MIDDLE, "--"), "targeted": (DARK, "-"),
          "ramping": (DARK, "--")}


def run(arm, seed, settings, progress):
    """Train one network and prune it without fine-tuning: its test accuracy at each share."""
    splits = getattr(data, settings["data"])()
    x, y = splits.train
    net, pattern = network(arm, x, settings)
    steps = settings["epochs"] * -(-len(x) // settings["batch_size"])
    falls = settings.get("falls")                 # the paper's scale has no cosine
    schedules = {"lr": step_decay(settings["lr"], steps, [round(at * steps) for at in falls])
                 if falls else cosine(settings["lr"], steps)}
    if arm == "ramping":
        gamma, alpha = settings["rates"][arm]
        schedules["*.gamma"], schedules["*.alpha"] = targeted_ramp(
            gamma, alpha, steps, round(settings["ramp"] * steps))
    sgd = SGD(settings["lr"], momentum=0.9, weight_decay=settings.get("weight_decay", 0.0))
    fit(net.init(seed), sgd, (x, y), settings["epochs"], batch_size=settings["batch_size"],
        schedules=schedules, seed=seed, progress=progress)
    curve = pruning_curve(net, splits.test, settings["shares"], unit=False, pattern=pattern)
    return {"accuracy": [round(float(right), 4) for right in curve.accuracy]}


def network(arm, x, settings):
    """The network of an arm, not yet drawn, and the pattern of the weights that are pruned."""
    depth = settings.get("depth")
    net = resnet(depth, channels=x.shape[1]) if depth else mlp(x[0].size, *settings["hidden"], 10)
    stages, layers = ("stage*", "stage*.conv*") if depth else ("hidden*", "hidden*")
    if arm == "dropout":
        place(net, f"{stages}.drop", Dropout(settings["p"]))
    elif arm in settings["rates"]:
        gamma, alpha = settings["rates"][arm]
        wrap(net, layers, lambda layer: TargetedDropout(layer, gamma, alpha, unit=False))
    return net, "stage*.conv*.weight" if depth else None


def judge(results, settings):
    """By the rule of the claim."""
    shares, high = settings["shares"], settings["high"]
    found = {arm: intervals(compare.column(results, arm, "accuracy")) for arm in results}
    what = "units" if settings.get("unit") else "weights"
    lines = [f"test accuracy (%), mean and 95 % interval, by pruned share of {what}",
             "pruned " + "".join(f"{arm:>14}" for arm in found)]
    lines += [f"{share:<7}" + "".join(f"{_percent(row[i]):>14}" for row in found.values())
              for i, share in enumerate(shares)]
    whole = "unpruned " + ", ".join(f"{arm} {100 * row[0].mean:.1f}" for arm, row in found.items())
    if compare.one_seed(results):
        return Verdict("not seen at this scale", f"one seed has no interval; {whole}", (*lines,))

    tried: list = []

    def ahead(arm, other, i):
        gain = compare.less(results, other, arm, "accuracy")
        one = Interval(gain.mean[i], gain.half[i])
        text = f"at {shares[i]} pruned, {arm} - {other}: {_percent(one)}"
        if text not in tried:
            tried.append(text)
        return one.low > 0

    last = {arm: max((i for i, one in enumerate(row) if one.low >= high), default=-1)
            for arm, row in found.items()}
    lines.append(f"largest share that keeps {high:.0%}: " + ", ".join(
        f"{arm} {'nowhere' if i < 0 else shares[i]}" for arm, i in last.items()))
    i, j = last["targeted"], last["ramping"]
    useless = [k for k, one in enumerate(found["none"]) if one.high < LOW]
    seen = i in useless and ahead("targeted", "none", i)
    opposite = useless and all(found["targeted"][k].high < high for k in useless)
    word = ("held" if seen and j > i and ahead("ramping", "targeted", j) else
            "not held" if seen else "refuted" if opposite else "not seen at this scale")
    if j >= 0:                                    # told, and no part of the rule
        ahead("ramping", "none", j)
    kept = f"no share keeps {high:.0%}" if i < 0 else f"at {shares[i]} pruned " + ", ".join(
        f"{arm} {_percent(row[i])}" for arm, row in found.items())
    return Verdict(word, "; ".join([kept, *tried, f"{whole} (accuracy in %)"]), (*lines, *tried))


def draw(results, settings):
    """Accuracy against pruned share, with 95 % intervals over the seeds."""
    figure, axis = subplots(size=(6.5, 3.8))
    places = range(len(settings["shares"]))
    for arm, runs in results.items():
        colour, line = STYLES[arm]
        mean, half = zip(*intervals(100 * compare.column(results, arm, "accuracy")), strict=True)
        axis.errorbar(places, mean, half if len(runs) > 1 else None, color=colour, linestyle=line,
                      label=arm, capsize=2)
    axis.axhline(100 * settings["high"], color=LIGHT, linewidth=1, label=f"{settings['high']:.0%}")
    axis.set(xlabel="share of the weights that is pruned (not to scale)", ylim=(0, 102),
             ylabel=f"test accuracy on {compare.called(settings)}, %",
             xticks=[*places], xticklabels=[f"{share:g}" for share in settings["shares"]],
             title=f"without fine-tuning; {compare.over(results)}")
    axis.legend(loc="lower left")
    return figure


def intervals(values):
    """The 95 % interval at each share; around one seed it has no end."""
    if len(values) == 1:
        return [Interval(mean, math.inf) for mean in values[0]]
    return [Interval(*pair) for pair in zip(*mean_interval(values), strict=True)]


def _percent(one):
    half = f" +- {100 * one.half:.1f}" if math.isfinite(one.half) else ""
    return f"{100 * one.mean:.1f}{half}"


CLAIM = Claim(
    name="targeted",
    techniques=("targeted", "dropout", "ramps", "damage"),
    sentence="With targeted dropout an MLP can be pruned without fine-tuning to a share of weights "
             "at which it is useless without, and with ramping further still.",
    source="Gomez et al. 2019 (arXiv:1905.13678), in words; its experiments are on CIFAR-10 and "
           "others, with larger networks, and not repeated here.",
    known="Its tables are not known to us well enough to be printed.",
    protocol="MLP 64-128-64-10 on digits (quick) or 784-300-100-10 on MNIST (standard); its hidden "
             "layers have no dropout (none), dropout of units, targeted dropout of weights, or "
             "that with rates that grow for half of the run (ramping); SGD with momentum 0.9 and a "
             "cosine, paired seeds; rates and epochs were chosen on validation data with one seed; "
             "weights of the hidden layers are pruned row by row, the last layer is not. Paper: "
             "ResNet-32 on 40,000 images of CIFAR-10, with rates, batches, weight decay and a fall "
             "of the learning rate as the paper's published code has them; its network is wider, "
             "it clips gradients, and where its run ends is not known to us.",
    measure="test accuracy at each share of pruned weights, mean and 95 % interval over the seeds; "
            "a network keeps 97 % (on digits 95 %, on CIFAR-10 85 %) where its interval lies at or "
            "above, and is "
            f"useless where it lies below {100 * LOW:.0f} %; differences are of paired seeds. It "
            "keeps it at the largest such share, whatever it has at smaller ones, or unpruned: "
            "ramping has less there. The share is found by the seeds that are then compared there, "
            "which favours a gain. What ramping has more than none is told.",
    rule={"held": "at the largest share at which targeted dropout keeps 97 % the plain network is "
                  "useless and the interval of their difference lies above 0; and ramping keeps "
                  "97 % at a larger share, where the interval of its difference to targeted "
                  "dropout lies above 0",
          "not held": "the former, but not the latter",
          "not seen at this scale": "neither the former nor its opposite, or one seed alone",
          "refuted": "wherever the plain network is useless, and somewhere it is, the interval of "
                     "targeted dropout lies below 97 %"},
    arms=("none", "dropout", "targeted", "ramping"),
    scales={
        "quick": {"data": "digits", "hidden": [128, 64], "epochs": 40, "batch_size": 64, "lr": 0.1,
                  "p": 0.2, "rates": {"targeted": [0.9, 0.9], "ramping": [0.95, 0.95]},
                  "ramp": 0.5, "shares": [0.0, 0.5, 0.8, 0.9, 0.92, 0.94, 0.95, 0.96],
                  "high": 0.95, "seeds": 8},
        "standard": {"data": "mnist", "hidden": [300, 100], "epochs": 20, "batch_size": 128,
                     "lr": 0.1, "p": 0.2,
                     "rates": {"targeted": [0.97, 0.9], "ramping": [0.99, 0.99]}, "ramp": 0.5,
                     "shares": [0.0, 0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995],
                     "high": 0.97, "seeds": 3},
        "paper": {"data": "cifar10", "depth": 32, "epochs": 288, "batch_size": 128, "lr": 0.4,
                  "falls": [0.444, 0.666, 0.887], "weight_decay": 2e-4, "p": 0.25,
                  "rates": {"targeted": [0.75, 0.66], "ramping": [0.99, 0.99]}, "ramp": 0.444,
                  "shares": [0.0, 0.5, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99], "high": 0.85,
                  "seeds": 3}},
    takes={"quick": "half a minute of one core", "standard": "10 minutes of one core",
           "paper": "90,000 steps of a ResNet-32 each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)
