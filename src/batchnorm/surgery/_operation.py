"""How are some of the actions of a plan made on a model, any of them from what it was, and taken back bit for bit?"""

from collections.abc import Callable, Iterable, Mapping

from torch import Tensor, nn

from ._actions import Action, PutModule, SetNumbers, TakeParameter
from ._names import find_tensor, places_of, tensor_of

Original = Callable[[str], Tensor]
"""Gives the numbers of a tensor as they were."""


class Operation:
    """Brings a model into the state in which some actions are made and no other, whatever state it is in now.

    It is begun before the first action, and keeps what is needed to go back: so any subset can be tried, which is how
    a proof finds a culprit, and none is how everything is put back.

    Args:
        model: the model, or a copy of it.
        tensors: the names of those whose numbers may be changed, or which may be made.
        modules: the names of those whose places may be taken.
        original: gives a tensor as it was; None: the operation keeps copies itself.

    Example:
        >>> import torch
        >>> from batchnorm.surgery._actions import SetNumbers
        >>> layer = nn.Linear(1, 1)
        >>> operation = Operation(layer, ["weight", "bias"])
        >>> before = layer.bias.item()
        >>> operation.carry_out([SetNumbers("weight", torch.ones(1, 1)), SetNumbers("bias", torch.ones(1))])
        >>> operation.carry_out([SetNumbers("weight", torch.zeros(1, 1))])
        >>> layer.weight.item(), layer.bias.item() == before
        (0.0, True)
    """

    def __init__(
        self,
        model: nn.Module,
        tensors: Iterable[str] = (),
        modules: Iterable[str] = (),
        original: Original | None = None,
    ) -> None:
        self.model = model
        names = [*dict.fromkeys(tensors)]
        self._new = [name for name in names if find_tensor(model, name) is None]
        there = [name for name in names if name not in self._new]
        self._kept = {} if original else {name: tensor_of(model, name).clone() for name in there}
        self.original = original or self._kept.__getitem__
        self._there = there
        self._modules = {
            first: PutModule(names, model.get_submodule(first)) for first, names in places_of(model, modules).items()
        }

    def carry_out(self, actions: Iterable[Action]) -> None:
        """Make these actions, one as soon as it is given, then put back what none of them has touched."""
        touched: set[str] = set()
        for action in actions:
            action.do(self.model)
            touched.update(action.places)
        for name in self._there:
            if name not in touched:
                SetNumbers(name, self.original(name)).do(self.model)
        for name in self._new:
            if name not in touched:
                TakeParameter(name).do(self.model)
        for back in self._modules.values():
            if touched.isdisjoint(back.names):
                back.do(self.model)

    @property
    def kept(self) -> Mapping[str, Tensor]:
        """The tensors as they were, if the operation keeps them."""
        return self._kept

    @property
    def made(self) -> list[str]:
        """The parameters that there are now and were not before."""
        return [name for name in self._new if find_tensor(self.model, name) is not None]

    def makes(self, name: str) -> bool:
        """Whether there was no tensor of that name."""
        return name in self._new

    def module(self, name: str) -> nn.Module:
        """The module that was at a place, by the name under which its place may be taken."""
        return self._modules[name].module

    def names_of(self, name: str) -> tuple[str, ...]:
        """All names of that module."""
        return self._modules[name].names
