"""`metaadapter library list` and `library show`: the entries of a library."""

from __future__ import annotations

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console

FACTS = {"mode", "n_unlabelled", "generator", "generator_id", "width"}


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
            "n_bytes": entry.n_bytes,
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


def show(
    library: options.Library,
    name: options.Entry,
) -> None:
    """Show the classes of an entry, and how it was made.

    Without a terminal the list of classes is tab-separated: label, name, number of pictures.
    """
    console = Console()
    from metaadapter.apps.library.entry import Entry, stamp_of
    from metaadapter.apps.library.library import AdapterLibrary

    opened = AdapterLibrary.open(library, create=False)
    facts, file = opened.facts(name), opened.path(name)
    entry = Entry.of_file(name, file, stamp_of(file))
    names = facts.class_names or [""] * len(facts.classes)
    rows = [*zip(facts.classes, names, facts.n_shots, strict=True)]
    document = {
        "library": str(library),
        "name": name,
        "file": str(entry.file),
        "classes": [
            {"label": label, "name": text or None, "n_pictures": n_pictures}
            for label, text, n_pictures in rows
        ],
        "n_pictures": entry.n_pictures,
        **facts.model_dump(include=FACTS),
        **facts.origin.model_dump(mode="json"),
        "has_features": entry.has_features,
        "n_bytes": entry.n_bytes,
        "bytes_a_class": round(entry.n_bytes / len(rows)),
    }
    console.show_table(
        "library-show", document, ("class", "name", "pictures"), rows, right=("pictures",)
    )
    if console.json_output:
        return
    pool = f" and {facts.n_unlabelled} unlabelled ones" if facts.n_unlabelled else ""
    kept = "kept" if entry.has_features else "left out, so no class can be added"
    console.note(
        f"{len(rows)} classes from {entry.n_pictures} pictures{pool}; mode {facts.mode}",
        f"encoder {facts.origin.encoder or 'not recorded'}, features {facts.width} wide",
        f"generator {facts.generator}, {facts.generator_id}",
        f"features of the pictures: {kept}",
        f"{entry.n_bytes:,} bytes, {entry.n_bytes // len(rows):,} a class, in {entry.file}",
    )
