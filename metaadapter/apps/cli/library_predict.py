"""`metaadapter library predict`: labels of pictures, by the entries that they belong to."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

from typer import Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console, print_document
from metaadapter.apps.cli.library_noticed import told_of_asked, warn_of_asked
from metaadapter.data.plain_text import in_csv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FRACTIONS = ("probability", "known")
COLUMNS = ("path", "label", "entry", *FRACTIONS, "unfamiliar")


def predict(
    library: options.Library,
    images: options.Pictures,
    k: Annotated[
        int, Option("-k", min=1, help="How many likely entries answer for each picture.")
    ] = 1,
    reject: Annotated[
        bool,
        Option("--reject", help="Answer `unknown` for pictures that look like no entry's classes."),
    ] = False,
    keep: options.Keep = None,
    csv_file: Annotated[
        Path | None, Option("--csv", metavar="FILE", help="Write a table in place of the list.")
    ] = None,
    split: options.Split = None,
    encoder: options.EncoderOfLibrary = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Label pictures by the entries that they most likely belong to.

    Without a terminal the list is tab-separated: path, label, entry, probability, the probability
    of showing one of the classes of its entries at all, `unfamiliar` or nothing.
    """
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter.known import require_fraction
    from metaadapter.apps.library.asked import AskedLibrary
    from metaadapter.apps.library.library import AdapterLibrary
    from metaadapter.workflow.predictions import UNKNOWN

    asked = AskedLibrary(AdapterLibrary.open(library, create=False), encoder, device, precision)
    if keep is not None:
        require_fraction(keep, "--keep")
    if reject:
        asked.require_no_class(UNKNOWN, option="--reject")
    found: list[dict[str, Any]] = []
    with console.progress() as progress:
        for part in asked.parts(images, split, progress):
            answer = asked.library.route(part.features, encoder=asked.fingerprint, k=k, keep=keep)
            asked.leave_out(answer.left_out)
            columns = (answer.labels, answer.entries, answer.probabilities, answer.known)
            for path, label, entry, probability, known, is_unfamiliar in zip(
                part.paths, *columns, answer.unfamiliar, strict=True
            ):
                is_rejected = reject and bool(is_unfamiliar)
                found.append(
                    {
                        "path": path,
                        "label": UNKNOWN if is_rejected else str(label),
                        "entry": entry,
                        "probability": float(1 - known if is_rejected else probability),
                        "known": float(known),
                        "unfamiliar": bool(is_unfamiliar),
                    }
                )
    warn_of_asked(console, asked)
    n_unfamiliar = sum(each["unfamiliar"] for each in found)
    if n_unfamiliar:
        told = "they are answered `unknown`" if reject else "they may show none of the classes"
        console.note(f"{n_unfamiliar} of {len(found)} pictures look unfamiliar: {told}")
    if csv_file is not None:
        _write_csv(csv_file, found)
        console.note(f"wrote {len(found)} predictions to {csv_file}")
    if json_output:
        document = {
            "library": str(library),
            "encoder": asked.config.origin.encoder,
            "k": k,
            "reject": reject,
            "keep": keep,
            "n_unfamiliar": n_unfamiliar,
            "n_pictures": len(found),
            "predictions": found,
            **told_of_asked(asked),
        }
        print_document("library-predict", document)
    elif csv_file is None:
        rows = [
            [
                *(it["path"], it["label"], it["entry"], *(f"{it[key]:.4f}" for key in FRACTIONS)),
                "unfamiliar" if it["unfamiliar"] else "",
            ]
            for it in found
        ]
        titles = ("picture", "label", "entry", *FRACTIONS, "")
        console.table(titles, rows, right=FRACTIONS)


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    from metaadapter.data.atomic_files import replace_file
    from metaadapter.data.output_folder import write_errors

    def write(file: IO[bytes]) -> None:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for row in rows:
            cells = {**row, "unfamiliar": "yes" if row["unfamiliar"] else ""}
            writer.writerow([in_csv(cells[column]) for column in COLUMNS])
        # A file name of undecodable bytes comes back as the same bytes.
        file.write(text.getvalue().encode(errors="surrogateescape"))

    with write_errors(str(path), instead="choose another --csv"):
        replace_file(path, write)
