"""Folders of image files as data sets: how they are laid out, which images are for testing, which are broken."""

from ._source import FolderSource as FolderSource
from ._source import folder_source as folder_source
