"""Every lesson runs with its fits on the GPU, and none of them knows."""

import pytest

from minidrop import lesson
from minidrop.placement import runs
from minidrop.xp import using

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", lesson.written())
def test_a_lesson_trains_where_it_is_told_to(name, xp, backend, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MINIDROP_SMOKE", "1")
    monkeypatch.chdir(tmp_path)
    if backend == "numpy":
        pytest.skip("test_lessons.py runs it on the host")
    before = runs["cupy"]
    with using(backend):
        lesson.run(name, code=False)
    trains = any("fit(" in cell.text for cell in lesson.cells(
        lesson.path_of(name).read_text(encoding="utf-8")) if cell.kind == "code")
    assert (runs["cupy"] > before) == trains
