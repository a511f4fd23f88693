"""Dropout and sparsity: the hidden units of an autoencoder, trained with it and without."""

from ..functional import mse_loss
from ..nn import evaluation
from ..placement import home
from ..plots import DARK, LIGHT, subplots
from ..tape import data_of
from ..xp import array_module, host, to_backend
from . import compare, mlps, recipe
from .claim import Claim, Verdict

BINS = 20                   # of the histogram, up to 4 times the mean of all activations


def run(arm, seed, settings, progress):
    """Train an autoencoder of one hidden layer: what its ReLU units do on the test images."""
    splits = mlps.images(settings)
    x, unseen = splits.train[0], splits.test[0]
    net = mlps.network(settings, x.shape[1], settings["p"] if arm == "dropout" else 0,
                       outputs=x.shape[1])
    recipe.train(net, (x, x), settings, seed, progress, loss=squares)
    a, y = activations(net, unseen)
    return measured(a, y, unseen)


def squares(y, target):
    """Half the squared error of an image, the mean over the images."""
    return mse_loss(y, target) * (target.shape[1] / 2)


def activations(net, x):
    """The hidden units (N, D) before any dropout, and the outputs, as NumPy arrays."""
    with evaluation(net):
        a = net.hidden1.relu(net.hidden1.linear(to_backend(x, home(net))))
        return host(data_of(a)), host(data_of(net.out(a)))


def measured(a, y, x):
    """What is kept of activations a (N, D) and of outputs y for the images x."""
    xp, mean = array_module(a), float(a.mean())
    counts, _ = xp.histogram(a / mean, bins=BINS, range=(0, 4)) if mean else ([0] * BINS, None)
    found = {"mean": mean, "zeros": float((a == 0).mean()),
             "dead": float((a == 0).all(0).mean()),
             "squared_error": float(((y - x) ** 2).mean() / x.var())}
    return {name: round(value, 6) for name, value in found.items()} | {
        "histogram": [round(float(n) / a.size, 6) for n in counts]}


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*compare.table(results, zeros="zeros", dead_units="dead",
                            squared_error="squared_error")]
    lines += [f"{arm}: mean activation {compare.interval(compare.column(results, arm, 'mean'))}"
              for arm in results]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    lower = compare.less(results, "dropout", "none", "mean")
    zeros = compare.less(results, "none", "dropout", "zeros")
    lines += [f"mean activation, none - dropout: {lower}",
              f"share of zeros, dropout - none: {compare.percent(zeros)} points"]
    mean = {arm: compare.column(results, arm, "mean").mean() for arm in results}
    share = {arm: 100 * compare.column(results, arm, "zeros").mean() for arm in results}
    rest = {name: [compare.column(results, arm, name).mean() for arm in ("dropout", "none")]
            for name in ("squared_error", "dead")}
    return Verdict(compare.word(lower, zeros), ", ".join(
        f"{arm}: mean activation {mean[arm]:.2f}, {share[arm]:.0f} % of activations are 0"
        for arm in results) + f"; with dropout {lower} lower, and {compare.percent(zeros)} points "
        "more zeros; its squared error is {0:.2f} of the variance, {1:.2f} without, and {2:.0f} % "
        "of its units are always 0, {3:.0f} % without".format(
            *rest["squared_error"], *(100 * one for one in rest["dead"])), tuple(lines))


def draw(results, settings):
    """The histogram of activations of each arm, in units of their mean."""
    figure, axes = subplots(1, 2, size=(9.0, 3.2), sharey=True)
    for axis, arm, colour in zip(axes, results, (LIGHT, DARK), strict=True):
        shares = 100 * compare.column(results, arm, "histogram").mean(0)
        axis.bar([4 * (i + 0.5) / BINS for i in range(BINS)], shares, 4 / BINS, color=colour)
        mean = compare.column(results, arm, "mean").mean()
        axis.set(title=f"{arm}: mean activation {mean:.2f}",
                 xlabel="activation / mean activation")
    axes[0].set(ylabel="share of activations, %")
    return figure


CLAIM = Claim(
    name="sparsity",
    techniques=("dropout",),
    sentence="Dropout makes hidden units sparse, without being asked to: their activations are "
             "lower in the mean, and more of them are zero.",
    source="Srivastava et al. 2014, section 7.2.",
    known="Its figure has a mean activation of about 2.0 without dropout and 0.7 with it, for an "
          "autoencoder of 256 ReLU units on MNIST, as we recall; the histogram with dropout has "
          "its peak at zero.",
    effect="as we recall, a mean activation of about 2.0 without dropout, of 0.7 with it",
    protocol="Autoencoder 784-256-784 with ReLU units on the first 10,000 training images of MNIST "
             "(quick: 64-64-64 on digits), dropout of half of the hidden units; half the squared "
             "error of an image is the loss, the outputs are linear; SGD with momentum 0.9, rate "
             "0.0005 (quick: 0.02) falling as half a cosine, mini-batches of 100, 20 epochs. "
             "Activations are those of the test images, in evaluation, before any mask. The rate "
             "was chosen in 3 epochs with another seed, on validation images: at 0.002 more units "
             "were 0 for every image, which no mask explains. Paired seeds.",
    measure="mean of all activations and share of those that are 0, mean and 95 % interval over "
            "the seeds; differences are of paired seeds. Beside it, and not part of the rule: the "
            "share of units that are 0 for every image, and the squared error over the variance: "
            "a network that has learned less may be lower for that reason.",
    rule=compare.rule("the intervals of the mean activation without dropout less that with it, and "
                      "of the share of zeros with it less that without, both lie above 0"),
    arms=("none", "dropout"),
    scales={
        "quick": {"data": "digits", "images": 1197, "hidden": [64], "epochs": 40, "batch_size": 50,
                  "lr": 0.02, "momentum": 0.9, "p": 0.5, "seeds": 5},
        "standard": {"data": "mnist", "images": 10000, "hidden": [256], "epochs": 20,
                     "batch_size": 100, "lr": 0.0005, "momentum": 0.9, "p": 0.5, "seeds": 5},
        "paper": {"data": "mnist", "images": 50000, "hidden": [256], "epochs": 200,
                  "batch_size": 100, "lr": 0.0005, "momentum": 0.9, "p": 0.5, "seeds": 5}},
    takes={"quick": "ten seconds of one core", "standard": "2 minutes of one core",
           "paper": "200 epochs of MNIST each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)
