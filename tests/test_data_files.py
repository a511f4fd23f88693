"""Files of images: read whole and as published, or refused in one sentence before anything is."""

import gzip
import io
import os
import pickle
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.data import files, formats, images, published
from minidrop.data.normalise import scaling
from tests.tiny_sets import Tiny, checksum, idx, mat, records, some_bytes, tar_gz

pytestmark = pytest.mark.slow

COUNTS = (8, 2, 3)              # train, validation, test
LOADERS = {name: getattr(images, name) for name in published.SETS}
FORMS = [(name, form) for name in LOADERS for form in ("unpacked", "packed")
         if form == "packed" or name in ("mnist", "cifar10", "cifar100")]    # others: no checksum


@pytest.fixture(params=FORMS, ids="-".join)
def tiny(request, monkeypatch, tmp_path):
    """A small set in the place of the published one; nothing of it is written yet."""
    name, form = request.param
    made = Tiny(name, COUNTS, form)
    made.load = LOADERS[name]
    monkeypatch.setattr(images, name.upper(), made.table)
    monkeypatch.setenv("MINIDROP_DATA", str(tmp_path))
    monkeypatch.setattr(files, "cache", lambda: tmp_path / "cache")
    return made


def refused(load, **options):
    """The one sentence with which a loader refuses what it finds."""
    with pytest.raises(ValueError) as caught:
        load(**options)
    return one_sentence(caught)


def one_sentence(caught):
    text = str(caught.value)
    assert "\n" not in text and len(text) < 600
    return text


# --- what is read ---------------------------------------------------------------------------------

def test_every_pixel_and_label_comes_out_in_published_order(tiny, tmp_path):
    tiny.write(tmp_path)
    splits = tiny.load(normalise=False)
    assert [len(y) for _, y in splits] == list(COUNTS)
    assert all(x.dtype == np.float32 and y.dtype == np.int64 for x, y in splits)
    x, y = (np.concatenate(part) for part in zip(*splits, strict=True))
    assert_allclose(x, tiny.x / 255, rtol=1e-7, atol=1e-4 * (tiny.name == "usps"))
    assert_array_equal(y, tiny.y)


def test_normalising_uses_the_training_part_of_each_channel(tiny, tmp_path):
    tiny.write(tmp_path)
    train = tiny.x[:8].astype(float)
    mean, deviation = (f(axis=(0, 2, 3), keepdims=True) for f in (train.mean, train.std))
    x = np.concatenate([x for x, _ in tiny.load()])
    assert x.dtype == np.float32
    assert_allclose(x, (tiny.x - mean) / deviation, rtol=1e-6,
                    atol=5e-4 if tiny.name == "usps" else 1e-7)       # it has four decimals


def test_a_channel_of_one_value_becomes_zero():
    for grey in (np.full((2, 1, 3, 3), 7, np.uint8), np.full((2, 1, 3, 3), 0.7, np.float32)):
        assert not scaling(grey)(grey).any()


@pytest.mark.parametrize("tiny", [f for f in FORMS if f[0] in ("mnist", "fashion", "usps")],
                         indirect=True, ids="-".join)
def test_flat_is_the_same_numbers_in_rows(tiny, tmp_path):
    tiny.write(tmp_path)
    for (flat, y), (x, same) in zip(tiny.load(flat=True), tiny.load(), strict=True):
        assert_array_equal(flat, x.reshape(len(x), -1))
        assert_array_equal(y, same)


def test_without_test_the_test_part_is_none_and_its_files_are_not_looked_for(tiny, tmp_path):
    tested = [path for path in tiny.files if "t10k" in path or "test" in path or ".t." in path]
    tiny.write(tmp_path, {path: tiny.files[path] for path in tiny.files.keys() - set(tested)})
    splits = tiny.load(test=False)
    assert splits.test is None and [len(y) for _, y in splits[:2]] == list(COUNTS[:2])
    if tested:                                    # one archive holds all of CIFAR-10
        text = refused(tiny.load)
        assert tested[0] in text and f"{tiny.name}(test=False)" in text


def test_the_cache_is_looked_in_after_minidrop_data(tiny, tmp_path):
    tiny.write(tmp_path / "cache")
    assert len(tiny.load().train[1]) == 8
    tiny.write(tmp_path, dict.fromkeys(tiny.files, b"something else"))
    assert str(tmp_path / next(iter(tiny.files))) in refused(tiny.load)


