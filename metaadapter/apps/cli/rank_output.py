"""The output of `metaadapter rank`: lists, a table in a file, or a JSON document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from metaadapter.apps.cli.console import Console, print_document

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from metaadapter.labs.ranking.rankings import Matches, Rankings, Recall

Row: TypeAlias = tuple[str | int | float, ...]
RankedList: TypeAlias = tuple[str, str, list[tuple[str, float]]]
"""Kind and name of the picture or caption, and the best candidates with their scores."""
# The entries of the JSON document that only one kind of result has, with their empty values.
EMPTY: dict[str, Any] = {
    "captions": [],
    "of_pictures": [],
    "of_captions": [],
    "recall": None,
    "question": None,
}


@dataclass(frozen=True, slots=True)
class RankedLists:
    """The best captions for each picture, and pictures for each caption, if there is a choice."""

    pictures: Sequence[str]
    captions: Sequence[str]
    rankings: Rankings
    top: int
    recall: tuple[Recall, Recall] | None

    titles = ("asked about", "", "place", "answer", "score")
    right = ("place", "score")

    def rows(self) -> Iterator[Row]:
        """Yield one row for each place of each list."""
        for kind, query, candidates in self._lists():
            for place, (candidate, score) in enumerate(candidates, start=1):
                yield query, kind, place, candidate, score

    def notes(self) -> Iterator[str]:
        """Yield the recall, if the correct captions are known."""
        for name, recall in zip(
            ("captions for pictures", "pictures for captions"), self.recall or (), strict=False
        ):
            fractions = "; ".join(f"at {k}: {fraction}" for k, fraction in recall.items())
            yield f"recall of {name} {fractions}"

    def document(self) -> dict[str, Any]:
        """Return the entries of the JSON document about lists."""
        lists: dict[str, list[dict[str, Any]]] = {"picture": [], "caption": []}
        other = {"picture": "caption", "caption": "picture"}
        for kind, query, candidates in self._lists():
            best = [{other[kind]: candidate, "score": score} for candidate, score in candidates]
            lists[kind].append({kind: query, "best": best})
        recall = self.recall and {
            name: {str(k): fraction.to_dict() for k, fraction in fractions.items()}
            for name, fractions in zip(("captions", "pictures"), self.recall, strict=True)
        }
        return {
            "captions": [*self.captions],
            "of_pictures": lists["picture"],
            "of_captions": lists["caption"],
            "recall": recall,
        }

    def _lists(self) -> Iterator[RankedList]:
        if len(self.captions) > 1 or len(self.pictures) == 1:
            yield from self._of("picture", self.pictures, self.captions, self.rankings.of_pictures)
        if len(self.pictures) > 1:
            yield from self._of("caption", self.captions, self.pictures, self.rankings.of_captions)

    def _of(
        self, kind: str, queries: Sequence[str], candidates: Sequence[str], matches: Matches
    ) -> Iterator[RankedList]:
        for query, rows, scores in zip(queries, matches.rows, matches.scores, strict=True):
            best = zip(rows[: self.top].tolist(), scores[: self.top].tolist(), strict=True)
            yield kind, query, [(candidates[row], score) for row, score in best]


@dataclass(frozen=True, slots=True)
class QuestionAnswers:
    """The probability of each answer to a question about each picture."""

    question: str
    answers: Sequence[str]
    sentences: Sequence[str]
    pictures: Sequence[str]
    probabilities: Float[np.ndarray, "pictures answers"]

    titles = ("picture", "answer", "probability", "runner-up", "its probability")
    right = ("probability", "its probability")

    def rows(self) -> Iterator[Row]:
        """Yield one row for each picture."""
        for picture, probabilities in zip(self.pictures, self.probabilities, strict=True):
            first, second = (-probabilities).argsort(kind="stable")[:2].tolist()
            yield (
                *(picture, self.answers[first], float(probabilities[first])),
                *(self.answers[second], float(probabilities[second])),
            )

    def notes(self) -> Iterator[str]:
        """Yield the sentences that the encoder reads for the answers."""
        yield f"answers are read as {', '.join(map(repr, self.sentences))}"

    def document(self) -> dict[str, Any]:
        """Return the entries of the JSON document about a question."""
        answered = [
            {"picture": picture, "probabilities": dict(zip(self.answers, row, strict=True))}
            for picture, row in zip(self.pictures, self.probabilities.tolist(), strict=True)
        ]
        return {
            "captions": [*self.sentences],
            "question": {
                "question": self.question,
                "sentences": dict(zip(self.answers, self.sentences, strict=True)),
                "answered": answered,
            },
        }


def show(
    console: Console,
    result: RankedLists | QuestionAnswers,
    csv_file: Path | None,
    document: Mapping[str, Any],
) -> None:
    """Print a result, or write it into a file."""
    if csv_file is not None:
        _write(csv_file, result)
        console.note(f"wrote the table {csv_file}")
    if console.json_output:
        print_document("rank", {**document, **EMPTY, **result.document()})
        return
    if csv_file is None:
        console.table(result.titles, [*result.rows()], right=result.right)
    console.note(*result.notes())


def _write(csv_file: Path, result: RankedLists | QuestionAnswers) -> None:
    from metaadapter.data.output_folder import write_errors
    from metaadapter.data.table_file import write_table

    titles = [title or "kind" for title in result.titles]
    with write_errors(f"the table {csv_file}"):
        write_table(csv_file, titles, result.rows())
