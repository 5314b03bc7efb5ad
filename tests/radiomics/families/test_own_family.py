"""A family of features of one's own: a file with a FAMILY, and a line in the list."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.errors import InputError
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.extract import extract
from radfuse.radiomics.families import FAMILIES
from radfuse.radiomics.families.family import Family, Measured, NotMeasuredError, family_of
from radfuse.radiomics.settings import Settings


def features(measured: Measured, settings: Settings) -> dict[str, float]:
    if measured.region.voxels[1] < 30:
        raise NotMeasuredError("a spread needs 30 voxels")
    low, high = np.quantile(measured.values, (0.25, 0.75))
    return {
        "Spread": float((high - low) / settings.bin_width),
        "Neighbours": float(measured.lattice.near.neighbours[:-1].mean()),
        "Nothing": float("nan"),
    }


FAMILY = Family(("Spread", "Neighbours", "Nothing"), features, missing="there is never any")
VALUES = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "spread", __name__)


def test_an_own_family_gives_columns_of_each_filtered_image() -> None:
    config = RadiomicsConfig(classes=("firstorder", "spread"), filters=("original", "square"), bin_width=10)
    table = extract(VALUES, np.ones(VALUES.shape, np.uint8), config)
    row = table.values.iloc[0]
    assert row["original_spread_Spread"] == pytest.approx(119 / 2 / 10)
    assert row["original_spread_Neighbours"] == pytest.approx(((3 * 4 - 2) * (3 * 5 - 2) * (3 * 6 - 2)) / 120 - 1)
    assert 0 < row["square_spread_Spread"] != row["original_spread_Spread"]
    assert table.provenance["missing"]["1"]["original_spread_Nothing"] == "there is never any"
    assert table.provenance["pyradiomics_settings"]["features"]["spread"] == list(FAMILY.names)


def test_its_features_are_chosen_and_misspelt_like_ours() -> None:
    chosen = RadiomicsConfig(classes=("spread",), features={"spread": ("Neighbours",)})
    assert extract(VALUES, np.ones(VALUES.shape, np.uint8), chosen).names == ("original_spread_Neighbours",)
    with pytest.raises(InputError, match=r"class spread has no feature 'Spraed'; did you mean 'Spread'\?"):
        RadiomicsConfig(classes=("spread",), features={"spread": ("Spraed",)})


def test_a_region_it_cannot_measure_has_no_columns_and_a_reason() -> None:
    labels = np.zeros(VALUES.shape, np.uint8)
    labels[:2, :3, :4] = 1
    table = extract(VALUES, labels, RadiomicsConfig(classes=("shape", "spread")))
    assert not [name for name in table.names if "spread" in name]
    assert table.provenance["missing"]["1"] == {"original_spread": "a spread needs 30 voxels"}


def test_pyradiomics_has_no_such_class() -> None:
    pytest.importorskip("radiomics", reason="PyRadiomics is not installed")
    with pytest.raises(InputError, match="PyRadiomics has no spread; use engine fast"):
        extract(VALUES, np.ones(VALUES.shape, np.uint8), RadiomicsConfig(classes=("spread",), engine="pyradiomics"))


def test_every_family_listed_is_one() -> None:
    for name in FAMILIES:
        family = family_of(name)
        assert isinstance(family, Family)
        assert set(family.missing_of) <= {*family.names, *family.deprecated}
