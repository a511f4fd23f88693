"""Pictures of how training goes: optimizers, learning rates, gradients, activations, attention."""

import numpy as np
from scripts.drawn import GREY
from scripts.drawn_parts import digit, digits, sign
from scripts.drawn_plot import Plot

import minidrop as md
from minidrop.plots import DARK, LIGHT, MIDDLE

STEEP = np.array([1.0, 20.0])                     # a valley: (x^2 + 20 y^2) / 2


def descent(optimizer, steps, start=(-9.0, 1.5)):
    """The path of an optimizer of the library down the valley: (steps + 1, 2)."""
    net = md.nn.Linear(2, 1, bias=False).init(0)
    net.weight.data[:] = np.array([start], "float32")
    path = [net.weight.data[0].copy()]
    for _ in range(steps):
        net.weight.grad = (net.weight.data * STEEP).astype("float32")
        optimizer.step(net)
        path.append(net.weight.data[0].copy())
    return np.array(path, float)


def valley(sheet, left, head, note, paths):
    """Contours of the valley with paths {words: points}; they end where their discs are."""
    sheet.caption(left, 30, head, note)
    plot = Plot(sheet, left + 24, 74, 286, 124, (-10.5, 2.5), (-2.2, 2.2), "first weight", "",
                (-10, -5, 0), (-2, 0, 2))
    turn = np.linspace(0, 2 * np.pi, 181)
    for r in (2, 4.5, 8):
        x, y = r * np.cos(turn), r / np.sqrt(STEEP[1]) * np.sin(turn)
        inside = (x < 2.5) & (x > -10.5)
        x, y = np.where(inside, x, np.nan), np.where(inside, y, np.nan)
        order = np.roll(np.arange(181), -int(np.argmax(np.isnan(x)) if np.isnan(x).any() else 0))
        keep = ~np.isnan(x[order])
        plot.curve(x[order][keep], y[order][keep], LIGHT, 1)
    for k, points in enumerate(paths.values()):
        colour = (DARK, MIDDLE)[k]
        points = np.clip(points, (-10.5, -2.2), (2.5, 2.2))
        plot.curve(points[:, 0], points[:, 1], colour, 1.6, ("", "5 2")[k], what=list(paths)[k])
        plot.dots(points[:, 0], points[:, 1], colour, 2.2)
        plot.dots(points[-1:, 0], points[-1:, 1], colour, 5, "white", "end")


def sgd(sheet):
    """A step follows the gradient; momentum goes on in the old direction."""
    steps = 20
    plain, heavy = (descent(md.optim.SGD(lr=0.06, momentum=m), steps) for m in (0.0, 0.8))
    valley(sheet, 24, "without momentum", f"{steps} steps of 0.06 g", {"plain": plain})
    valley(sheet, 372, "momentum 0.8", "the velocity remembers old gradients", {"heavy": heavy})
    ends = [float(np.hypot(*path[-1])) for path in (plain, heavy)]
    sheet.text(24, 250, f"Discs: where {steps} steps lead; the lowest point is at (0, 0).", 13,
               colour=GREY)
    return ("Twice a narrow valley with oval contours, in which descent starts at the upper left. "
            f"Without momentum the path jumps across, creeps along the floor and is "
            f"{ends[0]:.1f} from the lowest point after {steps} steps; with momentum it "
            f"swings through the valley and ends {ends[1]:.1f} away.")


def adam(sheet):
    """Adam's steps are about as long in every direction, whatever the slope."""
    steps = 30
    plain = descent(md.optim.SGD(lr=0.06), steps)
    scaled = descent(md.optim.Adam(lr=0.3), steps)
    valley(sheet, 24, "SGD", "steps follow the slope", {"plain": plain})
    valley(sheet, 372, "Adam", "each weight has a step of its own size", {"adam": scaled})
    first = [abs(path[1] - path[0]) for path in (plain, scaled)]
    sheet.text(24, 250, f"First step, along the two weights: SGD {first[0][0]:.2f} and "
               f"{first[0][1]:.2f}, Adam {first[1][0]:.2f} and {first[1][1]:.2f}.", 13, colour=GREY)
    return ("Twice a narrow valley with oval contours. SGD jumps across and then creeps along the "
            f"floor: its first step is {first[0][0]:.2f} along the one and "
            f"{first[0][1]:.2f} along the other weight. Adam's first step is {first[1][0]:.2f} "
            "along both, and its path swings in a curve.")


