"""What a network learns by: levels count half of the one before, and what nobody annotated is left open."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="training needs radfuse[train]")
import torch

from radfuse.seg.unet.losses import LOSSES, NOT_LINEAR, left_open, of_levels

pytestmark = pytest.mark.filterwarnings("ignore")


def classes(target: torch.Tensor, count: int) -> torch.Tensor:
    return torch.cat([target == number for number in range(count)], dim=1).float()


def test_levels_count_half_of_the_one_before() -> None:
    answers = [torch.full((1, 2, 4 >> level, 4 >> level), value) for level, value in enumerate((1.0, 4.0, 8.0))]
    found = of_levels(lambda answer, _: answer.mean(), answers, torch.zeros(1, 1, 4, 4))
    assert float(found) == pytest.approx((1 + 4 / 2 + 8 / 4) / 1.75)


@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize("name", sorted(set(LOSSES) - NOT_LINEAR))
def test_coarse_answers_cost_what_they_cost_enlarged(name: str, batch: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    shapes = [(4, 8, 8), (4, 4, 4), (2, 2, 2)]
    answers = [torch.randn((2, 3, *shape), generator=generator, requires_grad=True) for shape in shapes]
    target = torch.randint(0, 3, (2, 1, *shapes[0]), generator=generator).float()
    loss = LOSSES[name](batch)
    found = of_levels(loss, answers, target)
    full = [torch.nn.functional.interpolate(answer, shapes[0]) for answer in answers]
    each = [0.5**level * loss(answer, classes(target, 3)) for level, answer in enumerate(full)]
    wanted = torch.stack(each).sum() / 1.75
    assert float(found) == pytest.approx(float(wanted), rel=1e-5)
    for one, other in zip(torch.autograd.grad(found, answers), torch.autograd.grad(wanted, answers), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-7)


def test_a_class_nobody_annotated_is_background_in_that_case_alone() -> None:
    logits = torch.zeros(2, 3, 4)
    annotated = torch.tensor([[True, True, False], [True, True, True]])
    probabilities = left_open(logits, annotated).softmax(dim=1)
    assert probabilities[0, :, 0].tolist() == pytest.approx([2 / 3, 1 / 3, 0], abs=1e-6)
    assert probabilities[1, :, 0].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3])


def test_where_nobody_annotated_no_answer_is_wrong() -> None:
    target = torch.zeros(1, 1, 4, 4)
    target[..., :2] = 1
    logits = torch.zeros(1, 3, 4, 4)
    logits[:, 1, :, :2], logits[:, 0, :, 2:] = 20, 20
    loss, unsure = LOSSES["dice_ce"](True), logits.clone()
    unsure[:, 2, :, 2:] = 40  # says class 2 where the mask has none
    annotated = torch.tensor([[True, True, False]])
    assert float(loss(unsure, classes(target, 3))) > 5
    assert float(loss(left_open(unsure, annotated), classes(target, 3))) == pytest.approx(0, abs=1e-3)
    assert torch.isfinite(left_open(logits, annotated)).all()


@pytest.mark.parametrize("name", LOSSES)
def test_right_answers_cost_less_than_wrong_ones(name: str) -> None:
    target = torch.zeros(2, 1, 4, 4, 4)
    target[:, :, :2] = 1
    right = torch.cat([1 - target, target], dim=1) * 12 - 6
    loss = LOSSES[name](True)
    assert float(loss(right, classes(target, 2))) < 0.05 < float(loss(-right, classes(target, 2)))


def test_of_each_patch_a_small_object_counts_as_much_as_a_large_one() -> None:
    target = torch.zeros(2, 1, 10, 10)
    target[0], target[1, :, 0, 0] = 1, 1
    answer = torch.cat([1 - target, target], dim=1) * 40 - 20
    answer[1, 0], answer[1, 1] = 20, -20
    together, each = (LOSSES["tversky"](batch)(answer, classes(target, 2)) for batch in (True, False))
    assert float(together) < 0.01  # one voxel of 101 is missed
    assert float(each) == pytest.approx(0.5, abs=0.01)  # one object of two
