"""Writes the pages of reference that the code already says: api.md, configuration.md, commands.md, events.md, doctor.md,
metrics.md, recipes.md.

    .venv/bin/python docs/generate.py            writes them
    .venv/bin/python docs/generate.py --check    says which are out of date, and exits with 1

Every word comes from the settings classes, the commands' own help, the event vocabulary and the flows that come with
Posthouse; what is here only sets it in order. tests/test_docs.py fails when a page is out of date.
"""

import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from docs.written.api import api  # noqa: E402
from docs.written.commands import commands  # noqa: E402
from docs.written.configuration import configuration  # noqa: E402
from docs.written.doctor import doctor  # noqa: E402
from docs.written.events import events  # noqa: E402
from docs.written.metrics import metrics  # noqa: E402
from docs.written.recipes import recipes  # noqa: E402

PAGES: Final = {
    "api.md": api, "configuration.md": configuration, "commands.md": commands, "events.md": events, "doctor.md": doctor,
    "metrics.md": metrics, "recipes.md": recipes,
}  # fmt: skip


def stale() -> list[str]:
    """The pages that are not what the code says."""
    return [
        name
        for name, make in PAGES.items()
        if not (HERE / name).exists() or (HERE / name).read_text(encoding="utf-8") != make()
    ]


def main() -> int:
    if "--check" in sys.argv[1:]:
        for name in (found := stale()):
            print(f"docs/{name} is out of date: run docs/generate.py")
        return 1 if found else 0
    for name, make in PAGES.items():
        (HERE / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
