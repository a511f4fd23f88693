"""Downloads: whole and as published, or not there at all, whatever the other side does."""

import contextlib
import gzip
import http.server
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from minidrop.cli import main
from minidrop.data import files, images, published
from tests.tiny_sets import Tiny

BOMB = gzip.compress(bytes(1 << 24))
ENDLESS = 1 << 26               # bytes, of which all but the first are too many


class Site(http.server.ThreadingHTTPServer):
    """A web site on this machine that serves `files`, and notes in `asked` what it was asked for.

    `manner` is how it answers: "right", "wrong" (a byte changed), "short" (the connection ends
    early), "slow" (the rest never comes), "none" (404), "error" (500), "loop" (it leads to itself),
    "away" (it leads to a file of ours), "empty", "longer", "endless" (as long as one reads), "bomb"
    (deflated zeros), "two" (once two have asked).
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.two, self.sent = threading.Barrier(2, timeout=30), 0
        self.files, self.asked, self.manner = {}, [], "right"
        self.end = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        site, data = self.server, self.server.files.get(self.path[1:])
        site.asked.append(self.path)
        if data is None or site.manner == "none":
            self.send_error(404)
            return
        if site.manner in ("error", "loop", "away"):
            self.send_response(500 if site.manner == "error" else 302)
            self.send_header("Location", {"away": "file:///etc/passwd"}.get(site.manner, self.path))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if site.manner == "endless":
            self.endless()
            return
        if site.manner == "wrong":
            data = data[:-1] + bytes([data[-1] ^ 1])
        data = {"empty": b"", "longer": data + data, "bomb": BOMB}.get(site.manner, data)
        self.send_response(200)
        if site.manner == "bomb":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        if site.manner == "two":
            site.two.wait()
        if site.manner not in ("short", "slow"):
            self.wfile.write(data[len(data) // 2:])
        if site.manner == "slow":
            site.end.wait(30)

    def endless(self):
        """Write until nobody reads."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while self.server.sent < ENDLESS:
                self.server.sent += self.wfile.write(bytes(1 << 16))

    def log_message(self, *args):
        pass


@pytest.fixture
def site():
    with Site() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield made
        made.end.set()
        made.shutdown()


