"""What is a process told by a norm whose message nobody answers? What several really do is in `test_endings`."""

from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist

from batchnorm.functional import _messages
from batchnorm.functional._messages import BACKWARD, FORWARD, Place, exchange
from batchnorm.ranks import RankError

GLOO = (
    "[/__w/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:537] Read error [127.0.0.1]:16785: Connection reset by "
    "peer. This is typically caused by a remote worker hanging. Check the logs of the remote worker. GLHF!"
)


@pytest.fixture
def told(monkeypatch):
    """The error of an exchange that torch cannot do."""

    def fail(*_, **__):
        raise RuntimeError(GLOO)

    monkeypatch.setattr(_messages.dist, "all_gather", fail)
    monkeypatch.setattr(dist, "get_backend_config", lambda group: "cpu:gloo")

    def of(way):
        with pytest.raises(RankError, match="cannot be reached") as found:
            exchange(torch.zeros(3, dtype=torch.float64), Place(way, 1, 1), SimpleNamespace(size=lambda: 2))
        return str(found.value)

    return of


def test_torchs_words_come_without_its_files_and_its_advice(told):
    assert "(torch: Read error [127.0.0.1]:16785: Connection reset by peer). The process group" in told(FORWARD)


def test_a_loss_without_the_norm_is_named_as_a_reason_backward_alone(told):
    reason = "or its loss does not depend on the norm's output"
    assert reason in told(BACKWARD)
    assert reason not in told(FORWARD)
