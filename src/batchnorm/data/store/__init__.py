"""Images of files, decoded once and kept in the cache, or decoded anew each time, by workers."""

from ._processes import in_processes as in_processes
from ._room import CachedImages as CachedImages
from ._room import cached_images as cached_images
from ._room import clear_cached_images as clear_cached_images
from ._stored import Stored as Stored
from ._stored import stored as stored
from ._threads import in_order as in_order
from ._threads import workers_of as workers_of
