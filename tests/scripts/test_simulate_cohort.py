"""The simulation of a cohort: figures that can be checked by hand, and the Ray cluster file of the docs."""

from __future__ import annotations

from pathlib import Path

import pytest
import simulate_cohort as simulated
from ruamel.yaml import YAML

DOCS = Path(__file__).parents[2] / "docs"


def test_one_worker_takes_what_the_work_takes() -> None:
    world = simulated.World(workers=1, look=0, hand=0, record=0, read=48.0)
    played = simulated.play(world, {"extract": [3.0] * 10}, seed=0)
    assert played.clock.now == pytest.approx(10 * (1 + 3))
    assert played.efficiency == pytest.approx(1)


def test_many_workers_share_it_and_an_idle_one_costs() -> None:
    world = simulated.World(workers=4, look=0, hand=0, record=0, read=48e9)
    assert simulated.play(world, {"extract": [3.0] * 8}, seed=0).clock.now == pytest.approx(6, abs=1e-6)
    five = simulated.play(world, {"extract": [3.0] * 5}, seed=0)
    assert five.efficiency == pytest.approx(15 / (4 * 6), abs=1e-6)


def test_the_driver_is_the_bottleneck_where_a_record_takes_as_long_as_all_jobs() -> None:
    world = simulated.World(workers=8, look=0, hand=0, record=8.0, read=48e9)
    played = simulated.play(world, {"extract": [1.0] * 800}, seed=0)
    assert played.clock.busy > 0.95 * played.clock.now
    assert played.efficiency < 0.2


def test_failures_and_deaths_are_counted_and_no_job_is_lost() -> None:
    world = simulated.World(workers=16, fails=0.1, deaths=60.0)
    played = simulated.play(world, {"extract": [30.0] * 500}, seed=1)
    assert played.clock.died > 100
    assert played.clock.lost > 0
    assert 20 < played.failed < 120


@pytest.mark.parametrize(("beside", "seconds"), [(False, 20 + 8), (True, 20 + 4)])
def test_cores_extract_while_a_gpu_segments(beside: bool, seconds: float) -> None:
    world = simulated.World(workers=5, gpus=1, beside=beside, look=0, hand=0, record=0, read=48e9)
    played = simulated.play(world, {"segment": [2.0] * 10, "extract": [4.0] * 10}, seed=0)
    assert played.clock.now == pytest.approx(seconds, abs=0.5)  # the driver looks at each kind every 0.05 s
    assert played.failed == 0


def test_times_come_from_a_run(tmp_path: Path) -> None:
    lines = ['{"event": "begins", "stage": "extract"}', '{"event": "done", "stage": "extract", "seconds": 2.5}']
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    assert simulated.drawn(tmp_path, ["extract"], 3, 0) == {"extract": [2.5] * 3}
    with pytest.raises(SystemExit, match="has no times of segment; choose others with --stages"):
        simulated.drawn(tmp_path, ["segment", "extract"], 3, 0)


def test_the_cluster_file_is_one() -> None:
    cluster = YAML(typ="safe").load(DOCS / "ray_cluster.yaml")
    assert cluster["provider"]["type"] == "local"
    assert len(cluster["provider"]["worker_ips"]) == cluster["max_workers"]
    schema = pytest.importorskip("ray", reason="Ray is an extra: radfuse[ray]").__path__[0]
    checked = pytest.importorskip("jsonschema", reason="comes with Ray")
    import json

    checked.validate(cluster, json.loads((Path(schema) / "autoscaler" / "ray-schema.json").read_text()))
