"""Adapters that live together: a folder of skill files, each with a name of its own."""

from metaadapter.library.entry import Entry
from metaadapter.library.index import IndexedEntry, SignatureIndex, SignatureStack
from metaadapter.library.library import AdapterLibrary

__all__ = ["AdapterLibrary", "Entry", "IndexedEntry", "SignatureIndex", "SignatureStack"]
