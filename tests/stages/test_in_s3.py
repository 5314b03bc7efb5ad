"""The same in S3, as moto plays it: what a study leaves there, resumes from there, and tells of itself there."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from boxes import tumour_cohort
from stores import STUDY
from typer.testing import CliRunner

from radfuse import machine
from radfuse.cli.app import app
from radfuse.errors import InputError
from radfuse.pipeline import run_study

moto = pytest.importorskip("moto.server", reason="moto's server is not installed")
s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed (radfuse[store])")

URL = "s3://bucket/run"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """S3 on this machine, found by what its library looks for."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    playing = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    playing.start()
    address = "http://{}:{}".format(*playing.get_host_and_port())
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "one",
        "AWS_SECRET_ACCESS_KEY": "two",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    yield
    s3fs.S3FileSystem.clear_instance_cache()
    playing.stop()


def test_a_study_in_s3(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 1)
    monkeypatch.setenv("COLUMNS", "200")
    tumour_cohort(tmp_path, 4)
    study = tmp_path / "study.yaml"
    study.write_text(STUDY)
    cli, files = CliRunner(), s3fs.S3FileSystem()
    told = cli.invoke(app, ["extract", str(study), "--out", URL, "--work", str(tmp_path / "copy")])
    assert isinstance(told.exception, InputError)
    assert "make the bucket, or correct the URL" in str(told.exception)
    files.mkdir("bucket")
    for number in (1, 2):
        work = str(tmp_path / f"copy{number}")
        told = cli.invoke(app, ["extract", str(study), "--out", URL, "--work", work, "--shard", f"{number}/2"])
        assert told.exit_code == 0, told.output
        assert told.output.startswith(f"Working copy of {URL}: {work}\n")
    told = cli.invoke(app, ["status", URL])
    assert "Nobody works here" in told.output
    assert "extract (2 of 2 jobs begun)" in told.output
    run = run_study(study, URL, until="extract", work=tmp_path / "other")
    assert (run.computed, run.reused) == (0, 4)
    plain = run_study(study, tmp_path / "plain", until="extract")
    for case in range(4):
        name = f"features/cases/c{case}.json"
        assert files.cat(f"bucket/run/{name}") == (plain.path / name).read_bytes() == (run.path / name).read_bytes()
    assert not files.glob("bucket/run/*.lock")
