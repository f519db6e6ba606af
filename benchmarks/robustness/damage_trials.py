"""A damaged artifact is used: the results must not change, or an error must name the file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from benchmarks.robustness.artifacts import ARTIFACTS, Answer, Artifact, make_store
from benchmarks.robustness.damage import damage, damage_whole_file
from benchmarks.robustness.trial import Verdict

UNCHANGED, REPORTED = "unchanged", "reported"


class DamagedArtifacts:
    """One artifact of each kind in a folder, whose copies are damaged."""

    ARTIFACTS: Mapping[str, Artifact] = ARTIFACTS
    KINDS = tuple(ARTIFACTS)
    WHOLE_FILES: Mapping[str, float] = {}
    """Kind → the fraction of its trials that remove or exchange a whole file; by default none."""
    IS_SHARED = False
    """Whether undamaged parts answer without the damaged one, and a warning names its file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        make_store(self.store)
        self.answers: dict[str, list[Answer]] = {}
        for kind, artifact in self.ARTIFACTS.items():
            place = folder / kind
            place.mkdir()
            artifact.make(place / "artifact", self.store)
            self.answers[kind] = self._ask(kind)
            assert all(answer.code == 0 for answer in self.answers[kind]), self.answers[kind]

    def trial(self, kind: str, rng: np.random.Generator) -> Verdict:
        """Damage a copy of an artifact."""
        trial = self.folder / "trial"
        shutil.rmtree(trial, ignore_errors=True)
        shutil.copytree(self.folder / kind / "artifact", trial / "artifact")
        files = sorted(path for path in (trial / "artifact").rglob("*") if path.is_file())
        file = self._pick(files, rng)
        others = [other for other in files if other != file and other.suffix == file.suffix]
        change = damage_whole_file if rng.random() < self.WHOLE_FILES.get(kind, 0.0) else damage
        what = change(file, rng, others)
        outcome, detail = self._outcome(kind, file)
        return Verdict(outcome, what, outcome not in (UNCHANGED, REPORTED), detail)

    def _pick(self, files: list[Path], rng: np.random.Generator) -> Path:
        return files[rng.integers(len(files))]

    def _ask(self, kind: str) -> list[Answer]:
        """Use an undamaged copy, and return its answers."""
        trial = self.folder / "trial"
        shutil.rmtree(trial, ignore_errors=True)
        shutil.copytree(self.folder / kind / "artifact", trial / "artifact")
        return list(self._answers(kind))

    def _answers(self, kind: str) -> Iterator[Answer]:
        trial = self.folder / "trial"
        (trial / "out").mkdir()
        return self.ARTIFACTS[kind].ask(trial / "artifact", self.store, trial / "out")

    def _outcome(self, kind: str, file: Path) -> tuple[str, str]:
        for expected, answer in zip(self.answers[kind], self._answers(kind), strict=True):
            if answer.code == 0 and answer.out == expected.out:
                continue
            if answer.code == 0 and self.IS_SHARED and file.name in answer.err:
                return REPORTED, ""
            if answer.code == 0:
                return "another answer", f"{answer.out[:300]}\n  instead of {expected.out[:300]}"
            if answer.code not in (2, 3, 4):
                return "fault", answer.err[-400:]
            named = file.name in answer.err
            return REPORTED if named else "file not named", answer.err[-400:]
        return UNCHANGED, ""
