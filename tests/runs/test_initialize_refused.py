"""Files that hold no weights to start a net with: one message each, and the net is as before."""

import copy
import pickle
import zipfile

import pytest
import torch
from torch import nn

from batchnorm import fold
from batchnorm.errors import InputError
from batchnorm.runs import initialize, save_model

from .test_initialize import CARD, as_pickle, as_safetensors, net, same

pytestmark = pytest.mark.usefixtures("one_thread")


def folded(path):
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).eval()
    fold(model, torch.randn(2, 3))
    save_model(path / "model.safetensors", model, CARD)
    return path / "model.safetensors"


def of_code(path):
    (path / "net.pt").write_bytes(pickle.dumps(print))
    return path / "net.pt"


def whole_model(path):
    torch.save(nn.Linear(2, 2), path / "net.pt")
    return path / "net.pt"


def compressed(path):
    with zipfile.ZipFile(path / "net.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data.pkl", b"0" * 10**6)
    return path / "net.pt"


def damaged(path):
    written = as_safetensors(path, net().state_dict())
    written.write_bytes(written.read_bytes()[:-100])
    return written


def a_list(path):
    return as_pickle(path, [torch.ones(2)])


def nothing(path):
    return path / "net.pt"


def no_run(path):
    return path


REFUSED = {
    folded: r"is of a folded net, whose norms are in its weights\. Get back what it was: batchnorm\.runs\.unfold_file",
    of_code: r"expected a state_dict that torch\.save wrote, .*Nothing of it was run",
    whole_model: r"holds an object of torch\.nn\.modules\.linear\.Linear.*Save the state_dict of a model",
    compressed: r"it is compressed, which torch\.save never does",
    damaged: r"expected a safetensors file, and this is none or is cut off",
    a_list: r"expected a state_dict, got list\. Save net\.state_dict\(\)\.",
    nothing: r"expected the weights to start with, found none\. Give a file, a run's folder",
    no_run: r"expected the folder of a run, but it has no config\.toml",
}


@pytest.mark.parametrize("made", REFUSED, ids=lambda made: made.__name__)
def test_a_file_that_holds_no_weights_of_a_net_is_refused_and_the_net_is_as_before(tmp_path, made) -> None:
    mine = net(seed=2)
    before = copy.deepcopy(mine)
    with pytest.raises(InputError, match=REFUSED[made]):
        initialize(mine, str(made(tmp_path)))
    assert same(mine, before)


@pytest.mark.parametrize("name", ["x" * 5000, "no\0file", "/dev/zero"])
def test_what_no_system_takes_for_a_file_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"init: .*expected the weights|expected a state_dict"):
        initialize(net(), name)
