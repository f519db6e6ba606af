"""What was noticed while a library was asked about pictures: warnings, and their JSON form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaadapter.apps.cli.console import Console, quarantined_json

if TYPE_CHECKING:
    from metaadapter.apps.library.asked import AskedLibrary


def warn_of_asked(console: Console, asked: AskedLibrary) -> None:
    """Warn of entries that took no part, of what was noticed, and of unreadable pictures."""
    console.warn_of(
        f"entries left out of all answers: {len(asked.left_out)}",
        [f"{name}: {reason}" for name, reason in asked.left_out.items()],
    )
    console.warn_of_pictures("these", asked.warnings, asked.unreadable)


def told_of_asked(asked: AskedLibrary) -> dict[str, Any]:
    """The same for a JSON document."""
    return {
        "left_out": asked.left_out,
        "warnings": asked.warnings,
        "quarantined": quarantined_json(asked.unreadable),
    }
