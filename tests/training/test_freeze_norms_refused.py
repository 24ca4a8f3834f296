"""What a training refuses to freeze, and how it says so."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from batchnorm import freeze
from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.runs import RunFolder, TrainConfig
from batchnorm.training import fit, resume

from .runs import moves
from .strict_nets import TrainedWhole


@pytest.fixture
def plain(quick) -> TrainConfig:
    return replace(quick, ema_decay=0.0, lr=0.01)


def own_net(norm: str = "batchnorm") -> nn.Module:
    torch.manual_seed(1)
    return ConvBNNet(width=4, norm=norm)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"norm": "none"}, "the net has no batch norm that keeps running statistics, so there is nothing to freeze"),
        ({"freeze_norms": "bn3"}, r"expected patterns of norms' names: bn1, bn2, got 'bn3'\. Did you mean 'bn"),
        ({"freeze_norms": "bn1,conv*"}, r"expected patterns of norms' names: bn1, bn2, got 'conv\*'\. Several are sep"),
        (
            {"freeze_norms": "After:0.8"},
            r"got 'After:0\.8'\. Several .* 'after:0\.8' freezes all of them after 0\.8 of",
        ),
        (
            {"freeze_norms": "0.8"},
            r"got '0\.8'\. Several .* 'after:0\.8' freezes all of them after 0\.8 of the steps\.$",
        ),
        (
            {"model": "resnet20", "freeze_norms": "stage1"},
            r"names: .*, .*, .*, .* \.\.\. \(\d+ in all\), got 'stage1'\. Use 'stage1\.\*' for those inside it\.$",
        ),
        (
            {"freeze_norms": "after:0.95"},
            r"'after:0\.95' would freeze nothing in this training, whose steps are done by then \(10\)\. Lea",
        ),
        (
            {"recalibrate": "average"},
            r"would replace the statistics that freeze_norms='after:0\.5' keeps, by which the weights are trained to",
        ),
        ({"ema_decay": 0.9, "ema_buffers": "recalibrate"}, "would replace the statistics that freeze_norms='after:0"),
        ({"freeze_norms": "*", "recalibrate": "exact"}, "this net cannot be recalibrated, leave it off: "),
    ],
    ids=str,
)
def test_what_cannot_be_frozen_is_refused_before_anything_is_written(few, plain, tmp_path, options, said: str) -> None:
    with pytest.raises(InputError, match=said):
        fit(
            replace(plain, **{"freeze_norms": "after:0.5", "model_args": {}, **options}),
            out=tmp_path / "run",
            source=few,
        )
    assert not (tmp_path / "run").exists()


def test_norms_that_are_frozen_already_are_refused(few, plain) -> None:
    net = own_net()
    freeze(net)
    with pytest.raises(InputError, match=r"^freeze_norms: these norms of the net are frozen already, so there is noth"):
        fit(replace(plain, freeze_norms="bn*"), model=net, source=few)


def test_statistics_that_two_norms_share_are_frozen_together_or_not_at_all(few, plain) -> None:
    net = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784), nn.BatchNorm1d(784), nn.Linear(784, 10))
    net[2].running_mean, net[2].running_var = net[1].running_mean, net[1].running_var
    with pytest.raises(InputError, match=r"^freeze_norms: these norms cannot be frozen: "):
        fit(replace(plain, freeze_norms="1"), model=net, source=few)
    assert fit(replace(plain, freeze_norms="after:0.5"), model=net, source=few).result.frozen == ("1", "2")


def test_a_net_that_cannot_train_with_frozen_norms_says_so_and_is_as_before(few, plain) -> None:
    net = TrainedWhole(own_net())
    said = (
        r"^freeze_norms: the net cannot train with these norms frozen: its forward raised RuntimeError: train me whole$"
    )
    with pytest.raises(InputError, match=said):
        fit(replace(plain, freeze_norms="after:0.5"), model=net, source=few)
    assert moves(net.net) == {"bn1": True, "bn2": True}


def test_where_the_net_cannot_train_at_all_freezing_is_not_at_fault(few, plain) -> None:
    net = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784), nn.Linear(3, 10))
    with pytest.raises(InputError, match=r"^model: the net cannot take few: images of 1x28x28"):
        fit(replace(plain, freeze_norms="after:0.5"), model=net, source=few)


@pytest.mark.parametrize("options", [{}, {"freeze_norms": "after:0.7"}, {"freeze_norms": "bn1"}])
def test_a_run_is_not_resumed_with_other_norms_frozen(few, plain, tmp_path, options) -> None:
    from batchnorm.runs import write_config

    fit(replace(plain, freeze_norms="after:0.5"), out=tmp_path, source=few)
    config = replace(RunFolder.open(tmp_path).read_config(), **{"freeze_norms": None, **options})
    (tmp_path / "config.toml").write_text(write_config(config))
    with pytest.raises(InputError, match=r"the run was started with other options: freeze_norms\. Put them back"):
        resume(tmp_path, source=few)