def test_unpacked_files_come_before_their_archive(tiny, tmp_path):
    if tiny.form == "unpacked":
        tiny.write(tmp_path)
        tiny.write(tmp_path, dict.fromkeys(tiny.packed, b"something else"))
        assert len(tiny.load().train[1]) == 8


def test_what_is_given_may_be_changed(tiny, tmp_path):
    tiny.write(tmp_path)
    for x, y in tiny.load():
        before = x.copy(), y.copy()
        x += 1
        y += 1
        assert (x != before[0]).any() and (y == before[1] + 1).all()


def test_nothing_is_unpickled(tiny, tmp_path, monkeypatch):
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, None)
    tiny.write(tmp_path)
    assert len(tiny.load().train[1]) == 8 and len(md.data.digits().train[1]) == 1197


# --- what is refused ------------------------------------------------------------------------------

def test_missing_files_are_named_with_where_they_were_looked_for(tiny, tmp_path):
    text = refused(tiny.load)
    assert next(iter(tiny.files)) in text and str(tmp_path) in text
    assert f"minidrop data fetch {tiny.name}" in text


def test_a_folder_that_does_not_exist_is_named(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("MINIDROP_DATA", str(tmp_path / "nowhere"))
    assert "MINIDROP_DATA must name a folder" in refused(tiny.load)


@pytest.mark.parametrize("damage, sentence", [
    (lambda data: b"", "has 0 bytes, and the published file has"),
    (lambda data: data[:-1], "and the published file has"),
    (lambda data: data + b"\0", "and the published file has"),
    (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "replace it by the published one"),
    (lambda data: bytes([data[0] ^ 1]) + data[1:], "replace it by the published one"),
], ids=["empty", "truncated", "longer", "last bit", "first bit"])
def test_a_file_that_is_not_the_published_one_is_refused(tiny, damage, sentence, tmp_path):
    for path, content in tiny.files.items():
        tiny.write(tmp_path)
        (tmp_path / path).write_bytes(damage(content))
        text = refused(tiny.load)
        assert str(tmp_path / path) in text and sentence in text


def test_what_is_no_file_is_refused(tiny, tmp_path):
    tiny.write(tmp_path)
    path = tmp_path / next(iter(tiny.files))
    path.unlink()
    path.mkdir()
    assert f"{path} must be a file, and it is a folder" in refused(tiny.load)
    path.rmdir()
    path.symlink_to(tmp_path / "gone")
    assert f"{path} must be a file, and it is no file" in refused(tiny.load)
    if hasattr(os, "mkfifo"):                     # opening it would wait for ever
        path.unlink()
        os.mkfifo(path)
        assert f"{path} must be a file, and it is no file" in refused(tiny.load)


def test_labels_out_of_range_are_refused(tiny, monkeypatch, tmp_path):
    monkeypatch.setattr(images, tiny.name.upper(), tiny.table._replace(classes=9))
    tiny.write(tmp_path)
    due = "label in 1..9" if tiny.name == "usps" else "labels must be at most 8, and there is 9"
    assert due in refused(tiny.load)


# --- files whose checksum is right, but which are not what they should be -------------------------

def planted(tmp_path, monkeypatch, data, path, pieces):
    """contents() of an archive `path` that holds `data`, its checksum being the published one."""
    (tmp_path / path).write_bytes(data)
    archive = published.Archive(path, len(data), checksum(data), ())
    table = published.CIFAR10._replace(pieces=tuple(
        published.Piece(name, size, None, archive, False) for name, size in pieces))
    monkeypatch.setenv("MINIDROP_DATA", str(tmp_path))
    return files.contents(table, table.pieces)


@pytest.mark.parametrize("data, size, sentence", [
    (gzip.compress(b"abc", mtime=0), 4, "holds 3 bytes, and 4 are due"),
    (gzip.compress(b"abc", mtime=0), 2, "holds more than 2 bytes, and 2 are due"),
    (gzip.compress(b"abcdefgh" * 99, mtime=0)[:-9], 792, "is damaged"),
    (gzip.compress(b"abc", mtime=0)[:-6] + bytes(6), 3, "is damaged"),
    (b"no archive at all", 3, "is damaged"),
    (b"", 3, "holds 0 bytes, and 3 are due"),
])
def test_a_gz_holds_what_is_due_or_is_refused(tmp_path, monkeypatch, data, size, sentence):
    with pytest.raises(ValueError) as caught:
        planted(tmp_path, monkeypatch, data, "one.gz", [("one", size)])
    assert sentence in one_sentence(caught) and "one.gz" in str(caught.value)


def test_a_gz_that_unpacks_to_far_more_than_is_due_is_not_unpacked(tmp_path, monkeypatch):
    bomb = gzip.compress(bytes(1 << 26), mtime=0)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="holds more than 1,000 bytes"):
            planted(tmp_path, monkeypatch, bomb, "bomb.gz", [("bomb", 1000)])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4e6


