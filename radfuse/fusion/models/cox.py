"""Cox regression of survival: ridge by default, elastic net where a share of its penalty is on absolute values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from radfuse.fusion.models.cox_fit import FittedCox, Survival, cox_net, cox_ridge, most_penalty
from radfuse.fusion.models.pathwise import Penalised
from radfuse.fusion.models.tried import Positives
from radfuse.fusion.parts import Settings


class Cox(Penalised):
    """Proportional hazards, penalised; ties by Efron, the baseline hazard by Breslow.

    Its ridge penalty is told by what the prior expects of the score: with standardised columns, coefficients of
    variance spread / columns make a log hazard ratio of variance `spread`, whatever the number of columns.

    Source:
        Cox 1972, doi:10.1111/j.2517-6161.1972.tb00899.x; Verweij and van Houwelingen 1994,
        doi:10.1002/sim.4780132307; Simon et al. 2011, doi:10.18637/jss.v039.i05.
    """

    serves: ClassVar[tuple[str, ...]] = ("survival",)
    takes_horizon: ClassVar[bool] = True
    linear_score: ClassVar[bool] = True

    kind: Literal["cox"] = "cox"
    spreads: Positives = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
    """Variances of the log hazard ratio that the prior expects, tried in the inner folds; of ridge."""

    def path(
        self,
        x: np.ndarray,
        y: np.ndarray,
        candidates: Sequence[Settings],
        seed: int,
        offset: np.ndarray | None = None,
        *,
        horizon: float = np.inf,
    ) -> list[FittedCox]:
        """Return the regression at each penalty.

        Args:
            x: standardised, shape (unit, column).
            y: time and event, shape (unit, 2).
            candidates: settings, the strongest penalty first.
            seed: not used.
            offset: score known before, shape (unit,), which stands beside what is fitted.
            horizon: time by which the event is predicted; infinite: the last event.

        Raises:
            ValueError: there is no event.
        """
        known = Survival(y, horizon, np.zeros(len(x)) if offset is None else offset)
        if self.l1_share == 0:
            return cox_ridge(x, known, [x.shape[1] / each["cox_spread"] for each in candidates])
        most, beta, found = most_penalty(x, known), np.zeros(x.shape[1]), []
        for each in candidates:
            penalty = max(each["cox_strength"] * most, 1e-9) / self.l1_share
            beta = cox_net(x, known, penalty, self.l1_share, beta)
            found.append(FittedCox(known.intercept(x @ beta), beta))
        return found
