"""Frozen norms inside compiled and wrapped models, and under the other verbs."""

import copy
import io
import pickle

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

import batchnorm
import batchnorm.nn as ours
from batchnorm import freeze, recalibrate, unfreeze
from batchnorm.norms import is_frozen
from batchnorm.statistics import use_batch_statistics
from batchnorm.transaction import transaction

X = torch.linspace(-1, 1, 6 * 3 * 4 * 4).reshape(6, 3, 4, 4).sin()


class Net(nn.Module):
    def __init__(self, norm=nn.BatchNorm2d):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.first, self.second = nn.Conv2d(3, 4, 1), norm(4), norm(4)

    def forward(self, x):
        return self.second(self.first(self.conv(x)).relu())


def first_alone(module, name):
    return name == "first"


def moved(model, norm, run=None):
    before = [buffer.clone() for buffer in norm.buffers()]
    (model if run is None else run)(X)
    return not all(map(torch.equal, before, norm.buffers()))


def attributes_of(model):
    return [{**vars(module)} for module in model.modules()]


def saved(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, ours.BatchNorm2d])
def test_freezing_and_releasing_take_effect_in_code_that_was_compiled_before(norm):
    model = Net(norm)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    compiled(X)
    freeze(compiled)
    frozen = moved(model, model.first, compiled.train())
    unfreeze(compiled)
    assert (frozen, moved(model, model.first, compiled)) == (False, True)


def test_a_frozen_model_compiles_to_what_it_computes():
    model = Net()
    freeze(model, affine=True)
    compiled = torch.compile(model.train(), backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(X), model(X))


def test_a_model_that_is_compiled_in_place_is_frozen():
    model = Net()
    model.compile(backend="eager", fullgraph=True)
    model(X)
    freeze(model)
    assert not moved(model, model.first, model.train())


def test_a_norm_that_is_compiled_by_itself_is_frozen_and_released():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), torch.compile(nn.BatchNorm2d(4), backend="eager"))
    freeze(model)
    model.train()
    frozen = model[1].training
    unfreeze(model)
    assert (frozen, model[1].training) == (False, True)


@pytest.mark.parametrize("wrap", [nn.DataParallel, AveragedModel, lambda model: nn.Sequential(nn.Identity(), model)])
def test_a_wrapper_is_seen_through(wrap):
    wrapped = wrap(Net())
    freeze(wrapped)
    wrapped.train()
    modes = {module.training for module in wrapped.modules() if isinstance(module, nn.BatchNorm2d)}
    assert modes == {False}


def test_names_are_those_of_the_module_inside_a_wrapper():
    assert freeze(nn.DataParallel(Net()), filter_fn=first_alone).statistics == ("first",)


@pytest.mark.parametrize(
    "copied",
    [
        lambda model: AveragedModel(model).module,
        copy.deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),  # noqa: S301  # ours
        saved,
    ],
    ids=["average", "deepcopy", "pickle", "save"],
)
def test_a_copy_is_frozen_and_released_by_itself(copied):
    model = Net()
    freeze(model, affine=True)
    twin = copied(model)
    frozen = moved(twin, twin.first, twin.train())
    unfreeze(twin)
    assert (frozen, moved(twin, twin.first), twin.first.weight.requires_grad) == (False, True, True)
    assert (is_frozen(model.first), model.first.weight.requires_grad) == (True, False)


def test_a_state_dict_has_the_same_keys_and_does_not_carry_it():
    model, other = Net(), Net()
    before = [*model.state_dict()]
    freeze(model)
    other.load_state_dict(model.state_dict())
    assert ([*model.state_dict()], is_frozen(other.first)) == (before, False)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_a_frozen_model_is_scripted():
    model = Net()
    freeze(model)
    scripted = torch.jit.script(model.train())
    assert not moved(scripted, scripted.first)


def test_recalibrate_leaves_a_frozen_norm_and_says_who_froze_it():
    model = Net()
    freeze(model, filter_fn=first_alone)
    record = recalibrate(model, [X])
    assert record.skipped == {"first": "frozen by batchnorm.freeze"}
    assert [norm.name for norm in record.norms] == ["second"]


@pytest.mark.parametrize("mode", [True, False])
def test_recalibrate_with_include_frozen_measures_it_and_leaves_it_frozen(mode):
    model = Net().train(mode)
    freeze(model)
    before = attributes_of(model)
    recalibrate(model, [X], include_frozen=True)
    values = model.conv(X).double()
    torch.testing.assert_close(model.first.running_mean.double(), values.mean((0, 2, 3)), rtol=1e-5, atol=1e-6)
    assert attributes_of(model) == before


