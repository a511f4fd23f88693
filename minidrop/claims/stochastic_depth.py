"""Stochastic depth against constant depth: fewer errors, larger gradients in the first layer."""

from ..models import drop_paths, place, places
from ..optim import SGD, cosine
from ..paths.stochastic_depth import StochasticDepth, survival
from ..plots import DARK, LIGHT, MIDDLE, subplots
from ..train import fit
from ..xp import array_module, host
from . import cnns, compare, recipe
from .claim import Claim, Verdict

LOOKS = 60                              # points of a curve
LEARNT = 0.1                            # of its own images, an error at most
LATE = 2 / 3                            # of the run, from where on it is late
PAIRS = (("linear", "constant"), ("linear", "uniform"))
STYLES = {"constant": (MIDDLE, "--"), "linear": (DARK, "-"), "uniform": (LIGHT, "-")}


def run(arm, seed, settings, progress):
    """Train one arm: its errors, and the mean size of the first layer's gradient over the run."""
    splits = cnns.images(settings)
    net = network(arm, settings, splits.train[0])
    sizes: list = []
    sgd = Watching(sizes, settings["lr"], settings["momentum"],
                   weight_decay=settings["weight_decay"])
    fit(net.init(seed), sgd, splits.train, settings["epochs"], batch_size=settings["batch_size"],
        schedules={"lr": cosine(settings["lr"], recipe.steps(splits.train, settings))}, seed=seed,
        progress=progress)
    net.eval()
    return {"error": recipe.error(net, splits.test), "training": recipe.error(net, splits.train),
            "gradient": thinned(sizes)}


def network(arm, settings, x):
    """The ResNet of an arm, not yet drawn."""
    net, q = cnns.network(settings, x), settings["q_last"]
    if arm == "linear":
        drop_paths(net, 1 - q)
    elif arm == "uniform":
        blocks = sum(path.endswith(".sum") for path in places(net))
        p = 1 - sum(survival(k, blocks, q) for k in range(1, blocks + 1)) / blocks
        place(net, "sum", lambda old, k: StochasticDepth(old.branch, p, old.skip))
    return net


class Watching(SGD):
    """SGD that notes the mean size of the first parameter's gradient before each step."""

    def __init__(self, sizes, *args, **named):
        super().__init__(*args, **named)
        self.sizes = sizes

    def step(self, model):
        """Note the size, and take the step."""
        self.sizes.append(abs(model.parameters()[0].grad).mean())
        super().step(model)


def thinned(sizes):
    """The means of as many equal parts of a run as a curve has points."""
    xp = array_module()
    values = xp.asarray([float(host(one)) for one in sizes])
    return [float(f"{part.mean():.4g}") for part in xp.array_split(values, min(LOOKS, len(values)))]


def judge(results, settings):
    """By the rule of the claim on errors."""
    verdict, short = compare.in_pairs(results, PAIRS), [*unlearnt(results)]
    return verdict._replace(headline="; ".join([verdict.headline, *short]),
                            lines=(*verdict.lines, *short))


def unlearnt(results):
    """A line on the arms for which the run was too short to learn their images, if there are any.
    """
    wrong = {arm: compare.column(results, arm, "training").mean() for arm in results}
    late = [f"{100 * share:.0f} % of those of {arm}" for arm, share in wrong.items()
            if share > LEARNT]
    if late:
        yield ("images that were learned from and are wrong in the end: " + ", ".join(late)
               + "; what a longer run brings is not seen here")


def halves(results, arm):
    """ln of the mean gradient of a seed before the run is late, and after: two of (seeds,)."""
    curves = compare.column(results, arm, "gradient")
    late, xp = round(LATE * curves.shape[1]), array_module()
    return [xp.log(part.mean(1)) for part in (curves[:, :late], curves[:, late:])]


