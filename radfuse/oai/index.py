"""The index of OAI's series: resumed where it stopped, one row a series, as parquet beside the cohort table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from radfuse.errors import InputError
from radfuse.oai.headers import Batch, read_batch
from radfuse.oai.layout import Place, Unread, walk
from radfuse.run.folder import Progress
from radfuse.run.index import grown_index


def index_series(root: Path, file: Path, progress: Progress = lambda *_: None) -> tuple[pd.DataFrame, list[Unread]]:
    """Return a row a series, and the folders that nobody may look into; reads what is new or changed alone.

    Args:
        root: OAI's folder, at or above its releases.
        file: parquet that holds the index; written while it grows, so that a kill loses some seconds.
        progress: told of the series read.

    Raises:
        InputError: no folder, no release below it, or a file that is no index.
        RunError: it cannot be written.
    """
    if not root.is_dir():
        raise InputError(f"there is no folder {root}; give the one in which OAI's releases lie, as 0.C.2 or 0.E.1")
    found = list(walk(root))
    places = [item for item in found if isinstance(item, Place)]
    unread = [item for item in found if isinstance(item, Unread)]
    if not places:
        lying = f"; {unread[0].folder.split('/')[0]} {unread[0].reason}" if unread else ""  # names nobody
        raise InputError(
            f"{root} holds no series of OAI: RELEASE/ID/YYYYMMDD/BARCODE, as 0.C.2/9007827/20041006/10263609{lying}"
        )
    return grown_index(file, places, lambda some: Batch(root, some), read_batch, progress), unread
