"""Pictures of the loss around weights, and of a convolution with fewer multiplications."""

import numpy as np
from scripts.drawn import GREY, tint
from scripts.drawn_parts import digits, numbers, sign, trained
from scripts.drawn_plot import Plot, below

import minidrop as md
from minidrop.fast.winograd import matrices
from minidrop.plots import DARK, LIGHT, MIDDLE


def landscape(sheet):
    """Loss and error on the line between two trained networks."""
    a, b = trained(0), trained(1)
    shares = np.linspace(0, 1, 21)
    curve = md.interpolation_curve(a, b, digits().test, shares)
    for left, values, label, scale in ((60, curve.loss, "test loss in nats", 1),
                                       (412, curve.error, "test error in percent", 100)):
        values = scale * values
        top = 1.15 * float(values.max())
        plot = Plot(sheet, left, 54, 270, 136, (0, 1), (0, top), "share of the first network",
                    label, (0, 0.5, 1), (0, below(float(values.max()))))
        plot.curve([0, 1], [values[0], values[-1]], LIGHT, 1.6, "4 3")
        plot.curve(shares, values, DARK, 2.2, what=label)
        peak = int((values - np.interp(shares, [0, 1], values[[0, -1]])).argmax())
        line = np.interp(shares[peak], [0, 1], values[[0, -1]])
        plot.curve([shares[peak]] * 2, [line, values[peak]], MIDDLE, 2.4)
        plot.note(shares[peak], (line + values[peak]) / 2, "barrier", colour=MIDDLE, dx=6)
    high = md.barrier(shares, curve.loss)
    sheet.text(60, 248, "Weights between those of two trained networks: both are good, what lies "
               "between is worse.", 13, colour=GREY)
    return (f"Two arched curves over the share of the first of two trained networks, from 0 to 1: "
            f"the test loss rises between them to {curve.loss.max():.1f} nats, a barrier of "
            f"{high:.1f} above the dashed line that joins the ends, and the test error to "
            f"{100 * curve.error.max():.0f} percent.")


def surface(sheet):
    """The loss on the plane through three trained networks."""
    a, b, c = (trained(seed) for seed in range(3))
    plane = md.Plane(a, b, c)
    xs, ys = plane.grid(n=25)
    found = md.loss_surface(a, plane, digits().test, (xs, ys), progress=False)
    z = np.log(np.maximum(np.asarray(found.loss), 1e-3))
    level = np.clip((z - z.min()) / (z.max() - z.min()), 0, 1)
    side, left, top = 8.4, 56, 22
    for shade in range(1, 9):                     # the lower the paler, as in the lessons
        sheet.cells(left, top, side, np.rint(8 * level[::-1]) == shade, tint(shade / 9), "loss")
    plot = Plot(sheet, left, top, side * 25, side * 25, (xs[0], xs[-1]), (ys[0], ys[-1]), "", "")
    for k, (x, y) in enumerate(plane.corners, 1):
        plot.dots([x], [y], "white", 10, DARK, "network")
        plot.note(x, y, k, "middle", DARK, dy=5)
    sheet.text(left + side * 12.5, 252, "distance along u", 13, "middle")
    sheet.text(44, 190, "distance along v", 13, turn=90)
    sheet.caption(320, 52, "The plane through three networks")
    words = ("Each disc is a trained network of 2,410", "numbers; the plane is the only one that",
             "holds all three.", "",
             f"Pale: low test loss, from {found.loss.min():.2f} nats;",
             f"dark: high, up to {found.loss.max():.1f}.", "",
             f"Between the discs lie {np.linalg.norm(plane.corners[1]):.1f} units of weight.")
    for k, line in enumerate(words):
        sheet.text(320, 82 + 20 * k, line, 14)
    size = sum(w.size for w in a.parameters())
    assert f"{size:,}" in words[0], size
    return ("A square map of the test loss on a plane of weights, in shades of blue: a numbered "
            "disc marks each of three trained networks in pale ground, and a dark hill lies "
            f"between them, from {found.loss.min():.2f} to {found.loss.max():.1f} nats.")


def sharpness(sheet):
    """A flat and a sharp valley, how steep they are and how far the loss rises at a distance."""
    x = np.linspace(-2, 2, 81)
    told = []
    for left, scale, head in ((56, 1.0, "a flat minimum"), (396, 2.0, "a sharp minimum")):
        inputs = scale * np.sqrt(2) * np.eye(2)
        net, data = md.nn.Linear(2, 1, bias=False).init(0), (inputs, np.zeros((2, 1)))
        net.weight.data[:] = 0
        top = md.largest_curvature(net, data, loss=md.mse_loss, tolerance=1e-6)
        rise = md.random_sharpness(net, data, 1.0, 4, 0, loss=md.mse_loss).rise.mean
        told.append((top.value, float(rise)))
        plot = Plot(sheet, left, 66, 280, 122, (-2, 2), (0, 6), "distance from the minimum",
                    "", (-2, -1, 0, 1, 2), (0, 2, 4, 6))
        sheet.caption(left, 30, head, f"largest curvature {top.value:.0f}, rise at distance 1: "
                                      f"{float(rise):.1f}")
        values = top.value * x**2 / 2
        plot.curve(x[values <= 6], values[values <= 6], DARK, 2.4, what="loss")
        plot.curve([-1, -1], [0, float(rise)], MIDDLE, 2.4)
        plot.curve([1, 1], [0, float(rise)], MIDDLE, 2.4, what="rise")
    sheet.text(56, 250, "The orange bars: the mean rise of the loss in random directions.", 13,
               colour=GREY)
    return (f"Two parabolas, the loss around a minimum: a wide one with the largest curvature "
            f"{told[0][0]:.0f} and a narrow one with {told[1][0]:.0f}. Orange bars at distance 1 "
            f"on both sides show that the loss rises by {told[0][1]:.1f} in the first and by "
            f"{told[1][1]:.1f} in the second.")


