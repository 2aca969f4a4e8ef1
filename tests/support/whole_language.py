"""Flow files of the whole language, whatever the runner can do by now."""

from collections.abc import Iterator

import pytest

from engine.flow import unsupported
from engine.flow.definition import Definition, check
from engine.flow.known import NOTHING_KNOWN, Known

HEAD = """\
name: a-flow
stream: marketing
trigger: {event: cart.updated}
"""


@pytest.fixture(autouse=True, scope="module")
def whole_language() -> Iterator[None]:
    """No word is refused for now."""
    with pytest.MonkeyPatch.context() as patch:
        for words in (unsupported.TOP, unsupported.TRIGGER, unsupported.WAIT, unsupported.STEPS):
            for word in list(words):
                patch.delitem(words, word)
        yield


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
