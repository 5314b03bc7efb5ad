"""A folder of a store: what may be asked of it, and what is said where it does not answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from stores import NoRename

from radfuse.errors import InputError
from radfuse.run import store as module
from radfuse.run.disk import check_folder
from radfuse.run.store import Store, StoreError, is_store


def test_names_are_of_one_folder_and_below_of_all(tmp_path: Path, bucket: type[NoRename]) -> None:
    store = Store.open("norename://bucket/run/")
    assert (store.url, store.names(), store.below("labels"), store.read("a")) == ("norename://bucket/run", {}, [], None)
    for name in ("a.json", "labels/c1/mask.nrrd", "labels/c1/more/b", "labels/c10"):
        store.write(name, b"12")
    assert store.names() == {"a.json": 2, "labels": None}
    assert store.names("labels") == {"c1": None, "c10": 2}
    assert sorted(store.below("labels/c1")) == ["mask.nrrd", "more/b"]
    (tmp_path / "sent").write_bytes(b"345")
    store.send(tmp_path / "sent", "a.json")
    assert store.fetch("a.json", tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == store.read("a.json") == b"345"
    assert not store.fetch("b.json", tmp_path / "none")
    store.remove("a.json")
    store.remove("a.json")
    assert store.names() == {"labels": None}


def test_a_store_on_a_disk_makes_its_folders(tmp_path: Path) -> None:
    store = Store.open(f"file://{tmp_path}/a/run")
    store.write("labels/c1/mask", b"1")
    assert (tmp_path / "a/run/labels/c1/mask").read_bytes() == b"1"
    assert store.names("labels") == {"c1": None}
    assert store.below("labels") == ["c1/mask"]


@pytest.mark.parametrize(
    ("error", "lasting", "mend"),
    [
        (PermissionError("Access Denied"), True, "Access Denied; have its library know who you are"),
        (FileNotFoundError("no such bucket"), True, "make the bucket, or correct the URL"),
        (ConnectionError("no\nroute"), False, "no route; look whether the store is up, and run again"),
        (type("NoCredentialsError", (Exception,), {})("none"), True, "AWS_PROFILE"),
    ],
)
def test_what_a_store_says_is_told_with_its_mend(
    bucket: type[NoRename], monkeypatch: pytest.MonkeyPatch, error: Exception, lasting: bool, mend: str
) -> None:
    def refuse(what: str, name: str) -> None:
        raise error

    monkeypatch.setattr(bucket, "fault", staticmethod(refuse))
    with pytest.raises(StoreError, match=f"cannot write norename://bucket/run/a: .*{mend}") as told:
        Store.open("norename://bucket/run").write("a", b"")
    assert told.value.lasting is lasting


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://key:secret@bucket/run", "the URL s3://bucket/run holds more than a place"),
        ("s3://bucket/run?token=secret", "the URL s3://bucket/run holds more than a place"),
        ("nowhere://bucket/run", "is no store that fsspec knows"),
        ("norename://", "names no folder; give one, for example norename://BUCKET/FOLDER"),
    ],
)
def test_what_is_no_place_in_a_store_is_refused(bucket: type[NoRename], url: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as told:
        Store.open(url)
    assert "secret" not in str(told.value)


def test_without_fsspec_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(module, "import_module", missing)
    with pytest.raises(InputError, match=r"s3://bucket/run needs fsspec .*pip install 'radfuse\[store\]'"):
        Store.open("s3://bucket/run")


@pytest.mark.parametrize("url", ["memory://bucket/../run", "memory://./run", "memory://bucket/a/.."])
def test_a_url_that_goes_up_is_refused(url: str) -> None:
    with pytest.raises(InputError, match=r"holds \. or \.\., which a store follows nowhere"):
        Store.open(url)


def test_an_archive_that_is_not_there_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no store that fsspec knows \(.*\); s3://BUCKET/FOLDER is"):
        Store.open(f"zip://run::file://{tmp_path}/none.zip")


def test_only_a_text_with_a_scheme_is_a_store_and_no_folder_is_made_of_one() -> None:
    assert is_store("s3://bucket/run")
    assert is_store("dir::file:///tmp")
    assert not any(map(is_store, ("runs/x", "/a:b/c", "C:/runs", r"C:\runs", Path("s3://bucket/run"), None)))
    with pytest.raises(InputError, match=r"give it as the text s3://bucket/run to `out`"):
        check_folder(Path("s3:bucket/run"))
    with pytest.raises(InputError, match="is neither a folder here nor a URL"):
        check_folder(Path("s3://bucket/run"))
