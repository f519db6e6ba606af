"""`metaadapter library identify` and `library predict`: questions to all entries of a library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.predict_output import remedy_of_shift

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from metaadapter.apps.library.library import AdapterLibrary
    from metaadapter.apps.library.queries import LibraryQueries
    from metaadapter.apps.library.route import Identified, Routed
    from metaadapter.workflow.prediction.query_shift import QueryShift

NONE = "none"
"""Printed in place of an entry if pictures look unfamiliar to the most probable entry."""
N_LIKELY = 2
"""The number of entries that `identify` prints, the most probable first."""

Together = Annotated[
    bool,
    Option("--together", help="Give one answer for all pictures, which belong to one task."),
]
FRACTIONS = ("probability", "known")


def identify(
    library: options.Library,
    images: options.Pictures,
    together: Together = False,
    encoder: options.EncoderOfLibrary = None,
) -> None:
    """Find the entry to whose task pictures belong.

    Without a terminal the list is tab-separated: path, entry, probability, runner-up, its
    probability, the probability of known. If that is too low, the entry is `none`. With --together
    the path is empty.
    """
    console = Console()
    from metaadapter.features.encoded_pictures import EncodedPictures

    queries = _open_queries(library, encoder)
    answers: list[dict[str, Any]] = []
    with console.progress():
        parts = queries.parts(images)
        if together:
            parts = iter([EncodedPictures.joined(parts, width=queries.config.width)])
        for part in parts:
            identified = queries.library.identify(
                part.features, encoder=queries.fingerprint, together=together
            )
            answers += _answers([None] if together else part.paths, identified)
            queries.left_out.update(identified.left_out)
    document = {
        "library": str(library),
        "encoder": queries.config.origin.encoder,
        "together": together,
        "answers": answers,
        **_warn_of_queries(console, queries),
    }
    titles = ("picture", "entry", "probability", "runner-up", "probability", "known")
    rows = [_row(answer) for answer in answers]
    console.show_table("library-identify", document, titles, rows, right=FRACTIONS)


def _open_queries(library: Path, encoder: str | None) -> LibraryQueries:
    """Return a reader of queries for an existing library, by the encoder of `--encoder`."""
    from metaadapter.apps.cli.encoder_choice import OF_ADAPTERS, read_encoder
    from metaadapter.apps.library.library import AdapterLibrary
    from metaadapter.apps.library.queries import LibraryQueries

    choice = read_encoder(encoder, only=OF_ADAPTERS)
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


def _answers(paths: Sequence[str | None], identified: Identified) -> Iterator[dict[str, Any]]:
    columns = identified.entries.tolist(), identified.is_none.tolist(), identified.known.tolist()
    rows = identified.probabilities
    for path, entry, is_none, known, row in zip(paths, *columns, rows, strict=True):
        likely = [
            {"entry": identified.names[place], "probability": float(row[place])}
            for place in (-row).argsort(kind="stable")[:N_LIKELY]
        ]
        yield {"path": path, "entry": None if is_none else entry, "known": known, "likely": likely}


def _row(answer: Mapping[str, Any]) -> list[object]:
    likely = [(one["entry"], f"{one['probability']:.4f}") for one in answer["likely"]]
    if answer["entry"] is None:
        likely = [(NONE, f"{1 - answer['known']:.4f}"), *likely]
    cells = [cell for pair in [*likely, ("", "")][:N_LIKELY] for cell in pair]
    return [answer["path"] or "", *cells, f"{answer['known']:.4f}"]


def predict(
    library: options.Library,
    images: options.Pictures,
    encoder: options.EncoderOfLibrary = None,
) -> None:
    """Label pictures with the entries that they most probably belong to.

    Entries of one domain are answered by one adapter, predicted from the pictures of all of them.

    Without a terminal the list is tab-separated: path, label, entry, probability, the probability
    of known, `unfamiliar` or nothing.
    """
    console = Console()
    from metaadapter.workflow.prediction.query_shift import QuerySample

    queries = _open_queries(library, encoder)
    predictions: list[dict[str, Any]] = []
    samples: dict[str, QuerySample] = {}
    domains: tuple[tuple[str, ...], ...] = ()
    with console.progress():
        for part in queries.parts(images):
            routed = queries.library.route(part.features, encoder=queries.fingerprint)
            queries.left_out.update(routed.left_out)
            domains = routed.domains
            predictions += _predictions(part.paths, routed)
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
        console.note(
            f"{n_unfamiliar} of {len(predictions)} pictures look unfamiliar: they may show none of "
            "the classes"
        )
    document = {
        "library": str(library),
        "encoder": queries.config.origin.encoder,
        "domains": [*map(list, domains)],
        "n_unfamiliar": n_unfamiliar,
        "n_pictures": len(predictions),
        "predictions": predictions,
        "shift": {entry: shift and shift.to_dict() for entry, shift in shifts.items()},
        **about,
    }
    rows = [
        [*(row | {"unfamiliar": "unfamiliar" * row["unfamiliar"]}).values()] for row in predictions
    ]
    titles = ("picture", "label", "entry", *FRACTIONS, "")
    console.show_table("library-predict", document, titles, rows, right=FRACTIONS)


def _shift_warnings(
    library: AdapterLibrary, shifts: Mapping[str, QueryShift | None], images: Sequence[Path]
) -> Iterator[str]:
    for entry, shift in shifts.items():
        remedy = remedy_of_shift(library.path(entry), images)
        for line in [] if shift is None else shift.lines(remedy):
            yield f"pictures of the entry {entry}: {line}"


def _predictions(paths: Sequence[str], routed: Routed) -> Iterator[dict[str, Any]]:
    columns = routed.labels, routed.entries, routed.probabilities, routed.known, routed.unfamiliar
    for path, label, entry, probability, known, is_unfamiliar in zip(paths, *columns, strict=True):
        yield {
            "path": path,
            "label": str(label),
            "entry": entry,
            "probability": float(probability),
            "known": float(known),
            "unfamiliar": bool(is_unfamiliar),
        }
