"""The order of patients: decided by content, whatever they are called and wherever they stand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from radfuse.cohort.order import content_order


def order(patients: str, *levels: list[float] | list[str]) -> list[str]:
    """Units named by place, of patients named by a letter each: "aab" has two units of a."""
    names = list(patients)
    arrays = [np.array(level, dtype=object if isinstance(level[0], str) else float) for level in levels]
    return [names[row] for row in content_order(names, list(map(str, range(len(names)))), arrays)]


def test_each_position_stands_once_and_patients_stay_together() -> None:
    found = content_order(list("abcab"), list("12345"), [np.array([1.0, 2, 3, 4, 5])])
    assert sorted(found) == [0, 1, 2, 3, 4]
    letters = ["abcab"[row] for row in found]
    assert letters in [list("aabbc"), list("aacbb"), list("bbaac"), list("bbcaa"), list("caabb"), list("cbbaa")]


def test_names_change_nothing_where_content_differs() -> None:
    values = [3.0, 1.0, 2.0]
    before = [values["abc".index(name)] for name in order("abc", values)]
    after = [values["zya".index(name)] for name in order("zya", values)]
    assert before == after


def test_names_decide_between_patients_of_equal_content() -> None:
    assert order("cab", [1.0, 1.0, 1.0]) == ["a", "b", "c"]


def test_a_level_behind_others_moves_only_those_who_were_alike() -> None:
    ages = [50.0, 60.0, 60.0, 70.0]
    before = order("abcd", ages)
    after = order("abcd", ages, [1.0, 9.0, 2.0, 4.0])
    assert before.index("a") == after.index("a")
    assert before.index("d") == after.index("d")


def test_missing_is_missing_and_minus_zero_is_zero() -> None:
    assert order("ba", [float("nan"), -float("nan")]) == ["a", "b"]
    assert order("ba", [0.0, -0.0]) == ["a", "b"]


def test_units_that_swap_their_values_in_one_level_tell_patients_apart() -> None:
    """The same values in each level, but paired otherwise."""
    first = order("aabb", [1.0, 2.0, 1.0, 2.0], [5.0, 6.0, 6.0, 5.0])
    renamed = order("bbaa", [1.0, 2.0, 1.0, 2.0], [5.0, 6.0, 6.0, 5.0])
    assert [name == "a" for name in first] == [name == "b" for name in renamed]


def test_texts_count_as_well() -> None:
    found = order("ab", ["t1 (5,)", "t1 (6,)"])
    assert found == ["b" if name == "a" else "a" for name in order("ba", ["t1 (5,)", "t1 (6,)"])]


@given(values=st.lists(st.integers(0, 50), min_size=2, max_size=30, unique=True), data=st.data())
def test_shuffled_rows_come_out_the_same(values: list[int], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(range(len(values))))
    names = [f"p{value}" for value in values]
    first = content_order(names, names, [np.array(values, dtype=float)])
    moved = [names[i] for i in shuffled]
    second = content_order(moved, moved, [np.array([values[i] for i in shuffled], dtype=float)])
    assert [names[i] for i in first] == [moved[i] for i in second]


def test_units_of_measurement_and_places_of_columns_change_nothing() -> None:
    """Years and months, degrees by Celsius and Fahrenheit, columns renamed so that they are sorted otherwise."""
    generator = np.random.default_rng(0)
    names = [f"p{row // 2}" for row in range(80)]
    age, block = generator.integers(40, 60, 80).astype(float), generator.standard_normal((80, 5))
    block[generator.random((80, 5)) < 0.1] = np.nan
    first = content_order(names, list(map(str, range(80))), [age, block])
    units = 10.0 ** np.arange(-6, 9, 3)
    second = content_order(names, list(map(str, range(80))), [12 * age, (block[:, ::-1] + 50) * units])
    assert first.tolist() == second.tolist()
    other = content_order(names, list(map(str, range(80))), [age[::-1], block])
    assert first.tolist() != other.tolist()


def test_numbers_of_any_size_and_columns_of_one_value() -> None:
    huge = np.array([1.7e308, -1.7e308, 0.0])
    assert order("abc", list(huge)) == order("abc", list(huge / 1e300))
    assert order("cab", [5.0, 5.0, 5.0 + 1e-14]) == ["a", "b", "c"]


def test_rounded_values_lie_on_no_edge_between_thousandths() -> None:
    """Whole centimetres lie on halves of thousandths of 80 of them: the last bit of metres would decide."""
    names = [f"p{number:02d}" for number in range(81)]
    found = [
        content_order(names, names, [np.random.default_rng(1).permutation(np.arange(120.0, 201.0)) * unit]).tolist()
        for unit in (1, 0.01, 1 / 2.54, 10)
    ]
    assert found == [found[0]] * 4


def test_equal_values_in_other_columns_tell_patients_apart_whatever_columns_are_called() -> None:
    """A mutation of one gene or of the other; the first is the rarer one."""
    genes = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    names, renamed = ["a", "b", "c"], ["b", "a", "c"]
    first = content_order(names, names, [genes])
    assert content_order(renamed, renamed, [genes]).tolist().index(1) == first.tolist().index(1)
    assert content_order(names, names, [genes[:, ::-1]]).tolist() == first.tolist()


def test_what_tells_all_apart_is_enough() -> None:
    """A level of which nothing can be asked is not looked at."""
    found = content_order(["a", "b"], ["1", "2"], [np.array([1.0, 2.0]), None])  # type: ignore[list-item]
    assert sorted(found) == [0, 1]
