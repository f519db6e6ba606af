"""The program that `test_encode_on_ray.py` starts: a Ray cluster of two machines, on this one.

Prints the address. It loses the second machine when it reads a line, and ends at the next one.
"""

from __future__ import annotations

import sys

from ray.cluster_utils import Cluster

if __name__ == "__main__":
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = cluster.add_node(num_cpus=1)
    print(cluster.address, flush=True)
    sys.stdin.readline()
    cluster.remove_node(second, allow_graceful=False)
    print("lost", flush=True)
    sys.stdin.readline()
    cluster.shutdown()