@pytest.mark.parametrize("data, sentence", [
    (tar_gz({"a": b"12", "b": b"345"}), None),
    (tar_gz({"./b": b"345", "other": b"x" * 9999, "./a": b"12"}), None),
    (tar_gz({"a": b"12"}), "lacks b"),
    (tar_gz({}), "lacks a, b"),
    (tar_gz({"a": b"123", "b": b"345"}), "a is a file of 3 bytes, and a file of 2 is due"),
    (tar_gz({"a": b"12", "b": b"345"}, type=b"5"), "and a file of 2 is due"),
    (tar_gz({"a": b"12", "b": b"345"}, type=b"2", linkname="/etc/passwd"), "and a file of 2"),
    (tar_gz({"a": b"12", "b": b"345"})[:60], "tar.gz"),
    (gzip.compress(b"no tar", mtime=0), "is damaged"),
    (b"nothing", "is damaged"),
])
def test_a_tar_holds_what_is_due_or_is_refused(tmp_path, monkeypatch, data, sentence):
    pieces = [("a", 2), ("b", 3)]
    if sentence is None:
        read = planted(tmp_path, monkeypatch, data, "x.tar.gz", pieces)
        assert {piece.path: content for piece, content in read.items()} == {"a": b"12", "b": b"345"}
        return
    with pytest.raises(ValueError) as caught:
        planted(tmp_path, monkeypatch, data, "x.tar.gz", pieces)
    assert sentence in one_sentence(caught) and "x.tar.gz" in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.tar.gz"]


# --- formats --------------------------------------------------------------------------------------

ARRAY = some_bytes((4, 3, 2), 0)


@pytest.mark.parametrize("data, sentence", [
    (b"", "starts with nothing"),
    (idx(ARRAY)[:7], "must start with the IDX header 00 00 08 03 and 3 sizes"),
    (b"\x89PNG" + idx(ARRAY)[4:], "starts with 89 50 4e 47"),
    (bytes([0, 0, 13, 3]) + idx(ARRAY)[4:], "starts with 00 00 0d 03"),
    (bytes([0, 0, 8, 1]) + idx(ARRAY)[4:], "starts with 00 00 08 01"),
    (bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 28, 28), "2,147,483,648 x 28 x 28 bytes"),
    (bytes([0, 0, 8, 3]) + struct.pack(">3I", 5, 3, 2) + bytes(30), "5 x 3 x 2 bytes, and 4 x 3 x"),
    (idx(ARRAY)[:-1], "holds 23 bytes after its header, and 4 x 3 x 2 are due"),
    (idx(ARRAY) + b"\0", "holds 25 bytes after its header"),
])
def test_an_idx_file_is_what_is_due_or_is_refused(data, sentence):
    assert_array_equal(formats.idx(idx(ARRAY), (4, 3, 2), "it"), ARRAY)
    with pytest.raises(ValueError) as caught:
        formats.idx(data, (4, 3, 2), "it")
    assert sentence in one_sentence(caught) and one_sentence(caught).startswith("it ")


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=60) | st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=40)).map(
    lambda pair: bytes([0, 0, 8, 1]) + struct.pack(">I", pair[0]) + pair[1]))
def test_any_bytes_are_an_idx_file_of_three_labels_or_are_refused(data):
    if data == idx(np.frombuffer(data[8:], np.uint8)) and len(data) == 11:
        assert formats.idx(data, (3,), "it").tobytes() == data[8:]
    else:
        with pytest.raises(ValueError):
            formats.idx(data, (3,), "it")


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 3 * 3073 + 1))
def test_a_cifar_file_is_whole_records_or_is_refused(size):
    if size == 2 * 3073:
        formats.cifar(bytes(size), 2, "it")
    else:
        with pytest.raises(ValueError, match="it has [0-9,]+ bytes, and 2 records of 3,073 are"):
            formats.cifar(bytes(size), 2, "it")


