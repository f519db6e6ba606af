"""`metaadapter bundle`: write a folder from which machines without a network install it."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from typer import Argument, Option

from metaadapter.apps.cli.command_guard import Output
from metaadapter.apps.cli.console import LINE_BREAK, Console
from metaadapter.errors import DataError, UsageError
from metaadapter.files.strict_json import parse_json

PROOF = "bundle.json"
INSTALL = """\
import platform
import subprocess
import sys
from pathlib import Path

here = "{} {}, Python {}.{}".format(platform.system(), platform.machine(), *sys.version_info)
if here != FITS:
    sys.exit(f"this bundle fits {FITS}, and this is {here}; write one on a machine like this")
folder = Path(__file__).resolve().parent
programs = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
pip = [str(programs / "python"), "-m", "pip", "install", "--no-index", "--find-links"]
for command in (
    [sys.executable, "-m", "venv", "--clear", str(folder / "venv")],
    [*pip, str(folder / "wheels"), REQUIREMENT],
):
    if code := subprocess.call(command):
        sys.exit(code)
print("start the page with", programs / "metaadapter", "serve --open")
"""
README = """\
metaadapter {version}, to install without a network

This folder fits {fits}. Copy it to where it stays, and type there:

  python{python} install.py     on Linux and macOS
  py -{python} install.py       on Windows
"""


def bundle(
    folder: Annotated[Path, Argument(metavar="FOLDER", help="New folder."), Output()],
    encoder: Annotated[
        str | None,
        Option(metavar="NAME", help="Include a model of open_clip, the hub or a folder."),
    ] = None,
) -> None:
    """Write a folder that installs metaadapter on machines without a network.

    It has all wheels for the system and the Python of this machine, as pip finds them, and a
    script.
    """
    from metaadapter.files.checksums import write_document
    from metaadapter.files.output_folder import write_errors

    console = Console()
    if folder.exists():
        raise UsageError(f"FOLDER {folder} exists already; give the name of a new folder")
    weights = None if encoder is None else _weights(encoder)
    requirement = f"metaadapter[{'serve' if weights is None else 'hf,serve'}]"
    with write_errors(str(folder), instead="choose another FOLDER"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as unfinished:
            new = Path(unfinished, "bundle")
            wheels = new / "wheels"
            wheels.mkdir(parents=True)
            _make_wheels(wheels, requirement + _source(), quiet=console.silent)
            if weights is not None:
                (new / "encoder").mkdir()
                for file in weights.iterdir():
                    if file.is_file() and file.name != PROOF:
                        shutil.copyfile(file, new / "encoder" / file.name)
            for part in [*new.iterdir()]:
                names = [file.name for file in part.iterdir()]
                write_document(part / PROOF, {"schema": "metaadapter.bundled/1"}, files=names)
            _write_texts(new, requirement, encoder)
            new.rename(folder)
    n_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    n_wheels = len([*folder.glob("wheels/*.whl")])
    document = {"folder": folder, "n_wheels": n_wheels, "n_bytes": n_bytes}
    line = f"{folder}: {n_wheels} wheels, {n_bytes / 1e6:,.0f} MB; README.txt says how to install"
    console.show_result("bundle", document, line)


def _weights(name: str) -> Path:
    """Return the folder of an encoder; one that open_clip knows by a tag comes from the hub."""
    from metaadapter.features.encoders.encoder_source import EMBEDDED, resolve_encoder
    from metaadapter.features.encoders.open_clip_model import hub_repository
    from metaadapter.files.hub import PREFIX

    source = resolve_encoder(name)
    if source.library == "open_clip" and source.folder is None:
        source = resolve_encoder(f"{PREFIX}{hub_repository(source)}")
    if source.folder is None or source.second is not None or name in EMBEDDED:
        raise UsageError(
            f"--encoder {name} is no one folder of weights; expected MODEL/WEIGHTS of open_clip, "
            "hf-hub:ORGANISATION/MODEL or a folder. Every bundle has tiny; for others copy the "
            "cache of the hub (HF_HOME)"
        )
    return source.folder


def _source() -> str:
    """Return what follows the name in a requirement of the metaadapter that runs."""
    distribution = metadata.distribution("metaadapter")
    if (text := distribution.read_text("direct_url.json")) is None:
        return f"=={distribution.version}"
    place = parse_json(text)
    if (version := place.get("vcs_info")) is None:
        return f" @ {place['url']}"
    return f" @ {version['vcs']}+{place['url']}@{version['commit_id']}"


def _make_wheels(folder: Path, requirement: str, *, quiet: bool) -> None:
    """Let the pip of a new environment fetch or build all wheels: those of uv have no pip."""
    wheel = ("-m", "pip", "wheel", *["--quiet"] * quiet, "--wheel-dir", str(folder), requirement)
    # A memory stick often holds no links, which an environment has, so it is not beside the wheels.
    with TemporaryDirectory() as environment:
        python = Path(environment, "Scripts" if sys.platform == "win32" else "bin", "python")
        for command in ((sys.executable, "-m", "venv", environment), (str(python), *wheel)):
            done = subprocess.run(command, stdout=2, stderr=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                reason = LINE_BREAK.join(done.stderr.strip().splitlines()[-3:])
                raise DataError(
                    f"{command[2]} cannot make the wheels; a bundle is written on a machine with a "
                    "network, or with PIP_INDEX_URL naming an index that it reaches. "
                    f"{command[2]} says:{LINE_BREAK}{reason}"
                )


def _write_texts(folder: Path, requirement: str, encoder: str | None) -> None:
    fits = "{} {}, Python {}.{}".format(platform.system(), platform.machine(), *sys.version_info)
    script = f"FITS, REQUIREMENT = {fits!r}, {requirement!r}\n{INSTALL}"
    (folder / "install.py").write_text(script, encoding="utf-8")
    version, python = metadata.version("metaadapter"), fits.rpartition(" ")[2]
    text = README.format(version=version, fits=fits, python=python)
    if encoder is not None:
        text += f"\nThe encoder {encoder}: give --encoder and the path of the folder encoder.\n"
    (folder / "README.txt").write_text(text, encoding="utf-8")
