"""Releases: the immutable bundle that is served, and the registry that says which one it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

#: public name -> module that defines it
_PUBLIC = {
    "Answer": "holdfast.releases.answer",
    "Fallback": "holdfast.releases.records",
    "Registry": "holdfast.releases.registry",
    "Release": "holdfast.releases.release",
    "Scorer": "holdfast.releases.scorer",
    "mark_texts": "holdfast.releases.answer",
}

__all__ = ["Answer", "Fallback", "Registry", "Release", "Scorer", "mark_texts"]

if TYPE_CHECKING:
    from holdfast.releases.answer import Answer, mark_texts
    from holdfast.releases.records import Fallback
    from holdfast.releases.registry import Registry
    from holdfast.releases.release import Release
    from holdfast.releases.scorer import Scorer


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
