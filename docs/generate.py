"""Writes the pages made from code; `--check` fails where one is stale or a code is undocumented.

python docs/generate.py [--check]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

DOCS = Path(__file__).parent
SRC = DOCS.parent / "src" / "holdfast"


def cli_reference() -> str:
    """The command-line page, from the commands themselves."""
    from holdfast import cli

    return cli.reference()


def codes_in_use() -> set[str]:
    """Every finding and error code that the source speaks."""
    return {
        code
        for path in SRC.rglob("*.py")
        for code in re.findall(r'"(HF-[A-Z]+[0-9]*(?:-[A-Z0-9]+)*)"', path.read_text("utf-8"))
    }


def undocumented() -> list[str]:
    """Codes in use that `docs/findings.md` does not have a heading for."""
    page = (DOCS / "findings.md").read_text("utf-8")
    headings = set(re.findall(r"^### (HF-[A-Z0-9-]+)", page, re.MULTILINE))
    return sorted(codes_in_use() - headings)


PAGES = {"cli-reference.md": cli_reference}


def main() -> int:
    """Writes or checks."""
    check = "--check" in sys.argv
    wrong = []
    for name, make in PAGES.items():
        path, text = DOCS / name, make()
        if check and (not path.exists() or path.read_text("utf-8") != text):
            wrong.append(f"docs/{name} is stale: run `make docs`")
        elif not check:
            path.write_text(text, "utf-8")
    wrong += [f"docs/findings.md has no heading for {code}" for code in undocumented()]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
