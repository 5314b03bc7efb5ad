"""A survival outcome: how long until an event, or until a unit was seen without it for the last time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd

from radfuse.evaluation.thresholds import Rule
from radfuse.outcomes.survival_fit import WORDS, at_times, fitted, group_of, incidence_named, named, readings
from radfuse.outcomes.timed import TimedOutcome
from radfuse.results import SurvivalFit
from radfuse.results.score import Reading
from radfuse.statistics.links import LinkName, score_of

if TYPE_CHECKING:
    from radfuse.results import Comparison, SurvivalPerformance

_SECTIONS = (
    *("survival_overview", "cohort", "segmentation", "review", "visits", "survival", "risk_groups"),
    *(
        "comparison",
        "subgroups",
        "variants",
        "internal",
        "learning_curve",
        "survival_calibration",
        "survival_decision",
        "features",
    ),
    *("explanation", "nomogram", "audit", "findings", "methods", "checklists", "throughput", "settings"),
)
_SECTIONS_ELSEWHERE = (
    *("survival_overview", "survival", "risk_groups", "comparison", "survival_calibration"),
    *("survival_decision", "settings"),
)


class SurvivalOutcome(TimedOutcome):
    """Time to an event, or to the end of observation.

    Models give the probability of the event by the horizon, whose complementary log-log is what effects add up on:
    proportional hazards. What each method is for says `radfuse.outcomes.kinds.OutcomeKind`.
    """

    link: ClassVar[LinkName] = "cloglog"
    measures: ClassVar[tuple[str, str]] = ("C", "partial likelihood loss")

    kind: Literal["survival"] = "survival"

    def relevance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the score test of each column alone in Cox regression, chi-squared; 0 for a constant column."""
        from radfuse.statistics.cox import score_test

        return score_test(x, y[:, 0], y[:, 1])

    def loss(self, y: np.ndarray, probability: np.ndarray) -> float:
        """Return minus the log partial likelihood of the scores, per event; 0 without an event."""
        from radfuse.statistics.cox import by_score, ranked

        if not y[:, 1].any():
            return 0.0
        units = ranked(y[:, 0], y[:, 1])
        return by_score(units, score_of(probability, self.link))[0] / units.size

    def discrimination(self, y: np.ndarray, probability: np.ndarray) -> float:
        """Return Harrell's C; NaN where no two units can be compared."""
        from radfuse.statistics.concordance import harrell

        rival = y[:, 2] if self.competing else None
        return float(harrell(y[:, 0], y[:, 1], probability[:, None], np.arange(len(y)), rival).values[0])

    def threshold(self, y: np.ndarray, probability: np.ndarray, rule: Rule) -> float:
        """Return the probability above which a third of the training units lies: the highest risk group."""
        return float(np.quantile(probability, 2 / 3))

    def thresholds(self, y: np.ndarray, probability: np.ndarray) -> Mapping[str, float]:
        """Return nothing: no unit is called, but put into a risk group."""
        return {}

    def average(self, y: np.ndarray) -> float:
        """Return the share of units with the event by the horizon, by Kaplan-Meier, as of the hazard that is fitted."""
        from radfuse.statistics.survival import kaplan_meier

        return 1 - float(kaplan_meier(y[:, 0], y[:, 1]).at(np.array(self.horizon)))

    def beside(self, y: np.ndarray, probability: np.ndarray) -> SurvivalFit:
        """Return baseline hazard and risk groups of a family, from out-of-fold probabilities of its training units."""
        return fitted(y, probability, self.horizon)

    def predicted(self, fit: SurvivalFit, probability: np.ndarray) -> dict[str, np.ndarray]:
        """Return the columns beside probabilities that `measure` reads: risk group 0 to 2, survival at each time.

        Where events compete, incidence at each time stands for survival, that by the horizon for the probability, and
        the model's own beside it.
        """
        found = {"group": group_of(fit, probability)}
        found |= at_times(fit, probability, sorted({*self.grid, *self.shown}))
        if not self.competing:
            return found
        return {"probability": found[incidence_named(self.horizon)], "cause_specific": probability, **found}

    def told(self, fit: SurvivalFit, probability: np.ndarray) -> dict[str, np.ndarray]:
        """Return what a reader of predictions sees of each unit beside its probability: column -> values.

        Where events compete, that is the cumulative incidence.
        """
        found = self.predicted(fit, probability)
        kept = ["probability", "cause_specific"] if self.competing else []
        kept += [(incidence_named if self.competing else named)(time) for time in self.shown]
        score = score_of(probability, self.link)
        return {"linear_predictor": score, **{name: found[name] for name in kept}, "risk_group": WORDS[found["group"]]}

    def readings(self, fit: SurvivalFit) -> tuple[Reading, ...]:
        """Return the event by the horizon, and survival at each stated time at which the training set had an event."""
        return tuple(readings(fit, self.by_when, sorted({*self.shown, self.horizon}), self.unit))

    def measure(self, predictions: pd.DataFrame) -> SurvivalPerformance:
        """Return discrimination, calibration and Brier scores; see `survival_performance.measure`."""
        from radfuse.outcomes.survival_performance import measure

        return measure(predictions, self.horizon, self.grid, self.unit)

    def compare(self, predictions: pd.DataFrame, families: Sequence[str]) -> tuple[Comparison, ...]:
        """Return differences in Harrell's C, adjusted by Holm; see `survival_performance.compare`."""
        from radfuse.outcomes.survival_performance import compare

        return compare(predictions, families, self.horizon)

    def sections(self) -> tuple[str, ...]:
        """Return the sections of a survival study."""
        return tuple(name for name in _SECTIONS if not self.competing or name != "nomogram")

    def evaluation_sections(self) -> tuple[str, ...]:
        """Return the sections of survival on other patients."""
        return _SECTIONS_ELSEWHERE
