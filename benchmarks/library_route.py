"""The time to route a picture in libraries of 10 to 1,000 adapters of 10 classes × 3,008."""

from __future__ import annotations

import subprocess
import sys
import tempfile

N_WAY, N_SHOT, WIDTH = 10, 4, 3008
SIZES = 10, 100, 1000
# The pictures of a batch belong to the first ten entries, in each library.
N_ASKED, N_QUERIES, N_BATCHES = 10, 100, 30

CREATE = """
import sys
import torch
from dataclasses import replace
from pathlib import Path
from torch.nn.functional import normalize
from metaadapter import AdapterLibrary, MetaAdapterClassifier
from metaadapter.adapter import StoredAdapter
from metaadapter.adapter.files import skill_bytes
draw = torch.Generator().manual_seed(0)
folder = Path(sys.argv[1])
libraries = {size: AdapterLibrary.open(folder / str(size)) for size in SIZES}
for number in range(max(SIZES)):
    rows = normalize(torch.randn(N_WAY * N_SHOT, WIDTH, generator=draw), dim=-1)
    if number < N_ASKED:
        labels = [f"class {number}-{place % N_WAY}" for place in range(N_WAY * N_SHOT)]
        texts = {name: torch.randn(WIDTH, generator=draw).numpy() for name in labels}
        classifier = MetaAdapterClassifier(texts, logit_scale=100.0).fit(rows.numpy(), labels)
        libraries[max(SIZES)].add("entry", classifier, replace=True)
        stored = libraries[max(SIZES)].stored("entry")
        libraries[max(SIZES)].remove("entry")
    # No picture goes to the other entries, so only the means of their classes matter.
    signature = replace(stored.task_signature, means=rows.view(N_SHOT, N_WAY, -1).mean(0))
    content = skill_bytes(StoredAdapter(stored.weights, stored.config, None, (), signature))
    for size, library in libraries.items():
        if number < size:
            (library.folder / "entries" / f"{number:04d}.adapter").write_bytes(content)
"""
ROUTE = """
import sys, time
from pathlib import Path
import torch
from torch.nn.functional import normalize
from metaadapter import AdapterLibrary
draw = torch.Generator().manual_seed(1)
libraries = [AdapterLibrary.open(Path(sys.argv[1]) / str(size), create=False) for size in SIZES]
means = torch.cat([entry.classes.means_ND.float() for entry in libraries[0].entries()])
noise = normalize(torch.randn(N_QUERIES, WIDTH, generator=draw), dim=-1)
rows = normalize(normalize(means, dim=-1) + 0.5 * noise, dim=-1).numpy()
seconds = {size: [] for size in SIZES}
for batch in range(N_BATCHES):
    for size, library in zip(SIZES, libraries, strict=True):
        start = time.perf_counter()
        routed = library.route(rows)
        seconds[size].append(time.perf_counter() - start)
        assert sorted(set(routed.entries)) == [f"{number:04d}" for number in range(N_ASKED)]
for batches in seconds.values():
    print(sorted(batches)[N_BATCHES // 2] / N_QUERIES)
"""


def measure() -> dict[str, float]:
    """Median milliseconds per picture, with the entries and the adapters in memory."""
    with tempfile.TemporaryDirectory() as folder:
        _run(CREATE, folder)
        seconds = [float(line) for line in _run(ROUTE, folder).split()]
    times = {
        f"route_{size}_entries_milliseconds_a_picture": 1000 * median
        for size, median in zip(SIZES, seconds, strict=True)
    }
    return {**times, "route_largest_to_smallest_ratio": seconds[-1] / seconds[0]}


def _run(code: str, folder: str) -> str:
    # A process of its own knows the sizes as they are now.
    sizes = f"N_WAY, N_SHOT, WIDTH, SIZES = {N_WAY, N_SHOT, WIDTH, SIZES}\n"
    sizes += f"N_ASKED, N_QUERIES, N_BATCHES = {N_ASKED, N_QUERIES, N_BATCHES}"
    command = [sys.executable, "-c", sizes + code, folder]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
