"""Where the control socket answers questions: each path with the function that answers it.

A question changes nothing. Its query words are named in engine/control/shapes.py and it stands in docs/control.md; an
answer is an object of engine/control/protocol. Hello, the overview and the stream are the server's own.
"""

from collections.abc import Mapping
from typing import Final

from engine.control.places import flows, people, queue, sends
from engine.control.places.question import Answer, Question

__all__ = ["PLACES", "Question"]

PLACES: Final[Mapping[str, Answer]] = {**queue.PLACES, **flows.PLACES, **sends.PLACES, **people.PLACES}
