"""What the actions of a flow file come to, out of their values by key."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.flow import actions
from engine.flow.actions import Action, Given


def read_action(word: str, found: Any) -> Action | None:
    """The action of a word of the flow file; None where its value was wrong."""
    return None if found is None else _READERS[word](found)


def _given(table: Mapping[str, Any] | None) -> dict[str, Given]:
    """{from: EXPRESSION} as the expression."""
    return {name: each["from"] if isinstance(each, dict) else each for name, each in (table or {}).items()}


def _coupon(found: Any) -> Action:
    if isinstance(found, str):
        return actions.TakeCoupon(found)
    return actions.TakeCoupon(found["pool"], found.get("expires"), found.get("as", "coupon"))


def _emit(found: Any) -> Action:
    if isinstance(found, str):
        return actions.Emit(found)
    return actions.Emit(found["event"], _given(found.get("data")))


def _webhook(found: Any) -> Action:
    if isinstance(found, str):
        return actions.CallWebhook(found)
    waits = found.get("wait", False)
    return actions.CallWebhook(found["url"], waits, found.get("timeout"), _given(found.get("data")))


def _notify(found: Any) -> Action:
    _, values = found
    return actions.NotifyStaff(values["to"], values.get("template", ""), values.get("text", ""))


_READERS: Final[dict[str, Callable[[Any], Action]]] = {
    "tag": actions.Tag,
    "untag": actions.Untag,
    "join": actions.Join,
    "leave": actions.Leave,
    "set": lambda found: actions.SetFields(_given(found)),
    "add": lambda found: actions.AddTo(_given(found)),
    "coupon": _coupon,
    "emit": _emit,
    "webhook": _webhook,
    "notify": _notify,
    "start": actions.StartFlow,
    "stop": actions.StopFlow,
}
