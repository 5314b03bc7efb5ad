import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from radfuse.seg.percentiles import percentiles

NUMBERS = st.floats(-(2.0**99), 2.0**99, width=32)


@given(arrays.arrays(np.float32, st.integers(1, 60), elements=NUMBERS), st.floats(0, 100))
def test_they_are_those_of_numpy(values: np.ndarray, wanted: float) -> None:
    expected = float(np.percentile(values.astype(np.float64), wanted))
    assert percentiles(values, wanted) == [pytest.approx(expected, rel=1e-6, abs=1e-37)]


def test_of_an_image_several_at_once() -> None:
    image = np.random.default_rng(0).normal(-3, 40, (11, 60, 70)).astype(np.float32)
    wanted = (0, 0.5, 50, 99.5, 100)
    assert percentiles(image, *wanted) == pytest.approx(np.percentile(image.astype(np.float64), wanted), rel=1e-6)


@pytest.mark.parametrize("values", [[2.0, 2.0, 2.0], [-0.0, 0.0], [0.0, -1.0, 1.0], [1e-45, 0.0]])
def test_the_middle_of_few(values: list[float]) -> None:
    assert percentiles(np.array(values, dtype=np.float32), 50) == [pytest.approx(np.median(values), abs=1e-44)]
