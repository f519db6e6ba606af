"""The model card of an adapter: facts, and the words that its author adds around them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.data.hub import PREFIX
from metaadapter.data.plain_text import in_markdown, one_line
from metaadapter.errors import DataError

_BEGIN, _END = "<!-- metaadapter: facts -->", "<!-- metaadapter: end of facts -->"
_PLACE = "path/of/this/adapter"
_HEAD = """---
library_name: metaadapter
pipeline_tag: image-classification
tags: [clip, few-shot, adapter]
---
"""
# YAML between two lines of dashes, before the text.
_METADATA = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?\r?\n)?---[ \t]*(?:\r?\n|$)", re.DOTALL)


def adapter_card(adapter: StoredAdapter, old: bytes) -> bytes:
    """Return the card of an adapter, which keeps the author's words in the `old` one."""
    return renew_card(old, _HEAD, facts_of(adapter))


def renew_card(old: bytes, head: str, facts: str) -> bytes:
    """Return a card with its facts replaced, or put after `head` and facts if it has none."""
    words = old.decode(errors="surrogateescape")
    facts = f"{_BEGIN}\n{facts}\n{_END}"
    if _BEGIN in words and _END in words:
        text = words.split(_BEGIN, 1)[0] + facts + words.split(_END, 1)[1]
    else:
        text = f"{head}\n{facts}\n" + (f"\n{words}" if words else "")
    return text.encode(errors="surrogateescape")


def card_with_metadata(
    old: bytes,
    facts: str,
    values: Mapping[str, str | list[str]],
    tags: Sequence[str],
    license_name: str | None,
) -> bytes:
    """Return a card for the hub with these facts in its text and metadata; all else stays.

    Args:
        old: The card so far, perhaps empty.
        facts: The facts of the text.
        values: The facts of the metadata.
        tags: Added to the tags of the author.
        license_name: Replaces the licence in the card; None keeps it.

    Raises:
        DataError: The metadata of the old card are no YAML.
    """
    import yaml

    text = old.decode(errors="surrogateescape")
    match = _METADATA.match(text)
    try:
        head: Any = yaml.safe_load(match[1] or "") if match else None
    except yaml.YAMLError as error:
        raise DataError(
            f"the metadata at the top of the card are no YAML ({error}); correct the card on the "
            "hub, and push again"
        ) from error
    if match and not isinstance(head, dict | None):
        match = None  # text between two rules
    before = head if isinstance(head, dict) else {}
    tags_before = before.get("tags") or []
    known = map(str, tags_before if isinstance(tags_before, list) else [tags_before])
    metadata = {**before, **values, "tags": list(dict.fromkeys([*known, *tags]))}
    if license_name is not None:
        metadata["license"] = license_name
    lines = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)
    body = text[match.end() :] if match else text
    new = renew_card(body.encode(errors="surrogateescape"), "", facts)
    return f"---\n{lines}---\n".encode() + new


def facts_of(adapter: StoredAdapter, repository: str = "") -> str:
    """Return the facts of a card, in Markdown.

    Their code loads the adapter from the `repository` of the hub, "" for a place on a machine.
    """
    config, origin = adapter.config, adapter.config.origin
    encoder = in_markdown(origin.encoder) if origin.encoder else "not recorded"
    generator = in_markdown(f"{config.generator}, {config.generator_id}")
    no_names = [""] * len(config.classes)
    descriptions = config.descriptions or [[] for _ in no_names]
    names = [
        "; ".join([name, *sentences])
        for name, sentences in zip(config.class_names or no_names, descriptions, strict=True)
    ]
    rows = "\n".join(
        f"| {in_markdown(label)} | {in_markdown(name)} | {shots} |"
        for label, name, shots in zip(config.classes, names, config.n_shots, strict=True)
    )
    several = origin.n_views > 1
    views = f", {origin.n_views} views each (seed {origin.seed})" if several else ""
    arguments = f", views={origin.n_views}, seed={origin.seed}" if several else ""
    looks = f"zoom={origin.zoom}" + (f", blocks={origin.block_names}" if origin.blocks else "")
    no_texts = "\nNames of classes say nothing: it had no texts." if adapter.has_no_texts else ""
    towers = f"\nThe encoder has {config.inside}." if config.inside else ""
    without = "in one forward pass" if config.inside else "without gradients"
    steps = f"and {config.n_steps} gradient steps" if config.n_steps else without
    load, import_line = f"load_encoder({one_line(origin.encoder or '…')!r}, {looks})", ""
    if config.inside:
        import_line = "from metaadapter.adapter import adapted_encoder, load_adapter\n"
        place = f"{PREFIX}{repository}" if repository else _PLACE
        load = f"adapted_encoder(\n    {load},\n    load_adapter({place!r}),\n)"
    pool = f" and {config.n_unlabelled} unlabelled ones" if config.n_unlabelled else ""
    call = f'from_pretrained("{repository}")' if repository else f'load("{_PLACE}")'
    command = f"metaadapter predict {PREFIX}{repository} picture.jpg"
    shell = f"\n\n```sh\n{command}\n```" if repository else ""
    package, kind, labels = "metaadapter", "MetaAdapterClassifier", ""
    if config.several is not None:
        package, kind = "metaadapter.workflow", "SeveralLabelsClassifier"
        labels = ", several of which a picture may show"
        call = call.replace('from_pretrained("', f'load("{PREFIX}')
    return f"""# A few-shot adapter for {len(config.classes)} classes{labels}

Predicted by metaadapter {in_markdown(config.library_version)} from {config.n_pictures} labelled
pictures{pool}{views}, {steps} (generator {generator}; mode
{in_markdown(config.mode)}). It works on features of the frozen encoder {encoder}, {config.width}
wide, whose licence also applies, and holds no picture.{no_texts}{towers}

| class | name read by the encoder | pictures |
|---|---|---|
{rows}

```python
from {package} import {kind}
{import_line}from metaadapter.features import load_encoder

encoder = {load}
classifier = {kind}.{call}
classifier.predict_proba(encoder.encode_images(["picture.jpg"]{arguments}))
```{shell}"""
