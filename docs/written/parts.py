"""What the written pages share."""

from typing import Final

MARK: Final = "<!-- Written by docs/generate.py: change the code's own words and run it. -->\n"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."
