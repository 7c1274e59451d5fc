"""Pytest: a fixture that keeps Holdfast results, and a summary of them at the end of the run.

Loaded by pytest through its entry point; imports nothing of Holdfast until a test asks for the
fixture, so that it costs nothing where it is not used. Switch it off with ``-p no:holdfast``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT = pytest.StashKey[list[tuple[str, str, "bool | None", str]]]()


class HoldfastReports:
    """What a test hands its results to.

    Args:
        test: name of the test.
        kept: where results of the whole run are kept.
    """

    def __init__(self, test: str, kept: list[tuple[str, str, bool | None, str]]) -> None:
        self._test, self._kept = test, kept

    def add(self, report: Any, name: str = "") -> Any:
        """Keeps a result for the summary and gives it back."""
        from holdfast.testing.asserts import describe

        self._kept.append((self._test, name, report.passed, describe(report, name)))
        return report

    def assert_passed(self, report: Any, name: str = "", *, allow_unknown: bool = False) -> None:
        """Keeps a result, and fails the test when it did not pass."""
        from holdfast.testing.asserts import assert_passed

        assert_passed(self.add(report, name), allow_unknown=allow_unknown)


def pytest_configure(config: pytest.Config) -> None:
    """Makes room for the results of the run."""
    config.stash[_KEPT] = []


@pytest.fixture
def holdfast_reports(request: pytest.FixtureRequest) -> HoldfastReports:
    """Keeps results for the summary: ``add(report)``, ``assert_passed(report)``."""
    kept = request.config.stash[_KEPT]
    return HoldfastReports(request.node.nodeid, kept)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line a result; those that did not pass in full."""
    kept = config.stash.get(_KEPT, [])
    if not kept:
        return
    words = {True: "passed", False: "FAILED", None: "could not tell"}
    write: Callable[[str], None] = terminalreporter.write_line
    terminalreporter.section("Holdfast reports")
    for test, name, passed, text in kept:
        write(f"{words[passed]:15}{test}{f' ({name})' if name else ''}")
        if passed is not True:
            for line in text.splitlines()[1:]:
                write(f"    {line.strip()}")
