"""Random outputs over inputs, links and files of others: no command may destroy any of them."""

from __future__ import annotations

import os
import shlex
import shutil
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.robustness.artifacts import TRAINING
from benchmarks.robustness.forked import Ending, preloaded_encoder, run_forked
from benchmarks.robustness.materials import Materials
from benchmarks.robustness.trial import Verdict

# Kind → commands, in which {} and {2} are random outputs, with what they may replace: the results
# of earlier commands of the same kind.
COMMANDS = {
    "predict": (
        ("predict animals pictures --out {}", "table.csv"),
        ("predict animals table.csv --out {}", ""),
        ("predict animals q.csv --out {} --export timelapse:{2}", "table.csv timelapse.csv"),
        ("predict animals pictures --export megadetector:{} --out {2}", "boxes.json table.csv"),
        ("predict animals pictures --export camtrap-dp:{}", "package"),
        ("predict animals pictures --together --out {}", "b.adapter"),
    ),
    "export": (("export animals --onnx {}", "a.onnx"),),
    "folders": (
        ("encode pictures --out {}", "store"),
        ("adapt store --out {}", "animals b.adapter"),
        ("add animals owl pictures/heron --out {}", "animals b.adapter"),
        ("evaluate store --out {} --methods closed-form --shots 1 --seeds 1 --jobs 1", "run"),
        ("report run --out {}", "run"),
        ("train training.toml --out {}", ""),
        ("doctor --advise pictures --page {}", ""),
    ),
}


class Outputs:
    """Runs a command with random outputs in a copy of a folder of all kinds of files."""

    KINDS = tuple(COMMANDS)

    def __init__(self, folder: Path) -> None:
        self._scratch, self._trial, self._place = (
            folder / name for name in ("said", "trial", "place")
        )
        self._scratch.mkdir()
        self._prepare = preloaded_encoder()
        shutil.copytree(Materials(folder / "materials").pictures, self._place / "pictures")
        self._write_files()
        for command in (
            "encode pictures --out store",
            "adapt store --out animals",
            "adapt store --out b.adapter",
            "predict animals pictures --out table.csv --export timelapse:timelapse.csv "
            "--export megadetector:boxes.json --export camtrap-dp:package",
            "export animals --onnx a.onnx",
            "evaluate store --out run --methods closed-form --shots 1 --seeds 1 --jobs 1",
        ):
            self._must(command)

    def trial(self, kind: str, rng: np.random.Generator) -> Verdict:
        shutil.rmtree(self._trial, ignore_errors=True)
        shutil.copytree(self._place, self._trial, symlinks=True)
        command, replaceable = COMMANDS[kind][rng.integers(len(COMMANDS[kind]))]
        outputs = [self._output(rng), self._output(rng)]
        before = _contents(self._trial)
        named = dict(zip(("{}", "{2}"), outputs, strict=True))
        words = [named.get(word, word) for word in command.split()]
        ending = self._run(words, self._trial)
        after = _contents(self._trial)
        changed = {name for name, content in before.items() if after.get(name) != content}
        allowed = replaceable.split()
        lost = sorted(name for name in changed if name.split("/")[0] not in allowed)
        what = shlex.join(words)
        if lost or ending.code == 1:
            return Verdict("destroyed" if lost else "fault", what, True, f"{lost[:3]} {ending}")
        return Verdict("written" if ending.code == 0 else "refused", what)

    def _output(self, rng: np.random.Generator) -> str:
        """A random name of a file or a folder in the place, or of a new file or link to one."""
        names = sorted(_contents(self._trial))
        folders = sorted({str(Path(name).parent) for name in names})
        name = str(rng.choice([*names, *folders] if rng.random() < 0.8 else ["new", "new.csv"]))
        match rng.integers(5):
            case 0:
                return f"pictures/../{name}"
            case 1 if (self._trial / name).is_file():
                os.link(self._trial / name, self._trial / "hard")
                return "hard"
            case 2:
                (self._trial / "soft").unlink(missing_ok=True)
                (self._trial / "soft").symlink_to(self._trial / name)
                return "soft"
            case 3:
                return name.removesuffix(".tmp").removesuffix(".db")
        return name

    def _write_files(self) -> None:
        pictures = [f"pictures/heron/{number}.png" for number in range(3)]
        contents = {
            "q.csv": "\n".join(["path", *pictures]),
            "training.toml": TRAINING,
            "thesis.csv.db": "chapter,pages\n",
            "thesis.csv.tmp": "chapter,pages\n",
            "lora/adapter_config.json": '{"peft_type": "LORA"}',
            "lora/adapter_model.safetensors": "weights",
            "shop/store.json": '{"address": "Main Street 1"}',
            "survey/media.csv": "mediaID\n1\n",
            "survey/observations.csv": "observationID\n1\n",
            "site/index.html": "<h1>My thesis</h1>",
            "site/report.html": "<h1>My report</h1>",
        }
        for name, content in contents.items():
            (self._place / name).parent.mkdir(exist_ok=True)
            (self._place / name).write_text(content)

    def _run(self, words: list[str], place: Path) -> Ending:
        return run_forked([*words], self._scratch, self._prepare, partial(os.chdir, place))

    def _must(self, command: str) -> None:
        ending = self._run(command.split(), self._place)
        if ending.code:
            raise RuntimeError(f"{command}: {ending}")


def _contents(folder: Path) -> dict[str, bytes]:
    """Name → content of each file, or the target of each link; locks hold nothing."""
    return {
        str(path.relative_to(folder)): (
            os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        )
        for path in folder.rglob("*")
        if path.is_symlink() or (path.is_file() and not path.name.endswith(".lock"))
    }
