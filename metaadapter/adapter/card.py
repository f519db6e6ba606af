"""The adapter's model card: facts between two marks, the author's own text kept around them."""

from __future__ import annotations

from pathlib import Path

from metaadapter.adapter.config import AdapterConfig

__all__ = ["write_card"]

CARD_FILE = "README.md"
BEGIN, END = "<!-- metaadapter: facts -->", "<!-- metaadapter: end of facts -->"


def write_card(folder: Path, config: AdapterConfig) -> None:
    """Create the card, or replace the facts in one that is there."""
    path = folder / CARD_FILE
    facts = f"{BEGIN}\n{_facts(config)}\n{END}"
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if BEGIN in old and END in old:
        before, after = old.split(BEGIN, 1)[0], old.split(END, 1)[1]
        path.write_text(before + facts + after, encoding="utf-8")
    else:
        path.write_text(f"{_HEAD}\n{facts}\n{old and chr(10) + old}", encoding="utf-8")


_HEAD = """---
library_name: metaadapter
pipeline_tag: image-classification
tags: [clip, few-shot, adapter]
---
"""


def _facts(config: AdapterConfig) -> str:
    encoder = f"`{config.encoder}`" if config.encoder else "not recorded"
    rows = "\n".join(
        f"| {label} | {name} | {shots} |"
        for label, name, shots in zip(
            config.classes,
            config.class_names or [""] * len(config.classes),
            config.n_shots,
            strict=True,
        )
    )
    views = f", {config.n_views} views each (seed {config.seed})" if config.n_views > 1 else ""
    return f"""# A few-shot adapter for {len(config.classes)} classes

Predicted by metaadapter {config.library_version} from {sum(config.n_shots)} labelled
pictures{views}, without gradients (generator `{config.generator}`, {config.generator_id}; mode
`{config.mode}`). It works on features of the frozen encoder {encoder}, {config.width} wide, whose
licence also applies, and holds no picture.

| class | name read by the encoder | pictures |
|---|---|---|
{rows}

```python
from metaadapter import FrozenEncoder, MetaAdapterClassifier

encoder = FrozenEncoder.load("{config.encoder or "…"}")
classifier = MetaAdapterClassifier.load("path/of/this/folder")
classifier.predict_proba(encoder.encode_images(["picture.jpg"]{_views_argument(config)}))
```"""


def _views_argument(config: AdapterConfig) -> str:
    return f", views={config.n_views}, seed={config.seed}" if config.n_views > 1 else ""
