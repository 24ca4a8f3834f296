"""What can be done to a model, as data: a plan becomes actions, and whoever makes them knows how to go back."""

from dataclasses import dataclass

from torch import Tensor, nn

from ._names import find_tensor, hang, owner_of, tensor_of


@dataclass(frozen=True, slots=True, eq=False)
class SetNumbers:
    """Other numbers in a tensor that the model holds; they are rounded once, to its dtype."""

    name: str
    values: Tensor

    @property
    def places(self) -> tuple[str, ...]:
        """What it touches, by names."""
        return (self.name,)

    def do(self, model: nn.Module) -> None:
        """Make it so: in place, so that whoever holds the tensor has the numbers, too."""
        tensor_of(model, self.name).copy_(self.values)


@dataclass(frozen=True, slots=True, eq=False)
class MakeParameter:
    """A parameter where a module has None."""

    name: str
    values: Tensor
    requires_grad: bool

    @property
    def places(self) -> tuple[str, ...]:
        """What it touches, by names."""
        return (self.name,)

    def do(self, model: nn.Module) -> None:
        """Make it so."""
        owner, last = owner_of(model, self.name)
        owner._parameters[last] = nn.Parameter(self.values, requires_grad=self.requires_grad)


@dataclass(frozen=True, slots=True, eq=False)
class PutModule:
    """A module in all the places of another one."""

    names: tuple[str, ...]
    module: nn.Module

    @property
    def places(self) -> tuple[str, ...]:
        """What it touches, by names."""
        return self.names

    def do(self, model: nn.Module) -> None:
        """Make it so."""
        for name in self.names:
            hang(model, name, self.module)


@dataclass(frozen=True, slots=True)
class TakeParameter:
    """None where a parameter was made."""

    name: str

    @property
    def places(self) -> tuple[str, ...]:
        """What it touches, by names."""
        return (self.name,)

    def do(self, model: nn.Module) -> None:
        """Make it so."""
        if find_tensor(model, self.name) is not None:
            owner, last = owner_of(model, self.name)
            owner._parameters[last] = None


Action = SetNumbers | MakeParameter | TakeParameter | PutModule
