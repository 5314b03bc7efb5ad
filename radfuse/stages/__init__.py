"""The stages of a study, one a file: NAME.py holds jobs, work and `STAGE`. A new one is a file and a line here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from radfuse.run.stage import Stage
    from radfuse.stages.context import Context


class Listed(NamedTuple):
    """What the command line needs to know of a stage before its file is read.

    Attributes:
        command: help of the stage's command; empty where it is a part of the next one's work.
        shards: the command takes --shard.
        then: stage that the command goes on to where it works on all cases, not on a shard.
    """

    command: str = ""
    shards: bool = False
    then: str = ""


STAGES = {
    "plan": Listed(),
    "preprocess": Listed(),
    "train": Listed("Train the segmentation networks: one per outer fold, and one on all manual masks."),
    "segment": Listed(
        "Segment every case by a network that never saw its patient, and list the masks to look at.", True, "review"
    ),
    "ranges": Listed(),
    "review": Listed(),
    "follow": Listed("Carry the mask of each unit's baseline to its follow-ups by registration, with pictures.", True),
    "register": Listed(
        "Register the segmented image of each case to those that its mask is carried to, with figures and pictures.",
        True,
    ),
    "sample": Listed(),
    "learn": Listed("What images of each fold's training cases teach: landmarks of values, clusters of habitats."),
    "regions": Listed(
        "Write each case's regions as label maps, to look at in a viewer; `run` does not need them.", True
    ),
    "manual": Listed(shards=True),
    "by_fold": Listed(shards=True),
    "extract": Listed("Radiomic features of every case from its images and masks.", shards=True),
    "deep": Listed("Deep features of every case by the encoder of each fold's network.", shards=True),
    "tables": Listed("Write the features of all cases as tables: a folder of parquet files a block; `run` needs none."),
    "disturb": Listed(),
    "stability": Listed(
        "How features hold when image and mask are disturbed, and between two readers: ICC with intervals."
    ),
    "prepare": Listed(),
    "beside": Listed(),
    "audit": Listed(),
    "fit": Listed(),
    "fuse": Listed("Fit and compare the families on the same folds."),
    "readers": Listed(),
    "variants": Listed(),
    "optimism": Listed(),
    "permute": Listed(),
    "learning_curve": Listed(),
    "explain": Listed(),
    "refit": Listed(),
    "export": Listed("Refit each family on all units and write the ONNX bundle."),
    "report": Listed("Write the report, computing first what is not there yet."),
}
"""Name of a stage, which is its file's, in the order of work."""


def stage_of(name: str) -> Stage:
    """Return a stage that is listed."""
    found: Stage = import_module(f"{__name__}.{name}").STAGE
    return found


def needed_for(name: str, context: Context | None = None) -> list[Stage]:
    """Return a stage and all that it needs, in the order of work; with a context, less what is spared there."""
    wanted = {name}
    stages = []
    for each in reversed(list(STAGES)):
        if each in wanted:
            stage = stage_of(each)
            wanted |= set(stage.needs) - set(stage.spares(context) if context else ())
            stages.append(stage)
    return stages[::-1]
