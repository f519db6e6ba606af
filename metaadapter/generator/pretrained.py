"""Load generators: by name, from a folder, from the hub, or from the user's own file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from metaadapter.errors import UsageError
from metaadapter.files.hub import PREFIX, HubName, is_hub_name
from metaadapter.files.regular_files import given_path
from metaadapter.files.user_code import explain, load_user_code, user_code_and_folder
from metaadapter.generator.adapter_generator import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    AdapterGenerator,
    fetched_generator,
    generator_id,
)
from metaadapter.generator.generator import Generator

SHIPPED = Path(__file__).parents[1] / "assets" / "generator"


def load_generator(name: str | Path = "default") -> AdapterGenerator:
    """Return a generator in evaluation mode, with the constants that it was trained with.

    Args:
        name: One of these:

            - `"default"`: the trained generator that ships, for any encoder;
            - `"closed-form"`: an untrained generator, which is ridge towards the text;
            - a folder that `save_generator` wrote;
            - hf-hub:ORGANISATION/NAME or hf-hub:ORGANISATION/NAME@REVISION: one on the hub;
            - FILE.py:CLASS: an `AdapterGenerator` of your own;
            - FILE.py:CLASS@FOLDER: your own with the trained weights in FOLDER.

    Raises:
        UsageError: There is no such generator.
        DataError: A file of the folder is damaged.
        IncompatibleArtifact: The folder's files do not fit this version.
    """
    if name == "closed-form":
        return Generator.seeded().eval()
    code, place = user_code_and_folder(str(name))
    if code:
        return _own(code, generator_folder(place) if place else None).eval()
    folder = generator_folder(name)
    if not (folder / CONFIG_FILE).is_file():
        raise UsageError(
            f"no generator {str(name)!r}: expected 'default', 'closed-form', FILE.py:CLASS, "
            f"{PREFIX}ORGANISATION/NAME or a folder that holds {CONFIG_FILE} and {WEIGHTS_FILE}"
        )
    return Generator.from_folder(folder)


def shared_generator(name: str | Path | AdapterGenerator) -> tuple[AdapterGenerator, str]:
    """Return a generator and its `generator_id`, cached until a file of the generator changes.

    All callers share the generator, so load another before you change weights. A generator that is
    given in place of a name is returned unchanged.
    """
    if isinstance(name, AdapterGenerator):
        return name, generator_id(name)
    code, place = user_code_and_folder(str(name))
    folder = generator_folder(place or name)
    files = [folder / CONFIG_FILE, folder / WEIGHTS_FILE, Path(code.rpartition(":")[0])]
    changed = tuple(path.stat().st_mtime_ns for path in files if path.is_file())
    return _shared(str(name), str(Path.cwd()), changed)


def generator_folder(name: str | Path) -> Path:
    """Return the folder of a generator by its name; one on the hub is downloaded.

    Raises:
        UsageError: The hub has no such repository or revision.
        DataError: It is not on this machine and cannot be downloaded.
        IncompatibleArtifact: The repository holds something else.
    """
    if name == "default":
        return SHIPPED
    return fetched_generator(name) if is_hub_name(name) else given_path(name)


def recorded_name(name: str | Path) -> str:
    """Return the name of a generator for an adapter to record: on the hub, with its commit."""
    code, place = user_code_and_folder(str(name))
    if place:
        return f"{code}@{recorded_name(place)}"
    return str(HubName.parse(name).at(generator_folder(name))) if is_hub_name(name) else str(name)


@lru_cache(maxsize=8)
def _shared(name: str, _cwd: str, _changed: tuple[int, ...]) -> tuple[AdapterGenerator, str]:
    generator = load_generator(name)
    return generator, generator_id(generator)


def _own(code: str, folder: Path | None) -> AdapterGenerator:
    kind = load_user_code(code, kind="generator")
    if not (isinstance(kind, type) and issubclass(kind, AdapterGenerator)):
        raise UsageError(f"generator {code!r} must be a subclass of AdapterGenerator, got {kind!r}")
    try:
        generator = kind.seeded()
    except Exception as error:
        raise UsageError(
            f"generator {code!r} cannot be made without arguments: {explain(error)}"
        ) from error
    return generator if folder is None else kind.from_folder(folder)
