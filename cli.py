"""Start the command line from a checkout: the same as the `metaadapter` script."""

from __future__ import annotations

import sys

from metaadapter.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
