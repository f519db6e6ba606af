"""The `metaadapter` program, which `python -m metaadapter` runs too."""

import os
import sys

from metaadapter.apps.cli.early_signals import KINDS, hear_early_signals


def main() -> int:
    """Run the program with the arguments of the process; return the exit code."""
    hear_early_signals()
    from metaadapter.apps.cli.app import main as run

    code = run()
    # Python would wait for threads that still decode pictures.
    if code in KINDS:
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
