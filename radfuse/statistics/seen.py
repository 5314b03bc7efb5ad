"""What was seen of units until an event, or until nobody looked any more: one face of times with and without rivals."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from radfuse.statistics.auc import AucSet
from radfuse.statistics.competing import Incidence, aalen_johansen, gray_test
from radfuse.statistics.concordance import auc_at, harrell, uno
from radfuse.statistics.estimate import Estimate
from radfuse.statistics.survival import Curve, brier_parts, censoring, kaplan_meier, log_rank


@dataclass(frozen=True)
class Seen:
    """Times of units.

    Attributes:
        time: float64, shape (unit,).
        event: 1 where it is that of the event, else 0, shape (unit,).
        rival: 1 where it is that of a competing event, else 0, shape (unit,); None: events do not compete.
    """

    time: np.ndarray
    event: np.ndarray
    rival: np.ndarray | None = None

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Seen:
        """Return what stands beside predictions: columns time, event and, where events compete, competing.

        Who is seen without an event at the last time of all was free of it then, and is taken as seen just after: a
        study that ends at its horizon would else have nobody free of the event there.
        """
        time, event = (rows[name].to_numpy(dtype=float) for name in ("time", "event"))
        found = cls(time, event, rows["competing"].to_numpy(dtype=float) if "competing" in rows else None)
        at_the_end = (time == time.max(initial=0.0)) & (found.either == 0)
        return replace(found, time=np.where(at_the_end, np.nextafter(time, np.inf), time))

    @property
    def times(self) -> tuple[np.ndarray, np.ndarray]:
        """Time and event."""
        return self.time, self.event

    @property
    def either(self) -> np.ndarray:
        """1 where any event came, 0 where the time was censored."""
        return self.event if self.rival is None else np.maximum(self.event, self.rival)

    def reaches(self, when: float) -> bool:
        """Return whether the curves are known by a time: somebody was followed so long, or all had an event before."""
        last = self.time.max(initial=0.0)
        return bool(when <= last or (len(self.time) and self.either[self.time == last].all()))

    def only(self, which: np.ndarray) -> Seen:
        """Return some units: a mask, or their places."""
        return Seen(self.time[which], self.event[which], None if self.rival is None else self.rival[which])

    def censoring(self) -> Curve:
        """Return the curve of not being censored."""
        return censoring(self.time, self.either)

    def curve(self) -> Curve | Incidence:
        """Return the curve that is drawn: survival, or, beside rivals, incidence of the event."""
        return kaplan_meier(*self.times) if self.rival is None else aalen_johansen(*self.times, self.rival)

    def compared(self, group: np.ndarray) -> tuple[str, float]:
        """Return the name of the test of what is drawn, between the groups that units are of, and its p."""
        if self.rival is None:
            return "log-rank", log_rank(*self.times, group)[1]
        return "Gray's test", gray_test(*self.times, self.rival, group)[1]

    def incidence(self, when: np.ndarray) -> np.ndarray:
        """Return the share with the event by some times."""
        found = self.curve().at(when)
        return 1 - found if self.rival is None else found

    def had(self, when: float) -> Estimate:
        """Return the share with the event by a time, with its 95 % interval; NaN where nobody was followed so long."""
        if not self.reaches(when):
            return Estimate(np.nan, np.nan, np.nan)
        found = self.curve().estimate(when)
        return found if self.rival is not None else Estimate(1 - found.value, 1 - found.high, 1 - found.low)

    def c(self, scores: np.ndarray, patients: np.ndarray) -> AucSet:
        """Return Harrell's C of several scores; see `concordance.harrell`."""
        return harrell(self.time, self.event, scores, patients, self.rival)

    def uno(self, scores: np.ndarray, patients: np.ndarray, until: float, known: Curve) -> AucSet:
        """Return Uno's C up to a time; see `concordance.uno`."""
        return uno(self.time, self.event, scores, patients, until, known, self.rival)

    def auc_at(self, scores: np.ndarray, patients: np.ndarray, when: float, known: Curve) -> AucSet:
        """Return the AUC of events by a time; NaN where nobody was followed so long. See `concordance.auc_at`."""
        if not self.reaches(when):
            count = scores.shape[1]
            return AucSet(np.full(count, np.nan), np.full((count, count), np.nan), 0)
        return auc_at(self.time, self.event, scores, patients, when, known, self.rival)

    def brier(self, free: np.ndarray, when: np.ndarray, known: Curve) -> np.ndarray:
        """Return each unit's part of the Brier score at some times; see `survival.brier_parts`.

        NaN at times to which nobody was followed: whoever is free of the event then weighs nothing, and a model that
        says so of all would be right.

        Args:
            free: predicted chance of not having had the event, shape (unit, time), or (time,) of all units alike.
            when: times, shape (time,).
            known: curve of not being censored.
        """
        each = np.broadcast_to(free, (len(self.time), len(when)))
        found = brier_parts(*self.times, each, when, known, self.rival)
        return np.where([self.reaches(float(time)) for time in when], found, np.nan)
