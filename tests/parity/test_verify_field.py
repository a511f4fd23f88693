"""The matrix of the field, re-verified: PyTorch, torchvision, timm and Keras still do what it says.

Here it is done in this process, and no name is searched for: what the matrix calls a variant has to
fail at the same equations, and to hold against that form.
"""

import pytest

from minidrop.verify import check, run
from minidrop.verify.field import matrix
from minidrop.verify.field.libraries import FAILS, HOLDS, LIBRARIES, VARIANT, entries, version_of
from minidrop.verify.places import found_at

pytestmark = [pytest.mark.reference,
              pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("torchvision", "keras")]
STORED = {matrix.identity(cell): cell for cell in matrix.stored()["cells"]}
CELLS = [one for one in entries() if one[1] in ("torch", "torchvision", "timm", "keras")]


@pytest.mark.parametrize("technique, library, entry", CELLS,
                         ids=[f"{one[0]}-{one[2].title}"[:70] for one in CELLS])
def test_a_cell_is_what_the_matrix_says(monkeypatch, technique, library, entry):
    monkeypatch.setattr(run, "variant_of", lambda *args: ("", {}))
    stored, impl = STORED[technique, library, entry.title], found_at(entry.place)
    settings = {"framework": LIBRARIES[library][1], **entry.settings}
    now, then = version_of(library), stored["versions"][library]
    said = "" if now == then else f"; the matrix is about {library} {then}, and here is {now}"
    report = check(impl, technique, **settings, **entry.form)
    assert stored["word"] in (HOLDS, VARIANT, FAILS)
    assert report.holds == (stored["word"] == HOLDS), f"{report}{said}"
    assert report.broken == stored["broken"], f"{report}{said}"
    failed = {one.check for one in report.failures}
    assert failed == {one["check"] for one in stored["failures"]}, f"{report}{said}"
    if stored["word"] == VARIANT:
        other = check(impl, technique, **(settings | entry.form | stored["form"]))
        assert other.holds, f"{other}{said}"
