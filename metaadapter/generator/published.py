"""A generator as others get it: its weights and constants, with a card for its repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from metaadapter.adapter.card import renew_card
from metaadapter.adapter.card_head import card_with_metadata
from metaadapter.data.hub import PREFIX
from metaadapter.data.hub_upload import Kind, Pushed, push_files
from metaadapter.data.plain_text import in_markdown
from metaadapter.errors import UsageError
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.elsewhere import Elsewhere
from metaadapter.generator.generator import Generator
from metaadapter.generator.pretrained import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    generator_id,
    save_generator,
)

GENERATOR = Kind(
    "a generator", (CONFIG_FILE, WEIGHTS_FILE), config=CONFIG_FILE, schema="metaadapter.generator/"
)
TAGS = ("few-shot", "meta-learning", "hypernetwork", "adapter")


def push_generator(
    generator: AdapterGenerator,
    repository: str,
    *,
    private: bool = False,
    license_name: str | None = None,
) -> Pushed:
    """Write the weights and constants of a generator to a repository of the hub, in one commit.

    The code of a generator of your own is not written. Errors are those of `push_files`.
    """
    if isinstance(generator, Elsewhere):
        raise UsageError("'elsewhere' ships with metaadapter and has no weights of its own to push")
    with TemporaryDirectory() as folder:
        save_generator(generator, folder)
        names = (CONFIG_FILE, WEIGHTS_FILE)
        contents = {name: (Path(folder) / name).read_bytes() for name in names}
    facts = _facts(generator, repository)

    def new_card(old: bytes, _: Mapping[str, Path]) -> bytes:
        values: dict[str, str | list[str]] = {"library_name": "metaadapter"}
        return card_with_metadata(
            old, lambda text: renew_card(text, "", facts), values, TAGS, license_name
        )

    return push_files(repository, GENERATOR, contents, new_card, private=private)


def _facts(generator: AdapterGenerator, repository: str) -> str:
    kind, place = type(generator).__name__, f"{PREFIX}{repository}"
    n_numbers = sum(weights.numel() for weights in generator.parameters())
    head = f"""# A generator of few-shot adapters

{n_numbers:,} parameters; identity `{generator_id(generator)}`. From a few labelled pictures it
predicts the weights of an adapter in one forward pass, for the features of any encoder."""
    if not isinstance(generator, Generator):
        return f"""{head}

Its class {in_markdown(kind)} is not in this repository: `load_generator("FILE.py:{kind}@{place}")`
with the author's file, or `{kind}.from_pretrained("{repository}")`."""
    return f"""{head}

```python
from metaadapter import Generator, MetaAdapterClassifier

generator = Generator.from_pretrained("{repository}")
classifier = MetaAdapterClassifier(generator=generator)
```

```sh
metaadapter adapt PICTURES --out ADAPTER --generator {place}
```"""
