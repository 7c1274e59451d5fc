"""Every public name resolves and is documented; examples run as doctests elsewhere."""

from __future__ import annotations

import inspect

import pytest

import holdfast
from holdfast.errors import HoldfastError

NAMES = [name for name in holdfast.__all__ if not name.startswith("__")]


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_resolves_and_is_documented(name: str):
    thing = getattr(holdfast, name)
    assert inspect.getdoc(thing), f"hf.{name} has no docstring"


@pytest.mark.parametrize("name", [n for n in NAMES if inspect.isclass(getattr(holdfast, n))])
def test_the_public_methods_of_a_public_class_are_documented(name: str):
    thing = getattr(holdfast, name)
    bare = [
        attr
        for attr, value in vars(thing).items()
        if not attr.startswith("_")
        and (inspect.isfunction(value) or isinstance(value, property | classmethod))
        and not inspect.getdoc(value)
    ]
    assert not bare, f"hf.{name}: {bare}"


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        holdfast.nonsense  # noqa: B018


def _subclasses(cls: type) -> list[type]:
    return [cls, *(sub for child in cls.__subclasses__() for sub in _subclasses(child))]


def test_every_error_has_a_code_of_its_own_and_exit_code_two():
    classes = [c for c in _subclasses(HoldfastError) if c.__module__ == "holdfast.errors"]
    codes = [c.default_code for c in classes]
    assert len(set(codes)) == len(codes)
    assert {c.exit_code for c in classes} == {2}


def test_an_error_says_expected_got_and_remedy():
    error = HoldfastError("it broke", expected="this", got="that", remedy="do so")
    assert str(error) == "[HF-E] it broke; expected this; got that; remedy: do so"
