"""Stage `register`: what is told of suspicious registrations."""

from __future__ import annotations

from radfuse.stages.register import told_of


def test_many_suspicious_registrations_are_told_of_by_kind() -> None:
    flags = {f"registration/c{number}.t2": (f"no gain: mutual information 0.{number} before",) for number in range(9)}
    assert [problem.where for problem in told_of(dict([*flags.items()][:8]), 20)] == [*flags][:8]
    flags["registration/c9.t2"] = ("no gain: none", "space folds in 2 % of the voxels (Jacobian 0 or less)")
    first, second = told_of(flags, 20)
    assert first.message.startswith("no gain: 10 of 20, c0.t2, c1.t2")
    fewer = dict.fromkeys(flags, ("little in common: mutual information 0.01 before",))
    assert told_of(fewer, 20)[0].message.startswith("little in common: 10 of 20")
    assert second.message.startswith("space folds: 1 of 20, c9.t2; look at checkerboard.png")
