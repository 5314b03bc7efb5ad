"""A run folder that is a copy of one in a store: the engine works in it as in any other."""

from __future__ import annotations

from pathlib import Path

from radfuse.run.folder import LOG, Record, RunFolder, Written
from radfuse.run.mirror import Mirror


class CopiedFolder(RunFolder):
    """A run folder whose results are brought when they are asked for, and handed on when they are recorded."""

    _mirror: Mirror

    @classmethod
    def of(
        cls,
        mirror: Mirror,
        path: Path,
        study: str,
        *,
        shared: bool = False,
        lender: RunFolder | None = None,
        log: str = LOG,
    ) -> CopiedFolder:
        """Open a copy, or make it; see `RunFolder.open`.

        Args:
            mirror: between the copy and the store.
            path: of the copy, or of a run folder inside it.
            study: name of the study.
            shared: with others who share it.
            lender: where a result that is not here is looked for before it is made.
            log: name of the log.
        """
        mirror.join(path)
        folder = cls.open(path, study, shared=shared, lender=lender, log=log)
        folder._mirror = mirror
        return folder

    def inside(self, name: str, study: str) -> RunFolder:
        """See `RunFolder.inside`."""
        return self.of(self._mirror, self.path / name, study, lender=self)

    def digest(self, path: Path) -> str:
        """See `RunFolder.digest`; of a result that was not brought its record tells."""
        if path.is_relative_to(self.path) and not path.exists():
            record = self.record(path.relative_to(self.path).as_posix())
            if record is not None and record.digest is not None:
                return record.digest
        return super().digest(path)

    def found(self, name: str, key: str | None, *, whole: bool = True) -> Record | None:
        """See `RunFolder.found`."""
        self._mirror.bring(self.path / name, key, whole=whole)
        return self.record(name)

    def finished(self, name: str, key: str, *, whole: bool = True) -> Record | None:
        """See `RunFolder.finished`; where a record is enough, the result is whole in the store."""
        if whole:
            return super().finished(name, key)
        record = self.found(name, key, whole=False)
        return record if record is not None and record.status == "done" and record.key == key else None

    def take(self, name: str, stage: str, key: str, written: Written) -> Record:
        """See `RunFolder.take`."""
        record = super().take(name, stage, key, written)
        self._mirror.push(self.path / name)
        return record

    def fail(self, name: str, stage: str, key: str, error: str) -> Record:
        """See `RunFolder.fail`."""
        record = super().fail(name, stage, key, error)
        self._mirror.push(self.path / name)
        return record

    def _take_over(self, name: str, record: Record) -> Record:
        """See `RunFolder._take_over`; the store has it where it was lent."""
        record = super()._take_over(name, record)
        self._mirror.settle(self.path / name)
        return record
