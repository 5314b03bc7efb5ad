"""What labels are called in SNOMED CT, as DICOM codes segments.

The codes are those of DICOM's context groups (PS3.16, Annex D), as pydicom's dictionary of concepts lists them. A name
that says nothing here is coded by itself, under radfuse's private scheme: no code is guessed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

PRIVATE = "99RADFUSE"
"""Scheme of names that have no code elsewhere; DICOM's private schemes begin with 99."""
_SPELLED = re.compile(r"[A-Z0-9_]{1,16}:[A-Za-z0-9.\-]{1,16}:[^\\:]{1,64}")
_LONGEST_MEANING = 64


@dataclass(frozen=True)
class Concept:
    """A coded word: value, scheme and meaning."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class Coded:
    """What a segment is: its category, its type, and the part of the body where it is known."""

    category: Concept
    kind: Concept
    region: Concept | None = None


def sct(value: str, meaning: str) -> Concept:
    """Return a concept of SNOMED CT."""
    return Concept(value, "SCT", meaning)


def private(name: str) -> Concept:
    """Return a concept of our own for a name: the same on every machine."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return Concept(f"R-{digest}", PRIVATE, name[-_LONGEST_MEANING:])


_TISSUE = sct("85756007", "Tissue")
_STRUCTURE = sct("123037004", "Anatomical Structure")
_ALTERED = sct("49755003", "Morphologically Altered Structure")
_REGIONS = {
    "femor": sct("71341001", "Femur"),
    "femur": sct("71341001", "Femur"),
    "tibia": sct("12611008", "Tibia"),
    "patell": sct("64234005", "Patella"),
    "fibula": sct("87342007", "Fibula"),
    "l1": sct("66794005", "L1 vertebra"),
    "l2": sct("14293000", "L2 vertebra"),
    "l3": sct("36470004", "L3 vertebra"),
    "l4": sct("11994002", "L4 vertebra"),
    "l5": sct("49668003", "L5 vertebra"),
}
"""Stem of a word -> the part of the body; also the type of a label that says no more."""
_KINDS = {
    "cartilage": (_TISSUE, sct("309312004", "Cartilage tissue")),
    "menisc": (_STRUCTURE, sct("74135004", "Meniscus")),
    "marrow": (_TISSUE, sct("14016003", "Bone marrow")),
    "subchondral": (_STRUCTURE, sct("272673000", "Bone")),
    "lesion": (_ALTERED, sct("52988006", "Lesion")),
    "edema": (_ALTERED, sct("79654002", "Edema")),
    "oedema": (_ALTERED, sct("79654002", "Edema")),
    "tumor": (_ALTERED, sct("108369006", "Neoplasm")),
    "tumour": (_ALTERED, sct("108369006", "Neoplasm")),
    "gtv": (_ALTERED, sct("108369006", "Neoplasm")),
    "erector": (_STRUCTURE, sct("44947003", "Erector spinae muscle")),
    "muscle": (_STRUCTURE, sct("71616004", "Muscle")),
    "vertebra": (_STRUCTURE, sct("51282000", "Vertebra")),
    "liver": (_STRUCTURE, sct("10200004", "Liver")),
    "bone": (_STRUCTURE, sct("272673000", "Bone")),
}
"""Stem of a word -> category and type, the first that is found."""
_WHERE = frozenset(("left", "right", "l", "r", "medial", "lateral", "distal", "proximal", "anterior", "posterior"))
"""Words beside which a part of the body is that part; beside others it says where something else lies."""


def _spelled(text: str) -> str:
    if not _SPELLED.fullmatch(text):
        raise ValueError(f"{text!r} is no code; write SCHEME:VALUE:MEANING, as SCT:309312004:Cartilage tissue")
    return text


CodeText = Annotated[str, AfterValidator(_spelled)]
"""A code as it is written in settings: SCT:309312004:Cartilage tissue."""


def coded(name: str, own: Mapping[str, str] | None = None) -> Coded:
    """Return what a label is by its name.

    Args:
        name: of the label, as "femoral_cartilage".
        own: label name -> code in the place of ours, each a `CodeText`.
    """
    words = re.split(r"[^a-z0-9]+", name.lower())
    region = next((known for stem, known in _REGIONS.items() if any(_begins(word, stem) for word in words)), None)
    found = next((known for stem, known in _KINDS.items() if any(_begins(word, stem) for word in words)), None)
    if own and name in own:
        scheme, value, meaning = own[name].split(":")
        return Coded(found[0] if found else _STRUCTURE, Concept(value, scheme, meaning), region)
    if found is not None:
        return Coded(*found, region)
    alone = all(word in _WHERE or any(_begins(word, stem) for stem in _REGIONS) for word in words if word)
    return Coded(_STRUCTURE, region if region is not None and alone else private(name))


def _begins(word: str, stem: str) -> bool:
    """Return whether a word begins with a stem; a level of the spine is the whole word, and femoris a muscle."""
    return word == stem if len(stem) == 2 else word.startswith(stem) and not word.endswith("is")
