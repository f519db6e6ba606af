"""The model card of an adapter of pairs."""

from __future__ import annotations

from metaadapter.adapter.card import renew_card
from metaadapter.data.plain_text import in_markdown, one_line
from metaadapter.labs.ranking.pairs_config import PairsConfig

MOST_SHOWN = 20
_HEAD = """---
library_name: metaadapter
pipeline_tag: zero-shot-image-classification
tags: [clip, few-shot, adapter, image-text-retrieval]
---
"""


def pairs_card(config: PairsConfig, old: bytes = b"") -> bytes:
    """Return the card of an adapter of captions; the author's words in the `old` one stay."""
    return renew_card(old, _HEAD, _facts(config))


def _facts(config: PairsConfig) -> str:
    origin, n = config.origin, len(config.captions)
    encoder = in_markdown(origin.encoder) if origin.encoder else "not recorded"
    shown = "\n".join(f"- {in_markdown(caption)}" for caption in config.captions[:MOST_SHOWN])
    more = f"\n- … ({n} in all)" if n > MOST_SHOWN else ""
    looks = f"zoom={origin.zoom}" + (f", blocks={origin.block_names}" if origin.blocks else "")
    return f"""# An adapter that orders captions and pictures

Fitted by metaadapter {in_markdown(config.library_version)} to {n} pairs of a picture and its
caption, in closed form. It works on features of the frozen encoder {encoder}, {config.width}
wide, whose licence also applies, and holds no picture, only features and these captions:

{shown}{more}

```python
from pathlib import Path

from metaadapter.features import load_encoder
from metaadapter.labs import fit_pairs, load_pairs, search

encoder = load_encoder({one_line(origin.encoder or "…")!r}, {looks})
pairs = load_pairs(Path("path/of/this/adapter"))
adapter = fit_pairs(pairs.pictures, pairs.captions)
captions = adapter.caption_rows(encoder.encode_texts(["a caption"], templates="{{}}"))
pictures = adapter.picture_rows(encoder.encode_images(["picture.jpg"]))
matches = search(captions, pictures, k=10)
```"""
