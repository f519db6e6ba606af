"""An adapter as others get it: without paths of this machine, with a card for its repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from metaadapter.adapter.card import facts_of, renew_card
from metaadapter.adapter.card_head import card_with_metadata
from metaadapter.adapter.config import AdapterConfig, stored_facts
from metaadapter.adapter.layout import CONFIG_FILE, SKILL_SUFFIX, TENSOR_FILES
from metaadapter.adapter.skill import sealed_members
from metaadapter.adapter.stored import StoredAdapter, file_contents
from metaadapter.data.hub import PREFIX
from metaadapter.data.hub_upload import Kind
from metaadapter.data.plain_text import in_markdown
from metaadapter.features.origin import Origin
from metaadapter.features.public_name import base_models, is_public_name

ADAPTER = Kind(
    "an adapter", (CONFIG_FILE, *TENSOR_FILES), config=CONFIG_FILE, schema="metaadapter.adapter/"
)
SKILLS = Kind("skill files", (f"*{SKILL_SUFFIX}",))
CUSTOM = "custom"
PUBLIC_GENERATORS = ("default", "closed-form", "elsewhere", CUSTOM)
NOT_PUBLISHED = "not published"
TAGS = ("clip", "few-shot", "adapter")


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
    return replace(adapter, support=None, labelled=None, picture_hashes=(), signature=signature)


def adapter_files(adapter: StoredAdapter) -> dict[str, bytes]:
    """Return file name → content of an adapter's folder, without the card."""
    return sealed_members(stored_facts(adapter.config), file_contents(adapter))


def repository_card(
    adapter: StoredAdapter, old: bytes, repository: str, license_name: str | None
) -> bytes:
    """Return the card of a repository with one adapter; the author's words in `old` stay."""
    return _card(old, facts_of(adapter, repository), [adapter.config], license_name)


def skills_card(
    skills: Mapping[str, AdapterConfig], old: bytes, repository: str, license_name: str | None
) -> bytes:
    """Return the card of a repository with skill files; the author's words in `old` stay."""
    rows = "\n".join(
        f"| {in_markdown(file)} | {in_markdown(', '.join(map(str, config.classes)))} "
        f"| {config.n_pictures} | {in_markdown(config.origin.encoder or 'not recorded')} |"
        for file, config in sorted(skills.items())
    )
    first = min(skills)
    facts = f"""# {len(skills)} few-shot adapters

Each file is an adapter, predicted by metaadapter from a few labelled pictures. It works on features
of its frozen encoder, whose licence also applies, and holds no picture.

| file | classes | pictures | encoder |
|---|---|---|---|
{rows}

```sh
metaadapter predict {PREFIX}{repository}/{first} picture.jpg
```"""
    return _card(old, facts, [*skills.values()], license_name)


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
    return card_with_metadata(
        old, lambda text: renew_card(text, "", facts), values, TAGS, license_name
    )
