"""`metaadapter library`: the commands that change and list a library."""

from __future__ import annotations

from shlex import quote
from typing import Annotated

from typer import Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.command_guard import Commands
from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.library_questions import identify, predict

NewName = Annotated[
    str | None,
    Option(
        "--name",
        metavar="NAME",
        help="Name of the entry.",
        show_default="name of the folder or file",
    ),
]
Replace = Annotated[bool, Option("--replace", help="Replace an entry of the same name.")]

library = Commands(name="library", help="Keep many adapters in one folder.")


@library.command()
def add(
    library: options.NewLibrary,
    adapter: options.Adapter,
    name: NewName = None,
    replace: Replace = False,
) -> None:
    """Add an adapter to a library, which may be new."""
    console = Console()
    from metaadapter.adapter.config import read_config
    from metaadapter.adapter.layout import adapter_name
    from metaadapter.apps.library.entry import entry_name, require_shared_features
    from metaadapter.apps.library.library import AdapterLibrary

    config, _ = read_config(adapter)  # an unusable adapter does not create a library
    require_shared_features(config, f"the adapter {adapter}")
    name = entry_name(adapter_name(adapter) if name is None else name)
    opened = AdapterLibrary.open(library)
    was_there = name in opened
    opened.add(name, adapter, replace=replace)
    facts = opened.facts(name)
    document = {
        "library": str(library),
        "name": name,
        "adapter": str(adapter),
        "replaced": was_there,
        "classes": facts.classes,
        "n_pictures": sum(facts.n_shots),
        "encoder": facts.origin.encoder,
        "n_bytes": opened.path(name).stat().st_size,
        "n_entries": len(opened),
    }
    console.show_result(
        "library-add",
        document,
        f"{library}: {name} {'replaced' if was_there else 'added'}, {len(facts.classes)} classes "
        f"from {sum(facts.n_shots)} pictures; entries: {len(opened)}",
        notes=[f"next: metaadapter library list {quote(str(library))}"],
    )


@library.command("list")
def list_entries(
    library: options.Library,
) -> None:
    """List the entries of a library.

    Without a terminal the list is tab-separated: name, number of classes, number of pictures,
    encoder, bytes, and `damaged` or nothing.
    """
    console = Console()
    from metaadapter.apps.library.library import AdapterLibrary

    entries = AdapterLibrary.open(library, create=False).entries()
    damaged = [entry for entry in entries if entry.damaged]
    rows = [
        {
            "name": entry.name,
            "n_classes": len(entry.facts.classes) if entry.facts else None,
            "n_pictures": entry.n_pictures if entry.facts else None,
            "encoder": entry.encoder,
            "has_features": entry.has_features,
            "n_bytes": entry.stamp[0],
            "damaged": entry.damaged or None,
        }
        for entry in entries
    ]
    table = [
        [row["name"], "", "", "", row["n_bytes"], "damaged"]
        if row["damaged"]
        else [
            *(row["name"], row["n_classes"], row["n_pictures"]),
            *(row["encoder"] or "not recorded", row["n_bytes"], ""),
        ]
        for row in rows
    ]
    document = {"library": str(library), "entries": rows}
    titles = ("name", "classes", "pictures", "encoder", "bytes", "")
    right = ("classes", "pictures", "bytes")
    console.show_table("library-list", document, titles, table, right=right)
    if not entries and not console.json_output:
        console.note("the library is empty")
    console.warn_of(
        f"damaged: {len(damaged)}; the other entries can be used",
        [f"{entry.name}: {entry.damaged}" for entry in damaged],
    )


@library.command()
def remove(
    library: options.Library,
    name: options.Entry,
) -> None:
    """Remove an entry, even a damaged one. This cannot be undone."""
    console = Console()
    from metaadapter.apps.library.library import AdapterLibrary

    opened = AdapterLibrary.open(library, create=False)
    opened.remove(name)
    document = {"library": str(library), "name": name, "n_entries": len(opened)}
    line = f"{library}: {name} removed; entries: {len(opened)}"
    console.show_result("library-remove", document, line)


library.command()(identify)
library.command()(predict)
