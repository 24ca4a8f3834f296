"""How does a norm that was one of constants load checkpoints? As its former class does, whatever that makes of them.

Such a class may read a checkpoint of an older version in another way, or take what is missing for ones and zeros. So it
is that class's own code that loads, into the very tensors that the norm holds now. The state dict of a norm that is
none of constants has a counter, too, which there is no place for.
"""

from typing import Any

from torch import nn

from ...transaction import TABLES
from ._constants import COUNTER
from ._former import NAME, Former

LOADS = "_load_from_state_dict"
"""The method of torch's modules by which each loads what is its own."""


class LoadsAsBefore:
    """Stands as that method in a norm that was converted; it is copied and pickled with the norm.

    Attributes:
        module: the norm.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,  # noqa: FBT001  # as torch has it
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        if self.module._buffers.get(COUNTER) is None:
            state_dict.pop(prefix + COUNTER, None)
        former = Former(**vars(self.module)[NAME])
        stand_in: Any = object.__new__(former.kind)
        stand_in.__dict__.update(former.held_by(self.module))
        before = _plain(stand_in)
        books = missing_keys, unexpected_keys, error_msgs
        getattr(former.kind, LOADS)(stand_in, state_dict, prefix, local_metadata, strict, *books)
        changed = sorted(name for name, value in _plain(stand_in).items() if before.get(name, before) is not value)
        if changed:
            error_msgs.append(
                f"{prefix}{changed[0]}: expected a checkpoint that changes tensors alone, got one by which a "
                f"{former.kind.__name__}, which this was before it was converted, sets its {changed[0]}, too. "
                "Load it before you convert the model."
            )


def _plain(module: nn.Module) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if name not in TABLES}
