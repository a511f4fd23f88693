"""The matrix of the field, re-verified: PyTorch, torchvision, timm and Keras still do what it says.

Versions may be newer than those of the matrix; a test that fails then says which.
"""

import pytest

from minidrop.verify import matrix
from minidrop.verify.field import entries, verified, version_of

pytestmark = pytest.mark.reference
STORED = {matrix.identity(cell): cell for cell in matrix.stored()["cells"]}
CELLS = [one for one in entries() if one[1] in ("torch", "torchvision", "timm", "keras")]


@pytest.mark.parametrize("technique, library, entry", CELLS,
                         ids=[f"{one[0]}-{one[2].title}"[:70] for one in CELLS])
def test_a_cell_is_what_the_matrix_says(technique, library, entry):
    stored = STORED[technique, library, entry.title]
    found = verified(technique, library, entry, seconds=matrix.SECONDS)
    now, then = version_of(library), stored["versions"][library]
    said = "" if now == then else f"; the matrix is about {library} {then}, and here is {now}"
    for what in ("word", "variant", "broken"):
        assert found.get(what) == stored.get(what), f"{what}{said}: {found}"
