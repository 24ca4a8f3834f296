"""Image classifiers in which the norm layer is an argument: this library's, PyTorch's, none, or your own.

Those of this library take the same first arguments `(num_classes, in_channels, image_size, width)` and the same
keywords `norm`, `activation` and `norm_place`; `build` makes those of timm and torchvision, too. `docs/models.md`
compares them.
"""

from ._build import BuiltIn as BuiltIn
from ._build import available as available
from ._build import build as build
from ._build import file_may_name as file_may_name
from ._build import is_builtin as is_builtin
from ._conv_bn_net import ConvBNNet as ConvBNNet
from ._mlp import MLP as MLP
from ._own_model import build_own as build_own
from ._own_model import described as described
from ._own_model import own_code as own_code
from ._own_norm import OwnNorm as OwnNorm
from ._own_norm import names_own_norm as names_own_norm
from ._plain_net import PlainNet as PlainNet
from ._pretrained import pretrained as pretrained
from ._resnet import ResNet as ResNet
from ._resnet import resnet18 as resnet18
from ._resnet import resnet20 as resnet20
from ._size import TooLargeError as TooLargeError
from ._size import at_most as at_most
from ._zoo import build_from_zoo as build_from_zoo
from ._zoo import is_in_zoo as is_in_zoo
from ._zoo_import import how_to_mend as how_to_mend

__all__ = [
    "MLP",
    "BuiltIn",
    "ConvBNNet",
    "PlainNet",
    "ResNet",
    "available",
    "build",
    "is_builtin",
    "resnet18",
    "resnet20",
]


def __dir__() -> list[str]:
    return __all__
