"""A bundle from elsewhere, its hashes rewritten to match: nothing outside of it is read, nothing is run unasked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from radfuse.bundle.evaluate import evaluate
from radfuse.bundle.load import Bundle, load_bundle
from radfuse.bundle.predict import predict
from radfuse.bundle.schema import BundleSchema, ImageRecipe, OwnPart
from radfuse.errors import InputError
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.regions.label import LabelRegion

Edit = Callable[[Callable[[Any], None]], Path]
OWN = {"use": "no_such_parts:Thing", "name": "thing", "depth": 3}
IMAGING = {
    "images": {"t1": "t1"},
    "mask": "mask",
    "sequence": None,
    "labels": {"tumour": 1},
    "regions": [{"kind": "label", "name": "tumour", "label": "tumour"}],
    "radiomics": {},
}


def test_every_file_must_be_listed(copied: Path) -> None:
    (copied / "segmentation.onnx").write_bytes(b"slipped in")
    (copied / "notes").mkdir()
    with pytest.raises(InputError, match=r"SHA256SUMS: not listed.*: notes, segmentation\.onnx; remove what is not"):
        load_bundle(copied)


def test_a_line_taken_out_of_the_list_is_noticed(copied: Path) -> None:
    """The file could be changed at will otherwise."""
    lines = (copied / "SHA256SUMS").read_text().splitlines(keepends=True)
    (copied / "SHA256SUMS").write_text("".join(line for line in lines if "deep.onnx" not in line.split("  ")[1]))
    with pytest.raises(InputError, match=r"not listed.*deep\.onnx"):
        load_bundle(copied)


def test_the_network_and_the_parameter_file_must_be_listed_where_they_are_used(edited: Edit) -> None:
    folder = edited(lambda schema: schema.update(imaging=IMAGING | {"sequence": "t1", "params": "pyradiomics.yaml"}))
    with pytest.raises(InputError, match=r"pyradiomics\.yaml, segmentation\.onnx not listed in SHA256SUMS"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../deep.onnx", "inside/deep.onnx", "..", ".", "", "C:\\deep.onnx", "C:deep.onnx", "a\\b"]
)
@pytest.mark.parametrize("where", ["params", "family"])
def test_a_file_outside_the_bundle_is_refused(edited: Edit, where: str, name: str) -> None:
    def change(schema: Any) -> None:
        if where == "params":
            schema["imaging"] = IMAGING | {"params": name}
        else:
            schema["families"]["deep"]["file"] = name

    place = "imaging.params" if where == "params" else "families.deep.file"
    with pytest.raises(InputError) as caught:
        load_bundle(edited(change))
    assert f"{place}: {name!r} is not the plain name of a file inside the bundle" in str(caught.value)


def test_radiomics_settings_name_no_file_either(edited: Edit) -> None:
    folder = edited(lambda schema: schema.update(imaging=IMAGING | {"radiomics": {"params": "/etc/passwd"}}))
    with pytest.raises(InputError, match=r"imaging\.radiomics: names the file '/etc/passwd'"):
        load_bundle(folder)


@pytest.mark.parametrize("text", ["NaN", "-5", "1e400", "1.5", "null", '"0.5"x'])
def test_a_threshold_that_is_no_probability_is_refused(copied: Path, reseal: Callable[[Path], None], text: str) -> None:
    content = (copied / "bundle.json").read_text()
    threshold = load_bundle(copied).schema.families["deep"].threshold
    assert content.count(f'"threshold": {threshold}') == 1
    (copied / "bundle.json").write_text(content.replace(f'"threshold": {threshold}', f'"threshold": {text}'))
    reseal(copied)
    with pytest.raises(InputError, match=r"of a format this radfuse does not read: (families\.deep\.threshold|: Inv)"):
        load_bundle(copied)


@pytest.mark.parametrize("text", ["1e400", "-1e400"])
def test_an_infinite_performance_is_refused(edited: Edit, copied: Path, reseal: Callable[[Path], None], text: str):
    folder = edited(lambda schema: schema["families"]["deep"]["performance"].update(observed=0.123456))
    content = (folder / "bundle.json").read_text()
    (folder / "bundle.json").write_text(content.replace("0.123456", text))
    reseal(folder)
    with pytest.raises(InputError, match=r"families\.deep\.performance: Out of range float values"):
        load_bundle(folder)


def test_another_format_is_refused(edited: Edit) -> None:
    with pytest.raises(InputError, match="of a format this radfuse does not read: format"):
        load_bundle(edited(lambda schema: schema.update(format=2)))


def test_what_is_too_large_is_not_read(copied: Path) -> None:
    with (copied / "bundle.json").open("r+b") as stream:
        stream.truncate(300_000_000)  # sparse: it takes no room
    with pytest.raises(InputError, match=r"bundle\.json has 300,000,000 bytes, at most 268,435,456 are read"):
        load_bundle(copied)


class TestOwnParts:
    """A bundle that names a user's own class, on a machine without it."""

    def test_an_outcome_is_not_needed_to_predict(self, bundle: Bundle, edited: Edit, tables: Path) -> None:
        folder = edited(lambda schema: schema.update(outcome=OWN))
        found = predict(folder, tables / "cohort.csv", families=["clinical"])
        expected = predict(bundle, tables / "cohort.csv", families=["clinical"])
        assert found.probabilities.equals(expected.probabilities)

    def test_evaluate_says_which_module_is_lacking_and_what_to_do(self, edited: Edit, tables: Path) -> None:
        folder = edited(lambda schema: schema.update(outcome=OWN))
        with pytest.raises(InputError) as caught:
            evaluate(folder, tables / "cohort.csv", families=["clinical"])
        said = str(caught.value)
        assert "the bundle's outcome is a user's own part" in said
        assert "no module 'no_such_parts' where Python looks" in said
        assert "PYTHONPATH" in said
        assert "if you trust who wrote it" in said

    def test_regions_are_not_needed_where_features_come_as_tables(self, edited: Edit, tables: Path) -> None:
        folder = edited(lambda schema: schema.update(imaging=IMAGING | {"regions": [OWN], "backend": OWN}))
        found = predict(folder, tables / "cohort.csv", {"radiomic": tables / "radiomic.csv"}, ["radiomic"])
        assert found.probabilities["radiomic"].between(0, 1).all()

    def test_a_module_is_not_run_by_opening_a_bundle(
        self, edited: Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "mischief.py").write_text("raise SystemExit('ran')\n")
        monkeypatch.syspath_prepend(tmp_path)
        own = {"use": "mischief:Thing", "name": "x"}
        load_bundle(edited(lambda schema: schema.update(outcome=own, imaging=IMAGING | {"regions": [own]})))
        assert "mischief" not in sys.modules

    def test_regions_and_backend_are_imported_when_asked_for(self) -> None:
        recipe = ImageRecipe.model_validate(IMAGING | {"regions": [OWN, *IMAGING["regions"]], "backend": OWN})
        for open_it, what in ((recipe.opened_regions, "region"), (recipe.opened_backend, "segmentation backend")):
            with pytest.raises(InputError, match=f"the bundle's {what} is .* no module 'no_such_parts'"):
                open_it()

    def test_known_parts_and_own_ones_are_written_as_they_were_read(self) -> None:
        recipe = ImageRecipe.model_validate(IMAGING | {"regions": [OWN, *IMAGING["regions"]]})
        assert recipe.regions[0] == OwnPart.model_validate(OWN)
        assert isinstance(recipe.regions[1], LabelRegion)
        assert ImageRecipe.model_validate_json(recipe.model_dump_json()) == recipe
        assert recipe.radiomics == RadiomicsConfig()

    def test_the_shipped_bundle_reads_back_as_it_is(self, bundle: Bundle) -> None:
        assert BundleSchema.model_validate_json(bundle.schema.model_dump_json()) == bundle.schema
