"""Data sets that come as arrays, in IDX files, in `.npz` files or in archives: how are they read, all as data?"""

from ._cifar import cifar_source as cifar_source
from ._cifar import is_cifar as is_cifar
from ._cifar import read_cifar as read_cifar
from ._idx import read_idx as read_idx
from ._idx_folder import has_idx as has_idx
from ._idx_folder import idx_source as idx_source
from ._npz import npz_source as npz_source
