"""`metaadapter library`: the commands that change a library."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.library_questions import identify, predict
from metaadapter.apps.cli.library_show import list_entries, show
from metaadapter.apps.cli.outputs import Commands, Output
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.apps.library.library import AdapterLibrary

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

    config, _ = read_config(adapter)  # an unusable adapter does not create a library
    require_shared_features(config, f"the adapter {adapter}")
    name = entry_name(adapter_name(adapter) if name is None else name)
    opened = _open(library, create=True)
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
        f"from {sum(facts.n_shots)} pictures; the library has {_entries(opened)}",
        notes=[f"next: metaadapter library list {quote(str(library))}"],
    )


library.command("list")(list_entries)
library.command()(show)


@library.command()
def remove(
    library: options.Library,
    name: options.Entry,
) -> None:
    """Remove an entry, even a damaged one. This cannot be undone."""
    console = Console()
    opened = _open(library)
    opened.remove(name)
    document = {"library": str(library), "name": name, "n_entries": len(opened)}
    line = f"{library}: {name} removed; the library has {_entries(opened)}"
    console.show_result("library-remove", document, line)


@library.command()
def rename(
    library: options.Library,
    old: Annotated[str, Argument(metavar="OLD", help="Name of an entry.")],
    new: Annotated[str, Argument(metavar="NEW", help="New name.")],
) -> None:
    """Rename an entry."""
    console = Console()
    from metaadapter.apps.library.entry import entry_name

    _open(library).rename(old, new)
    document = {"library": str(library), "old": old, "new": entry_name(new)}
    console.show_result("library-rename", document, f"{library}: {old} is now {entry_name(new)}")


@library.command()
def export(
    library: options.Library,
    name: options.Entry,
    file: Annotated[
        Path,
        Argument(metavar="FILE", help="Skill file to write; its name ends in .adapter."),
        Output(),
    ],
    features: options.Features = True,
) -> None:
    """Write an entry to a skill file, to share it."""
    console = Console()
    from metaadapter.adapter.files import load_adapter

    _open(library).export(name, file, features=features)
    written, n_bytes = load_adapter(file), file.stat().st_size
    has_features = written.support is not None
    document = {
        "library": str(library),
        "name": name,
        "file": str(file),
        "features": has_features,
        "n_bytes": n_bytes,
    }
    notes = [f"next: metaadapter predict {quote(str(file))} NEW_PICTURES"]
    support = "with its support" if has_features else "without its support"
    line = f"{file}: {name}, {support}, {n_bytes:,} bytes"
    console.show_result("library-export", document, line, notes=notes)


@library.command("import")
def import_files(
    library: options.NewLibrary,
    files: Annotated[list[Path], Argument(metavar="FILE…", help="Skill files, NAME.adapter.")],
    name: NewName = None,
    replace: Replace = False,
) -> None:
    """Add skill files to a library, without changing them.

    All files are checked before the first one is added.
    """
    if name is not None and len(files) > 1:
        raise UsageError(f"--name names one entry, but {len(files)} files are given; leave it out")
    console = Console()
    from metaadapter.apps.library.entry import skill_content

    for file in files:
        skill_content(file)
    opened = _open(library, create=True)
    added = {opened.import_skill(file, name, replace=replace): file for file in files}
    entries = [{"name": entry, "file": str(file)} for entry, file in added.items()]
    document = {"library": str(library), "imported": entries, "n_entries": len(opened)}
    lines = [f"{library}: {entry} added from {file}" for entry, file in added.items()]
    console.show_result("library-import", document, *lines)


library.command()(identify)
library.command()(predict)


@library.command()
def merge(
    library: options.Library,
    names: Annotated[
        list[str], Argument(metavar="NAME NAME…", help="Names of two or more entries.")
    ],
    new: Annotated[str, Option("--name", metavar="NEW", help="Name of the new entry.")],
    replace: Replace = False,
) -> None:
    """Add an entry with the classes of several entries, which remain.

    If all entries have the features of their pictures, the new adapter is predicted from all
    pictures together.
    """
    console = Console()
    from metaadapter.apps.library.entry import entry_name

    opened = _open(library)
    merged, new = opened.merge(names, new, replace=replace), entry_name(new)
    has_features, n_pictures = merged.support is not None, sum(merged.config.n_shots)
    document = {
        "library": str(library),
        "name": new,
        "merged": list(dict.fromkeys(names)),
        "classes": merged.config.classes,
        "n_pictures": n_pictures,
        "has_features": has_features,
        "n_entries": len(opened),
    }
    without_features = (
        "some entries lack the features of their pictures, so their signatures were used: the new "
        "adapter may be less accurate than one from all pictures, and no class can be added to it"
    )
    console.show_result(
        "library-merge",
        document,
        f"{library}: {new} merged from {', '.join(names)}, {len(merged.config.classes)} classes "
        f"from {n_pictures} pictures; the library has {_entries(opened)}",
        notes=[] if has_features else [without_features],
    )


def _open(library: Path, *, create: bool = False) -> AdapterLibrary:
    from metaadapter.apps.library.library import AdapterLibrary

    return AdapterLibrary.open(library, create=create)


def _entries(library: AdapterLibrary) -> str:
    return "1 entry" if len(library) == 1 else f"{len(library)} entries"
