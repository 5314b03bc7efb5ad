"""A folder of an object store, by fsspec: whole objects are written, read, listed and removed; nothing is renamed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from radfuse.errors import InputError, RunError, short
from radfuse.run.disk import FULL

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")
_USER = re.compile(r"://[^/@]*@")
_UNKNOWN = ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound")
"""What botocore says, by names, where it does not know who we are."""


class StoreError(RunError):
    """A store did not do what it was asked for.

    Attributes:
        lasting: it will not do it the next time either.
    """

    def __init__(self, message: str, *, lasting: bool) -> None:
        self.lasting = lasting
        super().__init__(message)


def is_store(place: object) -> bool:
    """Return whether a place is given as a URL, such as s3://bucket/run."""
    return isinstance(place, str) and _URL.match(place) is not None


def shown(url: str) -> str:
    """Return a URL without what may be secret in it."""
    return _USER.sub("://", url).partition("?")[0].rstrip("/")


class Store:
    """One folder of a store.

    Args:
        files: the file system of fsspec.
        root: path of the folder there.
        url: of it.

    Attributes:
        url: holds no password.
    """

    def __init__(self, files: Any, root: str, url: str) -> None:
        self.url = url
        self._files, self._root = files, root.rstrip("/")

    @classmethod
    def open(cls, url: str) -> Store:
        """Return the folder that a URL names, there or not.

        Raises:
            InputError: it holds a password, fsspec or the store's own library is not installed, or nobody knows it.
        """
        protocol, _, path = url.partition("://")
        if not path.strip("/"):
            raise InputError(f"{short(url)} names no folder; give one, for example {protocol}://BUCKET/FOLDER")
        if {".", ".."} & set(path.split("/")):
            raise InputError(f"{short(url)} holds . or .., which a store follows nowhere; write the folder itself")
        plain = shown(url)
        if plain != url.rstrip("/"):
            raise InputError(
                f"the URL {short(plain)} holds more than a place; what a store asks of its users belongs into the "
                "settings of its library (for S3 AWS_PROFILE, or AWS_ACCESS_KEY_ID and its like), not on a command line"
            )
        try:
            files, root = import_module("fsspec.core").url_to_fs(
                plain, **({"auto_mkdir": True} if protocol in ("file", "local") else {})
            )
        except ImportError as error:
            raise InputError(
                f"{short(plain)} needs fsspec and the store's own library ({error}); install them with: pip install "
                "'radfuse[store]' for s3://, gcsfs for gs://, adlfs for az://"
            ) from error
        except (OSError, ValueError) as error:
            raise InputError(
                f"{short(plain)} is no store that fsspec knows ({error}); s3://BUCKET/FOLDER is"
            ) from error
        return cls(files, root, plain)

    def names(self, folder: str = "") -> dict[str, int | None]:
        """Return what lies in a folder: name -> bytes, None where it is a folder itself; empty where there is none."""
        path = self._path(folder)
        with self._asked("list", folder):
            self._files.invalidate_cache()  # other machines write there too
            try:
                found = self._files.ls(path, detail=True)
            except FileNotFoundError:
                return {}
            finally:
                self._files.invalidate_cache()  # of 67,000 cases it is large
        sizes = {item["name"].rstrip("/"): None if item["type"] == "directory" else item["size"] for item in found}
        return {name.rpartition("/")[2]: size for name, size in sizes.items() if name != path}

    def below(self, folder: str) -> list[str]:
        """Return the names of all files of a folder and those below it, as paths from there."""
        path = self._path(folder)
        with self._asked("list", folder):
            self._files.invalidate_cache()
            try:
                return [name[len(path) + 1 :] for name in self._files.find(path) if name.startswith(f"{path}/")]
            finally:
                self._files.invalidate_cache()

    def read(self, name: str) -> bytes | None:
        """Return what an object holds; None where there is none."""
        with self._asked("read", name):
            try:
                content = self._files.cat_file(self._path(name))
            except FileNotFoundError:
                return None
        return bytes(content)

    def write(self, name: str, content: bytes) -> None:
        """Write an object."""
        with self._asked("write", name):
            self._files.pipe_file(self._path(name), content)

    def send(self, source: Path, name: str) -> None:
        """Write an object from a file."""
        with self._asked("write", name):
            self._files.put_file(str(source), self._path(name))

    def fetch(self, name: str, target: Path) -> bool:
        """Write a file from an object, and return whether there is one."""
        with self._asked("read", name):
            try:
                self._files.get_file(self._path(name), str(target))
            except FileNotFoundError:
                return False
        return True

    def remove(self, name: str) -> None:
        """Remove an object, there or not."""
        with self._asked("remove", name), suppress(FileNotFoundError):
            self._files.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    @contextmanager
    def _asked(self, what: str, name: str) -> Iterator[None]:
        """Turn whatever a store's library says into one clear error; a full disk here is no fault of the store.

        Raises:
            StoreError: in the place of it; says how to mend it.
        """
        try:
            yield
        except Exception as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            unknown = isinstance(error, PermissionError) or type(error).__name__ in _UNKNOWN
            absent = isinstance(error, FileNotFoundError)
            if unknown:
                mend = "have its library know who you are (for S3: AWS_PROFILE, AWS_ACCESS_KEY_ID, or a role)"
            elif absent:
                mend = "make the bucket, or correct the URL"
            else:
                mend = "look whether the store is up"
            why = " ".join(str(error).split()) or type(error).__name__
            raise StoreError(
                f"cannot {what} {short(f'{self.url}/{name}', 160)}: {short(why, 200)}; {mend}, and run again",
                lasting=unknown or absent,
            ) from error
