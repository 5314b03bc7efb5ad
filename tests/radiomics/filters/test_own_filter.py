"""A filter of one's own: a file with a FILTER, and a line in the list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from radfuse.errors import CaseError, InputError
from radfuse.radiomics.config import FilterSettings, RadiomicsConfig
from radfuse.radiomics.extract import extract
from radfuse.radiomics.filters import FILTERS
from radfuse.radiomics.filters.filter import Filter, Filtered, filter_of, inside
from radfuse.radiomics.kernels import warm_up
from radfuse.radiomics.plan import plan_of
from radfuse.radiomics.preprocess import Prepared
from radfuse.radiomics.settings import Settings


def images(settings: Settings) -> Sequence[str]:
    return [f"root-{level}" for level in range(1, settings.wavelet_levels + 1)]


def make(regions: Sequence[Prepared], settings: Settings) -> Iterator[Filtered]:
    *names, last = images(settings)
    yield Filtered(last, skipped="the last is left out") if names else Filtered(last, inside(regions))
    for name in reversed(names):  # in any order
        yield Filtered(name, tuple(values ** (1 / int(name[5:])) for values in inside(regions)))


FILTER = Filter(images, make, effort=5, compiled=True, no_value=lambda *_: "roots of negative numbers")
VALUES = np.arange(4 * 5 * 6, dtype=np.float64).reshape(4, 5, 6)
CONFIG = RadiomicsConfig(classes=("firstorder",), features={"firstorder": ("Maximum", "Entropy")}, bin_width=10)


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FILTERS, "root", __name__)


def asking(**settings: object) -> RadiomicsConfig:
    return RadiomicsConfig.model_validate({**CONFIG.model_dump(exclude_unset=True), **settings})


def test_an_own_filter_gives_columns_in_the_order_it_says() -> None:
    config = asking(filters=("root", "original"), wavelet_levels=3)
    warm_up(plan_of(config))
    table = extract(VALUES, np.ones(VALUES.shape, np.uint8), config, threads=2)
    names = [
        f"{image}_firstorder_{name}" for image in ("root-1", "root-2", "original") for name in ("Maximum", "Entropy")
    ]
    assert list(table.names) == names
    assert table.values.iloc[0]["root-2_firstorder_Maximum"] == pytest.approx(np.sqrt(119))
    assert table.provenance["missing"]["1"] == {"root-3": "the last is left out"}
    assert list(table.provenance["pyradiomics_settings"]["filters"]) == ["root", "Original"]


def test_it_may_have_bins_of_its_own() -> None:
    config = asking(filters=("root",), per_filter={"root": FilterSettings(bin_width=60)})
    found = extract(VALUES, np.ones(VALUES.shape, np.uint8), config).values.iloc[0]
    assert found["root-1_firstorder_Entropy"] == pytest.approx(1)  # two bins of 60 values


def test_where_it_has_no_value_is_told_in_its_words() -> None:
    with pytest.raises(CaseError, match=r"region 1, root-2: 20 voxels of the region have no value: roots of negative"):
        extract(VALUES - 20, np.ones(VALUES.shape, np.uint8), asking(filters=("root",), wavelet_levels=3))


def test_pyradiomics_has_no_such_filter() -> None:
    pytest.importorskip("radiomics", reason="PyRadiomics is not installed")
    with pytest.raises(InputError, match="PyRadiomics has no root; use engine fast"):
        extract(VALUES, np.ones(VALUES.shape, np.uint8), asking(filters=("root",), engine="pyradiomics"))


def test_every_filter_listed_is_one() -> None:
    settings = plan_of(RadiomicsConfig()).settings
    names = [name for item in FILTERS for name in filter_of(item).images(settings)]
    assert len(names) == len(set(names)) > len(FILTERS)
    assert all(isinstance(filter_of(name), Filter) for name in FILTERS)
