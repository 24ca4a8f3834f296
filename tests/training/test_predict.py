import pytest
import torch

from batchnorm.data import Normalization
from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.runs import ModelCard, predict

CARD = ModelCard("ConvBNNet", {}, ("a", "b", "c", "d"), 1, 28, Normalization((0.5,), (0.5,)), "few")


def test_predictions_are_the_softmax_in_falling_order() -> None:
    net = ConvBNNet(num_classes=4, width=4).eval()
    images = torch.randint(256, (3, 1, 28, 28), dtype=torch.uint8)
    with torch.no_grad():
        wanted = net((images / 255 - 0.5) / 0.5).double().softmax(1)
    for row, prediction in zip(wanted, predict(net, CARD, images, ["x", "y", "z"], top=4), strict=True):
        order = row.argsort(descending=True)
        assert prediction.classes == tuple(CARD.classes[i] for i in order)
        assert prediction.probabilities == pytest.approx(row[order].tolist(), abs=1e-5)


def test_top_is_cut_at_the_number_of_classes_and_refused_below_one() -> None:
    net, images = ConvBNNet(num_classes=4, width=4).eval(), torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    assert len(predict(net, CARD, images, ["x"], top=99)[0].classes) == 4
    with pytest.raises(InputError, match="top: expected an integer of at least 1, got 0"):
        predict(net, CARD, images, ["x"], top=0)