def schedules(sheet):
    """Four learning-rate schedules."""
    total, lr = 100, 0.1
    curves = {"steps": md.optim.step_decay(lr, total, [50, 75]),
              "cosine": md.optim.cosine(lr, total),
              "restarts": md.optim.cosine_restarts(lr, total, 20, 2),
              "warm-up": md.optim.warmup(md.optim.cosine(lr, total), 15)}
    for k, (name, rates) in enumerate(curves.items()):
        plot = Plot(sheet, 52 + 168 * k, 66, 130, 122, (0, total), (0, 0.11), "step",
                    "learning rate" if not k else "", (0, 50, 100),
                    (0, 0.05, 0.1) if not k else {0: "", 0.05: "", 0.1: ""})
        sheet.text(52 + 168 * k, 32, name, 14, bold=True)
        plot.curve(range(total), rates, DARK, 2.2, what=name)
    sheet.text(52, 248, "One array for each, a rate for every step.", 13, colour=GREY)
    return (f"Four learning rates over {total} steps, all of at most {lr:g}: falling to a tenth at "
            "steps 50 and 75; half a cosine wave down to 0; three such waves, each twice as "
            "long as the one before, the last cut off; and a straight rise over 15 steps before a "
            "cosine wave.")


def dynamics(sheet):
    """Gradients of ten mini-batches as arrows, with and without dropout, seen in a plane."""
    found = {}
    for p in (0.0, 0.5):
        net = md.nn.Sequential(md.nn.Linear(64, 32), md.nn.ReLU(), md.Dropout(p),
                               md.nn.Linear(32, 10)).init(0)
        x, y = digits().train
        params = net.parameters()
        flat = lambda grads: np.concatenate([g.ravel() for g in grads]).astype(float)
        batches = [slice(64 * k, 64 * k + 64) for k in range(10)]
        grads = np.array([flat(md.grad(md.cross_entropy(net(x[b]), y[b]), params))
                          for b in batches])
        net.eval()
        whole = flat(md.grad(md.cross_entropy(net(x), y), params))
        found[p] = grads, whole
    for left, (p, (grads, whole)) in zip((24, 372), found.items(), strict=True):
        first = whole / np.linalg.norm(whole)
        along = grads @ first
        across = np.linalg.norm(grads - along[:, None] * first, axis=1)
        norm = md.gradient_norm(grads)
        sheet.caption(left, 30, "no dropout" if not p else f"dropout, p = {p:g}",
                      f"variance {md.gradient_direction_variance(grads):.2f}, error "
                      f"{md.gradient_direction_error(grads, whole):.2f}, length {norm.mean():.2f}")
        plot = Plot(sheet, left + 34, 86, 270, 112, (0, 0.6), (0, 0.6),
                    "along the gradient of all data", "aside", (0, 0.2, 0.4, 0.6), (0, 0.3, 0.6))
        for a, b in zip(along, across, strict=True):
            sheet.arrow([plot.at(0, 0), plot.at(a, b)], LIGHT, 1.4, what="gradient")
        sheet.arrow([plot.at(0, 0), plot.at(np.linalg.norm(whole), 0)], MIDDLE, 3, what="whole")
    values = [md.gradient_direction_variance(grads) for grads, _ in found.values()]
    sheet.text(24, 252, "Light: gradients of ten mini-batches, by how far they point aside. "
               "Orange: of all data, no noise.", 13, colour=GREY)
    return ("Two fans of ten light arrows from one point, the gradients of ten mini-batches at the "
            "same weights, beside one orange arrow along the axis, the gradient of all data: "
            f"without dropout their directions vary by {values[0]:.2f}, with dropout by "
            f"{values[1]:.2f}, and they point further aside.")


