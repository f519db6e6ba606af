# ruff: noqa
"""Processor time of tiny's forward pass on one thread: run it in two checkouts by turns; looks at once."""
import resource, statistics, sys, time, torch

torch.set_num_threads(1)
from metaadapter.apps.cli.process import share_one_heap
from metaadapter.features.encoder import FrozenEncoder

share_one_heap()
encoder = FrozenEncoder.load("tiny")
n = int(sys.argv[1]) // 2 if len(sys.argv) > 1 else 2
pixels = torch.randn(n, 2, 3, 224, 224)
encoder.encode_looks(pixels), encoder.encode_looks(pixels)
times, n_times = [], 120 // n
before = resource.getrusage(resource.RUSAGE_SELF)
for _ in range(n_times):
    start = time.process_time()
    encoder.encode_looks(pixels)
    times.append(1e3 * (time.process_time() - start) / n)
after = resource.getrusage(resource.RUSAGE_SELF)
system = 1e3 * (after.ru_stime - before.ru_stime) / n / n_times
print(f"{2 * n} looks: best {min(times):.1f} ms a picture, median {statistics.median(times):.1f}, system {system:.1f}")
