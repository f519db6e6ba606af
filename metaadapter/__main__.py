"""The `metaadapter` program, which `python -m metaadapter` runs too."""

import os
import signal
import sys


def main() -> int:
    """Run the program with the arguments of the process; return the exit code."""
    # A KeyboardInterrupt in the middle of an import would look like a fault of that import.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from metaadapter.apps.cli.app import main as run
    from metaadapter.apps.cli.process import SIGNALS

    code = run()
    # Python would wait for threads that still decode pictures.
    if code in SIGNALS:
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
