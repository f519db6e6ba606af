"""The time to query and to change a library of 1,000 adapters (10 classes × 4 shots × 3,008)."""

from __future__ import annotations

import subprocess
import sys
import tempfile

N_ENTRIES, N_WAY, N_SHOT, WIDTH = 1000, 10, 4, 3008

# Separate processes, so that nothing is in memory from an earlier step.
CREATE = """
import sys
import torch
from torch.nn.functional import normalize
from metaadapter import AdapterLibrary, MetaAdapterClassifier
draw = torch.Generator().manual_seed(0)
library = AdapterLibrary.open(sys.argv[1])
for seed in range(10):
    rows = normalize(torch.randn(N_WAY * N_SHOT, WIDTH, generator=draw), dim=-1).numpy()
    labels = [f"class {number % N_WAY}" for number in range(N_WAY * N_SHOT)]
    texts = {name: torch.randn(WIDTH, generator=draw).numpy() for name in labels}
    classifier = MetaAdapterClassifier(texts, logit_scale=100.0).fit(rows, labels)
    library.add(f"{seed}", classifier)
    content = library.path(f"{seed}").read_bytes()
    for number in range(1, N_ENTRIES // 10):
        (library.folder / "entries" / f"{seed}-{number}.adapter").write_bytes(content)
print(len(content) / 2**20)
"""
OPEN = """
import sys, time
from metaadapter import AdapterLibrary
start = time.perf_counter()
entries = AdapterLibrary.open(sys.argv[1], create=False).entries()
seconds = time.perf_counter() - start
assert len(entries) == N_ENTRIES and not any(entry.damaged for entry in entries)
print(seconds)
"""
CHANGE = """
import sys, time
from metaadapter import AdapterLibrary
library = AdapterLibrary.open(sys.argv[1], create=False)
classifier = library.load("0")
start = time.perf_counter()
library.add("1", classifier, replace=True)
print(time.perf_counter() - start)
"""


def measure() -> dict[str, float]:
    """Seconds for each step, and the size of an entry in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        entry_mib = float(_run(CREATE, folder))
        opened = float(_run(OPEN, folder))
        added = float(_run(CHANGE, folder))
    return {
        "open_seconds": opened,
        "add_seconds": added,
        "entry_mib": entry_mib,
    }


def _run(code: str, *arguments: str) -> str:
    # A process of its own knows the sizes as they are now.
    sizes = f"N_ENTRIES, N_WAY, N_SHOT, WIDTH = {N_ENTRIES, N_WAY, N_SHOT, WIDTH}"
    command = [sys.executable, "-c", sizes + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
