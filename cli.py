"""Start the command line from a checkout: the same as the `metaadapter` script."""

from __future__ import annotations

from metaadapter.apps.cli.app import main

if __name__ == "__main__":
    main()