@pytest.mark.parametrize(
    "verb",
    [
        lambda model: batchnorm.trace(model, X),
        lambda model: batchnorm.evaluate(model, [(X, X)], metric=lambda y, t: y.mean()),
        lambda model: recalibrate(model, [X], include_frozen=True, keep_partial=True),
    ],
    ids=["trace", "evaluate", "recalibrate"],
)
def test_a_frozen_model_comes_out_of_a_verb_as_it_went_in(verb):
    model = Net()
    freeze(model, affine=True)
    before = attributes_of(model)
    verb(model)
    assert attributes_of(model) == before


def test_use_batch_statistics_has_its_way_with_a_frozen_norm_and_puts_it_back():
    model = Net()
    freeze(model)
    before, expected = attributes_of(model), Net()(X)
    with use_batch_statistics(model):
        assert torch.equal(model(X), expected)
    assert attributes_of(model) == before


def test_a_copy_made_inside_use_batch_statistics_is_frozen():
    model = Net()
    freeze(model)
    with use_batch_statistics(model):
        twin = copy.deepcopy(model)
    assert is_frozen(twin.first)
    assert not twin.train().first.training


@pytest.mark.parametrize("verb", [freeze, unfreeze])
def test_inside_use_batch_statistics_it_is_refused(verb):
    model = Net()
    with use_batch_statistics(model), pytest.raises(RuntimeError, match=r"inside `with use_batch_statistics\(...\)`"):
        verb(model)


def test_a_transaction_takes_a_freeze_back():
    model = Net()
    before = attributes_of(model)
    with transaction(model):
        freeze(model, affine=True)
        model.eval()
    assert attributes_of(model) == before
    assert model.first.weight.requires_grad


def test_a_frozen_norm_in_a_model_that_trains_is_not_folded():
    model = Net()
    freeze(model)
    with pytest.raises(ValueError, match="expected a model in evaluation mode, got one in training mode"):
        batchnorm.fold(model.train(), X)


@pytest.mark.parametrize("mode", [True, False])
def test_a_norm_that_comes_back_from_a_fold_is_frozen(mode):
    model = Net()
    freeze(model.eval())
    batchnorm.fold(model, X)
    batchnorm.unfold(model.train(mode))
    frozen = (is_frozen(model.first), model.first.training)
    unfreeze(model)
    assert (frozen, model.first.training) == ((True, False), mode)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_quantization_of_torch_that_trains_refuses_a_frozen_norm():
    from torch.ao.quantization import get_default_qat_qconfig_mapping
    from torch.ao.quantization.quantize_fx import prepare_qat_fx

    model = Net()
    freeze(model)
    with pytest.raises(AssertionError, match="Conv and BN both must be in the same mode"):
        prepare_qat_fx(model.train(), get_default_qat_qconfig_mapping(), (X,))


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    """One process that is a group."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLOO_SOCKET_IFNAME", "lo")
        meeting = tmp_path_factory.mktemp("group") / "meeting"
        dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=0, world_size=1)
        yield
        dist.destroy_process_group()


def test_statistics_are_frozen_inside_distributed_data_parallel(group):
    model = DistributedDataParallel(Net())
    freeze(model)
    for _ in range(2):
        model.train()(X).sum().backward()
    assert model.module.first.num_batches_tracked == 0


def test_parameters_are_not_frozen_inside_distributed_data_parallel(group):
    model = DistributedDataParallel(Net())
    with pytest.raises(RuntimeError, match=r"first\.weight inside DistributedDataParallel"):
        freeze(model, affine=True)
    assert not is_frozen(model.module.first)


def test_parameters_are_not_released_inside_distributed_data_parallel(group):
    model = Net()
    freeze(model, affine=True)
    with pytest.raises(RuntimeError, match=r"unfreeze: model: .* Call unfreeze on the model before it is wrapped"):
        unfreeze(DistributedDataParallel(model))
    assert is_frozen(model.first)


def test_statistics_are_frozen_in_a_sharded_model_and_parameters_are_not(group):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    model = Net()
    fully_shard(model, mesh=init_device_mesh("cpu", (1,)))
    freeze(model)
    model.train()(X).sum().backward()
    assert model.first.num_batches_tracked == 0
    with pytest.raises(RuntimeError, match=r"freeze: .*whose weights are sharded by FSDP"):
        freeze(model, affine=True)
