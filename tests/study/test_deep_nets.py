"""The nets of the claim about gradients: as deep as is said, and with the same weights whatever their norm."""

import pytest
import torch
from torch import nn

from batchnorm.errors import RefusedError
from batchnorm.study import CLAIMS, Arm, Run, Scope
from batchnorm.study.claims._deep_net import deep_net

CLAIM = next(claim for claim in CLAIMS if claim.id == "gradient-flow")


def run(arm: Arm, model: str | None = None) -> Run:
    return Run(CLAIM.id, arm.name, arm.options, 3, Scope(1, 100, 1, test_images=10), "fashion-mnist-mini", model)


def weights(net: nn.Module) -> list[torch.Tensor]:
    return [parameter for parameter in net.parameters() if parameter.dim() > 1]


@pytest.mark.parametrize("arm", CLAIM.arms, ids=[arm.name for arm in CLAIM.arms])
def test_a_net_has_as_many_layers_as_its_arm_says(arm: Arm) -> None:
    assert len(weights(deep_net(run(arm)))) == arm.options["layers"]


@pytest.mark.parametrize("kind", ["sigmoid, 10 layers", "ReLU with skips, 8 layers", "dense ReLU, 20 layers"])
def test_weights_are_the_same_with_a_norm_and_without(kind: str) -> None:
    normed, plain = (weights(deep_net(run(CLAIM.arm(f"{kind}, {norm}")))) for norm in ("batch norm", "no norm"))
    assert all(torch.equal(*pair) for pair in zip(normed, plain, strict=True))


def test_a_model_of_somebody_is_refused_with_the_reason() -> None:
    with pytest.raises(RefusedError, match="compares depths, and builds nets of its own"):
        deep_net(run(CLAIM.arms[0], "resnet20"))
