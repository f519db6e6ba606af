"""Trains with whole families of sets left out in turn. Trial: `python trials/leave_out.py STORES OUT [FAMILY…]`.

Each run is the default training with a quarter of its steps, without validation (the last average is kept) and without
every source whose stores are of the family, degraded copies and other encoders included.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

FAMILIES = {
    "none": (),
    "photographs": ("tiny-imagenet",),
    "things": ("caltech101",),
    "emoji": ("emoji",),
    "characters": ("omniglot",),
    "rubbish": ("trashnet",),
    "pacs": ("pacs",),
}
DEFAULT = Path("configs/train/default.toml")


def config_without(prefixes: tuple[str, ...]) -> str:
    head, *tables = DEFAULT.read_text().split("\n[[data.")
    tail = tables[-1].split("\n[episodes]")[1]
    kept = []
    for table in tables:
        table = table.split("\n[episodes]")[0]
        if table.startswith("validation"):
            continue
        stores = tomllib.loads("[[data." + table)["data"]["sources"][0]["stores"]
        if not any(store.startswith(prefix) for store in stores for prefix in prefixes):
            kept.append("[[data." + table)
    tail = (
        tail.split("\n[validate]")[0]
        .replace("steps = 6000", "steps = 1500")
        .replace("0.998", "0.995")
    )
    return "\n".join([head, *kept, "[episodes]" + tail])


def main() -> None:
    stores, out, *chosen = sys.argv[1:]
    for family in chosen or FAMILIES:
        config = DEFAULT.parent / f"leave-{family}.toml"
        config.write_text(config_without(FAMILIES[family]))
        command = [
            "metaadapter",
            "train",
            config,
            "--set",
            f"data.root={stores}",
            "--out",
            Path(out) / family,
        ]
        subprocess.run(command, check=True)
        config.unlink()


main()