def curvature(sheet):
    """A direction, and how the gradient changes along it: the Hessian times that direction."""
    h = np.array([[1.0, 0.6], [0.6, 2.0]])
    at = np.array([-1.2, 0.9])
    v = np.array([1.0, 0.0])

    def loss(w):
        return 0.5 * (w @ h * w).sum()

    def slope(place):
        w = md.Tensor(place, requires_grad=True)
        return md.grad(loss(w), w)

    w = md.Tensor(at, requires_grad=True)
    product = md.hessian_product(loss(w), [w], [v])[0]
    assert np.allclose(slope(at + v) - slope(at), product)
    plot = Plot(sheet, 60, 26, 300, 186, (-2.6, 2.3), (-1.6, 1.6), "", "", (-2, -1, 0, 1, 2),
                (-1, 0, 1))
    turn, (values, vectors) = np.linspace(0, 2 * np.pi, 91), np.linalg.eigh(h)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    for r in (0.6, 1.1, 1.6):
        oval = vectors @ (circle * (r / np.sqrt(values))[:, None])
        plot.curve(oval[0], oval[1], LIGHT, 1)
    sheet.arrow([plot.at(*at), plot.at(*(at + v))], DARK, 2.6, what="v")
    for place in (at, at + v):
        sheet.arrow([plot.at(*place), plot.at(*(place - 0.5 * slope(place)))], GREY, 1.6)
    sheet.arrow([plot.at(*at), plot.at(*(at + 0.5 * product))], MIDDLE, 2.6, what="Hv")
    sheet.text(210, 246, "first weight; upwards the second", 13, "middle")
    lines = (("dark: a direction v", DARK), ("grey: downhill at its ends, half length", GREY),
             ("orange: H v, half length: by how much the", MIDDLE),
             ("gradient changes along v", MIDDLE),
             (f"v = ({v[0]:g}, {v[1]:g}), H v = ({product[0]:g}, {product[1]:g})", GREY),
             ("No matrix H is ever made: two passes", GREY),
             ("of the tape give the product.", GREY))
    for k, (words, colour) in enumerate(lines):
        sheet.text(404, 56 + 24 * k, words, 14, colour=colour)
    return ("Oval contours of a loss over two weights. From one point a dark arrow v leads to the "
            "right; at both of its ends a grey arrow points downhill, and an orange arrow, H v = "
            f"({product[0]:g}, {product[1]:g}), is the difference of the two gradients.")


def winograd(sheet):
    """A tile of inputs, its transform, the filter's, and the outputs: few multiplications."""
    points, taps = (0, 1, -1), 3
    a, g, bt = (np.array(m, float) for m in matrices(points, taps))
    size, out = len(bt), a.shape[1]
    tile = np.round(4 * md.gaussian(2, (size, size)).astype(float)) / 2
    kernel = np.array([[1.0, 2, 1], [0, 0, 0], [-1, -2, -1]])
    u, v = g @ kernel @ g.T, bt @ tile @ bt.T
    y = a.T @ (u * v) @ a
    direct = np.array([[(tile[i:i + taps, j:j + taps] * kernel).sum() for j in range(out)]
                       for i in range(out)])
    assert np.allclose(y, direct)
    side = 30
    for left, values, head, note in ((24, tile, "tile", f"{size} × {size} inputs"),
                                     (172, v, "V = Bᵀ d B", "additions only"),
                                     (330, u, "U = G g Gᵀ", f"of a {taps} × {taps} filter"),
                                     (490, u * v, "U ⊙ V", f"{size * size} products")):
        sheet.caption(left, 44, head, note)
        numbers(sheet, left, 82, side, values, max(1.0, abs(values).max()))
    sheet.caption(640, 44, "Y", "outputs")
    numbers(sheet, 640, 112, side, y, abs(y).max())
    for at, words in ((158, "→"), (311, "·"), (470, "="), (625, "→")):
        sign(sheet, at, 148, words)
    sheet.text(24, 240, f"{out} × {out} outputs by {size * size} multiplications; directly they "
               f"take {out * out * taps * taps}.", 13, colour=GREY)
    return (f"Five matrices of numbers in a row: a tile of {size} by {size} inputs, its transform "
            f"V, the transform U of a {taps} by {taps} filter, their product entry by entry, "
            f"{size * size} multiplications, and the {out} by {out} outputs, which are those of "
            f"the convolution and would take {out * out * taps * taps} multiplications directly.")
