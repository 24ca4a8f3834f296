"""What do the nets have in common? They are layers with names, run one after the other."""

from collections import OrderedDict

from torch import nn


class Chain(nn.Sequential):
    """Layers that run in the order of their names; a slice of them is a plain `nn.Sequential`.

    `nn.Sequential` makes a slice by calling its own class with the layers. A net has a constructor
    of its own, so that a slice (`net[:4]`, the features of the first layers) would fail there.

    Example:
        >>> chain = Chain(OrderedDict(flatten=nn.Flatten(), fc=nn.Linear(4, 2)))
        >>> type(chain[:1])
        <class 'torch.nn.modules.container.Sequential'>
    """

    def __getitem__(self, index: slice | int) -> nn.Module:
        """Give one layer, or the layers of a slice under their names."""
        if isinstance(index, slice):
            return nn.Sequential(OrderedDict(list(self._modules.items())[index]))
        return super().__getitem__(index)
