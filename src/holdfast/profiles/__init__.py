"""Profiles: a window of rows as small, exact, mergeable counts.

Example:
    >>> from holdfast.profiles import Profile, ProfileSpec
    >>> spec = ProfileSpec.learn({"age": [31, 40, 52], "job": ["a", "b", "a"]})
    >>> Profile.of({"age": [33, None], "job": ["a", "z"]}, spec).columns["job"].other
    1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

#: public name -> module that defines it
_PUBLIC = {
    "ColumnKind": "holdfast.profiles.spec",
    "EmbeddingProfile": "holdfast.profiles.columns",
    "EmbeddingSpec": "holdfast.profiles.spec",
    "NumberProfile": "holdfast.profiles.columns",
    "NumberSpec": "holdfast.profiles.spec",
    "Profile": "holdfast.profiles.profile",
    "ProfileSpec": "holdfast.profiles.spec",
    "TextProfile": "holdfast.profiles.columns",
    "TextSpec": "holdfast.profiles.spec",
    "merge_profiles": "holdfast.profiles.profile",
}

__all__ = [
    "ColumnKind",
    "EmbeddingProfile",
    "EmbeddingSpec",
    "NumberProfile",
    "NumberSpec",
    "Profile",
    "ProfileSpec",
    "TextProfile",
    "TextSpec",
    "merge_profiles",
]

if TYPE_CHECKING:
    from holdfast.profiles.columns import EmbeddingProfile, NumberProfile, TextProfile
    from holdfast.profiles.profile import Profile, merge_profiles
    from holdfast.profiles.spec import (
        ColumnKind,
        EmbeddingSpec,
        NumberSpec,
        ProfileSpec,
        TextSpec,
    )


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
