"""How `metaadapter rank` shows what it found: lists, a table in a file, or a JSON document."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from metaadapter.apps.cli.console import Console, print_document
from metaadapter.data.plain_text import in_csv

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from metaadapter.labs.ranking.exact_search import Found
    from metaadapter.labs.ranking.ranked import Ranked, Recall

Row: TypeAlias = tuple[str | int | float, ...]


@dataclass(frozen=True, slots=True)
class Lists:
    """The best captions of each picture, and the best pictures of each caption.

    Where there is a single caption, or a single picture, nothing is to be chosen among, so that
    there is no list of it for each of the others.
    """

    pictures: Sequence[str]
    captions: Sequence[str]
    ranked: Ranked
    top: int
    recall: tuple[Recall, Recall] | None

    titles = ("asked about", "", "place", "answer", "score")
    right = ("place", "score")

    def rows(self) -> Iterator[Row]:
        """One row for each place of each list."""
        for kind, asked, answers in self._lists():
            for place, (answer, score) in enumerate(answers, start=1):
                yield asked, kind, place, answer, score

    def notes(self) -> Iterator[str]:
        """What is told beside the lists."""
        for of, recall in zip(
            ("captions for pictures", "pictures for captions"), self.recall or (), strict=False
        ):
            told = "; ".join(f"at {k}: {share}" for k, share in recall.items())
            yield f"recall of {of} {told}"

    def document(self) -> dict[str, Any]:
        """The part of the JSON document that is of lists."""
        found: dict[str, list[dict[str, Any]]] = {"picture": [], "caption": []}
        other = {"picture": "caption", "caption": "picture"}
        for kind, asked, answers in self._lists():
            best = [{other[kind]: answer, "score": score} for answer, score in answers]
            found[kind].append({kind: asked, "best": best})
        recall = self.recall and {
            of: {str(k): share.to_dict() for k, share in each.items()}
            for of, each in zip(("captions", "pictures"), self.recall, strict=True)
        }
        return {
            "captions": [*self.captions],
            "of_pictures": found["picture"],
            "of_captions": found["caption"],
            "recall": recall,
            "question": None,
        }

    def _lists(self) -> Iterator[tuple[str, str, list[tuple[str, float]]]]:
        if len(self.captions) > 1 or len(self.pictures) == 1:
            yield from self._of("picture", self.pictures, self.captions, self.ranked.of_pictures)
        if len(self.pictures) > 1:
            yield from self._of("caption", self.captions, self.pictures, self.ranked.of_captions)

    def _of(
        self, kind: str, asked: Sequence[str], answers: Sequence[str], found: Found
    ) -> Iterator[tuple[str, str, list[tuple[str, float]]]]:
        for each, rows, scores in zip(asked, found.rows, found.scores, strict=True):
            best = zip(rows[: self.top].tolist(), scores[: self.top].tolist(), strict=True)
            yield kind, each, [(answers[row], score) for row, score in best]


@dataclass(frozen=True, slots=True)
class Answered:
    """The probability of each answer to a question about each picture."""

    question: str
    answers: Sequence[str]
    sentences: Sequence[str]
    pictures: Sequence[str]
    probabilities: Float[np.ndarray, "pictures answers"]

    titles = ("picture", "answer", "probability", "runner-up", "its probability")
    right = ("probability", "its probability")

    def rows(self) -> Iterator[Row]:
        """One row for each picture."""
        for picture, shares in zip(self.pictures, self.probabilities, strict=True):
            first, second = (-shares).argsort(kind="stable")[:2].tolist()
            yield (
                *(picture, self.answers[first], float(shares[first])),
                *(self.answers[second], float(shares[second])),
            )

    def notes(self) -> Iterator[str]:
        """What is told beside the answers."""
        yield f"answers are read as {', '.join(map(repr, self.sentences))}"

    def document(self) -> dict[str, Any]:
        """The part of the JSON document that is of a question."""
        answered = [
            {"picture": picture, "probabilities": dict(zip(self.answers, each, strict=True))}
            for picture, each in zip(self.pictures, self.probabilities.tolist(), strict=True)
        ]
        return {
            "captions": [*self.sentences],
            "of_pictures": [],
            "of_captions": [],
            "recall": None,
            "question": {
                "question": self.question,
                "sentences": dict(zip(self.answers, self.sentences, strict=True)),
                "answered": answered,
            },
        }


def show(
    console: Console,
    found: Lists | Answered,
    csv_file: Path | None,
    document: Mapping[str, Any] | None,
) -> None:
    """Show what was found.

    Args:
        console: The voice of the command.
        found: Lists, or answers to a question.
        csv_file: A file for a table, in place of the list.
        document: The other entries of the JSON document; `None` where none is wanted.
    """
    if csv_file is not None:
        _write(csv_file, found)
        console.note(f"wrote the table {csv_file}")
    if document is not None:
        print_document("rank", {**document, **found.document()})
        return
    if csv_file is None:
        console.table(found.titles, [*found.rows()], right=found.right)
    console.note(*found.notes())


def _write(csv_file: Path, found: Lists | Answered) -> None:
    from metaadapter.data.atomic_files import replace_file
    from metaadapter.data.output_folder import write_errors

    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow([title or "kind" for title in found.titles])
    lines.writerows([in_csv(cell) for cell in row] for row in found.rows())
    with write_errors(f"the table {csv_file}"):
        # A file name of undecodable bytes comes back as the same bytes.
        replace_file(csv_file, text.getvalue().encode(errors="surrogateescape"))
