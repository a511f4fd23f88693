"""Targeted dropout: a network that was trained for pruning survives it."""

from .. import data
from ..damage import pruning_curve
from ..intervals import mean_interval
from ..models import mlp, place, wrap
from ..optim import SGD, cosine
from ..plots import DARK, LIGHT, MIDDLE, subplots
from ..schedules.ramps import targeted_ramp
from ..train import fit
from ..units.dropout import Dropout
from ..weights.targeted import TargetedDropout
from .claim import Claim, Verdict

LOW = 0.80                      # the plain network is of no use below
STYLES = {"none": (MIDDLE, "-"), "dropout": (MIDDLE, "--"), "targeted": (DARK, "-"),
          "ramping": (DARK, "--")}


def run(arm, seed, settings, progress):
    """Train one network and prune it without fine-tuning: its test accuracy at each share."""
    splits = getattr(data, settings["data"])()
    x, y = splits.train
    net = mlp(x[0].size, *settings["hidden"], 10)
    gamma, alpha = settings["rates"].get(arm, (None, None))
    if arm == "dropout":
        place(net, "hidden*.drop", Dropout(settings["p"]))
    elif gamma is not None:
        wrap(net, "hidden*", lambda layer: TargetedDropout(layer, gamma, alpha, unit=False))
    steps = settings["epochs"] * -(-len(x) // settings["batch_size"])
    schedules = {"lr": cosine(settings["lr"], steps)}
    if arm == "ramping":
        schedules["*.gamma"], schedules["*.alpha"] = targeted_ramp(
            gamma, alpha, steps, round(settings["ramp"] * steps))
    fit(net.init(seed), SGD(settings["lr"], momentum=0.9), (x, y), settings["epochs"],
        batch_size=settings["batch_size"], schedules=schedules, seed=seed, progress=progress)
    curve = pruning_curve(net, splits.test, settings["shares"], unit=False)
    return {"accuracy": [round(float(right), 4) for right in curve.accuracy]}


def judge(results, settings):
    """By the rule of the claim, on the means over the seeds."""
    high = settings["high"]
    means = {arm: [mean for mean, _ in columns(runs)] for arm, runs in results.items()}
    lines = ["share pruned " + " ".join(f"{share:6.3f}" for share in settings["shares"])]
    lines += [f"{arm:12} " + " ".join(f"{100 * mean:6.2f}" for mean in row)
              for arm, row in means.items()]
    held = {arm: [share for share, kept, plain in zip(settings["shares"], means[arm], means["none"],
                                                      strict=True) if kept >= high and plain < LOW]
            for arm in ("targeted", "ramping")}
    lines += [f"{arm} keeps {high:.0%} where none is below {LOW:.0%}: "
              f"{', '.join(map(str, shares)) or 'nowhere'}" for arm, shares in held.items()]
    furthest = {arm: max((share for share, mean in zip(settings["shares"], row, strict=True)
                          if mean >= high), default=0.0) for arm, row in means.items()}
    lines.append(f"largest share with {high:.0%}: "
                 + ", ".join(f"{arm} {share}" for arm, share in furthest.items()))
    if not held["targeted"]:
        return Verdict("not seen at this scale", tuple(lines))
    further = furthest["ramping"] > furthest["targeted"]
    return Verdict("held" if further else "not held", tuple(lines))


def draw(results, settings):
    """Accuracy against pruned share, with 95 % intervals over the seeds."""
    figure, axis = subplots(size=(6.5, 3.6))
    shares = range(len(settings["shares"]))
    for arm, runs in results.items():
        colour, line = STYLES[arm]
        found = columns(runs)
        axis.errorbar(shares, [mean for mean, _ in found], [half for _, half in found],
                      color=colour, linestyle=line, label=arm, capsize=2)
    axis.axhline(settings["high"], color=LIGHT, linewidth=1)
    axis.set(xlabel="share of the weights that is pruned", ylim=(0, 1.02), xticks=[*shares],
             xticklabels=[f"{share:g}" for share in settings["shares"]],
             title=f"test accuracy on {settings['data']}, without fine-tuning")
    axis.legend()
    return figure


def columns(runs):
    """(mean, half of the 95 % interval) at each share; of one seed the half is 0."""
    found = zip(*(run["accuracy"] for run in runs), strict=True)
    return [mean_interval(column) if len(column) > 1 else (column[0], 0.0) for column in found]


CLAIM = Claim(
    name="targeted",
    sentence="With targeted dropout an MLP can be pruned without fine-tuning to a share of weights "
             "at which it is useless without, and with ramping further still.",
    source="Gomez et al. 2019 (arXiv:1905.13678), in words; its experiments are on CIFAR-10 and "
           "others, with larger networks, and not repeated here.",
    known="Its tables are not known to us well enough to be printed.",
    protocol="MLP with hidden layers that drop, SGD with momentum 0.9 and a cosine, paired seeds; "
             "rates and epochs were chosen on validation data with one seed; weights of the hidden "
             "layers are pruned row by row, the last layer is not.",
    measure="test accuracy, mean over the seeds, at each share of pruned weights",
    rule=f"held: at some share targeted dropout keeps 97 % (on digits 95 %) and the plain network "
         f"less than {LOW:.0%}, and ramping keeps as much at a larger share than targeted dropout; "
         "not held: only the former",
    refuted="at every share the plain network keeps as much",
    arms=("none", "dropout", "targeted", "ramping"),
    scales={
        "quick": {"data": "digits", "hidden": [128, 64], "epochs": 40, "batch_size": 64, "lr": 0.1,
                  "p": 0.2, "rates": {"targeted": [0.9, 0.9], "ramping": [0.95, 0.95]},
                  "ramp": 0.5, "shares": [0.0, 0.5, 0.8, 0.9, 0.92, 0.94, 0.95, 0.96],
                  "high": 0.95, "seeds": 3},
        "standard": {"data": "mnist", "hidden": [300, 100], "epochs": 20, "batch_size": 128,
                     "lr": 0.1, "p": 0.2,
                     "rates": {"targeted": [0.97, 0.9], "ramping": [0.99, 0.99]}, "ramp": 0.5,
                     "shares": [0.0, 0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995],
                     "high": 0.97, "seeds": 3}},
    run=run, judge=judge, draw=draw)
