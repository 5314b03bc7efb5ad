"""The same work on Ray; skipped where it is not installed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from boxes import tumour_cohort

from radfuse import machine
from radfuse.errors import InputError, MachineError, asked
from radfuse.pipeline import run_study
from radfuse.run.ray import _EVEN, _there, crew_on
from radfuse.run.workers import Crew
from radfuse.study import load_study

pytestmark = pytest.mark.slow

STUDY = """
name: ray
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: manual, labels: {tumour: 1}}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {min_voxels: 1}
"""


def test_where_nobody_works_is_named() -> None:
    with pytest.raises(InputError, match=r"on='slurm' is nowhere to work; use local, ray, or ray://HOST:PORT"):
        crew_on("slurm")


def test_without_ray_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError("no", name=name)

    monkeypatch.setattr("radfuse.run.ray.import_module", missing)
    with pytest.raises(
        InputError, match=r"needs Ray \(ray is missing\); install it with: pip install 'radfuse\[ray\]'"
    ):
        crew_on("ray")


@pytest.mark.parametrize(
    ("where", "address", "told"),
    [
        ("ray://", "", "'ray://' names no HOST:PORT; write ray://head-node:10001"),
        ("ray://head", "", "names no HOST:PORT"),
        ("ray://127.0.0.1:9", "", r"nobody answers at 127\.0\.0\.1:9, where the Ray cluster should be"),
        ("ray", "127.0.0.1:9", r"nobody answers at 127\.0\.0\.1:9"),
        ("ray", "127.0.0.1:99999", r"nobody answers at 127\.0\.0\.1:99999"),
    ],
)
def test_a_cluster_that_is_not_there_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, where: str, address: str, told: str
) -> None:
    """Ray itself waits for three minutes, and then aborts the process."""
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setattr("radfuse.run.ray.import_module", lambda _: SimpleNamespace(is_initialized=lambda: False))
    with pytest.raises(InputError, match=told):
        crew_on(where)


def test_messages_there_are_those_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "take_one_thread", lambda: None)
    assert [_there(asked, "--out", ".", types) for types in (True, False)] == ["--out", "`out`"]


@pytest.mark.parametrize(("said", "found"), [(None, "0"), ("1", "1")])
def test_workers_build_no_environment_of_their_own(
    monkeypatch: pytest.MonkeyPatch, said: str | None, found: str
) -> None:
    """Behind `uv run` each would install all packages, and the working folder, images and all, would go to them."""
    name, seen = "RAY_ENABLE_UV_RUN_RUNTIME_ENV", []
    monkeypatch.delenv(name, raising=False)  # and back to what it is now at the end
    if said is not None:
        monkeypatch.setenv(name, said)

    def imported(_: str) -> SimpleNamespace:
        seen.append(os.environ[name])
        return SimpleNamespace(is_initialized=lambda: True, cluster_resources=dict)

    monkeypatch.setattr("radfuse.run.ray.import_module", imported)
    crew_on("ray")
    assert seen == [found]


@pytest.mark.parametrize(("said", "found"), [(None, "0"), ("7", "7")])
def test_a_cluster_of_our_own_gives_way_to_nobody(
    monkeypatch: pytest.MonkeyPatch, said: str | None, found: str
) -> None:
    """Ray would have its workers yield to all else on the machine."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (name,) = _EVEN
    if said is not None:
        monkeypatch.setenv(name, said)
    seen: list[str] = []
    ray = SimpleNamespace(
        is_initialized=lambda: False,
        init=lambda **_: seen.append(os.environ[name]),
        cluster_resources=lambda: {"CPU": 2},
        shutdown=lambda: None,
    )
    monkeypatch.setattr("radfuse.run.ray.import_module", lambda _: ray)
    with crew_on("ray"):
        assert os.environ.get(name) == said
    assert seen == [found]


@pytest.mark.parametrize(
    ("share", "networks", "beside"),
    [(None, 2, 6), (1, 2, 6), (0.5, 4, 4), (0.34, 4, 4), (1 / 3, 6, 2), (0.1, 8, 0), (1e-9, 8, 0)],
)
def test_a_share_of_a_gpu_says_how_many_networks_run_and_who_is_left(
    monkeypatch: pytest.MonkeyPatch, share: float | None, networks: int, beside: int
) -> None:
    """Two GPUs and eight cores, one of which each network takes, too."""
    ray = SimpleNamespace(is_initialized=lambda: True, cluster_resources=lambda: {"CPU": 8.0, "GPU": 2.0})
    monkeypatch.setattr("radfuse.run.ray.import_module", lambda _: ray)
    with crew_on("ray", share) as found:
        assert (found.at_once("gpu"), found.beside("gpu"), found.at_once("cores")) == (networks, beside, 8)


