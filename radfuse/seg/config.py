"""Settings of the segmentation wing: where masks come from."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt, model_validator

from radfuse.config import Section


class ManualSegmentation(Section):
    """Every case brings its mask; nothing is trained."""

    backend: Literal["manual"] = "manual"
    labels: dict[str, PositiveInt]
    """Label name -> number in the masks; other numbers are an error."""

    @model_validator(mode="after")
    def _numbers_differ(self) -> ManualSegmentation:
        if len(set(self.labels.values())) < len(self.labels):
            raise ValueError("two labels share one number")
        return self

    @property
    def names(self) -> dict[int, str]:
        """Number -> name."""
        return {number: name for name, number in self.labels.items()}
