"""What does a model look like to somebody who may change it for a while?"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils.hooks import RemovableHandle

from ..errors import InputError, InputTypeError, RefusedError
from ._attributes import attribute_step, check_plain
from ._bits import Bits
from ._block import block
from ._compiled import run_uncompiled
from ._gradients import gradient_steps
from ._held import reach, steps_of
from ._original import original
from ._process import process_steps
from ._rng import rng_state
from ._sharded import check_holds_weights
from ._staying import check_not_held
from ._undo import Undo
from ._verb import note


class Transaction:
    """What `transaction` hands to its block: the module, and the ways to change it until the block ends.

    Attributes:
        module: the original module, without DistributedDataParallel, DataParallel and `torch.compile` around it.
        notes: one sentence for each wrapper that was taken off.
    """

    def __init__(self, module: nn.Module, notes: tuple[str, ...], undo: Undo, buffers: list[Tensor]) -> None:
        self.module = module
        self.notes = notes
        self._undo = undo
        self._bits = Bits()
        self._buffers = {id(buffer): buffer for buffer in buffers}
        self._seen: dict[int, object] = {}

    def set(self, module: nn.Module, name: str, value: object) -> None:
        """Set a plain attribute of a module; one that was absent is absent again afterwards.

        Raises:
            InputError: the name is that of a parameter, a buffer or a submodule, which are not plain.
        """
        check_plain(module, name, value)
        self._remember(module)
        setattr(module, name, value)

    def evaluate(self) -> None:
        """Switch the model to evaluation by its own `eval()`, which may do more than set `training`.

        What stays in training mode then does so in the user's evaluation, too.

        Raises:
            RefusedError: norms are held in training, inside `use_batch_statistics`.
        """
        check_not_held(self.module)
        self.module.eval()

    def train(self) -> None:
        """Switch the model to training by its own `train()`, which may leave frozen parts of it in evaluation."""
        self.module.train()

    def on_input(self, module: nn.Module, fn: Callable[..., Any], *, with_kwargs: bool = False) -> RemovableHandle:
        """Call `fn(module, args)` or `fn(module, args, kwargs)` before each forward, behind the hooks that are there.

        Returns:
            torch's handle, to take the hook away before the block ends.
        """
        self._remember(module)
        return module.register_forward_pre_hook(fn, with_kwargs=with_kwargs)

    def on_output(self, module: nn.Module, fn: Callable[..., Any], *, with_kwargs: bool = False) -> RemovableHandle:
        """Call `fn(module, args, output)` or `fn(module, args, kwargs, output)` after each forward, behind the others.

        Returns:
            torch's handle, to take the hook away before the block ends.
        """
        self._remember(module)
        return module.register_forward_hook(fn, with_kwargs=with_kwargs)

    def remember(self, *things: object) -> None:
        """Put back what these hold, too, which the block is going to change: the state of an optimizer, for instance.

        Parameters that only they hold have no gradient from here to the end of the block, as those of the model.

        Example:
            >>> net, heads = nn.Linear(1, 1), {"head": nn.Parameter(torch.zeros(1))}
            >>> with transaction(net) as change:
            ...     change.remember(heads)
            ...     _ = heads["head"].data.fill_(3.0)
            >>> heads["head"].data
            tensor([0.])
        """
        known = {*self._seen}
        self._remember(*things)
        new = [thing for place, thing in self._seen.items() if place not in known and isinstance(thing, nn.Parameter)]
        self._undo.add(*gradient_steps(new))
        for parameter in new:
            parameter.grad = None

    def keep(self, *buffers: Tensor) -> None:
        """Let these buffers keep the values that they have when the block ends, if it ends without an exception.

        Raises:
            InputError: one of the tensors was no buffer of the model when the block began. All of them are refused.
        """
        for place, buffer in enumerate(buffers):
            if id(buffer) not in self._buffers:
                raise InputError(
                    argument="buffers",
                    expected="buffers that the model had when the transaction began",
                    got=f"another {type(buffer).__name__} at position {place}",
                    cure="Write into the buffers in place, and name those.",
                )
        self._undo.revocable = True
        self._bits.keep(buffers)

    def _remember(self, *roots: object) -> None:
        """Remember these, and all that they hold, unless they are known."""
        for thing in reach(roots, self._seen):
            self._undo.add(*steps_of(thing, self._bits))

    def _give_up(self) -> None:
        self._bits.keep_nothing()
        self._undo.run()


@block
def transaction(model: nn.Module, *, scripts: bool = False) -> Iterator[Transaction]:
    """Change a model inside the block; when it ends, everything is put back but the buffers that are to be kept.

    Put back, by whatever is raised, a `KeyboardInterrupt` while putting back included (it is raised afterwards):

    - what every module holds: its class, attributes (`training`, `momentum` ...), hooks, parameters, buffers and
      children, the very objects in their order;
    - what these hold: lists, dicts, sets, deques, arrays, generators of random numbers, and objects of the user's
      classes (not those of Python, torch, or of loggers, loaders and trainers); modules that are kept in them, too;
    - every parameter, buffer and other tensor among these bit for bit, in place: the same tensor in the same memory.
      They are copied for it, as much memory as the model takes;
    - `.grad` of every parameter, the very object. Inside it is None, so that nothing can be added to it;
    - the random state of python, numpy, torch on the CPU and on the devices of the model's tensors;
    - what torch keeps for the thread: whether gradients are recorded, inference mode, autocast, the default dtype, and
      its stacks of modes.

    Not put back is what lies outside the model: globals, numbers on classes, what functions keep in closures or caches
    (a hook may well count what happens here), iterators, files. Inside, compiled code runs uncompiled (in the whole
    process), for it does not call hooks that are new. The model must not be run from another thread meanwhile.

    Args:
        model: any module; DistributedDataParallel, DataParallel and `torch.compile` are seen through.
        scripts: allow parts of `torch.jit`, which call no hooks of what is in them.

    Raises:
        RefusedError: a lazy module has not seen a batch yet, so that there is nothing to go back to; or the weights are
            sharded (FSDP, DTensor, DeepSpeed), and whoever shards them keeps books of his own.
        InputTypeError: a part of the model is a script of `torch.jit`.

    Example:
        >>> net = nn.Sequential(nn.BatchNorm1d(1), nn.Dropout())
        >>> with transaction(net) as change:
        ...     change.evaluate()
        ...     net[0].running_mean.fill_(3.0)
        ...     net[0].running_var.fill_(4.0)
        ...     change.keep(net[0].running_mean)
        tensor([3.])
        tensor([4.])
        >>> net[0].running_mean, net[0].running_var, net[1].training
        (tensor([3.]), tensor([1.]), True)
    """
    module, notes = original(model)
    _check_can_go_back(model, scripts=scripts)
    undo = Undo()
    change = Transaction(module, notes, undo, [*model.buffers()])
    settled = False
    note(undo, change._give_up)
    try:
        try:
            _begin(model, change, undo)
            yield change
            undo.run()
            settled = True
        finally:
            # Whoever hears of an exception has the model as it was, were it raised by putting back itself.
            if not settled and not undo.closed:
                change._give_up()
                settled = True
    finally:
        # A second interrupt may have come before the first step.
        if not settled and not undo.closed:
            change._give_up()


def _begin(model: nn.Module, change: Transaction, undo: Undo) -> None:
    """Remember everything; the steps run in reverse order."""
    devices = {tensor.device for tensor in (*model.parameters(), *model.buffers())}
    undo.add(rng_state(devices).put_back, *gradient_steps(model.parameters()))
    change._remember(*change.module.modules(), *model.parameters(), *model.buffers())
    for wrapper in model.modules():
        if "training" in vars(wrapper):
            undo.add(attribute_step(wrapper, "training"))
    for parameter in model.parameters():
        parameter.grad = None
    run_uncompiled(undo)
    undo.add(*process_steps())


def _check_can_go_back(model: nn.Module, *, scripts: bool) -> None:
    check_holds_weights(model, "transaction")
    for name, module in model.named_modules():
        what = f"{name or 'the model'} ({type(module).__name__})"
        if not scripts and isinstance(module, torch.jit.ScriptModule):
            raise InputTypeError(
                argument="model",
                expected="modules written in Python",
                got=f"{what}, which calls no hooks of its parts",
                cure="Use the model that the script was made from.",
            )
        tensors = (*module.parameters(recurse=False), *module.buffers(recurse=False))
        if any(is_lazy(tensor) for tensor in tensors):
            raise RefusedError(
                argument="model",
                expected="modules that know their shapes",
                got=f"{what}, which has seen no batch yet",
                cure="Run one batch through the model first.",
            )
