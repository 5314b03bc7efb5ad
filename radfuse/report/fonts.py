"""Fonts in PDF files: cut to the signs that figures use once for all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from matplotlib.backends import _backend_pdf_ps
from matplotlib.font_manager import get_font

_SIGNS = "".join(map(chr, range(0x20, 0x7F))) + "−–…±×·≥≤²³°µ" + "".join(map(chr, range(0xFB00, 0xFB05)))  # ff, fi, fl as one sign
_cut: Any = _backend_pdf_ps.get_glyphs_subset


@contextlib.contextmanager
def fonts_cut_once() -> Iterator[None]:
    """Let files share their fonts, with all usual signs: to cut a font anew took four fifths of the time of a PDF."""
    backend: Any = _backend_pdf_ps
    cut, backend.get_glyphs_subset = backend.get_glyphs_subset, _shared
    try:
        yield
    finally:
        backend.get_glyphs_subset = cut


def _shared(fontfile: Any, glyphs: set[int]) -> Any:
    font = get_font(fontfile)
    usual = {font.get_char_index(ord(sign)) for sign in _SIGNS}
    return contextlib.nullcontext(_open(fontfile, frozenset(usual | set(glyphs))))


@lru_cache(maxsize=16)
def _open(fontfile: Any, glyphs: frozenset[int]) -> Any:
    return _cut(fontfile, set(glyphs)).__enter__()  # stays open, to be written into every file
