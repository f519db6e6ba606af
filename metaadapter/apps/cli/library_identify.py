"""`metaadapter library identify`: find the entry to whose task pictures or names belong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from metaadapter.apps.library.queries import LibraryQueries
    from metaadapter.apps.library.route import Identified

NONE = "none"
"""Printed in place of an entry if pictures look unfamiliar to the most probable entry."""

Together = Annotated[
    bool,
    Option("--together", help="Give one answer for all pictures, which belong to one task."),
]
Names = Annotated[
    str | None,
    Option("--names", metavar="NAME,…", help="Compare these class names instead of pictures."),
]
Top = Annotated[int, Option(min=1, help="Number of entries to print, the most probable first.")]


def identify(
    library: options.Library,
    images: options.AnyPictures = None,
    together: Together = False,
    names: Names = None,
    top: Top = 2,
    encoder: options.EncoderOfLibrary = None,
) -> None:
    """Find the entry to whose task pictures, or names of classes, belong.

    Without a terminal the list is tab-separated: path, entry, probability, runner-up, its
    probability[, and so on with --top], the probability of known. If that is too low, the entry is
    `none`. With --together the path is empty; with --names the path and the probability of known.
    """
    if (names is None) != bool(images):
        raise UsageError("give either pictures or --names")
    if together and names is not None:
        raise UsageError("--together is about pictures, and --names replaces them; give one")
    console = Console()
    from metaadapter.features.encoded_pictures import EncodedPictures

    queries = open_queries(library, encoder)
    answers: list[dict[str, Any]] = []
    if names is not None:
        class_names = [name.strip() for name in names.split(",") if name.strip()]
        shares = queries.library.identify_names(class_names, encoder=queries.load())
        likely = _most_probable(shares, top)
        answers.append(_answer(None, likely[0][0], None, likely))
    else:
        with console.progress() as progress:
            parts = queries.parts(images or [], progress)
            if together:
                parts = iter([EncodedPictures.joined(parts, width=queries.config.width)])
            for part in parts:
                identified = queries.library.identify(
                    part.features, encoder=queries.fingerprint, together=together
                )
                answers += _answers([None] if together else part.paths, identified, top)
                queries.left_out.update(identified.left_out)
    document = {
        "library": str(library),
        "encoder": queries.config.origin.encoder,
        "together": together,
        "names": None if names is None else class_names,
        "answers": answers,
        **warn_of_queries(console, queries),
    }
    titles = ["picture", "entry", "probability", "runner-up", "probability"]
    titles += ["next", "probability"] * (top - 2)
    titles = [*titles[: 1 + 2 * top], "known"]
    rows = [_row(answer, top) for answer in answers]
    right = ("probability", "known")
    console.show_table("library-identify", document, titles, rows, right=right)


def open_queries(library: Path, encoder: str | None) -> LibraryQueries:
    """Return a reader of queries for an existing library, by the encoder of `--encoder`."""
    from metaadapter.apps.cli.encoder_choice import read_encoder
    from metaadapter.apps.library.library import AdapterLibrary
    from metaadapter.apps.library.queries import LibraryQueries

    choice = read_encoder(encoder, of_adapter=True)
    opened = AdapterLibrary.open(library, create=False)
    return LibraryQueries(opened, choice.encoder, choice.device, choice.precision)


def warn_of_queries(console: Console, queries: LibraryQueries) -> dict[str, Any]:
    """Warn of left out entries and about pictures; return the warnings for a JSON document."""
    console.warn_of(
        f"entries left out of all answers: {len(queries.left_out)}",
        [f"{name}: {reason}" for name, reason in queries.left_out.items()],
    )
    about = console.warn_of_pictures("these", queries.warnings, queries.unreadable)
    return {"left_out": queries.left_out, **about}


def _answers(
    paths: Sequence[str | None], identified: Identified, top: int
) -> Iterator[dict[str, Any]]:
    columns = identified.is_none.tolist(), identified.known.tolist()
    rows = identified.probabilities.tolist()
    for path, is_none, known, row in zip(paths, *columns, rows, strict=True):
        likely = _most_probable(dict(zip(identified.names, row, strict=True)), top)
        yield _answer(path, None if is_none else likely[0][0], known, likely)


def _answer(
    path: str | None, entry: str | None, known: float | None, likely: Sequence[tuple[str, float]]
) -> dict[str, Any]:
    entries = [{"entry": name, "probability": share} for name, share in likely]
    return {"path": path, "entry": entry, "known": known, "likely": entries}


def _row(answer: Mapping[str, Any], top: int) -> list[object]:
    likely = [(entry["entry"], entry["probability"]) for entry in answer["likely"]]
    known = answer["known"]
    if answer["entry"] is None:
        likely = [(NONE, 1 - known), *likely][:top]
    likely += [("", float("nan"))] * (top - len(likely))
    cells = [cell for name, share in likely for cell in (name, f"{share:.4f}" if name else "")]
    return [answer["path"] or "", *cells, "" if known is None else f"{known:.4f}"]


def _most_probable(shares: Mapping[str, float], top: int) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda item: -item[1])[:top]
