"""What the name of a feature says: `sequence@visit/region/filter_class_Feature`."""

from __future__ import annotations

from typing import NamedTuple

PARTS = ("region", "sequence", "class", "filter")
"""By which columns are summed; the fields of `Read` but the visit, which stays with the sequence."""


class Read(NamedTuple):
    """Parts of a name; "" where it has none."""

    region: str = ""
    sequence: str = ""
    klass: str = ""
    filter: str = ""


def read_name(name: str) -> Read:
    """Return the parts of a column's name; of one that is no feature of an image, none.

    Features that are measured of shapes or by a network have no filter: "pd/tibia/deep_0-1_12" is of class deep.
    """
    parts = name.split("/")
    if len(parts) != 3:
        return Read()
    sequence, region, last = parts
    words = last.split("_")
    if words[0] == "deep" or len(words) < 3:
        return Read(region, sequence, words[0])
    return Read(region, sequence, words[1], words[0])
