"""The `metaadapter` program, which `python -m metaadapter` runs too."""

import os
import sys

from metaadapter.apps.cli.early_signals import KINDS, hear_early_signals


def main() -> int:
    """Run the program with the arguments of the process; return the exit code."""
    hear_early_signals()
    from metaadapter.apps.cli.app import main as run

    code = run()
    # Python would wait for threads that still decode pictures, and threads that connect the
    # processes of torchrun sometimes abort when Python ends (pytorch/pytorch#179291).
    if code in KINDS or "TORCHELASTIC_RUN_ID" in os.environ:
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