def activations(sheet):
    """GELU and its tanh form, SELU, and softmax at three temperatures."""
    x = np.linspace(-3, 3, 121)
    plot = Plot(sheet, 44, 66, 180, 122, (-3, 3), (-2, 3), "input", "output", (-3, 0, 3),
                (-2, 0, 2))
    sheet.text(44, 30, "GELU", 14, bold=True)
    plot.curve(x, np.maximum(x, 0), LIGHT, 1.6, "4 3", "relu")
    plot.curve(x, md.gelu(x), DARK, 2.4, what="gelu")
    plot.note(-2.8, 1.6, "dashed: ReLU", colour=GREY)
    plot = Plot(sheet, 280, 66, 180, 122, (-3, 3), (-2, 3.2), "input", "", (-3, 0, 3), (-2, 0, 2))
    sheet.text(280, 30, "SELU", 14, bold=True)
    plot.curve(x, np.maximum(x, 0), LIGHT, 1.6, "4 3")
    plot.curve(x, md.selu(x), DARK, 2.4, what="selu")
    z = np.array([2.0, 1.0, 0.0, -1.0])
    plot = Plot(sheet, 516, 66, 176, 122, (-0.6, 3.6), (0, 1), "class", "",
                {k: f"{v:g}".replace("-", "−") for k, v in enumerate(z)}, (0, 0.5, 1))
    sheet.caption(516, 30, "softmax", "of the logits 2, 1, 0, −1")
    plot.bars(range(4), md.softmax(z[None])[0], 0.6, DARK, "softmax")
    sheet.text(44, 250, "SELU's constants keep mean 0 and variance 1 of standard normal inputs.",
               13, colour=GREY)
    return ("Three plots. GELU follows the dashed ReLU but dips a little below 0 for small "
            "negative inputs and is smooth at 0; SELU falls to about -1.76 on the left and is "
            "steeper than ReLU on the right; softmax turns the logits 2, 1, 0 and -1 into "
            "four falling bars that sum to 1.")


def attention(sheet):
    """A digit in patches, and how much each takes from each."""
    x = digit(0)
    tokens = md.functional.patches(x[None, None], 2)[0]
    unit = (tokens - tokens.mean(0)) / np.linalg.norm(tokens - tokens.mean(0), axis=1)[:, None]
    w = md.functional.attention_weights(8 * unit, unit)
    y = w @ tokens
    side = 17
    sheet.caption(24, 30, "16 patches", "a token each")
    sheet.grid(24, 64, side, x)
    for k in (2, 4, 6):
        sheet.line([(24 + k * side, 64), (24 + k * side, 64 + 8 * side)], MIDDLE, 1)
        sheet.line([(24, 64 + k * side), (24 + 8 * side, 64 + k * side)], MIDDLE, 1)
    sheet.caption(250, 30, "attention weights", "rows sum to 1: what a token takes")
    sheet.grid(270, 64, 9, w, float(w.max()))
    sheet.text(342, 226, "taken from token", 13, "middle", GREY)
    sheet.text(262, 182, "by token", 13, turn=90, colour=GREY)
    sheet.caption(530, 30, "what they take", "means of patches")
    out = y.reshape(4, 4, 2, 2).swapaxes(1, 2).reshape(8, 8)
    sheet.grid(530, 64, side, out)
    for at in (212, 472):
        sign(sheet, at, 138, "→")
    sheet.text(24, 250, "Queries and keys are the patches themselves here; dropout of attention "
               "drops weights.", 13, colour=GREY)
    return ("A handwritten digit cut into 16 patches of 2 by 2 pixels; the 16 by 16 attention "
            "weights between them, darkest on the diagonal and where patches are alike; and the "
            "digit whose patches are replaced by weighted means of patches like them, which is a "
            "smoother copy of it.")