@pytest.mark.parametrize(
    ("where", "share", "told"),
    [
        ("ray", 0, r"gpu_share=0 is no share of a GPU; it is above 0 and at most 1"),
        ("ray", 1.5, r"gpu_share=1\.5 is no share"),
        ("ray", -0.5, r"gpu_share=-0\.5 is no share"),
        ("ray", float("nan"), "is no share"),
        ("ray", True, "is no share"),
        ("ray", "half", "gpu_share='half' is no share"),
        ("local", 0.5, r"`gpu_share` is for the GPUs of a Ray cluster; add on='ray'"),
    ],
)
def test_a_share_that_no_job_can_have_is_refused(where: str, share: float, told: str) -> None:
    with pytest.raises(InputError, match=told):
        crew_on(where, share)


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    """Two cores and a GPU, which Ray believes without a look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        ray = pytest.importorskip("ray", reason="Ray is an extra: radfuse[ray]")
        with machine.one_thread_for_children(**_EVEN):
            ray.init(num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        with crew_on("ray") as found:
            yield found
        ray.shutdown()


def test_each_job_has_its_result_more_than_wait_at_a_time(crew: Crew) -> None:
    jobs = list(range(-12, 0))
    assert sorted(crew.each(abs, jobs)) == [(job, -job) for job in jobs]


def test_two_networks_share_a_gpu(crew: Crew, tmp_path: Path) -> None:
    with crew_on("ray", 0.5) as halves:
        assert (crew.at_once("gpu"), halves.at_once("gpu")) == (1, 2)
        meets = "touch {}; for i in $(seq 300); do test -e {} && exit 0; sleep 0.1; done; exit 1"
        one, other = tmp_path / "one", tmp_path / "other"
        jobs = [meets.format(one, other), meets.format(other, one)]
        assert list(dict(halves.each(os.system, jobs, "gpu")).values()) == [0, 0]


def test_a_process_with_a_gpu_stays_for_the_next_case(crew: Crew) -> None:
    jobs = [f"({number}, __import__('os').getpid())" for number in range(4)]
    found = dict(crew.each(eval, jobs, "gpu")).values()
    assert sorted(number for number, _ in found) == list(range(4))
    assert len({process for _, process in found}) == 1


def test_a_process_with_a_gpu_that_dies_is_replaced(crew: Crew, tmp_path: Path) -> None:
    first = f"__import__('os').path.exists({str(tmp_path / 'once')!r})"
    dies = f"{first} or (open({str(tmp_path / 'once')!r}, 'w').close(), __import__('os')._exit(1))"
    assert dict(crew.each(eval, [dies, "2"], "gpu")) == {dies: True, "2": 2}


def test_a_job_whose_process_dies_is_told_and_the_others_go_on(crew: Crew) -> None:
    found = dict(crew.each(eval, ["__import__('os')._exit(7)", "8", "9"]))
    assert [found[job] for job in ("8", "9")] == [8, 9]
    (died,) = (error for error in found.values() if isinstance(error, MachineError))
    assert "its process died 3 times" in str(died)


def test_features_are_equal_to_the_last_bit(crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tumour_cohort(tmp_path, 4)
    (tmp_path / "study.yaml").write_text(STUDY)
    (tmp_path / "c2.nrrd").write_bytes(b"cut off")
    files = {}
    monkeypatch.setattr(machine, "cores", lambda: 1)
    for where in ("local", "ray"):
        run = run_study(tmp_path / "study.yaml", tmp_path / where, until="extract", on=where)
        assert [failure.item for failure in run.failures] == ["c2"]
        cases = sorted((tmp_path / where / "features" / "cases").glob("c?.json"))
        files[where] = {path.name: path.read_bytes() for path in cases}
    assert list(files["local"]) == ["c0.json", "c1.json", "c3.json"]
    assert files["ray"] == files["local"]
    again = run_study(tmp_path / "study.yaml", tmp_path / "ray", until="extract", on="local")
    assert (again.computed, again.reused) == (0, 3)


VOTE = [
    "segmentation={backend: vote, min_readers: 1, labels: {tumour: 1}}",
    "cohort.mask=null",
    "cohort.readers={a: mask}",
    "radiomics.classes=[firstorder]",
]


def test_features_are_extracted_while_a_gpu_segments(
    crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tumour_cohort(tmp_path, 4)
    (tmp_path / "study.yaml").write_text(STUDY)
    study, files = load_study(tmp_path / "study.yaml", VOTE), {}
    monkeypatch.setattr(machine, "cores", lambda: 1)
    for where in ("local", "ray"):
        assert run_study(study, tmp_path / where, until="extract", on=where).failures == ()
        found = [path for kind in ("*/cases/c?.json", "labels/*/labels.nrrd") for path in (tmp_path / where).glob(kind)]
        files[where] = {str(path.relative_to(tmp_path / where)): path.read_bytes() for path in found}
    lines = [json.loads(line) for line in (tmp_path / "ray" / "log.jsonl").read_text().splitlines()]
    begun = {line["stage"]: line for line in reversed(lines) if line["event"] == "begins"}
    assert (begun["segment"]["workers"], begun["extract"]["workers"]) == (1, 1)
    assert begun["extract"]["beside"] == "segment"
    assert files["ray"] == files["local"]
    assert len(files["ray"]) == 8


@pytest.mark.long
def test_a_machine_that_leaves_takes_no_job_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines of a core each, as Ray believes; one is gone, killed, while both are at work."""
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    cluster_utils = pytest.importorskip("ray.cluster_utils", reason="Ray is an extra: radfuse[ray]")
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    other = cluster.add_node(num_cpus=1)
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    seen, leaves = tmp_path / "seen", Thread(target=lambda: cluster.remove_node(other, allow_graceful=False))
    seen.mkdir()
    job = f"(__import__('pathlib').Path({str(seen)!r}, str(__import__('os').getpid())).touch(), {{}})[1]"
    found = {}
    try:
        with crew_on("ray") as crew:
            assert crew.count == 2
            for name, result in crew.each(
                eval, [job.format(f"__import__('time').sleep(0.3) or {n}") for n in range(60)]
            ):
                found[name] = result
                if len(found) == 10:
                    leaves.start()
    finally:
        leaves.join()
        cluster.shutdown()
    assert sorted(found.values()) == list(range(60))
    assert len(list(seen.iterdir())) >= 2
