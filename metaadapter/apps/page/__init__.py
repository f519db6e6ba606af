"""The page for people without Python, and its HTTP interface: `metaadapter serve`."""
