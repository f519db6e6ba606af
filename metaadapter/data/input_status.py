"""The status of an input, in the table of inputs of a store and in tables of predictions."""

from __future__ import annotations

from typing import Literal, TypeAlias

Status: TypeAlias = Literal["done", "unreadable", "duplicate"]
DONE: Status = "done"
UNREADABLE: Status = "unreadable"
DUPLICATE: Status = "duplicate"
"""The content is that of an earlier input."""
