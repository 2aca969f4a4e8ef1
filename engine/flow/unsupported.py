"""Words of the flow file that can be read and decided, and not yet run: each with what to do meanwhile.

A flow that uses one is refused, since a flow that silently leaves a step out is worse than none. A word is in use as soon
as its line here is gone.
"""

from typing import Final

_DAY: Final = "let the application send an event on that day"

TOP: Final[dict[str, str]] = {}
TRIGGER: Final = {
    "date": _DAY,
    "calendar": _DAY,
    "inactivity": "write the last event that is expected, a wait, and that event again as the goal",
    "schedule": "let a timer run `posthouse event`",
    "manual": "write an event name of your own and send it with `posthouse event`",
}
WAIT: Final[dict[str, str]] = {}
STEPS: Final = {
    "late": "take the line out",
    "winner": "take the line out, and look at the figures yourself",
}
