"""Pages with widgets: the scripts and styles of the site, without the rest of it."""

import sys
from pathlib import Path

SITE = Path(__file__).parents[2] / "site"
sys.path.insert(0, str(SITE))
from scripts import widgets as maker  # noqa: E402

ALL = """<div data-widget="masks" data-name="dropout"></div>
<div data-widget="paths" data-name="stochastic-depth"></div>
<div data-widget="cycles"></div><div data-widget="targeted"></div>"""


def page_of(folder, body):
    """A page with widgets, as the site has it: its address."""
    if not (folder / "assets").exists():
        (folder / "assets").symlink_to(SITE / "pages" / "assets")
        (folder / "tables").mkdir()
        for path, content in maker.pages().items():
            (folder / path).write_text(content, encoding="utf-8")
    path = folder / f"page{len(list(folder.iterdir()))}.html"
    path.write_text("<!doctype html><meta charset=utf-8><link rel=stylesheet "
                    "href=assets/widgets.css><script src=assets/katex/katex.min.js></script>"
                    f"<script src=assets/widgets.js></script><body>{body}", encoding="utf-8")
    return path.as_uri()


def shown(tab, address):
    """Go there, and wait for the widgets."""
    tab.goto("about:blank")
    tab.goto(address)
    tab.wait_for_function("[...document.querySelectorAll('[data-widget]')].every((e) => e.widget)")
