"""`metaadapter doctor`: what is installed, what works, what to do about the rest."""

from __future__ import annotations

from dataclasses import asdict

import typer

from metaadapter.commands import options
from metaadapter.commands.console import Console, write_document

__all__ = ["doctor"]

MARKS = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}


def doctor(*, json_output: options.Json = False) -> None:
    """Print versions, devices, caches and known conflicts.

    Ends with 1 if something keeps pictures from being classified, else with 0.
    """
    from metaadapter.commands.checks import all_checks

    console = Console(json_output=json_output)
    checks = []
    for check in all_checks():
        checks.append(check)
        if not json_output:
            console.result(f"{MARKS[check.status]}  {check.name}: {check.detail}")
    healthy = all(check.status != "problem" for check in checks)
    if json_output:
        found = [asdict(check) for check in checks]
        write_document("doctor", {"healthy": healthy, "checks": found})
    if not healthy:
        raise typer.Exit(1)
