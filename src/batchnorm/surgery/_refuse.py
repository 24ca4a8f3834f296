"""Which models cannot be folded as they are?"""

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from ..transaction import check_holds_weights, original


def check_foldable(model: object) -> None:
    """Raise if a model is none, is in training mode, is shared by several processes, or sharded over them.

    Raises:
        TypeError: no module.
        ValueError: in training mode, or inside DistributedDataParallel or DataParallel.
        RuntimeError: its weights are sharded (FSDP, DTensor, DeepSpeed).
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"fold: expected a torch.nn.Module, got {type(model).__name__}. Load the model first.")
    check_holds_weights(model, "fold")
    for module in model.modules():
        if isinstance(module, DistributedDataParallel | DataParallel):
            kind = type(module).__name__
            raise ValueError(
                f"fold: expected a model by itself, got one in {kind}, which holds on to the parameters that it was "
                "given. Fold the module inside it, and wrap that again: fold(model.module, ...)"
            )
    if original(model)[0].training:
        raise ValueError(
            "fold: expected a model in evaluation mode, got one in training mode, in which batch norm normalizes by "
            "the batch. Call model.eval() first."
        )
