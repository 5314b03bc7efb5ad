"""A user's own kind of region: a file beside the study, named by `use:`; faults in it are told."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from boxes import tumour_cohort

from radfuse.errors import InputError
from radfuse.pipeline import run_study
from radfuse.regions.config import images_named
from radfuse.study import load_study

WEDGE = '''
from pydantic import PositiveFloat

from radfuse.config import Section
from radfuse.regions.scene import Scene


class Wedge(Section):
    """What lies above a height of a label, and its edge."""

    name: str
    of: str
    share: PositiveFloat = 0.5

    def labels_named(self):
        return (self.of,)

    def mask(self, scene: Scene):
        whole = scene.of(self.of)
        slices = whole.any(axis=(1, 2)).nonzero()[0]
        found = scene.within(whole, 1.5)
        found[: slices[0] + round(self.share * len(slices))] = False
        return found


class NoSection:
    name = "w"


class NoName(Section):
    def labels_named(self):
        return ()

    def mask(self, scene):
        return scene.of()


class NoLabels(Section):
    name: str

    def mask(self, scene):
        return scene.of()


class OtherMask(NoLabels):
    def labels_named(self):
        return ()

    def mask(self, labels, side):
        return labels


class Counts(Wedge):
    def mask(self, scene):
        return scene.labels.array
'''
STUDY = """
name: wedges
cohort: {table: cohort.csv, patient: patient_id, images: {t1: t1}, mask: mask, outcome: {column: event},
  split: {kind: grouped, folds: 2}}
segmentation: {backend: manual, labels: {tumour: 1}}
regions:
  - {kind: label, name: whole, label: tumour}
  - %s
radiomics: {classes: [shape, firstorder]}
fusion: {families: [radiomic], inner_folds: 2}
"""
WHOLE = "{use: my_parts:Wedge, name: wedge, of: tumour, share: 0.25}"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder with a cohort and my_parts.py."""
    path = list(sys.path)
    tumour_cohort(tmp_path, 6)
    (tmp_path / "my_parts.py").write_text(WEDGE)
    yield tmp_path
    sys.path[:] = path
    sys.modules.pop("my_parts", None)


def study_of(folder: Path, region: str) -> Path:
    (folder / "study.yaml").write_text(STUDY % region)
    return folder / "study.yaml"


@pytest.mark.slow
def test_an_own_kind_is_extracted_beside_ours(folder: Path) -> None:
    study = load_study(study_of(folder, WHOLE))
    run = run_study(study, folder / "run", until="extract")
    assert run.failures == ()
    cases = [json.loads((run.path / f"features/cases/c{n}.json").read_text())["features"] for n in range(6)]
    wedge, whole = ([row[f"t1/{name}/original_shape_VoxelVolume"] for row in cases] for name in ("wedge", "whole"))
    # boxes of 8 and 11 slices: those from the third and fourth on, with a neighbour on each side in the plane
    assert whole == [[8, 11][n % 2] ** 3 * 4.5 for n in range(6)]
    assert wedge == [[6 * (64 + 4 * 8), 8 * (121 + 4 * 11)][n % 2] * 4.5 for n in range(6)]


def test_an_own_kind_names_the_images_that_it_looks_at(folder: Path) -> None:
    text = WEDGE.replace("    of: str\n", "    of: str\n    sequences: tuple[str, ...] = ('t1', 'adc')\n")
    (folder / "my_parts.py").write_text(text)
    with pytest.raises(InputError, match="'adc'"):
        load_study(study_of(folder, WHOLE))
    study = load_study(study_of(folder, WHOLE.replace("0.25", "0.25, sequences: [t1]")))
    assert images_named(study.regions) == ("t1",)


def test_an_own_kind_is_written_out_as_it_was_read(folder: Path) -> None:
    study = load_study(study_of(folder, WHOLE))
    (folder / "again.yaml").write_text(study.to_yaml())
    assert load_study(folder / "again.yaml").regions == study.regions


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ("{use: my_parts, name: w, of: tumour}", "use 'my_parts' is not package.module:Class"),
        ("{use: my_part:Wedge, name: w, of: tumour}", "no module 'my_part' where Python looks, nor beside the study"),
        ("{use: my_parts:Wegde, name: w, of: tumour}", "my_parts has no class 'Wegde'; did you mean 'Wedge'?"),
        ("{use: my_parts:NoSection, name: w}", "a region is a class derived from radfuse.config.Section"),
        ("{use: my_parts:NoName}", "'my_parts:NoName' has no setting `name`; a region needs one"),
        ("{use: my_parts:NoLabels, name: w}", "has no method labels_named(); a region needs: labels_named(), mask(sce"),
        ("{use: my_parts:OtherMask, name: w}", "has mask(labels, side) in the place of the method mask(scene)"),
        ("{use: my_parts:Wedge, name: w, of: tumor}", "'w' has of 'tumor', no segmentation label; did you mean 'tumo"),
        ("{use: my_parts:Wedge, name: w, of: tumour, shar: 1}", "regions.1.shar"),
        ("{use: my_parts:Wedge, name: w, of: tumour, share: 0}", "regions.1.share: Input should be greater than 0"),
        ("{use: my_parts:Wedge, name: whole, of: tumour}", "names must differ"),
    ],
)
def test_a_part_that_cannot_be_used_is_named(folder: Path, region: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_study(study_of(folder, region))
    assert message in str(caught.value)


def test_a_mask_of_numbers_is_refused_by_its_case(folder: Path) -> None:
    study = load_study(study_of(folder, "{use: my_parts:Counts, name: w, of: tumour}"))
    run = run_study(study, folder / "run", until="regions")
    assert len(run.failures) == 6
    assert "region 'w': Counts.mask gave uint8 (20, 24, 24), needs a bool array of shape" in run.failures[0].error
