"""What a resolved study says, asked in one place by whoever writes sentences about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from radfuse.report.study import StudyReport
from radfuse.results import MulticlassPerformance
from radfuse.statistics import sample_size

CLASSICAL = {"logistic", "ridge", "lda", "naive_bayes", "cox", "linear"}
"""Learners that a statistician would not call machine learning."""


class Said(NamedTuple):
    """Words that differ between kinds of outcome.

    Attributes:
        regression: its plain one, before the word.
        learner: the same as a study names it.
        scores: what parts of a model add up on.
        tuned: what settings are chosen by.
        test: that compares families.
    """

    regression: str
    learner: str
    scores: str
    tuned: str
    test: str


_OF_C = "Wald's test of the difference in C"
_OF_A_VALUE = Said("linear", "linear", "predictions", "smallest squared error", _OF_C)
_SAID = {
    "binary": Said("logistic", "logistic", "log odds", "smallest log loss", "DeLong's test"),
    "survival": Said("Cox", "cox", "log cumulative hazards", "largest partial likelihood", _OF_C),
    "continuous": _OF_A_VALUE,
    "ordinal": _OF_A_VALUE,
    "multiclass": Said(
        *("logistic", "logistic", "log odds", "smallest log loss of each class against the rest"),
        "Wald's test of the difference in macro AUC",
    ),
}
_LEVEL = {"ordinal": "grade", "multiclass": "class"}


def name_of(part: Mapping[str, Any]) -> str:
    """Return the kind of a part of a study; of a user's own the name of its class."""
    own = str(part.get("use", "")).rpartition(":")[2]
    return own or str(part.get("kind", part.get("backend", "")))


@dataclass(frozen=True)
class Known:
    """A study's report, read through its resolved settings.

    Attributes:
        report: of the study.
    """

    report: StudyReport

    @property
    def settings(self) -> Mapping[str, Any]:
        """The resolved study."""
        return self.report.settings

    @property
    def cohort(self) -> Mapping[str, Any]:
        """Its section `cohort`."""
        return dict(self.settings["cohort"])

    @property
    def fusion(self) -> Mapping[str, Any]:
        """Its section `fusion`."""
        return dict(self.settings["fusion"])

    @property
    def outcome(self) -> Mapping[str, Any]:
        """Its section `cohort.outcome`."""
        return dict(self.cohort["outcome"])

    @property
    def kind(self) -> str:
        """Kind of the outcome; a user's own reads as binary."""
        kind = str(self.outcome.get("kind", ""))
        return kind if kind in _SAID else "binary"

    @property
    def said(self) -> Said:
        """Words of its kind of outcome."""
        return _SAID[self.kind]

    @property
    def without_event(self) -> bool:
        """Whether a value, a grade or a class is predicted, so that there is neither an event nor a threshold."""
        return self.kind in ("continuous", "ordinal", "multiclass")

    @property
    def level(self) -> str:
        """What one of several levels is called: a grade, a class; empty where the outcome has none."""
        return _LEVEL.get(self.kind, "")

    @property
    def counted_levels(self) -> str:
        """How many units have each grade or class, of an outcome that has them."""
        values, first = self.report.units[self.outcome["column"]], self.report.performance[0]
        if isinstance(first, MulticlassPerformance):
            levels: Sequence[str] = first.levels
        else:
            levels = self.outcome["levels"]
            values = values.map(dict(enumerate(levels)))
        return ", ".join(f"{level}: {(values == level).sum()}" for level in levels)

    @property
    def survival(self) -> bool:
        """Whether a time to an event is predicted."""
        return self.kind == "survival"

    @property
    def competing(self) -> tuple[str, ...]:
        """Texts of the events that forestall the predicted one; empty where none is named."""
        return tuple(self.outcome.get("competing", ())) if self.survival else ()

    @property
    def images(self) -> bool:
        """Whether features are measured here, from images; else they came as tables."""
        return bool(self.settings["regions"])

    @property
    def sequences(self) -> tuple[str, ...]:
        """Sequences that features are measured on."""
        return tuple(self.cohort["images"]) if self.images else ()

    @property
    def segmentation(self) -> Mapping[str, Any]:
        """Its section `segmentation`; empty without images."""
        return dict(self.settings["segmentation"] or {}) if self.images else {}

    @property
    def source(self) -> str:
        """Where most masks come from: manual, cross_fitted, external or untrained; empty without images."""
        return max(self.report.masks, key=lambda name: self.report.masks[name], default="") if self.images else ""

    @property
    def handcrafted(self) -> bool:
        """Whether radiomic features take part."""
        return "radiomic" in self.report.blocks

    @cached_property
    def radiomics(self) -> Mapping[str, Mapping[str, Any]]:
        """Sequence -> how it is measured."""
        sections = self.settings["sequences"]
        own = {name: section.get("radiomics") for name, section in sections.items()}
        return {name: own.get(name) or self.settings["radiomics"] for name in self.sequences}

    def each_sequence(self, setting: str) -> Iterator[tuple[str, Any]]:
        """Yield the name and the value of a radiomics setting of every sequence."""
        for name, section in self.radiomics.items():
            yield name, section[setting]

    @property
    def steps(self) -> Sequence[Mapping[str, Any]]:
        """All steps of selection, those of single learners too."""
        members = self.fusion["classifier"].get("members", ())
        return [*self.fusion["selection"], *(step for member in members for step in member.get("selection") or ())]

    @property
    def selects(self) -> bool:
        """Whether every learner sees selected columns alone."""
        members = self.fusion["classifier"].get("members")
        return bool(self.fusion["selection"] or (members and all(member.get("selection") for member in members)))

    @property
    def learners(self) -> Sequence[Mapping[str, Any]]:
        """The models, one by one."""
        classifier = self.fusion["classifier"]
        if "members" in classifier:
            return [member["model"] for member in classifier["members"]]
        return [classifier]

    @property
    def joining(self) -> tuple[str, ...]:
        """Families of several blocks."""
        return tuple(item.family for item in self.report.performance if "-" in item.family)

    @property
    def patients(self) -> int:
        """How many people there are."""
        return int(self.report.units[self.report.patient].nunique())

    @property
    def candidates(self) -> int:
        """Columns of the largest family before selection."""
        return max(folds[0].columns_in for folds in self.report.folds.values())

    @cached_property
    def size(self) -> sample_size.SampleSize | None:
        """What Riley's criteria ask for of the largest family, at the usual R2; None of grades and classes, of values
        around 0, or without two outcomes."""
        try:
            return self._size()
        except ValueError:
            return None

    def _size(self) -> sample_size.SampleSize | None:
        if self.kind == "continuous":
            values = self.report.units[self.outcome["column"]]
            usual = (self.candidates, sample_size.USUAL_SHARE)
            return sample_size.continuous(values.mean(), values.std(), *usual)
        if self.without_event:
            return None
        if self.survival:
            return self._size_of_survival()
        prevalence = float(self.report.events.mean())
        if not 0 < prevalence < 1:
            return None
        expected = sample_size.USUAL_SHARE * sample_size.most_r2(prevalence)
        return sample_size.binary(prevalence, self.candidates, expected)

    def _size_of_survival(self) -> sample_size.SampleSize | None:
        time = self.report.units[self.outcome["time"]]
        events, follow_up = float(self.report.events.sum()), float(time.mean())
        if not events:
            return None
        each = events / len(time)
        expected = sample_size.USUAL_SHARE * sample_size.most_r2_of_survival(each)
        return sample_size.survival(each / follow_up, follow_up, self.outcome["horizon"], self.candidates, expected)
