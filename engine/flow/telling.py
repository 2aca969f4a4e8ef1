"""A flow's parts in a few words each, for drawings: the kind of a step, and what it does."""

from typing import Final

from engine.flow import actions, triggers
from engine.flow.model import Do, Exit, If, Jump, Send, Split, Step, Switch, Wait, WaitFor

_STEPS: Final[dict[type, str]] = {
    Wait: "wait", WaitFor: "wait", Send: "send", If: "if", Switch: "switch", Split: "split", Jump: "jump", Exit: "exit",
}  # fmt: skip
_ACTIONS: Final[dict[type, str]] = {
    actions.Tag: "tag",
    actions.Untag: "untag",
    actions.Join: "join",
    actions.Leave: "leave",
    actions.SetFields: "set",
    actions.AddTo: "add",
    actions.TakeCoupon: "coupon",
    actions.Emit: "emit",
    actions.CallWebhook: "webhook",
    actions.NotifyStaff: "notify",
    actions.StartFlow: "start",
    actions.StopFlow: "stop",
}


def kind_of(step: Step) -> str:
    """The word that the step has in a flow file."""
    return word_of_action(step.action) if isinstance(step, Do) else _STEPS[type(step)]


def word_of_action(action: actions.Action) -> str:
    """The word that an action has in a flow file."""
    return _ACTIONS[type(action)]


def told(step: Step) -> str:
    """What the step does, beside its kind."""
    match step:
        case Wait(until=until):
            return str(until)
        case WaitFor(event=event, match=match, timeout=timeout):
            about = match.get("step") or match.get("segment", "")
            return f"for {event}{f' of {about}' if about else ''}, {timeout} at most"
        case Send(template=template):
            return template
        case If(condition=condition):
            return condition.text.strip()
        case Switch(cases=cases):
            return " | ".join(each.text.strip() for each in cases)
        case Split(ways=ways, weights=weights):
            return " : ".join(f"{weight} {way.label}" for weight, way in zip(weights, ways, strict=True))
        case Do(action=action):
            return _told_action(action)
        case Jump(to=to, times=times):
            return f"to {to}, {'once' if times == 1 else f'{times} times'}"
        case Exit(reason=reason):
            return reason


def _told_action(action: actions.Action) -> str:
    match action:
        case actions.Tag(tag=name) | actions.Untag(tag=name):
            return name
        case actions.Join(mailing_list=name) | actions.Leave(mailing_list=name):
            return name
        case actions.StartFlow(flow=name) | actions.StopFlow(flow=name):
            return name
        case actions.SetFields(values=values) | actions.AddTo(values=values):
            return ", ".join(values)
        case actions.TakeCoupon(pool=pool, expires=expires):
            return f"{pool}, for {expires}" if expires else pool
        case actions.Emit(event=event):
            return event
        case actions.CallWebhook(url=url):
            return url
        case actions.NotifyStaff(to=to):
            return to


def told_trigger(trigger: triggers.Trigger) -> str:
    """What lets a contact in."""
    match trigger:
        case triggers.EventTrigger(event=event, match=match):
            return _matched(event, match)
        case triggers.DateTrigger(name=name, offset=offset, at=at):
            return f"{name}{_days(offset)} at {at:%H:%M}"
        case triggers.CalendarTrigger(on=on, month_day=month_day, holiday=holiday, offset=offset, at=at):
            day = holiday or (f"{on}" if on else "-".join(f"{each:02}" for each in month_day or ()))
            return f"{day}{_days(offset)} at {at:%H:%M}"
        case triggers.InactivityTrigger(event=event, span=span):
            return f"{span} without {event}"
        case triggers.ScheduleTrigger(rrule=rrule, at=at):
            return f"{rrule} at {at:%H:%M}"
        case triggers.ManualTrigger():
            return "by hand"


def _days(offset: int) -> str:
    return f" {offset:+}d" if offset else ""


def _matched(event: str, match: object) -> str:
    values = match.values() if isinstance(match, dict) else ()
    return " ".join([event, *map(str, values)])
