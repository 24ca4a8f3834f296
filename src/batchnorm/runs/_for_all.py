"""How do several processes read files that perhaps only the first one sees, and how do they judge one net together?"""

import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..data import Batches, Share
from ..ranks import Ranks
from ..records import Judgement, RunRecalibration, from_json, to_json
from ._pickle_file import pickle_bytes
from ._scores import collect_outputs, judgement_of


@contextmanager
def file_for_all(ranks: Ranks, find: Callable[[], Path], beside: Sequence[str] = ()) -> Iterator[Path]:
    """Give a file that the first process finds; the others get copies for the time of the block, on whatever machine.

    Args:
        ranks: the processes, each of which calls this.
        find: tells the first one where it is.
        beside: the names of files that go with it where they are.

    Raises:
        RankError: another process failed, or cannot be reached.
    """
    if ranks.first:
        with ranks.telling():
            path = find()
        ranks.from_first(lambda: pickle_bytes(_read(path, beside)) if ranks.size > 1 else b"")
        yield path
        return
    told = torch.load(io.BytesIO(ranks.from_first(None)), weights_only=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in told.items():
            (Path(folder) / name).write_bytes(content.numpy().tobytes())
        yield Path(folder) / next(iter(told))


def _read(path: Path, beside: Sequence[str]) -> dict[str, Tensor]:
    files = (path, *(path.parent / name for name in beside))
    return {
        file.name: torch.from_numpy(np.frombuffer(file.read_bytes(), dtype=np.uint8).copy())
        for file in files
        if file is path or file.is_file()
    }


def outputs_of_all(
    ranks: Ranks,
    net: nn.Module,
    batches: Batches,
    device: torch.device,
    *,
    seed: int = 0,
    epoch: int = 0,
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """Return what `collect_outputs` does of an epoch, in every process; each computes some of the batches, whole ones.

    Args:
        ranks: the processes, each of which calls this.
        net: in the modes that its modules are in.
        batches: of all processes together.
        device: where the net is.
        seed: of the epoch.
        epoch: which one.
        dtype: in which the net takes the images; None as they come.

    Raises:
        RankError: another process failed, or cannot be reached.
    """
    mine = Share(ranks.rank, ranks.size).of(len(batches))
    outputs, labels = torch.empty(0), torch.empty(0)
    if count := mine.stop - mine.start:
        with closing(batches.epoch(seed, epoch, start_step=mine.start)) as rest:
            some = ((images.to(dtype), wanted) for images, wanted in islice(rest, count))
            outputs, labels = collect_outputs(net, some, device)
    if ranks.size == 1:
        return outputs, labels
    wanted = torch.cat(ranks.gather(labels.double())).long()
    return torch.cat(ranks.gather(outputs.double().flatten())).float().reshape(len(wanted), -1), wanted


def judge_together(
    ranks: Ranks, net: nn.Module, batches: Batches, device: torch.device, *, dtype: torch.dtype | None = None
) -> Judgement:
    """Return the loss and the accuracy of `net` in evaluation mode, by all processes."""
    return judgement_of(*outputs_of_all(ranks, net.eval(), batches, device, dtype=dtype))


def record_for_all(ranks: Ranks, write: Callable[[], RunRecalibration]) -> RunRecalibration:
    """Let the first process write, and return in all what it says of that.

    Raises:
        RankError: another process failed, or cannot be reached.
    """
    if ranks.size == 1:
        return write()
    return from_json(ranks.from_first(lambda: to_json(write()).encode()).decode(), RunRecalibration)
