"""Fonts in PDF files: cut to the signs that figures use once for all of them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from matplotlib.backends import _backend_pdf_ps
from matplotlib.font_manager import get_font

_JOINED = map(chr, range(0xFB00, 0xFB05))  # ff, fi, fl, ffi, ffl
_SIGNS = "".join([*map(chr, range(0x20, 0x7F)), *"−–…±×·≥≤²³°µ", *_JOINED])
_cut: Any = _backend_pdf_ps.get_glyphs_subset
_ONE = threading.Lock()  # the function is all the process's
_held: list[Any] = []
"""Fonts that stay open: their tables are read as each file asks for them."""


@contextlib.contextmanager
def fonts_cut_once() -> Iterator[None]:
    """Let files share their fonts, with all usual signs: to cut a font anew took four fifths of the time of a PDF."""
    backend: Any = _backend_pdf_ps
    with _ONE:
        backend.get_glyphs_subset = _shared
        try:
            yield
        finally:
            backend.get_glyphs_subset = _cut


def _shared(fontfile: Any, glyphs: set[int]) -> Any:
    font = get_font(fontfile)
    usual = {font.get_char_index(ord(sign)) for sign in _SIGNS}
    return contextlib.nullcontext(_open(fontfile, frozenset(usual | set(glyphs))))


@lru_cache(maxsize=16)
def _open(fontfile: Any, glyphs: frozenset[int]) -> Any:
    _held.append(_cut(fontfile, set(glyphs)))
    found = _held[-1].__enter__()
    for table in ("GDEF", "GPOS", "GSUB"):  # how signs join, which a page of placed signs does not ask
        if table in found.font:
            del found.font[table]
    return found
