"""minidrop.verify over DropBlock of torchvision and timm: one holds, the other is named."""

import pytest

from minidrop.verify import check
from minidrop.verify.techniques.dropblock import TECHNIQUE

pytestmark = pytest.mark.reference
TIMM, _, _, SHARED, *_ = TECHNIQUE.variants


def told(report, name):
    return next(finding for finding in report.findings if finding.check == name)


@pytest.mark.parametrize("seed", range(3))
def test_torchvision_holds_for_odd_blocks(torchvision, seed):
    for impl in (torchvision.ops.DropBlock2d, torchvision.ops.drop_block2d):
        report = check(impl, "dropblock", seed=seed)
        assert report.holds and told(report, "gradient").word == "holds", report
        assert told(report, "even blocks").found == (
            "even blocks are refused (ValueError: block size should be odd. Got 2 which is even.)")
        assert told(report, "large block").word == "holds"


def test_timm_seeds_the_whole_map_and_shares_its_masks(timm):
    report = check(timm.drop.DropBlock2d, "dropblock")
    assert report.broken == ["dropblock.2", "dropblock.3", "dropblock.5"], report
    assert report.variant == f"{TIMM}, and {SHARED}"


def test_timm_with_a_mask_for_each_channel_still_seeds_the_whole_map(timm):
    report = check(timm.drop.DropBlock2d, "dropblock", extra={"couple_channels": False})
    assert report.broken == ["dropblock.2", "dropblock.3", "dropblock.5"], report
    assert report.variant == TIMM


def test_timm_holds_in_the_form_that_it_has(timm):
    report = check(timm.drop.DropBlock2d, "dropblock", seeds="all", shared=True)
    assert report.holds, report
