"""What the name of a column says of it: where or when a case was scanned, or whose it is."""

from __future__ import annotations

import re

_HUMP = re.compile(r"(?<=[a-z\d])(?=[A-Z])")
_WHERE_OR_WHEN = re.compile(
    r"(?:^|[_\W])(?:site|cent(?:er|re)|hospital|institution|clinic|scanner|station|machine|vendor|manufacturer|"
    r"(?:scanner|machine)_?(?:model|type)|model_?name|device|coil|field_?strength|tesla|protocol|batch|dataset|"
    r"(?:\w+_)?date|acquired|acquisition|year)(?:[_\W](?:id|name|no|nr|of_\w+))?$",
    re.IGNORECASE,
)
_WHO = re.compile(
    r"(?:^|[_\W])(?:patient|subject|person|participant|mrn)(?:[_\W]?(?:id|name|no|nr|number|code))?$", re.IGNORECASE
)


def tells_where_or_when(name: str) -> bool:
    """Return whether a name is of a site, a scanner or a date: `scan_date`, `StudyDate`, `ScannerModel`."""
    return bool(_WHERE_OR_WHEN.search(_HUMP.sub("_", name)))


def tells_who(name: str) -> bool:
    """Return whether a name is of a person: `subject`, `PatientID`."""
    return bool(_WHO.search(_HUMP.sub("_", name)))
