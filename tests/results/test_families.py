"""Results as values: NaN becomes null and back."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from radfuse.results import Explanation, FittedFamily, Interval, UsedColumn
from radfuse.statistics.estimate import Estimate


def test_an_estimate_without_variance_has_no_ends():
    found = Interval.of(Estimate(0.5, float("nan"), float("nan")))
    assert (found.value, found.low, found.high) == (0.5, None, None)
    assert Interval.model_validate_json(found.model_dump_json()) == found


def test_nan_is_null_on_disk():
    fitted = FittedFamily(
        family="clinical",
        fold="1",
        explanation=Explanation(
            measure="coefficient",
            unit="log odds",
            columns=(UsedColumn(name="a", block="clinical", importance=1.0),),
            formula=None,
        ),
        threshold=0.4,
        tuned={"c": 1.0},
        inner_auc=float("nan"),
        columns_in=3,
        test=(4, 2),
        probability=(0.1, 1 / 3),
    )
    assert '"inner_auc":null' in fitted.model_dump_json()
    assert FittedFamily.model_validate_json(fitted.model_dump_json()) == fitted


def test_an_unknown_key_is_refused():
    with pytest.raises(ValidationError, match="extra"):
        Interval.model_validate({"value": 0.5, "hihg": 0.6})
