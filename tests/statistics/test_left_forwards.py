"""The nets whose forwards are left in the middle come to the same bits as if they were completed."""

import pytest
import torch

from batchnorm import recalibrate
from batchnorm.measuring import may_be_left

from ..surgery.test_zoo import zoo

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.filterwarnings("ignore")]

FEW = ("torchvision/lraspp_mobilenet_v3_large", "timm/mobilenetv2_035", "timm/levit_128s", "timm/resnetv2_18")


def check(name):
    left, completed, x = zoo.build(name), zoo.build(name), zoo.images(name)[:4]
    assert may_be_left(left)
    options = {"method": "exact", "keep_partial": True}
    records = [
        recalibrate(left, x.split(2), **options),
        recalibrate(completed, x.split(2), **options, forward_fn=lambda net, batch: net(batch)),
    ]
    assert records[0].norms == records[1].norms
    assert all(map(torch.equal, left.state_dict().values(), completed.state_dict().values()))


@pytest.mark.slow
@pytest.mark.parametrize("name", FEW)
def test_a_few(name):
    check(name)


@pytest.mark.nightly
@pytest.mark.parametrize("name", sorted({*zoo.NETS} - {*FEW, "timm/fasternet_t0"}))
def test_all_others(name):
    check(name)
