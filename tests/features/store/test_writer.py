from __future__ import annotations


def test_commit__files_beside_the_store__only_its_own_earlier_ones_go(encode, pictures, tmp_path):
    out = tmp_path / "store"
    encode()
    mine = [
        "features-2021.csv",
        "rows-1.txt",
        "rows-1.csv",
        "texts-0001.csv",
        "features-0001.npy.gz",
    ]
    cut_off = ["features-0007.npy", "rows-0007.npz", "texts-12345.npy", "rows-0007.npz.tmp"]
    for name in (*mine, *cut_off):
        (out / name).touch()
    (pictures / "heron/000.png").unlink()

    encode()

    store = {"store.json", ".lock", "features-0002.npy", "rows-0002.npz", "texts-0002.npy"}
    store |= {"chunks-0002.npy", "inputs-0002.csv"}
    assert {path.name for path in out.iterdir()} == store | set(mine)
