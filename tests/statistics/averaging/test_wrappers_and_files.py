"""Which wrappers and files of models are averaged as the models in them?"""

import io
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import nn
from torch.optim.swa_utils import AveragedModel

from batchnorm import fold, freeze, recalibrate, unfreeze
from batchnorm.models import build
from batchnorm.statistics import average_models, use_batch_statistics

from .nets import assert_same, net, nets


def ema(model: nn.Module) -> nn.Module:
    averaged = AveragedModel(model, use_buffers=True)
    averaged.update_parameters(model)
    return averaged


WRAPPERS = {
    "torch's average": ema,
    "DataParallel": nn.DataParallel,
    "torch.compile": lambda model: torch.compile(model, backend="eager"),
    "torch's average of a compiled net": lambda model: ema(torch.compile(model, backend="eager")),
}


@pytest.mark.parametrize("kind", WRAPPERS)
@pytest.mark.parametrize("states", [False, True])
def test_a_wrapper_makes_no_difference(kind: str, states: bool) -> None:
    models = nets()
    expected = [*average_models(models).state_dict().values()]
    given = [WRAPPERS[kind](models[0]), models[1], WRAPPERS[kind](models[2])]
    merged = average_models([model.state_dict() for model in given] if states else given)
    state = merged if states else merged.state_dict()
    got = [tensor for name, tensor in state.items() if name != "n_averaged"]
    assert all(map(torch.equal, got, expected))
    assert len(got) == len(expected)


def test_what_a_state_dict_adds_without_the_wrappers_prefix_is_no_matter() -> None:
    class Adding(AveragedModel):
        def get_extra_state(self):
            return 3

    models = [Adding(net(seed)) for seed in range(2)]
    assert torch.equal(average_models(models).module[0].weight, average_models(nets(2))[0].weight)


def test_a_model_that_was_frozen_is_averaged_and_its_average_is_frozen_until_it_is_unfrozen() -> None:
    models = nets(2)
    expected = average_models(models)
    for model in models:
        freeze(model)
    merged = average_models(models)
    assert_same(merged, expected)
    assert not merged.train()[1].training
    unfreeze(merged)
    assert merged.train()[1].training
    assert not models[0].train()[1].training


def test_the_result_keeps_the_wrapper_of_an_average_and_its_largest_count() -> None:
    first, second = ema(net(0)), ema(net(1))
    second.update_parameters(net(1))
    merged = average_models([first, second, net(2)])
    assert isinstance(merged, AveragedModel)
    assert merged.n_averaged == 2
    assert merged(torch.randn(2, 1, 6, 6)).shape == (2, 2)


@pytest.mark.parametrize("wrapper", ["ModelEmaV2", "ModelEmaV3"])
def test_timms_averages_are_averaged(timm, wrapper: str) -> None:
    models = nets()
    expected = average_models(models)
    wrapped = [getattr(timm.utils, wrapper)(model) for model in models]
    assert_same(average_models(wrapped).module, expected)
    assert_same(average_models([models[0], *wrapped[1:]]), expected)


@pytest.mark.parametrize("name", ["test_resnet"])
def test_timms_nets_are_averaged(timm, name: str) -> None:
    torch.manual_seed(0)
    models = [timm.create_model(name).eval() for _ in range(2)]
    for shift, model in enumerate(models):
        for module in model.modules():
            if getattr(module, "running_mean", None) is not None:
                module.running_mean.fill_(4.0 * shift)
    merged = average_models(models)
    found = [module for module in merged.modules() if getattr(module, "running_mean", None) is not None]
    assert found
    assert all((module.running_var == 1 + 4).all() for module in found)


def test_a_net_of_this_package_is_averaged_and_can_be_recalibrated_and_folded() -> None:
    given = []
    for seed in range(2):
        torch.manual_seed(seed)
        given.append(build("ConvBNNet", num_classes=10, in_channels=1, image_size=28))
    merged = average_models(given)
    x = torch.randn(8, 1, 28, 28)
    assert recalibrate(merged, [x]).norms
    assert fold(merged.eval(), x).norms


# files and checkpoints


def test_a_file_of_torch_and_one_of_safetensors_have_an_average() -> None:
    models = nets(2)
    held = io.BytesIO()
    torch.save(models[0].state_dict(), held)
    held.seek(0)
    states = [torch.load(held, weights_only=True), load_safetensors(save_safetensors(models[1].state_dict()))]
    merged = average_models(states)
    expected = average_models(models).state_dict()
    assert merged.keys() == expected.keys()
    assert all(torch.equal(merged[name], tensor) for name, tensor in expected.items())


def test_the_versions_of_modules_that_torch_keeps_are_handed_on() -> None:
    state = average_models([model.state_dict() for model in nets()])
    assert isinstance(state, OrderedDict)
    assert state._metadata["1"]["version"] == 2


def lightning(model: nn.Module) -> dict[str, object]:
    """As Lightning's ModelCheckpoint writes it."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return {
        "epoch": 3,
        "global_step": 30,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": model.state_dict(),
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [],
    }


def weight_averaging(model: nn.Module, averaged: AveragedModel) -> dict[str, object]:
    """As Lightning's WeightAveraging and EMAWeightAveraging change it before it is written."""
    state = averaged.state_dict()
    return {
        **lightning(model),
        "current_model_state": model.state_dict(),
        "state_dict": {name[7:]: value for name, value in state.items() if name.startswith("module.")},
        "averaging_state": {name: value for name, value in state.items() if not name.startswith("module.")},
    }


def test_a_checkpoint_of_lightning_stands_for_its_state_dict() -> None:
    models = nets()
    merged = average_models([lightning(model) for model in models])
    assert_same(merged, average_models(models))


def test_a_checkpoint_with_an_average_beside_the_net_is_asked_which_one() -> None:
    checkpoints = [weight_averaging(model, ema(model)) for model in nets()]
    said = (
        r"models\[0\]: expected a state_dict, .*, got one that holds 'state_dict', 'current_model_state', "
        r"'averaging_state'\. Pass the model's, such as checkpoint\['state_dict'\]\.$"
    )
    with pytest.raises(ValueError, match=said):
        average_models(checkpoints)
    assert_same(average_models([checkpoint["state_dict"] for checkpoint in checkpoints]), average_models(nets()))


def test_a_dict_of_tensors_that_need_not_be_a_model_is_not_taken_for_one() -> None:
    checkpoint = {"network": None, "metrics": {"accuracy": torch.tensor(0.9)}}
    with pytest.raises(ValueError, match=r"got one that holds 'metrics'\. Pass the model's, such as checkpoint\['met"):
        average_models([checkpoint])


# models that are not in a state of their own


def test_a_model_inside_a_block_is_refused() -> None:
    models = nets()
    with (
        use_batch_statistics(models[1]),
        pytest.raises(RuntimeError, match=r"average_models: model: .*use_batch_statistics"),
    ):
        average_models(models)


def test_a_frozen_norm_is_averaged_as_any_other() -> None:
    models = nets()
    expected = average_models(models)
    for model in models:
        model[1].eval().requires_grad_(False)
    assert_same(average_models(models), expected)
