"""Whose moments normalize a batch? Its own, a slice's, all processes', corrected ones: each a small source."""

from ._blend import Blend as Blend
from ._ghost import Ghost as Ghost
from ._masked import Masked as Masked
from ._population import Population as Population
from ._renorm import Renorm as Renorm
from ._source import BATCH as BATCH
from ._source import RUNNING as RUNNING
from ._source import Batch as Batch
from ._source import Normalizer as Normalizer
from ._source import Source as Source
from ._source import State as State
from ._source import gathers as gathers
from ._source import is_plain as is_plain
from ._sync import Sync as Sync
from ._text import SOURCES as SOURCES
from ._text import as_source as as_source
