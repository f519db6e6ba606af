from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from metaadapter.workflow.run_predict import predict


@pytest.fixture(params=["tar", "parquet"])
def packed(request, tmp_path, labelled) -> Path:
    """The labelled pictures in two tar or Parquet files."""
    folder = tmp_path / "packed"
    folder.mkdir()
    paths = sorted(labelled.glob("*/*.png"))
    for number in range(2):
        some = paths[number::2]
        if request.param == "tar":
            with tarfile.open(folder / f"{number}.tar", "w") as archive:
                for path in some:
                    archive.add(path, path.relative_to(labelled))
        else:
            cells = [{"bytes": path.read_bytes(), "path": path.name} for path in some]
            table = pyarrow.table({"image": cells, "label": [path.parent.name for path in some]})
            pyarrow.parquet.write_table(table, folder / f"{number}.parquet")
    return folder


def test_adapt_and_predict__packed_pictures__are_as_those_of_files(
    adapted, adapter, labelled, packed
):
    from_packed, from_files = adapted(packed), adapted(labelled)

    one, other = (
        sorted((p.label, p.probability) for p in predict(adapter, [source]).predictions())
        for source in (packed, labelled)
    )

    assert [label for label, _ in one] == [label for label, _ in other]
    np.testing.assert_allclose([p for _, p in one], [p for _, p in other], atol=1e-4)
    assert all(p.in_support for p in predict(adapter, [packed]).predictions())
    assert from_packed.labelled.counts == from_files.labelled.counts
