"""The adapter's model card: facts between two marks, the author's own text kept around them."""

from __future__ import annotations

from metaadapter.adapter.config import AdapterConfig

__all__ = ["card"]

CARD_FILE = "README.md"
BEGIN, END = "<!-- metaadapter: facts -->", "<!-- metaadapter: end of facts -->"


def card(config: AdapterConfig, old: str = "") -> str:
    """The text of the card: facts put into the `old` one where it has their marks."""
    facts = f"{BEGIN}\n{_facts(config)}\n{END}"
    if BEGIN in old and END in old:
        return old.split(BEGIN, 1)[0] + facts + old.split(END, 1)[1]
    return f"{_HEAD}\n{facts}\n" + (f"\n{old}" if old else "")


_HEAD = """---
library_name: metaadapter
pipeline_tag: image-classification
tags: [clip, few-shot, adapter]
---
"""


def _facts(config: AdapterConfig) -> str:
    origin = config.origin
    encoder = f"`{origin.encoder}`" if origin.encoder else "not recorded"
    rows = "\n".join(
        f"| {label} | {name} | {shots} |"
        for label, name, shots in zip(
            config.classes,
            config.class_names or [""] * len(config.classes),
            config.n_shots,
            strict=True,
        )
    )
    several = origin.n_views > 1
    steps = f"and {config.n_steps} gradient steps" if config.n_steps else "without gradients"
    views = f", {origin.n_views} views each (seed {origin.seed})" if several else ""
    arguments = f", views={origin.n_views}, seed={origin.seed}" if several else ""
    return f"""# A few-shot adapter for {len(config.classes)} classes

Predicted by metaadapter {config.library_version} from {sum(config.n_shots)} labelled
pictures{views}, {steps} (generator `{config.generator}`, {config.generator_id}; mode
`{config.mode}`). It works on features of the frozen encoder {encoder}, {config.width} wide, whose
licence also applies, and holds no picture.

| class | name read by the encoder | pictures |
|---|---|---|
{rows}

```python
from metaadapter import MetaAdapterClassifier
from metaadapter.features import load_encoder

encoder = load_encoder("{origin.encoder or "…"}")
classifier = MetaAdapterClassifier.load("path/of/this/folder")
classifier.predict_proba(encoder.encode_images(["picture.jpg"]{arguments}))
```"""
