"""Publish an adapter, skill files or a generator on the hub: all the work of `metaadapter push`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from metaadapter.adapter.files import load_adapter, read_card
from metaadapter.adapter.layout import CONFIG_FILE, SKILL_SUFFIX
from metaadapter.adapter.listed_skills import ENTRIES, MARK_FILE
from metaadapter.adapter.published import (
    ADAPTER,
    SKILLS,
    adapter_files,
    published,
    repository_card,
    skills_card,
)
from metaadapter.adapter.skill import skill_bytes
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.data.given_values import given_path
from metaadapter.data.hub import is_hub_name
from metaadapter.data.hub_upload import Pushed, push_files
from metaadapter.errors import UsageError
from metaadapter.generator import pretrained
from metaadapter.generator.published import push_generator


def push(
    artifact: str | Path,
    repository: str,
    *,
    private: bool = False,
    license: str | None = None,
    features: bool = True,
) -> Pushed:
    """Publish an adapter, skill files or a generator in a repository of the Hugging Face hub.

    All files are written in one commit. Pictures and paths of this machine are never published.

    Args:
        artifact: The folder of an adapter; a skill file, which replaces that of its name and leaves
            the others; a library or another folder of skill files, which replace all others; or the
            folder of a generator.
        repository: ORGANISATION/NAME; it is created if it does not exist.
        private: Create a private repository; an old one must be private.
        license: The licence as the hub names it, as in "cc-by-4.0".
        features: Include the features of an adapter's labelled pictures and the hashes of these,
            which `add` needs.

    Raises:
        UsageError: There is no such artifact, the repository holds something else, or the token may
            not write to it.
        DataError: The artifact is damaged, or the hub cannot be reached.
    """
    path = given_path(artifact)
    if is_hub_name(path):
        raise UsageError(f"{path} is on the hub already; push takes an artifact of this machine")
    if is_generator(path):
        generator = pretrained.load_generator(path)
        return push_generator(generator, repository, private=private, license_name=license)
    if path.is_dir() and not (path / CONFIG_FILE).exists():
        return _push_skills(path, repository, private, license, features)
    stored = load_adapter(path, several=True)
    card = read_card(path)
    if path.is_dir():
        return push_adapter(
            stored,
            repository,
            card,
            private=private,
            license_name=license,
            features=features,
        )
    return _push_skill_files([path], repository, private, license, features, keeps_others=True)


def is_generator(path: Path) -> bool:
    """Return whether a path is the folder of a generator."""
    files = (pretrained.CONFIG_FILE, pretrained.WEIGHTS_FILE)
    return all((path / file).is_file() for file in files)


def push_adapter(
    adapter: StoredAdapter,
    repository: str,
    card: bytes = b"",
    *,
    private: bool = False,
    license_name: str | None = None,
    features: bool = True,
) -> Pushed:
    """Publish an adapter; `card` is that of this machine, for a repository without one."""
    public = published(adapter, features=features)
    return push_files(
        repository,
        ADAPTER,
        adapter_files(public),
        lambda old, _: repository_card(public, old or card, repository, license_name),
        private=private,
    )


def _push_skills(
    folder: Path, repository: str, private: bool, license_name: str | None, features: bool
) -> Pushed:
    place = folder / ENTRIES if (folder / MARK_FILE).exists() else folder
    skills = sorted(place.glob(f"[!.]*{SKILL_SUFFIX}"))
    if not skills:
        raise UsageError(
            f"{folder} is nothing to push: expected the folder of an adapter with {CONFIG_FILE}, "
            f"skill files *{SKILL_SUFFIX}, a library, or a generator with "
            f"{pretrained.CONFIG_FILE} and {pretrained.WEIGHTS_FILE}"
        )
    return _push_skill_files(skills, repository, private, license_name, features)


def _push_skill_files(
    skills: list[Path],
    repository: str,
    private: bool,
    license_name: str | None,
    features: bool,
    *,
    keeps_others: bool = False,
) -> Pushed:
    if marked := [path for path in skills if "@" in path.name]:
        raise UsageError(
            f"{marked[0]} has an @ in its name, after which a name of the hub has the revision; "
            "rename the file"
        )
    contents, configs = {}, {}
    for path in skills:
        public = published(load_adapter(path, several=True), features=features)
        contents[path.name] = skill_bytes(public, read_card(path))
        configs[path.name] = public.config

    def new_card(old: bytes, others: Mapping[str, Path]) -> bytes:
        if len(skills) == 1 and not others:
            return repository_card(public, old, repository, license_name)
        theirs = {name: load_adapter(path, several=True).config for name, path in others.items()}
        return skills_card(configs | theirs, old, repository, license_name)

    return push_files(
        repository, SKILLS, contents, new_card, private=private, keeps_others=keeps_others
    )
