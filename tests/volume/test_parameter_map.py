"""Parameter maps: what cannot be is told with how much and how far."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.errors import InputError
from radfuse.volume.parameter_map import ParameterMap

VALUES = np.array([-30.0, -1, 0, 500, 1500, 4000])


def test_what_lies_beyond_is_counted_with_the_worst_of_it() -> None:
    assert ParameterMap().remark(VALUES, "adc") == "under the mask 2 of 6 voxels lie below 0, as far as -30"
    both = ParameterMap(low=-10, high=1000)
    assert both.remark(VALUES, "adc") == (
        "under the mask 1 of 6 voxels lie below -10, as far as -30 and 2 of 6 voxels lie above 1000, as far as 4000"
    )
    assert ParameterMap(low=None).remark(VALUES, "adc") == ""
    assert ParameterMap(high=4000).remark(VALUES[2:], "adc") == ""


def test_it_may_be_an_error_of_the_case() -> None:
    with pytest.raises(
        InputError, match=r"^map adc\.nrrd: under the mask 2 of 6 voxels lie below 0, as far as -30, wh"
    ):
        ParameterMap(outside="fail").remark(VALUES, "adc.nrrd")
    assert ParameterMap(outside="fail").remark(VALUES[2:], "adc.nrrd") == ""
