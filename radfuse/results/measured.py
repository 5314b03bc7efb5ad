"""How well a family predicts, whatever the outcome: what every kind of performance says, and the headline it has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from radfuse.config import Section
from radfuse.results.numbers import Interval, Number


class Measured(Section):
    """How well predictions match outcomes on units that took no part in the fitting; a kind of outcome adds its own.

    A kind is a file here: it derives from this, has a `kind` of its own, and joins `radfuse.results.kinds`.
    """

    family: str
    units: int
    patients: int
    events: int

    @property
    @abstractmethod
    def measure(self) -> str:
        """Name of the headline, as a table has it: AUC."""

    @property
    def scale(self) -> str:
        """What scores are in, that effects add up on."""
        return "log odds"

    @property
    @abstractmethod
    def headline(self) -> Interval:
        """How well units are ranked, averaged over the test folds; 0.5 by chance."""

    @property
    @abstractmethod
    def columns(self) -> Mapping[str, Interval]:
        """Its main measures by name, as a short table has them, the headline first."""

    @property
    @abstractmethod
    def judged(self) -> Mapping[str, Interval]:
        """Measures by name of which a reader is told where other patients do not allow them."""

    @property
    @abstractmethod
    def fold_values(self) -> Mapping[str, Number]:
        """The headline of each test fold."""
