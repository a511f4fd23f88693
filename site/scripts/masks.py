"""Draw the README's picture, site/pages/masks.png: a digit under dropout at three rates."""

from pathlib import Path

import minidrop as md
from minidrop.plots import save_figure, subplots

SIDE, DRAWS = 8, 400

image = md.data.digits().train[0][0].reshape(SIDE, SIDE)
figure, axes = subplots(3, 6, size=(8.0, 4.2))
for row, p in zip(axes, (0.2, 0.5, 0.8), strict=True):
    stream = md.Stream(1, f"p = {p}")
    draws = [md.dropout(image, md.dropout_mask(stream, image.shape, p), p) for _ in range(DRAWS)]
    panels = {"input x": image, **{f"draw {i + 1}": draw for i, draw in enumerate(draws[:4])},
              f"mean of {DRAWS}": sum(draws) / DRAWS}
    for axis, (title, panel) in zip(row, panels.items(), strict=True):
        axis.imshow(panel, vmin=0, vmax=1 / (1 - p))    # one grey scale in a row: kept is darker
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(True)
        if p == 0.2:
            axis.set_title(title)
    row[0].set_ylabel(f"p = {p}", rotation=0, ha="right", va="center")
save_figure(figure, "masks", Path(__file__).parents[1] / "pages")
