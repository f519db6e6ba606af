"""`metaadapter library identify` and `library predict`: questions to all entries of a library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.outputs import Excludes, Output
from metaadapter.apps.cli.predict_output import remedy_of_shift
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from metaadapter.apps.library.library import AdapterLibrary
    from metaadapter.apps.library.queries import LibraryQueries
    from metaadapter.apps.library.route import Identified, Routed
    from metaadapter.workflow.query_shift import QueryShift

NONE = "none"
"""Printed in place of an entry if pictures look unfamiliar to the most probable entry."""

Together = Annotated[
    bool,
    Option("--together", help="Give one answer for all pictures, which belong to one task."),
]
Names = Annotated[
    str | None,
    Option("--names", metavar="NAME,…", help="Compare these class names instead of pictures."),
    Excludes(("--together",)),
]
Top = Annotated[int, Option(min=1, help="Number of entries to print, the most probable first.")]
FRACTIONS = ("probability", "known")
COLUMNS = ("path", "label", "entry", *FRACTIONS, "unfamiliar")

Reject = Annotated[
    bool,
    Option("--reject", help="Answer `unknown` for pictures that look unfamiliar to their entry."),
]
TableFile = Annotated[
    Path | None,
    Option("--out", "-o", metavar="FILE.csv", help="Write a table instead of the list."),
    Output(rb"\Apath,label,entry,probability,", ending=(".csv",)),
]


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
    console = Console()
    from metaadapter.features.encoded_pictures import EncodedPictures

    queries = _open_queries(library, encoder)
    answers: list[dict[str, Any]] = []
    if names is not None:
        class_names = [name.strip() for name in names.split(",") if name.strip()]
        shares = queries.library.identify_names(class_names, encoder=queries.load())
        likely = _most_probable(shares, top)
        answers.append(_answer(None, likely[0][0], None, likely))
    else:
        with console.progress():
            parts = queries.parts(images or [])
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
        **_warn_of_queries(console, queries),
    }
    titles = ["picture", "entry", "probability", "runner-up", "probability"]
    titles += ["next", "probability"] * (top - 2)
    titles = [*titles[: 1 + 2 * top], "known"]
    rows = [_row(answer, top) for answer in answers]
    right = ("probability", "known")
    console.show_table("library-identify", document, titles, rows, right=right)


def _open_queries(library: Path, encoder: str | None) -> LibraryQueries:
    """Return a reader of queries for an existing library, by the encoder of `--encoder`."""
    from metaadapter.apps.cli.encoder_choice import read_encoder
    from metaadapter.apps.library.library import AdapterLibrary
    from metaadapter.apps.library.queries import LibraryQueries

    choice = read_encoder(encoder, of_adapter=True)
    opened = AdapterLibrary.open(library, create=False)
    return LibraryQueries(opened, choice.encoder, choice.device, choice.precision)


def _warn_of_queries(console: Console, queries: LibraryQueries) -> dict[str, Any]:
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


def predict(
    library: options.Library,
    images: options.Pictures,
    reject: Reject = False,
    out: TableFile = None,
    encoder: options.EncoderOfLibrary = None,
) -> None:
    """Label pictures with the entries that they most probably belong to.

    Entries of one domain are answered by one adapter, predicted from the pictures of all of them.

    Without a terminal the list is tab-separated: path, label, entry, probability, the probability
    of known, `unfamiliar` or nothing.
    """
    console = Console()
    from metaadapter.workflow.predictions import UNKNOWN
    from metaadapter.workflow.query_shift import QuerySample

    queries = _open_queries(library, encoder)
    if reject:
        queries.require_no_class(UNKNOWN, option="--reject")
    predictions: list[dict[str, Any]] = []
    samples: dict[str, QuerySample] = {}
    domains: tuple[tuple[str, ...], ...] = ()
    with console.progress():
        for part in queries.parts(images):
            routed = queries.library.route(part.features, encoder=queries.fingerprint)
            queries.left_out.update(routed.left_out)
            domains = routed.domains
            predictions += _predictions(part.paths, routed, UNKNOWN if reject else None)
            for entry in sorted(set(routed.entries)):
                if entry not in samples:
                    samples[entry] = QuerySample(queries.library.stored(entry))
                samples[entry].add(part.features[routed.entries == entry])
    shifts = {entry: sample.shift for entry, sample in samples.items()}
    queries.warnings += _shift_warnings(queries.library, shifts, images)
    about = _warn_of_queries(console, queries)
    for domain in domains:
        if len(domain) > 1:
            console.note(f"entries of one domain, answered by one adapter: {', '.join(domain)}")
    n_unfamiliar = sum(row["unfamiliar"] for row in predictions)
    if n_unfamiliar:
        answer = "they are answered `unknown`" if reject else "they may show none of the classes"
        console.note(f"{n_unfamiliar} of {len(predictions)} pictures look unfamiliar: {answer}")
    if out is not None:
        _write_csv(out, predictions)
        console.note(f"wrote {len(predictions)} predictions to {out}")
    document = {
        "library": str(library),
        "encoder": queries.config.origin.encoder,
        "domains": [*map(list, domains)],
        "reject": reject,
        "n_unfamiliar": n_unfamiliar,
        "n_pictures": len(predictions),
        "predictions": predictions,
        "shift": {entry: shift and shift.to_dict() for entry, shift in shifts.items()},
        **about,
    }
    rows = [
        [*(row | {"unfamiliar": "unfamiliar" * row["unfamiliar"]}).values()] for row in predictions
    ]
    if console.json_output or out is None:
        titles = ("picture", *COLUMNS[1:-1], "")
        console.show_table("library-predict", document, titles, rows, right=FRACTIONS)


def _shift_warnings(
    library: AdapterLibrary, shifts: Mapping[str, QueryShift | None], images: Sequence[Path]
) -> Iterator[str]:
    for entry, shift in shifts.items():
        remedy = remedy_of_shift(library.path(entry), images)
        for line in [] if shift is None else shift.lines(remedy):
            yield f"pictures of the entry {entry}: {line}"


def _predictions(
    paths: Sequence[str], routed: Routed, unknown: str | None
) -> Iterator[dict[str, Any]]:
    columns = (routed.labels, routed.entries, routed.probabilities, routed.known)
    for path, label, entry, probability, known, is_unfamiliar in zip(
        paths, *columns, routed.unfamiliar, strict=True
    ):
        is_rejected = unknown is not None and bool(is_unfamiliar)
        yield {
            "path": path,
            "label": unknown if is_rejected else str(label),
            "entry": entry,
            "probability": float(1 - known if is_rejected else probability),
            "known": float(known),
            "unfamiliar": bool(is_unfamiliar),
        }


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    from metaadapter.data.output_folder import write_errors
    from metaadapter.data.table_file import write_table

    cells = [[*{**row, "unfamiliar": "yes" if row["unfamiliar"] else ""}.values()] for row in rows]
    with write_errors(str(path), instead="choose another --out"):
        write_table(path, COLUMNS, cells)
