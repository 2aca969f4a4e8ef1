"""Words of the flow file that can be read and decided, and not yet run: each with what to do meanwhile.

A flow that uses one is refused, since a flow that silently leaves a step out is worse than none. A word is in use as soon
as its line here is gone.
"""

from typing import Final

_STEP: Final = "take the step out"
_DAY: Final = "let the application send an event on that day"

TOP: Final = {"holdout": "take the line out: the flow is for everybody"}
TRIGGER: Final = {
    "tag": "write the event that the tag comes from",
    "date": _DAY,
    "calendar": _DAY,
    "inactivity": "write the last event that is expected, a wait, and that event again as the goal",
    "schedule": "let a timer run `posthouse event`",
    "manual": "write an event name of your own and send it with `posthouse event`",
    "restart": "take the line out: a newer event replaces the data and does not restart the waits",
}
WAIT: Final = {"for": "write a duration; a goal ends the flow when an event comes"}
STEPS: Final = {
    "tag": _STEP,
    "untag": _STEP,
    "join": _STEP,
    "leave": _STEP,
    "set": _STEP,
    "add": _STEP,
    "coupon": "put a fixed code into the template",
    "emit": _STEP,
    "webhook": _STEP,
    "notify": _STEP,
    "start": "let the other flow's trigger be the same event",
    "stop": "give the other flow an exit condition or a goal",
    "jump": "write the steps out again",
    "late": "take the line out",
    "winner": "take the line out, and look at the figures yourself",
}
