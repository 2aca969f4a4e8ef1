"""CPython before 3.11.5 matches wrongly where a group is repeated possessively (python/cpython#106052); Debian 12 has 3.11.2."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_no_group_is_repeated_possessively() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{number}"
        for package in ("deliverability", "mta", "engine", "tui")
        for file in (ROOT / package).rglob("*.py")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\)[*+?]\+", line)
    ]
    assert wrong == []
