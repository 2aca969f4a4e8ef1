"""What each request may say: the words it knows and their types. Whatever else is said is refused before anything is
done, since a filter that is misspelt and passed over would mean more than was meant.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from engine.control.asked import FILTERS
from engine.control.refusal import Refusal


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_word(value: object) -> bool:
    return isinstance(value, str) or type(value) is int


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_number(value: object) -> bool:
    return type(value) is int


def _are_numbers(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(type(each) is int for each in value)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


Shape = Mapping[str, Callable[[object], bool]]
"""The words of a body, each with what its value must be."""

_KINDS: Final[Mapping[Callable[[object], bool], str]] = {
    _is_text: "a text", _is_word: "a text or a whole number", _is_flag: "true or false", _is_number: "a whole number",
    _are_numbers: "a list of numbers", _is_object: "a JSON object",
}  # fmt: skip


def _texts(*names: str) -> Shape:
    return dict.fromkeys(names, _is_text)


_WHICH: Final[Shape] = {
    **dict.fromkeys(FILTERS, _is_word), "deliveries": _are_numbers, "dry_run": _is_flag, **_texts("by", "why", "after"),
}  # fmt: skip

_RUN: Final[Shape] = {**_texts("campaign", "by", "why"), "run": _is_number}

BODIES: Final[Mapping[str, Shape]] = {
    "lists": _texts("name", "title", "purpose", "confirmation"),
    "lists/set": {**_texts("name"), "set": _is_object},
    "lists/subscribe": _texts("list", "address", "name", "locale", "zone", "source", "wording"),
    "suppression/add": {**_texts("address", "by", "why", "list", "for"), "marketing": _is_flag},
    "suppression/lift": _texts("address", "by", "why"),
    "events": {
        **_texts("name", "address", "source", "key", "contact_name", "locale", "idempotency_key"), "data": _is_object,
    },
    "segments": _texts("name", "title", "expression"),
    "segments/remove": _texts("name"),
    "segments/check": _texts("expression"),
    "segments/count": _texts("expression"),
    "flows": {**_texts("source", "file", "by"), "map": _is_object, **dict.fromkeys(("move", "leave"), _is_flag)},
    "flows/plan": {**_texts("source", "file"), "map": _is_object, "leave": _is_flag},
    "flows/late": _texts("flow", "answer"),
    "mail/test": _texts("mail", "address", "locale", "reader"),
    "flows/start": {**_texts("flow", "address", "by"), "data": _is_object},
    "flows/state": {**_texts("flow", "state", "by"), "end": _is_flag},
    "campaigns/check": _texts("source", "file"),
    "campaigns/plan": _texts("source", "file", "at"),
    "campaigns/start": {**_texts("source", "file", "by", "override"), "again": _is_flag},
    "campaigns/schedule": {**_texts("source", "file", "by", "at", "override"), "again": _is_flag},
    "campaigns/pause": _RUN,
    "campaigns/resume": {**_RUN, "override": _is_text},
    "campaigns/stop": {**_RUN, "all": _is_flag},
    "campaigns/recall": _RUN,
    "campaigns/retry": {**_RUN, "what": _is_text},
    "campaigns/resend": {**_RUN, **_texts("subject", "override")},
    "queue/cancel": _WHICH,
    "queue/hold": _WHICH,
    "queue/release": _WHICH,
    "queue/redirect": {**_WHICH, "to": _is_text, "back": _is_flag},
    "queue/retry": _texts("site"),
    "shaping/suspend": _texts("scope", "name", "for", "by", "why"),
    "shaping/resume": _texts("scope", "name", "by"),
    "reload": {},
    "keys": {},
    "fence/lift": _texts("by", "why"),
    "lab/advance": {"by": _is_text, "seconds": _is_number},
}  # fmt: skip

QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "/v1/doctor": ("domains", "kept"),
    "/v1/queue": ("by", "sort", "limit", "offset"),
    "/v1/queue/shape": ("by", "stream", "limit"),
    "/v1/messages": (*FILTERS, "sort", "limit", "offset", "after"),
    "/v1/doubts": ("open", "limit"),
    "/v1/campaigns/{name}/recipients": ("run", "state", "address", "after", "limit"),
    "/v1/flows/{name}/text": ("version",),
    "/v1/why-not/{name}": ("address", "kind"),
    "/v1/reports/{kind}/{name}": ("since", "window"),
    "/v1/reputation": ("about", "days", "rows"),
    "/v1/lists/{name}/sunset": ("limit",),
    "/v1/segments/{name}/members": ("after", "limit"),
    "/v1/segments/{name}/why": ("address",),
    "/v1/segments/{name}/diff": ("since", "until", "limit"),
}


def check_body(act: str, body: Mapping[str, Any]) -> None:
    """Refuse words that this command does not know, and values of a wrong type."""
    shape = BODIES[act]
    _known(body, shape)
    for name, value in body.items():
        if not shape[name](value):
            raise Refusal(f"{name} is not {_KINDS[shape[name]]}")


def check_query(path: str, names: Iterable[str]) -> None:
    """Refuse words that this question does not know, and any that is said twice. `path`: as the routes write it."""
    said = list(names)
    _known(said, QUERIES.get(path, ()))
    for name in said:
        if said.count(name) > 1:
            raise Refusal(f"{name} is said twice")


def _known(names: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            there_are = f"there are: {', '.join(known)}" if known else "it takes none"
            raise Refusal(f"{name[:40]!r} is not known here", f"did you mean {near[0]}?" if near else there_are)
