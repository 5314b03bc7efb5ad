"""Habitats: a box of three intensities gives back its three parts; how clusters are fitted, ordered and refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from habitats import GRID, drawn, mask, parts_of

from radfuse.errors import CaseError, InputError, StudyError
from radfuse.regions.clusters import best_number
from radfuse.regions.habitats import HabitatModel, HabitatsRegion
from radfuse.regions.make import make_regions
from radfuse.regions.scene import Scene
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.resample import resample_labels, values_on

ROWS = (1, 2, 3)


def scene(labels: LabelMap | None = None, case: str = "c1", **images: Volume) -> Scene:
    shown = images or {name: drawn(name, ROWS, noise=5.0) for name in ("t1", "adc")}
    return Scene(labels or mask(), {"tumour": 1}, images=shown, case=case, measured="t1")


def habitats(**settings: Any) -> HabitatsRegion:
    return HabitatsRegion(name="part", of="tumour", **{"sequences": ("t1", "adc"), **settings})


def fitted(region: HabitatsRegion, *scenes: Scene) -> HabitatsRegion:
    model = region.learned([region.sampled(one, 0) for one in scenes], 0, "1")
    return region.model_copy(update={"model": model})


@pytest.mark.parametrize("method", ["kmeans", "mixture"])
@pytest.mark.parametrize("zscore", ["training", "case"])
def test_a_box_of_three_intensities_gives_back_its_three_parts(method: str, zscore: str) -> None:
    region = fitted(habitats(method=method, zscore=zscore), scene(), scene())
    truth = parts_of(ROWS)
    found = make_regions(scene(), [region], min_voxels=5)
    assert [part.name for part in found] == ["part_1", "part_2", "part_3"]  # the darkest on t1 first
    for number, part in enumerate(found, start=1):
        assert np.array_equal(part.mask, truth == number)
    assert region.fractions(scene()) == {f"habitats_Fraction{i}": i / 6 for i in (1, 2, 3)}


def test_two_images_tell_apart_what_one_does_not() -> None:
    region = fitted(habitats(sequences=("adc",), clusters=2), scene())
    found = make_regions(scene(), [region])
    truth = parts_of(ROWS)
    assert np.array_equal(found[0].mask, truth == 2)
    assert np.array_equal(found[1].mask, (truth == 1) | (truth == 3))


def test_a_habitat_that_a_case_lacks_has_the_share_0_and_is_no_region() -> None:
    region = fitted(habitats(), scene())
    other = scene(t1=drawn("t1", (2, 4, 0)), adc=drawn("adc", (2, 4, 0)))
    assert [part.name for part in make_regions(other, [region])] == ["part_1", "part_2"]
    assert region.fractions(other) == pytest.approx(
        {"habitats_Fraction1": 1 / 3, "habitats_Fraction2": 2 / 3, "habitats_Fraction3": 0}
    )


def test_images_on_grids_of_their_own_are_seen_in_patient_space() -> None:
    fine = Grid((16, 28, 28), (1.5, 1.0, 1.0), (-0.5, -0.5, -0.75))  # halves of each voxel
    adc = drawn("adc", ROWS)
    halved = Volume(adc.array.repeat(2, 0).repeat(2, 1).repeat(2, 2), fine, "adc.nrrd")
    seen = scene(t1=drawn("t1", ROWS), adc=halved)
    found = make_regions(seen, [fitted(habitats(), scene())])
    for number, part in enumerate(found, start=1):
        assert np.array_equal(part.mask, parts_of(ROWS) == number)


def test_images_that_were_registered_are_seen_where_they_show_the_same() -> None:
    move = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.0, 0.0, 0.3, (5.0, -4.0, 6.0))  # from points of adc to those of t1
    fine = Grid((20, 40, 40), (1.5, 1.0, 1.0), (-10.0, -10.0, -10.0))
    flat = drawn("adc", ROWS).array.repeat(3, 0).repeat(4, 1).repeat(4, 2)  # sharp: parts do not mix between voxels
    sharp = Volume(flat, Grid(flat.shape, (1.0, 0.5, 0.5), (-0.75, -0.75, -1.0)), "adc.nrrd")
    adc = Volume(values_on(sharp, fine, move), fine, "adc.nrrd")
    adc = Volume(np.nan_to_num(adc.array, nan=50), fine, "adc.nrrd")
    region = fitted(habitats(), scene())
    seen = replace(scene(t1=drawn("t1", ROWS), adc=adc), ways={"adc": move})
    for number, part in enumerate(region.parts(seen).values(), start=1):
        truth = parts_of(ROWS) == number
        assert 2 * (part & truth).sum() > 0.8 * (part.sum() + truth.sum())
    lost = replace(seen, ways={}, memo={})
    assert sum((part & (parts_of(ROWS) == i)).sum() for i, part in enumerate(region.parts(lost).values(), 1)) < 100
    there = replace(seen, labels=resample_labels(mask(), fine, move), measured="adc", memo={})
    parts = list(region.parts(there).values())
    for number, part in enumerate(parts, start=1):
        assert part.sum() * 1.5 == pytest.approx((parts_of(ROWS) == number).sum() * 12, rel=0.25)  # mm3


def test_an_image_that_was_bent_onto_another_is_seen_where_it_shows_the_same() -> None:
    """A B-spline has no way back of its own: from t1, adc is read where a point of it comes from."""
    where = sitk.Image([40, 40, 30], sitk.sitkUInt8)
    where.SetOrigin((-10.0, -10.0, -10.0))
    bend = sitk.BSplineTransformInitializer(where, [2, 2, 2], 3)
    bend.SetParameters(np.random.default_rng(3).uniform(-4, 4, len(bend.GetParameters())).tolist())
    fine = Grid((60, 90, 90), (0.5, 0.5, 0.5), (-8.0, -8.0, -6.0))
    flat = drawn("adc", ROWS).array.repeat(6, 0).repeat(4, 1).repeat(4, 2)
    sharp = Volume(flat, Grid(flat.shape, (0.5, 0.5, 0.5), (-0.75, -0.75, -1.25)), "adc.nrrd")
    adc = Volume(np.nan_to_num(values_on(sharp, fine, bend), nan=50), fine, "adc.nrrd")
    region = fitted(habitats(), scene())
    seen = replace(scene(t1=drawn("t1", ROWS), adc=adc), ways={"adc": bend})
    lost = replace(seen, ways={}, memo={})
    for number in ROWS:
        truth = parts_of(ROWS) == number
        right, wrong = (np.count_nonzero(truth & one.parts(at)[f"part_{number}"]) for one, at in
                        ((region, seen), (region, lost)))  # fmt: skip
        assert right >= 0.9 * truth.sum()
        assert wrong < right


def test_voxels_that_an_image_does_not_reach_belong_to_no_habitat() -> None:
    short = Grid((4, 14, 14), GRID.spacing_zyx_mm)  # the lower half of the tumour
    seen = scene(t1=drawn("t1", ROWS), adc=Volume(drawn("adc", ROWS).array[:4], short, "adc.nrrd"))
    region = fitted(habitats(), scene())
    parts = region.parts(seen)
    assert sum(int(part.sum()) for part in parts.values()) == 2 * 36
    assert region.fractions(seen) == {f"habitats_Fraction{i}": i / 6 for i in (1, 2, 3)}


def test_the_mean_of_an_image_does_not_matter_where_each_case_is_its_own_measure() -> None:
    region = fitted(habitats(zscore="case"), scene())
    brighter = {name: Volume(drawn(name, ROWS).array * 3 + 70, GRID) for name in ("t1", "adc")}
    assert [part.voxels for part in make_regions(scene(**brighter), [region])] == [24, 48, 72]
    absolute = fitted(habitats(), scene())
    assert [part.voxels for part in make_regions(scene(**brighter), [absolute])] != [24, 48, 72]


def test_a_mixture_assigns_as_scikit_learn_does() -> None:
    from sklearn.mixture import GaussianMixture

    generator = np.random.default_rng(1)
    values = np.concatenate([generator.normal((0, 0), (1, 3), (300, 2)), generator.normal((3, 1), (0.5, 1), (300, 2))])
    model = habitats(clusters=2, method="mixture").learned([values], 3, "1")
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    theirs = GaussianMixture(2, n_init=5, max_iter=1000, random_state=3).fit(scaled)
    order = np.argsort(np.argsort(theirs.means_[:, 0]))
    assert np.array_equal(model.nearest(scaled), order[theirs.predict(scaled)] + 1)


def test_voxels_are_drawn_alike_each_time_and_no_more_than_asked_for() -> None:
    region = habitats(voxels=20)
    first, again = region.sampled(scene(), 5), region.sampled(scene(), 5)
    assert first.shape == (20, 2)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, region.sampled(scene(), 6))


def test_a_model_goes_through_json_bit_by_bit() -> None:
    region = fitted(habitats(method="mixture"), scene())
    assert HabitatsRegion.model_validate_json(region.model_dump_json()) == region


def test_too_few_voxels_name_the_case() -> None:
    small = np.zeros(GRID.shape, np.uint8)
    small[3, 5, 5:7] = 1
    with pytest.raises(CaseError, match=r"^c1: region 'part' has 2 voxels that all its images show, and 3 clusters"):
        habitats().sampled(scene(LabelMap(small, GRID)), 0)


def test_images_that_cannot_be_clustered_are_named() -> None:
    flat = Volume(np.full(GRID.shape, 7, np.float32), GRID, "flat.nrrd")
    with pytest.raises(CaseError, match="its 144 voxels are all alike on 'adc'; look at the image and its mask"):
        habitats(zscore="case").sampled(scene(t1=drawn("t1", ROWS), adc=flat), 0)
    with pytest.raises(CaseError, match="a region needs the image 'adc', and the case has t1"):
        habitats().sampled(scene(t1=drawn("t1", ROWS)), 0)
    with pytest.raises(InputError, match="its clusters are fitted on training cases, and none were; run the study"):
        make_regions(scene(), [habitats()])


@pytest.mark.parametrize(
    ("values", "method", "message"),
    [
        ([[1, 1], [1, 1], [2, 2], [2, 2]], "kmeans", "have 2 different values, and so no 3 clusters; ask for fewer"),
        ([[1, 5], [2, 5], [3, 5]], "kmeans", "fold '1': the training voxels are all alike on 'adc'; leave that image"),
    ],
)
def test_training_voxels_that_make_no_clusters_say_so(values: list[list[int]], method: str, message: str) -> None:
    with pytest.raises(StudyError, match=r"^regions: 'part' in fold '1'") as caught:
        habitats(method=method).learned([np.array(values, float)], 0, "1")
    assert message in str(caught.value)


AUTO = [("kmeans", None), ("kmeans", "silhouette"), ("mixture", None), ("mixture", "calinski_harabasz")]


@pytest.mark.parametrize(("method", "criterion"), AUTO)
def test_the_number_of_clusters_is_that_of_the_parts_of_the_training_cases(method: str, criterion: str | None) -> None:
    """Three parts in one fold, two in another; features have the same names in both."""
    region = habitats(clusters="auto", method=method, criterion=criterion, most_clusters=4)
    assert region.names == ("part_1", "part_2", "part_3", "part_4")
    three = fitted(region, scene(), scene())
    assert three.fractions(scene()) == pytest.approx(
        {f"habitats_Fraction{i}": share for i, share in ((1, 1 / 6), (2, 2 / 6), (3, 3 / 6), (4, 0))}
    )
    assert [part.name for part in make_regions(scene(), [three])] == ["part_1", "part_2", "part_3"]
    some = scene(**{name: drawn(name, (2, 4, 0), noise=5.0) for name in ("t1", "adc")})
    two = fitted(region, some)
    assert two.model is not None
    assert len(two.model.centres) == 2
    assert two.fractions(some) == pytest.approx(
        {f"habitats_Fraction{i}": share for i, share in ((1, 1 / 3), (2, 2 / 3), (3, 0), (4, 0))}
    )
    assert HabitatsRegion.model_validate_json(two.model_dump_json()) == two


def test_criteria_are_those_of_scikit_learn() -> None:
    from sklearn.mixture import GaussianMixture

    generator = np.random.default_rng(2)
    values = np.concatenate([generator.normal(middle, 1, (200, 2)) for middle in (0, 4, 9)])
    theirs = {count: GaussianMixture(count, n_init=5, max_iter=1000, random_state=1).fit(values).bic(values)
              for count in (2, 3, 4)}  # fmt: skip
    assert min(theirs, key=lambda count: theirs[count]) == best_number(values, (2, 3, 4), "mixture", None, 1) == 3
    assert best_number(values[:, :1], (2, 3, 4), "kmeans", "silhouette", 1) == 3
    assert best_number(np.repeat([[0.0], [1.0]], 5, axis=0), (3, 4), "kmeans", None, 1) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sequences": ("t1", "t1")}, "an image stands there twice"),
        ({"clusters": "auto", "criterion": "bic"}, "needs a likelihood, which method kmeans has not"),
        ({"clusters": "auto", "most_clusters": 12}, "less than or equal to 9"),
        ({"clusters": "many"}, "clusters: 'many' is not one of auto"),
        (
            {"clusters": "auto", "most_clusters": 2, "model": HabitatModel(centres=((0.0, 0.0),) * 3)},
            "model has 3 clusters of 2 images, the region 2 of 2",
        ),
        ({"clusters": 1}, "greater than or equal to 2"),
        (
            {"model": HabitatModel(centres=((0.0, 0.0), (1.0, 0.0)))},
            "model has 2 clusters of 2 images, the region 3 of 2",
        ),
        (
            {"clusters": 2, "model": HabitatModel(centres=((0.0, 0.0), (1.0, 0.0)))},
            "mean and spread belong to `zscore: training`",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        habitats(**settings)


def test_a_model_whose_numbers_do_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="weights and covariances do not fit 2 clusters of 1 images"):
        HabitatModel(centres=((0.0,), (1.0,)), weights=(0.5, 0.5), covariances=(((1.0, 0.0), (0.0, 1.0)),) * 2)
