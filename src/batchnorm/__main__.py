"""Where `batchnorm` and `python -m batchnorm` begin: light, for Ctrl-C may come while torch is still imported."""

import sys


def start() -> int:
    """Run the command line and return its exit code; 130 if it is interrupted before it has begun."""
    try:
        from .cli import main

        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(start())
