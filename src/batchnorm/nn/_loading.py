"""Which checkpoints does a layer load? Torch's, and those of norms without a counter of batches."""

from typing import Any

from torch.nn.modules.batchnorm import _BatchNorm

_COUNTER = "num_batches_tracked"


class Loads(_BatchNorm):
    """What a layer does where a checkpoint has no counter.

    Frozen norms (torchvision's, detectron2's) keep none. Their checkpoints load, and leave the counter as it is. Torch
    knows of no such norms: it goes by a version number, which detectron2's class counts for itself.
    """

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *others: Any, **named: Any
    ) -> None:
        counter = self._buffers.get(_COUNTER)
        if counter is not None and prefix + "running_mean" in state_dict:
            state_dict.setdefault(prefix + _COUNTER, counter)
        # Of the class: a norm that was converted has that of its former one, for what it saves.
        asked = {**local_metadata, "version": type(self)._version}
        super()._load_from_state_dict(state_dict, prefix, asked, *others, **named)
