"""The `metaadapter` program, which `python -m metaadapter` runs too."""

import sys

from metaadapter.apps.cli.early_signals import hear_early_signals


def main() -> int:
    """Run the program with the arguments of the process; return the exit code."""
    hear_early_signals()
    from metaadapter.apps.cli.app import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
