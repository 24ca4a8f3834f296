"""The command line: one file per command, each a dataclass whose fields are its options."""

from ._main import main as main
