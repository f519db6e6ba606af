"""The model card of an adapter: facts, and the words that its author adds around them."""

from __future__ import annotations

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.files.hub import PREFIX
from metaadapter.files.plain_text import in_markdown, one_line

_BEGIN, _END = "<!-- metaadapter: facts -->", "<!-- metaadapter: end of facts -->"
_PLACE = "path/of/this/adapter"
_HEAD = """---
library_name: metaadapter
pipeline_tag: image-classification
tags: [clip, few-shot, adapter]
---
"""


def adapter_card(adapter: StoredAdapter, old: bytes) -> bytes:
    """Return the card of an adapter, which keeps the author's words in the `old` one."""
    return renew_card(old, _HEAD, _facts_of(adapter))


def renew_card(old: bytes, head: str, facts: str) -> bytes:
    """Return a card with its facts replaced, or put after `head` and facts if it has none."""
    words = old.decode(errors="surrogateescape")
    facts = f"{_BEGIN}\n{facts}\n{_END}"
    if _BEGIN in words and _END in words:
        text = words.split(_BEGIN, 1)[0] + facts + words.split(_END, 1)[1]
    else:
        text = f"{head}\n{facts}\n" + (f"\n{words}" if words else "")
    return text.encode(errors="surrogateescape")


def _facts_of(adapter: StoredAdapter) -> str:
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
        load = f"adapted_encoder(\n    {load},\n    load_adapter({_PLACE!r}),\n)"
    pool = f" and {config.n_unlabelled} unlabelled ones" if config.n_unlabelled else ""
    package, kind, labels = "metaadapter", "MetaAdapterClassifier", ""
    if config.several is not None:
        package, kind = "metaadapter.workflow", "SeveralLabelsClassifier"
        labels = ", several of which a picture may show"
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
classifier = {kind}.load("{_PLACE}")
classifier.predict_proba(encoder.encode_images(["picture.jpg"]{arguments}))
```

If this repository is on the hub, the place is {PREFIX}ORGANISATION/NAME."""
