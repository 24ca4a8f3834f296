"""Which parts may not be frozen, and what is said then?"""

from dataclasses import replace

import pytest

from batchnorm.errors import InputError
from batchnorm.runs import TrainConfig
from batchnorm.training import fit

from .strict_nets import TrainedWhole
from .test_frozen_parts import own_net

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def plain(quick) -> TrainConfig:
    return replace(quick, ema_decay=0.0, lr=0.01)


REFUSED = {
    "layer9.*": r"^freeze: expected patterns of the net's names: conv1, bn1, .*, got 'layer9\.\*'",
    "cnv1": r"^freeze: .*got 'cnv1'\. Did you mean 'conv1'",
    "*,!head": r"^freeze: expected patterns of the net's names: .*, got '!head'",
    "*": r"^freeze: '\*' leaves nothing of the net to be trained\. Leave out its head: '\*,!fc'\.$",
}


@pytest.mark.parametrize("text", REFUSED)
def test_patterns_that_freeze_nothing_or_all_are_refused(few, plain, text: str) -> None:
    with pytest.raises(InputError, match=REFUSED[text]):
        fit(replace(plain, freeze=text), source=few)


def test_norms_alone_that_train_as_ever_are_nothing_frozen(few, plain) -> None:
    with pytest.raises(InputError, match=r"^freeze: 'bn\*' fits nothing that would be trained, or move, without it"):
        fit(replace(plain, freeze="bn*", norm_mode="train"), source=few)


def test_frozen_norms_are_not_to_be_synchronized(few, plain) -> None:
    with pytest.raises(InputError, match=r"^sync_bn: every batch norm of the net is frozen, so that there is nothing"):
        fit(replace(plain, freeze="*,!fc", sync_bn=True), source=few)


def test_a_mode_of_norms_needs_something_frozen() -> None:
    with pytest.raises(InputError, match=r"^norm_mode: 'train' says what becomes of the norms in what is frozen"):
        TrainConfig(norm_mode="train")


def test_a_net_that_cannot_train_with_frozen_norms_says_which_option_does_it(few, plain) -> None:
    net = TrainedWhole(own_net())
    with pytest.raises(InputError, match=r"^freeze: the net cannot train with these norms frozen: its forward raised"):
        fit(replace(plain, freeze="net.bn1"), model=net, source=few)
    assert all(parameter.requires_grad for parameter in net.parameters())
