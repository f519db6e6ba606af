"""The largest supported task: 1,000 classes × 16 shots × 512, within 8 GiB."""

from __future__ import annotations

import subprocess
import sys

N_WAY, N_SHOT, WIDTH = 1_000, 16, 512

# A separate process, so that its peak memory is the peak of this task.
CODE = f"""
import resource, time, torch
from torch.nn.functional import normalize
from metaadapter.adapter import Support
from metaadapter.generator import load_generator
draw = torch.Generator().manual_seed(0)
support = normalize(torch.randn(1, {N_WAY}, {N_SHOT}, {WIDTH}, generator=draw), dim=-1)
text = normalize(torch.randn(1, {N_WAY}, {WIDTH}, generator=draw), dim=-1)
generator = load_generator("default")
start = time.perf_counter()
weights = generator.predict(Support.of_tasks(support, text))
seconds = time.perf_counter() - start
assert weights.classes.isfinite().all()
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def measure() -> dict[str, float]:
    """Seconds to predict the adapter, and the peak memory of the process in GiB."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    seconds, peak = map(float, done.stdout.split())
    return {"seconds": seconds, "peak_gib": peak}
