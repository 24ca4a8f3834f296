"""What does the net of one's own checkpoint do, and what can be done with its norms?"""

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError, Setting
from ..records import WiringRecord
from ._checkpoint_net import examples_of, own_net
from ._config import TrainConfig
from ._environment import torch_settings
from ._state_dict import read_state_dict


def wiring_of_checkpoint(
    path: Path | str,
    *,
    model: str | None,
    inputs: Sequence[Sequence[int]],
    device: str = "auto",
    threads: int = 0,
) -> WiringRecord:
    """Run the net whose `state_dict` is in a file on random numbers, and write down who made and who read which tensor.

    Args:
        path: what `torch.save(net.state_dict(), path)` wrote, or a safetensors file.
        model: the own `package.module:function` that builds the net, without arguments.
        inputs: the shapes of the tensors that the net is called with.
        device: as in `TrainConfig`.
        threads: as in `TrainConfig`.

    Raises:
        InputError: the file, the net or the shapes cannot be used.
    """
    from ..surgery import wiring_record
    from ..wiring import trace

    path = Path(path)
    tensors, _ = read_state_dict(path)
    if model is None or not inputs:
        raise InputError(
            f"{path} is a state_dict of a net of your own",
            cure=(
                "Say which net it is for (",
                Setting("model"),
                ") and which shapes it takes (",
                Setting("inputs"),
                ").",
            ),
        )
    with torch_settings(TrainConfig(device=device, threads=threads)) as place:
        net, taken = own_net(path, model, tensors)
        examples = examples_of(inputs, net.to(place))
        try:
            wiring = trace(net, examples)
        except Exception as error:  # the caller's own net may raise anything
            shapes = ", ".join("x".join(map(str, shape)) for shape in inputs)
            raise InputError(
                f"the net cannot take an input of {shapes}: {type(error).__name__}: {error}", argument="inputs"
            ) from error
    notes = (f"every name in {path} begins with {taken!r}, of a wrapper; it was taken off",) if taken else ()
    return wiring_record(wiring, run=str(path), model=model, data=None, notes=notes)