def begun(results, arm):
    """ln of the mean gradient of a seed in the first sixth of the run, (seeds,)."""
    curves = compare.column(results, arm, "gradient")
    return array_module().log(curves[:, :max(1, curves.shape[1] // 6)].mean(1))


def judge_gradients(results, settings):
    """By the rule of the claim on gradients."""
    lines = [*compare.table(results, training_error="training")]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    parts = [compare.interval(one - other) for one, other in zip(
        halves(results, "linear"), halves(results, "constant"), strict=True)]
    names = "in the first two thirds", "in the last third"
    exp, training = array_module().exp, [
        100 * compare.column(results, arm, "training").mean() for arm in ("linear", "constant")]
    lines += [f"ln(linear / constant) {name}: {one}" for name, one in zip(names, parts,
                                                                         strict=True)]
    first = compare.interval(begun(results, "linear") - begun(results, "constant"))
    start = f"{exp(first.mean):.2f} times in the first sixth (ln {first}), which is no part of it"
    lines.append(f"linear / constant: {start}")
    return Verdict(compare.word(*parts), "the gradient of the first layer is with stochastic depth "
                   + " and ".join(f"{exp(one.mean):.2f} times as large {name} (ln {one})"
                                  for name, one in zip(names, parts, strict=True))
                   + f"; {start}"
                   + "; training error {:.2f} % with it, {:.2f} % without".format(*training),
                   tuple(lines))


def draw(results, settings):
    """The test error of all arms, and what decides."""
    return compare.draw_pairs(results, settings, PAIRS)


def draw_gradients(results, settings):
    """The mean size of the first layer's gradient over the run."""
    figure, axis = subplots(size=(6.5, 3.6))
    for arm in results:
        curves = compare.column(results, arm, "gradient")
        epochs = (array_module().arange(curves.shape[1]) + 0.5) / curves.shape[1]
        colour, line = STYLES[arm]
        axis.fill_between(epochs * settings["epochs"], curves.min(0), curves.max(0), color=colour,
                          alpha=0.2, linewidth=0)
        axis.plot(epochs * settings["epochs"], curves.mean(0), color=colour, linestyle=line,
                  label=arm)
    axis.axvline(LATE * settings["epochs"], color="black", linewidth=0.6)
    axis.set(xlabel="epochs (the line: late begins)", ylabel="mean |gradient|", yscale="log",
             title=f"first convolution, {compare.called(settings)}; mean and range of the seeds")
    axis.legend()
    return figure


PROTOCOL = ("ResNet-14 on the first 500 images of CIFAR-10, measured on 5,000 others (quick: "
            "digits); its 6 blocks survive always (constant), with a chance that falls linearly to "
            "one half (linear), or all with the mean of that, 17/24 (uniform), one draw for each "
            "block and mini-batch, the branch weighed by its chance in evaluation. SGD with "
            "momentum 0.9, weight decay 1e-4, rate 0.1 falling as half a cosine, mini-batches of "
            "50, 120 epochs (quick: 12), no augmentation. In the paper the skip of a block that "
            "halves its map takes means of 2 x 2 pixels; here it takes every second pixel. "
            "Nothing was chosen by any data. Paired seeds.")
BEFORE = ("A first run, with seeds 0 to 4, had a ResNet-20, 1,000 images and 30 epochs, and that "
          "errors are fewer was not seen: constant learned its images by heart, but linear and "
          "uniform still had 48 and 41 % of them wrong, so that it told of a short run. The "
          "gradients of the early layers were smaller with stochastic depth early in the run, and "
          "4.2 times as large late, where only constant had learned. So there are half of the "
          "images, four times the epochs, twice the steps, and fewer blocks now, as many as three "
          "minutes a run allow, and the seeds are 10 to 14 (quick: 0 to 2). In one trial of it, "
          "with seed 902, the loss of linear fell from 2.7 to 1.1 in the first sixth of the "
          "steps, and was not followed further.")
SCALES = {
    "quick": {"data": "digits", "images": 400, "net": "resnet14", "epochs": 12, "batch_size": 50,
              "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "q_last": 0.5, "seeds": 3},
    "standard": {"data": "cifar10", "images": 500, "held_out": 5000, "net": "resnet14",
                 "epochs": 120, "batch_size": 50, "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4,
                 "q_last": 0.5, "first_seed": 10, "seeds": 5},
    "paper": {"data": "cifar10", "images": 35000, "net": "resnet110", "epochs": 500,
              "batch_size": 128, "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "q_last": 0.5,
              "seeds": 3}}
TAKES = {"quick": "half a minute of one core",
         "standard": "35 minutes of one core",
         "paper": "500 epochs of a ResNet-110 each, for a GPU, and not timed by us"}

CLAIM = Claim(
    name="stochastic-depth",
    techniques=("stochastic_depth",),
    sentence="A ResNet makes fewer errors with stochastic depth, survival falling linearly to one "
             "half, than at constant depth, and than with the same survival in all blocks.",
    source="Huang et al. 2016, its results on CIFAR-10 and its comparison of linear decay with "
           "uniform survival.",
    known="On CIFAR-10 5.23 to 5.25 % error against 6.41 % at constant depth, for 110 layers, as "
          "its published code and notes on it have it; the notes say that linear decay is good for "
          "a last survival of 0.4 to 0.8, and uniform survival best near 0.8.",
    protocol=PROTOCOL,
    before=BEFORE,
    measure="test error, mean and 95 % interval over the seeds; differences are of paired seeds.",
    rule=compare.rule("the intervals of the error at constant depth, and of uniform survival, less "
                      "that of linear both lie above 0"),
    arms=(*STYLES,), scales=SCALES, takes=TAKES, run=run, judge=judge, draw=draw,
    effect="5.23 to 5.25 % error against 6.41 % at constant depth, for 110 layers on CIFAR-10")

GRADIENTS = Claim(
    name="depth-gradients",
    techniques=("stochastic_depth",),
    sentence="With stochastic depth the gradient of the first layer is larger than at constant "
             "depth, early in training and late.",
    source="Huang et al. 2016, its figure of the gradients of the first convolution.",
    known="As we recall the figure, the curve of stochastic depth lies above, and most so late in "
          "training; its numbers are not known to us well enough to be printed.",
    protocol=PROTOCOL + " The runs are those of the claim `stochastic-depth`.",
    before=BEFORE,
    measure="the mean absolute entry of the gradient of the first convolution, in each step of "
            "the training itself, averaged over the first two thirds of the steps and over the "
            "last; ln of linear over constant of paired seeds, mean and 95 % interval; early is "
            "the first two thirds, and the first sixth is told. Where the loss of one of them is "
            "near 0 and that of the other is not, that alone makes its gradient smaller. The "
            "training errors that are told do not rule it out: they are those of evaluation, in "
            "which all blocks are there, and the loss of a step with blocks left out may be far "
            "from 0.",
    rule=compare.rule("the intervals of ln(linear / constant) in the first two thirds and in the "
                      "last third both lie above 0"),
    arms=(*STYLES,), scales=SCALES, takes=TAKES, run=run, judge=judge_gradients,
    draw=draw_gradients, effect="as we recall, larger gradients, and most so late",
    runs_of="stochastic-depth")
