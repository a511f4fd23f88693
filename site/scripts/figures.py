"""Figures of generated pages: SVG, the same bytes at every build."""

import io


def svg(figure, salt):
    """A figure of Matplotlib as SVG; `salt` keeps the names within it apart from other figures'."""
    import matplotlib
    import matplotlib.pyplot as plt

    target = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        figure.savefig(target, format="svg", metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)
    return target.getvalue()
