"""The update rule: which parameters decay, how they move, and how the learning rate runs over the training."""

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR
from torch.optim.swa_utils import AveragedModel

from ..norms import is_norm
from ..runs import TrainConfig
from ..transaction import copied

NORMS = (
    nn.modules.instancenorm._InstanceNorm,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
)


Tensors = list[Tensor] | tuple[Tensor, ...]


def parameter_groups(model: nn.Module, weight_decay: float, *, decay_all: bool) -> list[dict[str, object]]:
    """Split the trainable parameters into those that decay and those that do not.

    A norm's weight and bias and every layer's bias do not decay unless `decay_all`: in front of a norm
    the scale of a weight has no effect, its own parameters do (He et al. 2019, "Bag of Tricks", section 3.1).
    A parameter that two modules share counts once, and decays only if both would let it.
    """
    spared = {
        parameter
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if isinstance(module, NORMS) or is_norm(module) or name.endswith("bias")
    }
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if decay_all:
        spared = set()
    return [
        {"params": [p for p in parameters if p not in spared], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p in spared], "weight_decay": 0.0},
    ]


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return SGD with Nesterov momentum, or AdamW with `momentum` as its first beta.

    Where the rate is still to be found (`lr="auto"`), it is 0: such an optimizer is replaced before the first step.
    """
    groups = parameter_groups(model, config.weight_decay, decay_all=config.decay_all)
    lr = 0.0 if config.lr == "auto" else config.lr
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=config.momentum, nesterov=config.momentum > 0)
    return torch.optim.AdamW(groups, lr=lr, betas=(config.momentum, 0.999))


def make_scheduler(optimizer: torch.optim.Optimizer, config: TrainConfig, steps: int) -> LRScheduler:
    """Return the learning rate's way over `steps` steps: up on a line, then down on a line or half a cosine.

    `one-cycle` is the triangle of Smith & Topin 2018 (arXiv 1708.07120) at a constant momentum: `lr / 25` up to `lr`
    during the first `warmup` of the training, then down to `lr / 10,000`. `cosine` falls to 0.
    """
    rise = min(round(config.warmup * steps), steps - 1)
    fall: LRScheduler
    if config.schedule == "one-cycle":
        fall = LinearLR(optimizer, start_factor=1.0, end_factor=1e-4, total_iters=max(steps - rise, 1))
    else:
        fall = CosineAnnealingLR(optimizer, T_max=max(steps - rise, 1))
    if rise < 1:
        return fall
    warmup = LinearLR(optimizer, start_factor=1 / 25, total_iters=rise)
    return SequentialLR(optimizer, [warmup, fall], milestones=[rise])


def make_average(model: nn.Module, decay: float, buffers: str = "average") -> AveragedModel | None:
    """Return an exponential moving average of `model`'s parameters and buffers, or `None` for a decay of 0.

    After the update number n (from 0), `average = d * average + (1 - d) * model` with
    `d = min(decay, (1 + n) / (10 + n))`: the first steps, whose weights are poor, are forgotten soon. The buffers are
    averaged too, for running statistics belong to the weights that they were measured under; counters are copied. With
    `buffers="copy"` all of them are. Variances are averaged as they are: the law of total variance is of data that come
    from several places, and here it is the weights that move, on the same data.

    Raises:
        InputError: the model cannot be copied.
    """
    if not decay:
        return None

    @torch.no_grad()
    def update(averaged: Tensors, current: Tensors, updates: Tensor | int) -> None:
        n = int(updates)
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + n) / (10 + n)))
        else:
            torch._foreach_copy_(averaged, current)

    # torch copies it once more, and cannot copy all that `copied` can.
    return AveragedModel(copied(model), multi_avg_fn=update, use_buffers=buffers != "copy")
