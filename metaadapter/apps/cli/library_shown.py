"""`metaadapter library list` and `show`: what a library holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console, print_document

if TYPE_CHECKING:
    from metaadapter.adapter.config import AdapterConfig


def list_entries(
    library: options.Library,
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List the entries of a library.

    Without a terminal the list is tab-separated: name, classes, pictures, encoder, bytes, and what
    is wrong with a damaged one.
    """
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.apps.library.library import AdapterLibrary

    entries = list(AdapterLibrary.open(library, create=False).entries())
    damaged = [entry for entry in entries if entry.damaged]
    if json_output:
        told = [
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
        print_document("library-list", {"library": str(library), "entries": told})
    else:
        rows = [
            [
                entry.name,
                len(entry.facts.classes) if entry.facts else "",
                entry.n_pictures if entry.facts else "",
                (entry.encoder or "not recorded") if entry.facts else "",
                entry.n_bytes,
                "damaged" if entry.damaged else "",
            ]
            for entry in entries
        ]
        titles = ("name", "classes", "pictures", "encoder", "bytes", "")
        console.table(titles, rows, right=("classes", "pictures", "bytes"))
        if not entries:
            console.note("the library is empty")
    console.warn_of(
        f"damaged: {len(damaged)}, which keeps no other from being used",
        [f"{entry.name}: {entry.damaged}" for entry in damaged],
    )


def show(
    library: options.Library,
    name: options.Entry,
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Tell of one entry: its classes, and what it is made of.

    Without a terminal the list of classes is tab-separated: label, name, pictures.
    """
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.apps.library.entry import Entry
    from metaadapter.apps.library.library import AdapterLibrary

    opened = AdapterLibrary.open(library, create=False)
    facts = opened.facts(name)
    entry = Entry.of_file(name, opened.path(name))
    names = facts.class_names or [""] * len(facts.classes)
    classes = [
        {"label": label, "name": text or None, "n_pictures": n_pictures}
        for label, text, n_pictures in zip(facts.classes, names, facts.n_shots, strict=True)
    ]
    if json_output:
        document = {
            "library": str(library),
            "name": name,
            "file": str(entry.file),
            "classes": classes,
            "n_pictures": entry.n_pictures,
            **_origin(facts),
            "has_features": entry.has_features,
            "n_bytes": entry.n_bytes,
            "bytes_a_class": round(entry.n_bytes / len(classes)),
        }
        print_document("library-show", document)
        return
    pool = f" and {facts.n_unlabelled} unlabelled ones" if facts.n_unlabelled else ""
    kept = "kept" if entry.has_features else "left out, so no class can be added"
    rows = [[each["label"], each["name"] or "", each["n_pictures"]] for each in classes]
    console.table(("class", "name", "pictures"), rows, right=("pictures",))
    console.note(
        f"{len(classes)} classes from {entry.n_pictures} pictures{pool}; mode {facts.mode}",
        f"encoder {facts.origin.encoder or 'not recorded'}, features {facts.width} wide",
        f"generator {facts.generator}, {facts.generator_id}",
        f"features of the pictures: {kept}",
        f"{entry.n_bytes:,} bytes, {entry.n_bytes // len(classes):,} a class, in {entry.file}",
    )


def _origin(facts: AdapterConfig) -> dict[str, Any]:
    origin = facts.origin.model_dump(mode="json")
    return {
        "mode": facts.mode,
        "n_unlabelled": facts.n_unlabelled,
        "generator": facts.generator,
        "generator_id": facts.generator_id,
        "width": facts.width,
        **origin,
    }