@pytest.fixture
def tiny(site, monkeypatch, tmp_path):
    """A small MNIST that `site` offers under its second address; the first one is dead."""
    made = Tiny("mnist", (8, 2, 3))
    site.files = made.packed
    monkeypatch.setattr(images, "MNIST", made.table._replace(pieces=tuple(
        piece._replace(archive=piece.archive._replace(urls=(
            f"{site.address}/dead/{piece.archive.path}", f"{site.address}/{piece.archive.path}")))
        for piece in made.table.pieces)))
    monkeypatch.setitem(published.SETS, "mnist", images.MNIST)
    monkeypatch.delenv("MINIDROP_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(files, "cache", lambda: tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(files.__file__).parents[2]))
    return made


def left(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")
                  if path.is_file())


NAMES = sorted(f"mnist/{part}-{what}-ubyte.gz" for part in ("train", "t10k")
               for what in ("images-idx3", "labels-idx1"))


def test_what_is_nowhere_is_downloaded_once(tiny, site, tmp_path, capfd):
    x, y = images.mnist(normalise=False).train
    np.testing.assert_array_equal(x, tiny.x[:8] / np.float32(255))
    assert left(tmp_path) == NAMES and len(site.asked) == 8
    assert "100%" in capfd.readouterr().err       # the progress bar
    images.mnist()
    assert len(site.asked) == 8


@pytest.mark.parametrize("manner", ["wrong", "short", "none", "error", "loop", "away", "empty",
                                    "longer", "endless", "bomb"])
def test_what_comes_wrong_is_refused_in_one_sentence_and_leaves_nothing(tiny, site, tmp_path,
                                                                        manner):
    site.manner = manner
    with pytest.raises(ValueError) as caught:
        images.mnist()
    text = str(caught.value)
    assert "mnist/train-images-idx3-ubyte.gz of MNIST could not be downloaded" in text
    assert f"{site.address}/mnist/train-images" in text and "\n" not in text
    assert left(tmp_path) == []
    site.manner = "right"
    assert len(images.mnist().train[1]) == 8


@pytest.mark.slow
def test_a_download_that_is_killed_leaves_nothing_that_is_trusted(tiny, site, tmp_path):
    site.manner, site.files = "slow", {tiny.table.pieces[0].archive.path: bytes(1 << 20)}
    archive = images.MNIST.pieces[0].archive
    archive = archive._replace(urls=archive.urls[1:], size=1 << 20)
    code = ("import pathlib; from minidrop.data import files, published\n"
            f"files.cache = lambda: pathlib.Path({str(tmp_path)!r})\n"
            f"files.fetch(published.MNIST, published.{archive!r})")
    end = time.monotonic() + 30
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        while not any(path.stat().st_size for path in tmp_path.glob("mnist/*")) \
                and time.monotonic() < end:
            time.sleep(0.02)
        process.kill()
    assert len(left(tmp_path)) == 1 and archive.path not in left(tmp_path)
    site.manner, site.files = "right", tiny.packed
    assert len(images.mnist().train[1]) == 8


def test_an_endless_answer_is_left_as_soon_as_it_is_longer_than_what_is_published(tiny, site,
                                                                                   monkeypatch):
    site.manner, written = "endless", []

    class Watched(files._AtMost):
        def write(self, data):
            super().write(data)
            written.append(len(data))

    monkeypatch.setattr(files, "_AtMost", Watched)
    with pytest.raises(ValueError, match="there are more than [0-9,]+ bytes of it"):
        images.mnist()
    assert sum(written) <= max(map(len, tiny.packed.values())) and site.sent < ENDLESS


def test_a_server_that_falls_silent_is_left(tiny, site, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SILENT", 0.3)
    site.manner = "slow"
    with pytest.raises(ValueError, match="could not be downloaded .*timed out"):
        images.mnist()
    assert left(tmp_path) == []


def test_two_at_once_both_have_the_file_and_neither_has_half_of_it(tiny, site, tmp_path):
    site.manner, archive = "two", images.MNIST.pieces[0].archive
    archive, found = archive._replace(urls=archive.urls[1:]), []
    threads = [threading.Thread(target=lambda: found.append(
        files.fetch(images.MNIST, archive).read_bytes())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [tiny.packed[archive.path]] * 2 and left(tmp_path) == [archive.path]


@pytest.mark.parametrize("where", ["file", "read-only", "/sys/minidrop"])
def test_a_cache_that_cannot_be_written_is_told_in_a_sentence(tiny, tmp_path, monkeypatch, where):
    cache = tmp_path / where
    if where == "file":
        cache.write_bytes(b"")
    elif where == "read-only":
        cache.mkdir(mode=0o500)
    if where == "read-only" and os.access(cache, os.W_OK) or not cache.parent.is_dir():
        pytest.skip("this user may write everywhere, or this system has no /sys")
    monkeypatch.setattr(files, "cache", lambda: cache)
    with pytest.raises(ValueError, match="of MNIST could not be downloaded") as caught:
        images.mnist()
    assert "\n" not in str(caught.value) and str(cache) in str(caught.value)


def test_a_disk_that_is_full_leaves_nothing(tiny, site, tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))      # Python ignores its signal
    try:
        with pytest.raises(ValueError, match="could not be downloaded .*File too large"):
            images.mnist()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left(tmp_path) == []
    assert len(images.mnist().train[1]) == 8


def test_ctrl_c_in_a_download_leaves_nothing(tiny, tmp_path, monkeypatch):
    def interrupted(url, output_file, pooch):
        output_file.write(b"half of it")
        assert len(left(tmp_path)) == 1
        raise KeyboardInterrupt

    monkeypatch.setattr("pooch.HTTPDownloader", lambda **options: interrupted)
    with pytest.raises(KeyboardInterrupt):
        images.mnist()
    assert left(tmp_path) == []


def test_nothing_is_downloaded_where_minidrop_data_is_set(tiny, site, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIDROP_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="`minidrop data fetch mnist` downloads it"):
        images.mnist()
    assert site.asked == []


def test_without_pooch_a_download_says_what_to_install(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ValueError, match="needs the package pooch, .* pip install 'minidrop"):
        images.mnist()


# --- minidrop data fetch --------------------------------------------------------------------------

def fetch(*names):
    result = CliRunner().invoke(main, ["data", "fetch", *names])
    return result.exit_code, result.output


def test_fetch_downloads_what_is_absent_and_says_where_it_is(tiny, site, tmp_path):
    code, text = fetch("mnist")
    assert code == 0 and f"MNIST is whole and right: {tmp_path / 'mnist'}" in text
    assert left(tmp_path) == NAMES and len(site.asked) == 8
    (tmp_path / NAMES[0]).unlink()
    assert fetch("mnist")[0] == 0
    assert left(tmp_path) == NAMES and len(site.asked) == 10


def test_fetch_completes_what_minidrop_data_holds(tiny, site, tmp_path, monkeypatch):
    folder = tmp_path / "own"
    tiny.write(folder, {path: data for path, data in tiny.unpacked.items() if "images" in path})
    monkeypatch.setenv("MINIDROP_DATA", str(folder))
    code, text = fetch("mnist")
    assert code == 0 and f"{folder / 'mnist'} and {tmp_path / 'mnist'}" in text
    assert len(site.asked) == 4 and len(images.mnist().train[1]) == 8


def test_fetch_replaces_a_wrong_file_in_the_cache_and_no_other(tiny, site, tmp_path, monkeypatch):
    path = tmp_path / NAMES[0]
    path.parent.mkdir()
    path.write_bytes(b"half of it")
    assert fetch("mnist")[0] == 0
    assert path.read_bytes() == tiny.packed[NAMES[0]]
    folder = tmp_path / "own"
    tiny.write(folder, {NAMES[0]: b"half of it"})
    monkeypatch.setenv("MINIDROP_DATA", str(folder))
    code, text = fetch("mnist")
    assert code == 1 and f"Error: {folder / NAMES[0]} has 10 bytes" in text
    assert (folder / NAMES[0]).read_bytes() == b"half of it"


def test_fetch_that_fails_says_so(tiny, site, tmp_path):
    site.manner = "wrong"
    code, text = fetch("mnist")
    assert code == 1 and "Error: mnist/train-images-idx3-ubyte.gz of MNIST could not" in text
    assert left(tmp_path) == []


@pytest.mark.parametrize("name, hint", [
    ("mnits", "there is no data set 'mnits'; did you mean 'mnist'?"),
    ("digits", "digits needs no file; there are mnist, fashion"), ("", "there is no data set ''")])
def test_fetch_answers_a_wrong_name(name, hint):
    code, text = fetch(name)
    assert code == 2 and hint in text
