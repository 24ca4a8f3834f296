"""One measurement in a process of its own: a job as JSON on the standard input, its row as JSON on the output."""

import json
import os
import sys

from . import measure_job


def main() -> None:
    """Answer the one job; whatever else is printed meanwhile goes to the standard error."""
    job = json.loads(sys.stdin.read())
    # Compilers that torch starts inherit the descriptor and would write into the answer.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answer:
        os.dup2(2, 1)
        json.dump(measure_job(job), answer)


if __name__ == "__main__":
    main()
