"""Flow files that are read, and what is wrong with them; a text may be steps alone."""

from engine.flow.definition import Definition, check
from engine.flow.known import NOTHING_KNOWN, Known

HEAD = """\
name: a-flow
stream: marketing
trigger: {event: cart.updated}
"""


def checked(text: str, known: Known = NOTHING_KNOWN) -> Definition:
    """The flow; without a head the text is its steps."""
    found = check(text if text.startswith("name:") else f"{HEAD}steps:\n{text}", "a.yaml", known)
    assert isinstance(found, Definition), [str(fault) for fault in found]
    return found


def faults(text: str, known: Known = NOTHING_KNOWN) -> list[str]:
    """What is wrong with it, as lines."""
    found = check(text if text.startswith("name:") else f"{HEAD}steps:\n{text}", "a.yaml", known)
    assert isinstance(found, list) and found
    return [str(fault) for fault in found]