@pytest.mark.parametrize("labels, due", [("fine", lambda y: y), ("coarse", lambda y: 19 - y)])
@pytest.mark.parametrize("tiny", [("cifar100", "packed")], indirect=True, ids=["cifar100"])
def test_cifar100_has_fine_and_coarse_labels(tiny, tmp_path, labels, due):
    tiny.write(tmp_path)
    y = np.concatenate([y for _, y in tiny.load(labels=labels)])
    assert_array_equal(y, due(tiny.y.astype(int)))
    assert "labels must be one of 'fine', 'coarse', got 'both'" in refused(tiny.load, labels="both")


def test_a_cifar_record_is_labels_then_planes_of_colour():
    x, y = some_bytes((2, 3, 32, 32), 3), np.array([[5, 77], [1, 2]], np.uint8)
    read, labels = formats.cifar(records(x, *y.T), 2, "it", labels=2)
    assert_array_equal(read, x)
    assert_array_equal(labels, y)


# --- SVHN: MATLAB's format ------------------------------------------------------------------------

DIGITS, DIGIT_LABELS = some_bytes((4, 3, 32, 32), 5), np.array([0, 9, 3, 0], np.uint8)


def test_svhn_turns_the_axes_and_the_label_ten():
    x, y = formats.svhn(mat(DIGITS, DIGIT_LABELS), 4, "it")
    assert_array_equal(x, DIGITS)
    assert_array_equal(y, DIGIT_LABELS)


@pytest.mark.parametrize("content, sentence", [
    (b"", "no MATLAB file of version 5: its header ends in nothing"),
    (b"MATLAB 5.0 MAT-file" * 20, "no MATLAB file of version 5: its header ends in"),
    (mat(DIGITS, DIGIT_LABELS)[:-900], "damaged MATLAB file: an element has"),
    (mat(DIGITS, DIGIT_LABELS)[:128], "holds nothing under X"),
    (mat(DIGITS[:3], DIGIT_LABELS), "32 x 32 x 3 x 3 of uint8 under X, and 32 x 32 x 3 x 4 of"),
    (mat(DIGITS, DIGIT_LABELS[:3]), "3 x 1 of uint8 under y, and 4 x 1 of uint8 is due"),
    (mat(DIGITS / 255, DIGIT_LABELS), "of float64 under X"),
    (mat(DIGITS, DIGIT_LABELS - 1.0), "of float64 under y"),
    (mat(DIGITS, DIGIT_LABELS + np.uint8(2)), "holds labels from 2 to 11, and 1 to 10 are due"),
])
def test_a_matlab_file_is_what_is_due_or_is_refused(content, sentence):
    with pytest.raises(ValueError) as caught:
        formats.svhn(content, 4, "it")
    assert sentence in one_sentence(caught) and one_sentence(caught).startswith("it ")


def element(kind, content):
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def others(name=b"other", kind=9, sizes=(1, 1), content=b"\7"):
    """A matrix of a MATLAB file, as it is."""
    return element(14, element(6, bytes([kind]) + bytes(7)) + element(5, struct.pack(
        f"<{len(sizes)}i", *sizes)) + element(1, name) + element(2, content))


@pytest.mark.parametrize("other", [
    others(sizes=(1,) * 60), others(name=b"a" * 300), others(name=b"X" * 5000), others(kind=99),
    element(14, b""), element(14, element(6, b"")), element(14, bytes(8)), element(99, b"what"),
    element(14, element(6, bytes([9]) + bytes(7)) + element(5, b"")), bytes(8)],
    ids=["60 axes", "a long name", "a longer one", "another class", "an empty one", "without flags",
         "zeros", "another type", "without a name", "of nothing"])
def test_what_else_is_in_a_matlab_file_is_passed_over(other):
    whole = mat(DIGITS, DIGIT_LABELS)
    packed = element(15, zlib.compress(other))[:8 + len(zlib.compress(other))]
    for content in (whole[:128] + other + whole[128:], whole + other,
                    whole[:128] + packed + whole[128:], whole + packed):
        x, y = formats.svhn(content, 4, "it")
        assert_array_equal(x, DIGITS)
        assert_array_equal(y, DIGIT_LABELS)


def of_matlab(x, **changes):
    target = io.BytesIO()
    scipy.io.savemat(target, {"X": x, "y": np.ones((4, 1), np.uint8)} | changes)
    return target.getvalue()


DUE = "and 32 x 32 x 3 x 4 of uint8 is due"


