"""How a model is called with an example or a batch of a loader, and which tensors that contains."""

from ._call import Call as Call
from ._call import ForwardFn as ForwardFn
from ._fingerprint import MODULUS as MODULUS
from ._fingerprint import fingerprint_of as fingerprint_of
from ._leaves import MOST_OF_ITERATOR as MOST_OF_ITERATOR
from ._leaves import Closed as Closed
from ._leaves import Leaves as Leaves
from ._leaves import leaves_of as leaves_of
from ._mapped import mapped as mapped
from ._no_example import shape_in as shape_in
from ._operator_mode import OperatorMode as OperatorMode
from ._read import Reader as Reader
from ._read import check_device as check_device
from ._read import is_label as is_label

__all__ = [
    "Call",
    "ForwardFn",
    "Reader",
]


def __dir__() -> list[str]:
    return __all__
