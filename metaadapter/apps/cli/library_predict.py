"""`metaadapter library predict`: label pictures with the entries that they belong to."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.library_identify import open_queries, warn_of_queries
from metaadapter.apps.cli.outputs import Output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from metaadapter.apps.library.library import AdapterLibrary
    from metaadapter.apps.library.route import Routed
    from metaadapter.workflow.query_shift import QueryShift

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

    queries = open_queries(library, encoder)
    if reject:
        queries.require_no_class(UNKNOWN, option="--reject")
    predictions: list[dict[str, Any]] = []
    samples: dict[str, QuerySample] = {}
    domains: tuple[tuple[str, ...], ...] = ()
    with console.progress() as progress:
        for part in queries.parts(images, progress):
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
    about = warn_of_queries(console, queries)
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
        words = [quote(str(path)) for path in (library.path(entry), *images[:1])]
        if len(images) > 1:
            words.append("…")
        remedy = f"predict them together: metaadapter predict {' '.join(words)} --together"
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
