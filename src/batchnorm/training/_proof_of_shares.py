"""Can the net train on the parts of batches that several processes get? Found out before the first step."""

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..data import Batches, Share
from ..errors import InputError, Setting
from ..ranks import Ranks
from ..runs import TrainConfig
from ._proof import forward_of, laid_out, precision_of, trial_of


def prove_shares(net: nn.Module, train: Batches, config: TrainConfig, device: torch.device, ranks: Ranks) -> None:
    """Run the smallest batches that a process will see through a copy of `net`, where several share each batch.

    Raises:
        InputError: there are fewer images in a batch than processes, or the net cannot train on one image, or on none.
    """
    if ranks.size == 1:
        return
    if isinstance(net, DistributedDataParallel | nn.DataParallel):
        raise InputError(
            argument="model", expected="the net itself, which the training makes parallel", got=type(net).__name__
        )
    if config.batch_size < ranks.size:
        raise InputError(
            argument="batch_size",
            expected=f"an image for each of {ranks.size} processes",
            got=f"{config.batch_size} for all together",
        )
    _prove_averages_gradients(net, train, config, device)
    sizes = sorted({*train.sizes(0), *train.sizes(len(train) - 1)})
    counts = {Share(rank, ranks.size).count(size): size for size in sizes for rank in range(ranks.size)}
    for count in (0, 1):
        if count in counts and not (count == 1 and config.sync_bn):
            _prove_takes_so_few(net, train, config, device, ranks, count, counts[count])


def _prove_takes_so_few(
    net: nn.Module, train: Batches, config: TrainConfig, device: torch.device, ranks: Ranks, count: int, size: int
) -> None:
    images = torch.randn((count, *train.split.shape[1:]), device=device)
    try:
        outputs = forward_of(net, config, images)
        if count == 0 and isinstance(outputs, torch.Tensor):
            outputs.sum().backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped; of a copy
    except Exception as error:  # the caller's own net may raise anything
        few = "a single image" if count else "no image"
        whose = "a batch" if size == config.batch_size else "the last batch of an epoch"
        raise InputError(
            f"{whose} has {size} images for {ranks.size} processes, so that one of them gets {few}, and this net "
            f"cannot train on that ({str(error).removesuffix('.')})",
            argument="batch_size",
            cure=(
                "Choose another, start fewer processes",
                (", or use ", Setting("sync_bn", True)) if count else "",
                ".",
            ),
        ) from error


def _prove_averages_gradients(net: nn.Module, train: Batches, config: TrainConfig, device: torch.device) -> None:
    """Refuse a net that shows some of its parameters in its backward alone: what a step uses is to be known ahead."""
    images = torch.randn((2, *train.split.shape[1:]), device=device)
    with precision_of(config, device), trial_of(net, config) as trial:
        trial.zero_grad()
        outputs = trial(laid_out(images, config))
        shown = _leaves(outputs)
        outputs.sum().backward()
        hidden = [name for name, one in trial.named_parameters() if one.grad is not None and one not in shown]
    if hidden:
        raise InputError(
            f"the net computes {hidden[0].rpartition('.')[0] or hidden[0]} again in its backward, by "
            "torch.utils.checkpoint with use_reentrant=True, so that several processes cannot tell what a step uses",
            argument="model",
            cure="Pass use_reentrant=False there, or train in one process.",
        )


def _leaves(outputs: Tensor) -> set[Tensor]:
    """The tensors whose gradients a backward is known to compute."""
    found, seen, left = set[Tensor](), set[object](), [outputs.grad_fn]
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(leaf := getattr(node, "variable", None), Tensor):
            found.add(leaf)
        left.extend(after for after, _ in node.next_functions)
    return found