@pytest.mark.parametrize("content, said", [
    (of_matlab(np.array(["a text"])), f"holds 1 x 6 of letters under X, {DUE}"),
    (of_matlab(np.array([1, "a"], object)), f"holds 1 x 2 of cells under X, {DUE}"),
    (of_matlab({"a": 1}), f"holds 1 x 1 of structures under X, {DUE}"),
    (of_matlab(scipy.sparse.eye(3)), f"holds 3 x 3 of sparse numbers under X, {DUE}"),
    (of_matlab(np.zeros((0, 0), np.uint8)), f"holds 0 x 0 of uint8 under X, {DUE}"),
    (of_matlab(DIGITS > 9), f"holds 4 x 3 x 32 x 32 of logical under X, {DUE}"),
    (of_matlab(DIGITS + 1j), f"holds 4 x 3 x 32 x 32 of complex float64 under X, {DUE}"),
    (of_matlab(DIGITS.astype("int8")), f"holds 4 x 3 x 32 x 32 of int8 under X, {DUE}"),
    (mat(DIGITS, DIGIT_LABELS) + b"more", "is a damaged MATLAB file: it ends within an element"),
    (mat(DIGITS, DIGIT_LABELS)[:128] + element(14, others(b"X", sizes=(32, 32, 3, 4), content=bytes(
        12288))[8:-12288] + bytes(64)),
     f"holds 32 x 32 x 3 x 4 of uint8 under X in 64 bytes, {DUE}")])
def test_what_is_wrong_with_a_matlab_file_is_told_in_words_of_our_own(content, said):
    with pytest.raises(ValueError) as caught:
        formats.svhn(content, 4, "it")
    assert one_sentence(caught) == f"it {said}"


# --- USPS: LIBSVM's format ------------------------------------------------------------------------

@pytest.mark.parametrize("content, sentence", [
    (b"", "holds 0 lines, and 2 are due"),
    (b"1 1:0.5\n", "holds 1 lines, and 2 are due"),
    (b"1 1:0.5\n\n", "line 2, must be a label in 1..10 and values index:value"),
    (b"1 1:0.5\n0 1:0.5", "line 2, "),
    (b"1 1:0.5\n11 1:0.5", "line 2, "),
    (b"1 1:0.5\nnan 1:0.5", "line 2, "),
    (b"1 1:0.5\ninf 1:0.5", "line 2, "),
    (b"1 1:nan\n1 1:0.5", "line 1, "),
    (b"1 1:1e999\n1 1:0.5", "line 1, "),
    (b"1 1:1.5\n1 1:0.5", "line 1, "),
    (b"1 4:0.5\n1 1:0.5", "line 1, "),
    (b"1 0:0.5\n1 1:0.5", "line 1, "),
    (b"1 -1:0.5\n1 1:0.5", "line 1, "),
    (b"1 99999999999999999999:0.5\n1 1:0.5", "line 1, "),
    (b"1 1:0.5 1:0.5\n1 1:0.5", "line 1, "),
    (b"1 0.5\n1 1:0.5", "line 1, "),
    (b"1 1:2:3\n1 1:0.5", "line 1, "),
    (b"1 1:\n1 1:0.5", "line 1, "),
    (b"\x00\xff\n1 1:0.5", "line 1, "),
    (b"1.5 1:0.5\n1 1:0.5", "line 1, "),
])
def test_a_libsvm_file_is_what_is_due_or_is_refused(content, sentence):
    with pytest.raises(ValueError) as caught:
        formats.libsvm(content, 2, 3, 10, "it")
    assert sentence in one_sentence(caught) and one_sentence(caught).startswith("it")


VALUES = st.lists(st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3), min_size=1,
                  max_size=4)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(VALUES, st.integers(1, 10))
def test_any_values_survive_being_written_as_libsvm(values, label):
    text = "\n".join(f"{label} " + " ".join(f"{i}:{v!r}" for i, v in enumerate(row, 1) if v)
                     for row in values)
    read, labels = formats.libsvm(text.encode(), len(values), 3, 10, "it")
    assert_array_equal(read, np.array(values, np.float32))
    assert (labels == label - 1).all()


def test_what_unpacks_to_an_unknown_size_has_a_limit(monkeypatch):
    monkeypatch.setattr(files, "MOST", 5)
    assert files.exactly(io.BytesIO(b"12345"), None, "it") == b"12345"
    with pytest.raises(ValueError, match="it holds more than 5 bytes, and at most 5 are due"):
        files.exactly(io.BytesIO(b"123456"), None, "it")
