"""Words of the flow file that later versions will know: each with what to do meanwhile.

A flow that uses one is refused, since a flow that silently leaves a step out is worse than none.
"""

from typing import Final

_STEP: Final = "take the step out"

TOP: Final = {
    "holdout": "take the line out: the flow is for everybody",
    "switch": "write nested if steps",
}
TRIGGER: Final = {
    "list": "write event: list.joined, list.confirmed or list.left, with where: event.list == 'news'",
    "segment": "write event: segment.entered or segment.left, with where: event.segment == 'vip'",
    "tag": "write the event that the tag comes from",
    "date": "let the application send an event on that day",
    "calendar": "let the application send an event on that day",
    "inactivity": "write the last event that is expected, a wait, and that event again as the goal",
    "schedule": "let a timer run `posthouse event`",
    "manual": "write an event name of your own and send it with `posthouse event`",
    "restart": "take the line out: a newer event replaces the data and does not restart the waits",
}
_BRANCHES: Final = "only an if has branches; put an if after the wait"
WAIT: Final = {
    "then": _BRANCHES,
    "else": _BRANCHES,
    "until": "write a duration, such as 1d",
    "on": "write a duration, such as 1d",
    "for": "write a duration; a goal ends the flow when an event comes",
    "timeout": "write a duration",
    "date": "write a duration",
}
STEPS: Final = {
    "switch": "write nested if steps",
    "split": _STEP,
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
}
