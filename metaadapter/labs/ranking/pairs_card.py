"""The model card of an adapter that orders captions and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaadapter.adapter.config import BEGIN, END
from metaadapter.data.plain_text import in_markdown, one_line

if TYPE_CHECKING:
    from metaadapter.labs.ranking.stored_pairs import PairsConfig

MOST_SHOWN = 20
_HEAD = """---
library_name: metaadapter
pipeline_tag: zero-shot-image-classification
tags: [clip, few-shot, adapter, image-text-retrieval]
---
"""


def pairs_card(config: PairsConfig, old: bytes = b"") -> bytes:
    """The text of the card: facts put into the `old` one where it has their marks."""
    facts, kept = f"{BEGIN}\n{_facts(config)}\n{END}", old.decode(errors="surrogateescape")
    if BEGIN in kept and END in kept:
        text = kept.split(BEGIN, 1)[0] + facts + kept.split(END, 1)[1]
    else:
        text = f"{_HEAD}\n{facts}\n" + (f"\n{kept}" if kept else "")
    return text.encode(errors="surrogateescape")


def _facts(config: PairsConfig) -> str:
    origin, n = config.origin, len(config.captions)
    encoder = in_markdown(origin.encoder) if origin.encoder else "not recorded"
    shown = "\n".join(f"- {in_markdown(caption)}" for caption in config.captions[:MOST_SHOWN])
    more = f"\n- … ({n} in all)" if n > MOST_SHOWN else ""
    seen = f"zoom={origin.zoom}" + (f", blocks={origin.block_names}" if origin.blocks else "")
    return f"""# An adapter that orders captions and pictures

Fitted by metaadapter {in_markdown(config.library_version)} to {n} pairs of a picture and its
caption, in closed form. It works on features of the frozen encoder {encoder}, {config.width}
wide, whose licence also applies, and holds no picture, only features and these captions:

{shown}{more}

```python
from pathlib import Path
from metaadapter.features import load_encoder
from metaadapter.labs.ranking import fit_pairs, load_pairs, search

encoder = load_encoder({one_line(origin.encoder or "…")!r}, {seen})
pairs = load_pairs(Path("path/of/this/adapter"))
adapter = fit_pairs(pairs.pictures, pairs.captions)
captions = adapter.caption_rows(encoder.encode_texts(["a caption"], templates="{{}}"))
pictures = adapter.picture_rows(encoder.encode_images(["picture.jpg"]))
found = search(captions, pictures, k=10)
```"""
