"""What does a whole training step cost: with our norms, with PyTorch's, with those compiled, with none?"""

from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models import ConvBNNet, resnet18, resnet20
from ..nn import set_route
from ..records import StepRow
from ._cache import Sweep, last_level_cache
from ._cases import MEMORY_FORMATS, MemoryFormat, NetCase, Settings
from ._contenders import compiler_missing, failure
from ._saved import saved_bytes, state_of
from ._timing import Arm, threads, time_in_turn

KINDS: dict[str, str | None] = {"ours": "batchnorm", "torch": "torch", "compile": "torch", "none": None}
"""Kinds of a net, and the norm that each is built with."""

CLASSES = 10
RATE = 1e-3  # small, so that no net diverges while it sees the same batch again and again
_MAKERS: dict[str, Callable[..., nn.Module]] = {"ConvBNNet": ConvBNNet, "resnet20": resnet20, "resnet18": resnet18}


class Trainer:
    """A net with its optimizer and one batch; `step` is what is timed.

    Args:
        case: the net and the images.
        norm: as the nets take it.
        memory_format: of weights and images.
        route: of our layers.
    """

    def __init__(self, case: NetCase, norm: str | None, memory_format: MemoryFormat, route: str) -> None:
        generator = torch.Generator().manual_seed(0)
        layout = torch.channels_last if memory_format == "channels_last" else torch.contiguous_format
        size = (case.batch, case.in_channels, case.image_size, case.image_size)
        self.images = torch.randn(size, generator=generator).contiguous(memory_format=layout)
        self.labels = torch.randint(CLASSES, (case.batch,), generator=generator)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = _MAKERS[case.net](CLASSES, case.in_channels, case.image_size, norm=norm)
        self.net = net.to(memory_format=layout).train()  # type: ignore[call-overload]
        set_route(self.net, route)
        self.forward: Callable[[Tensor], Tensor] = self.net
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=RATE, momentum=0.9)

    def compile(self) -> None:
        """Let torch.compile make the net's forward and backward, at the next step."""
        self.forward = torch.compile(self.net, dynamic=False)

    def loss(self) -> Tensor:
        """Return the loss of the batch."""
        return F.cross_entropy(self.forward(self.images), self.labels)

    def step(self) -> None:
        """Forward, loss, backward, SGD."""
        self.optimizer.zero_grad()
        self.loss().backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def saved_bytes(self) -> int:
        """Return what a step keeps for backward, the net's own state apart."""
        return saved_bytes(self.loss, state_of(self.net))


def measure_step(case: NetCase, settings: Settings, allocator: str = "untuned") -> StepRow:
    """Time one net's training step in this process: all kinds in both memory formats, in turn.

    Args:
        case: the net and the images.
        settings: how.
        allocator: what the process' allocator is said to be in the row; nothing is changed here.
    """
    with threads(settings.threads):
        trainers, left_out = _trainers(case, settings)
        arms = {name: _arm(trainer) for name, trainer in trainers.items()}
        sweep = Sweep(last_level_cache())
        timings = time_in_turn(arms, rounds=settings.rounds, warmup=settings.warmup, sweep=sweep)
        return StepRow(
            net=case.net,
            batch=case.batch,
            image=(case.in_channels, case.image_size, case.image_size),
            route=settings.net_route,
            allocator=allocator,
            timings=timings,
            # A compiled graph keeps what its own partitioner chose; the eager forms are what is compared.
            saved_bytes={n: t.saved_bytes() for n, t in trainers.items() if not n.startswith("compile")},
            left_out=left_out,
        )


def _trainers(case: NetCase, settings: Settings) -> tuple[dict[str, Trainer], dict[str, str]]:
    """Return who takes part, by kind and memory format, and why others do not."""
    trainers: dict[str, Trainer] = {}
    left_out: dict[str, str] = {}
    for kind, norm in KINDS.items():
        made = {f"{kind} {layout}": Trainer(case, norm, layout, settings.net_route) for layout in MEMORY_FORMATS}
        reason = None
        if kind == "compile":
            reason = _compile(made.values()) if settings.compiled else "it was not asked for"
        if reason is None:
            trainers |= made
        else:
            left_out[kind] = reason
    return trainers, left_out


def _arm(trainer: Trainer) -> Arm:
    return Arm(lambda _: trainer.step())


def _compile(trainers: Iterable[Trainer]) -> str | None:
    """Compile and run a step of each; return why that cannot be done."""
    missing = compiler_missing()
    if missing is not None:
        return missing
    try:
        for trainer in trainers:
            trainer.compile()
            trainer.step()
    except Exception as error:  # whatever it is: the row goes on without it, and says so
        return failure(error)
    return None
