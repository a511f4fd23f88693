"""The built site on a local server, and Chromium, which sees no other host.

    python site/build.py && pytest -m site       Chromium: Debian's package, or MINIDROP_CHROMIUM
"""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest

from tests.site.widget_pages import ALL, page_of, shown

BUILT = Path(__file__).parents[2] / "build" / "site"
NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update")


class Silent(http.server.SimpleHTTPRequestHandler):
    """A file server that prints nothing."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def built():
    """The folder of the built site."""
    assert (BUILT / "index.html").is_file(), "there is no site yet: python site/build.py"
    return BUILT


@pytest.fixture(scope="session")
def address(built):
    """Where the built site is served."""
    handler = functools.partial(Silent, directory=built)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser():
    """Chromium without a screen; a missing one is a failure, since `-m site` asked for it."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("MINIDROP_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    assert path, f"no Chromium found ({', '.join(NAMES)}); MINIDROP_CHROMIUM may name one"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser):
    """A page of 1280 x 800 that keeps what went wrong in `.troubles`: errors on the console, files
    that did not come, and requests to any other host."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.troubles = troubles = []
    page.on("console", lambda message: message.type in ("error", "warning")
            and troubles.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("response", lambda answer: answer.status >= 400
            and troubles.append(f"{answer.status}: {answer.url}"))
    page.on("request", lambda request: not request.url.startswith(
        ("http://127.0.0.1:", "file://", "data:", "blob:"))
            and troubles.append(f"another host: {request.url}"))
    yield page
    page.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Where pages with widgets are written."""
    return tmp_path_factory.mktemp("widgets")


@pytest.fixture(scope="module")
def widgets(browser, folder):
    """A page with all widgets; an error in its scripts is one of the test."""
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    shown(page, page_of(folder, ALL))
    yield page
    page.close()
    assert not errors


@pytest.fixture
def js(widgets):
    """Call a function of arrays and numbers in the page; keys and words come as text."""
    def call(code, *args):
        return widgets.evaluate(f"(args) => (({code})(...args))", list(args))
    return call
