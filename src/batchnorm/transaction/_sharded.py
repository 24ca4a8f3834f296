"""Which models do not hold their own weights, so that nothing can be put back?"""

import sys
from typing import Any

from torch import Tensor, nn

from ..errors import RefusedError


def check_holds_weights(model: nn.Module, verb: str) -> None:
    """Raise where a model's weights lie elsewhere between calls: FSDP, DTensor, DeepSpeed.

    These exchange a module's parameters before and after each forward, and remember in which state they are:
    parameters that were put back from outside would be those of the other state.

    Raises:
        RefusedError: names the first such module, and who has its weights.

    Example:
        >>> check_holds_weights(nn.Linear(1, 1), "fold")
    """
    for name, module in model.named_modules():
        tensors = (*module._parameters.values(), *module._buffers.values())
        holders = [_wrapped_by(module), *(_taken_by(tensor) for tensor in tensors if tensor is not None)]
        for holder in filter(None, holders):
            raise RefusedError(
                verb=verb,
                argument="model",
                expected="a model that holds its weights itself",
                got=f"{name or 'the model'} ({type(module).__name__}), whose weights {holder}",
                cure="Do this before the model is sharded, or load its full state_dict into a model of its own.",
            )


def _wrapped_by(module: nn.Module) -> str | None:
    # Asked by what has been imported: the imports take seconds, and nobody can have wrapped a model without them.
    fsdp: Any = sys.modules.get("torch.distributed.fsdp")
    if fsdp is None:
        return None
    if isinstance(module, getattr(fsdp, "FSDPModule", ())):
        return "are sharded by FSDP (fully_shard)"
    if isinstance(module, fsdp.FullyShardedDataParallel):
        return "are sharded by FSDP (FullyShardedDataParallel)"
    return None


def _taken_by(tensor: Tensor) -> str | None:
    distributed: Any = sys.modules.get("torch.distributed.tensor")
    if distributed is not None and isinstance(tensor, distributed.DTensor):
        return "are distributed over processes (DTensor)"
    if hasattr(tensor, "ds_id"):
        return "are partitioned by DeepSpeed (ZeRO stage 3)"
    return None
