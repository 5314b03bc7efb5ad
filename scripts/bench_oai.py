"""How long `radfuse oai index` takes on a fake tree of tiny series, the first time and the second.

python scripts/bench_oai.py --series 20000
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

from radfuse.oai.index import index_series
from radfuse.phantom.oai import tiny, write_series


def tree(root: Path, series: int) -> None:
    """Write so many series of two files, ten to a visit: one is made, the others are copies with the person's id."""
    model = root / "1"
    about = {"PatientID": "9000000", "StudyDate": "20041006", "StudyInstanceUID": "1.2.826.7.1"}
    write_series(model, tiny(2), "right", "SAG_3D_DESS", about)
    contents = {file.name: file.read_bytes() for file in model.iterdir()}
    for number in range(series):
        person = f"{9_000_001 + number // 10}"
        folder = root / "0.C.2" / person / "20041006" / f"{10_000_000 + number}"
        folder.mkdir(parents=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content.replace(b"9000000", person.encode()))
    shutil.rmtree(model)


def main() -> None:
    """Print seconds of writing, of the first index and of the second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=20_000)
    count = parser.parse_args().series
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        began = time.perf_counter()
        tree(root / "images", count)
        print(f"wrote {count} series in {time.perf_counter() - began:.1f} s")
        for which in ("first", "second"):
            began = time.perf_counter()
            index, _ = index_series(root / "images", root / "series.parquet")
            took, load = time.perf_counter() - began, os.getloadavg()[0]
            print(f"{which} index of {len(index)} series: {took:.2f} s (load {load:.1f} on {os.cpu_count()} cores)")
            assert index["fault"].isna().all(), index["fault"].dropna().iloc[0]


if __name__ == "__main__":
    main()
