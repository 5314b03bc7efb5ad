"""Within: a step of normalisation that looks at a part of the image."""

from __future__ import annotations

from radfuse.config import Section


class Within(Section):
    """A step that looks at a part of the image."""

    within: str = "body"
    """Whose voxels count: a label of the mask (muscle, say), otherwise `body`, or `image` for all of them."""
