"""`python -m metaadapter` is the `metaadapter` program."""

import sys

from metaadapter.apps.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
