"""Folders of image files as data sets: how they are laid out, which images are for testing, which are broken."""

from ._folder_source import folder_source as folder_source
from ._source import DataWarning as DataWarning
from ._source import FolderSource as FolderSource
from ._split_file import lies_in as lies_in
