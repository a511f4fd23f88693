"""Another project puts three lines into its own tests: its right layer passes, its wrong fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minidrop.catalog import PACKAGE

pytestmark = pytest.mark.slow


def test_a_project_of_its_own_conforms_or_reads_why_not(tmp_path):
    project = Path(__file__).with_name("package")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={project}",
         f"--confcutdir={project}", "-c", str(project / "pyproject.toml"), str(project / "tests")],
        cwd=tmp_path, capture_output=True, text=True, encoding="utf-8",
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), str(project)]),
                          "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"})
    assert "1 failed, 1 passed" in done.stdout and done.returncode == 1, done.stdout + done.stderr
    shown = [line for line in done.stdout.splitlines() if line.startswith((">", "E"))]
    assert shown[0].strip("> ") == 'conforms(UnscaledDropout, "dropout")' and len(shown) < 30
    assert "E       fails            (dropout.2)  y_i = m_i x_i / q" in shown
    assert "E                            found  [[1]]" in shown
    assert "verify/run.py" not in done.stdout.replace(os.sep, "/")
