"""Files, written whole or not at all, and read as data that may be wrong; standard library only."""

from ._cache import cache_folder as cache_folder
from ._left_over import is_part as is_part
from ._left_over import remove_parts as remove_parts
from ._memory import check_memory as check_memory
from ._memory import check_unpacked as check_unpacked
from ._memory import half_fits as half_fits
from ._path import as_path as as_path
from ._reading import DEEPEST as DEEPEST
from ._reading import in_lines as in_lines
from ._reading import in_short as in_short
from ._reading import one_line as one_line
from ._reading import open_regular as open_regular
from ._reading import read_json as read_json
from ._reading import read_text as read_text
from ._reading import refused as refused
from ._system import hold as hold
from ._system import sync_folder as sync_folder
from ._writing import atomic_write as atomic_write
