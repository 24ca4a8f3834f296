"""Storey 2: what a model did, seen while it ran. It changes nothing."""

from ._events import Call as Call
from ._events import Escape as Escape
from ._events import Operation as Operation
from ._events import Pass as Pass
from ._events import Value as Value
from ._examples import Example as Example
from ._examples import as_examples as as_examples
from ._examples import check_device as check_device
from ._follow import Arrival as Arrival
from ._follow import Followed as Followed
from ._leaves import Closed as Closed
from ._leaves import Leaves as Leaves
from ._leaves import leaves_of as leaves_of
from ._mapped import mapped as mapped
from ._parts import Part as Part
from ._schema import arguments as arguments
from ._trace import trace as trace
from ._trace import trace_examples as trace_examples
from ._units import NormCall as NormCall
from ._units import Product as Product
from ._units import Unit as Unit
from ._units import forward_of as forward_of
from ._units import innermost as innermost
from ._units import is_norm as is_norm
from ._wiring import Wiring as Wiring
