"""How does a layer of torch's load checkpoints if it has no counter of batches, for what it was had none?

Torch adds a counter to older checkpoints, those of frozen norms among them, and then does not know where to put it. Our
own layers see to it themselves.
"""

from typing import Any

from torch import nn

from ._constants import COUNTER


def without_counter(state_dict: dict[str, Any], prefix: str, *others: object) -> None:
    """Leave a counter out that the layer has no place for; torch calls this before it loads."""
    state_dict.pop(prefix + COUNTER, None)


def hear_of_loading(norm: nn.Module) -> None:
    """Let a layer load checkpoints with a counter and without."""
    norm._register_load_state_dict_pre_hook(without_counter)  # type: ignore[no-untyped-call]  # torch's


def no_longer_hear_of_loading(norm: nn.Module) -> None:
    """Undo that."""
    hooks = norm._load_state_dict_pre_hooks
    for key in [key for key, wrapped in hooks.items() if getattr(wrapped, "hook", wrapped) is without_counter]:
        del hooks[key]
