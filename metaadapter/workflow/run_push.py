"""Publish an adapter, skill files or a generator on the hub: all the work of `metaadapter push`.

Others get them without paths of this machine, with a card for the repository.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from metaadapter.adapter.card import card_with_metadata, facts_of
from metaadapter.adapter.config import AdapterConfig, stored_facts
from metaadapter.adapter.files import load_adapter, read_card, sealed_members, skill_bytes
from metaadapter.adapter.layout import CONFIG_FILE, SKILL_SUFFIX, TENSOR_FILES
from metaadapter.adapter.listed_skills import ENTRIES, MARK_FILE
from metaadapter.adapter.stored import StoredAdapter, file_contents
from metaadapter.data.hub import PREFIX, is_hub_name
from metaadapter.data.hub_upload import Kind, Pushed, push_files
from metaadapter.data.plain_text import in_markdown
from metaadapter.data.regular_files import given_path
from metaadapter.errors import UsageError
from metaadapter.features.encoder_source import base_models, is_public_name
from metaadapter.features.origin import Origin
from metaadapter.generator import adapter_generator
from metaadapter.generator.pretrained import load_generator

ADAPTER = Kind(
    "an adapter", (CONFIG_FILE, *TENSOR_FILES), config=CONFIG_FILE, schema="metaadapter.adapter/"
)
SKILLS = Kind("skill files", (f"*{SKILL_SUFFIX}",))
CUSTOM = "custom"
PUBLIC_GENERATORS = ("default", "closed-form", CUSTOM)
NOT_PUBLISHED = "not published"
TAGS = ("clip", "few-shot", "adapter")


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
        return load_generator(path).push_to_hub(repository, private=private, license=license)
    if path.is_dir() and (path / CONFIG_FILE).exists():
        stored, card = load_adapter(path, several=True), read_card(path)
        return push_adapter(
            stored, repository, card, private=private, license_name=license, features=features
        )
    skills = _skills_in(path) if path.is_dir() else [path]
    if marked := [skill for skill in skills if "@" in skill.name]:
        raise UsageError(
            f"{marked[0]} has an @ in its name, after which a name of the hub has the revision; "
            "rename the file"
        )
    stored_skills = {
        skill.name: published(load_adapter(skill, several=True), features=features)
        for skill in skills
    }

    def new_card(old: bytes, others: Mapping[str, Path]) -> bytes:
        theirs = {name: load_adapter(path, several=True) for name, path in others.items()}
        return skills_card({**stored_skills, **theirs}, old, repository, license)

    return push_files(
        repository,
        SKILLS,
        {path.name: skill_bytes(stored_skills[path.name], read_card(path)) for path in skills},
        new_card,
        private=private,
        keeps_others=not path.is_dir(),
    )


def is_generator(path: Path) -> bool:
    """Return whether a path is the folder of a generator."""
    files = (adapter_generator.CONFIG_FILE, adapter_generator.WEIGHTS_FILE)
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
    facts = facts_of(public, repository)
    return push_files(
        repository,
        ADAPTER,
        sealed_members(stored_facts(public.config), file_contents(public)),
        lambda old, _: _card(old or card, facts, [public.config], license_name),
        private=private,
    )


def published(adapter: StoredAdapter, *, features: bool = True) -> StoredAdapter:
    """Return an adapter whose names of encoder and generator hold no path of this machine.

    Such a name is left out; fingerprints still tell whether an encoder or generator is the right
    one. Without `features` the support and the hashes of its pictures are left out, too.
    """
    config = adapter.config
    generator = config.generator
    if generator not in PUBLIC_GENERATORS and not generator.startswith(PREFIX):
        generator = CUSTOM
    changes = {"origin": _published(config.origin), "generator": generator}
    adapter = replace(adapter, config=config.model_copy(update=changes))
    if features or adapter.support is None:
        return adapter
    signature = adapter.task_signature
    return replace(adapter, support=None, picture_hashes=(), signature=signature)


def skills_card(
    skills: Mapping[str, StoredAdapter], old: bytes, repository: str, license_name: str | None
) -> bytes:
    """Return the card of a repository with skill files; the author's words in `old` stay."""
    configs = {file: skill.config for file, skill in sorted(skills.items())}
    first = min(skills)
    if len(skills) == 1:
        return _card(old, facts_of(skills[first], repository), [*configs.values()], license_name)
    rows = "\n".join(
        f"| {in_markdown(file)} | {in_markdown(', '.join(map(str, config.classes)))} "
        f"| {config.n_pictures} | {in_markdown(config.origin.encoder or 'not recorded')} |"
        for file, config in configs.items()
    )
    facts = f"""# {len(skills)} few-shot adapters

Each file is an adapter, predicted by metaadapter from a few labelled pictures. It works on features
of its frozen encoder, whose licence also applies, and holds no picture.

| file | classes | pictures | encoder |
|---|---|---|---|
{rows}

```sh
metaadapter predict {PREFIX}{repository}/{first} picture.jpg
```"""
    return _card(old, facts, [*configs.values()], license_name)


def _skills_in(folder: Path) -> list[Path]:
    place = folder / ENTRIES if (folder / MARK_FILE).exists() else folder
    skills = sorted(place.glob(f"[!.]*{SKILL_SUFFIX}"))
    if not skills:
        raise UsageError(
            f"{folder} is nothing to push: expected the folder of an adapter with {CONFIG_FILE}, "
            f"skill files *{SKILL_SUFFIX}, a library, or a generator with "
            f"{adapter_generator.CONFIG_FILE} and {adapter_generator.WEIGHTS_FILE}"
        )
    return skills


def _published(origin: Origin) -> Origin:
    name, fingerprint = origin.encoder, origin.fingerprint
    if name is not None and not is_public_name(name):
        name = None
    if fingerprint is not None and not is_public_name(fingerprint.encoder):
        fingerprint = replace(fingerprint, encoder=NOT_PUBLISHED, weights=NOT_PUBLISHED)
    return origin.model_copy(update={"encoder": name, "fingerprint": fingerprint})


def _card(
    old: bytes, facts: str, configs: Sequence[AdapterConfig], license_name: str | None
) -> bytes:
    names = {config.origin.encoder or "" for config in configs}
    bases = sorted({model for name in names for model in base_models(name)})
    values: dict[str, str | list[str]] = {
        "library_name": "metaadapter",
        "pipeline_tag": "image-classification",
    }
    if bases:
        values |= {"base_model": bases, "base_model_relation": "adapter"}
    return card_with_metadata(old, facts, values, TAGS, license_name)
