"""Which models cannot be folded as they are?"""

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from ...errors import ForPython, InputError, InputTypeError
from ...transaction import check_holds_weights, check_not_held, original


def check_foldable(model: object) -> None:
    """Raise if a model is none, is in training mode, is shared by several processes, or sharded over them.

    Raises:
        TypeError: no module.
        ValueError: in training mode, or inside DistributedDataParallel or DataParallel.
        RefusedError: its weights are sharded (FSDP, DTensor, DeepSpeed), or it is inside `use_batch_statistics`.
    """
    if not isinstance(model, nn.Module):
        raise InputTypeError(
            argument="model", expected="a torch.nn.Module", got=type(model).__name__, cure="Load the model first."
        )
    check_holds_weights(model, "fold")
    for module in model.modules():
        if isinstance(module, DistributedDataParallel | DataParallel):
            kind = type(module).__name__
            raise InputError(
                argument="model",
                expected="a model that is not wrapped for several devices or processes",
                got=f"one in {kind}, which holds on to the parameters that it was given",
                cure=("Fold the module inside it, and wrap that again", ForPython(": fold(model.module, ...)", ".")),
            )
    check_not_held(model)
    if original(model)[0].training:
        raise InputError(
            argument="model",
            expected="a model in evaluation mode",
            got="one in training mode, in which batch norm normalizes by the batch",
            cure="Call model.eval() first.",
        )
