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


def _are_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _are_pairs(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


Shape = Mapping[str, Callable[[object], bool]]
"""The words of a body, each with what its value must be."""

_KINDS: Final[Mapping[Callable[[object], bool], str]] = {
    _is_text: "a text", _is_word: "a text or a whole number", _is_flag: "true or false", _is_number: "a whole number",
    _are_numbers: "a list of numbers", _are_objects: "a list of JSON objects", _is_object: "a JSON object",
    _are_texts: "a list of texts", _are_pairs: "a JSON object of texts",
}  # fmt: skip


def _texts(*names: str) -> Shape:
    return dict.fromkeys(names, _is_text)


_WHICH: Final[Shape] = {
    **dict.fromkeys(FILTERS, _is_word), "deliveries": _are_numbers, **dict.fromkeys(("dry_run", "whole"), _is_flag),
    **_texts("by", "why", "after", "batch"),
}  # fmt: skip

_CAMPAIGN: Final[Shape] = _texts("source", "file", "campaign")

_APPLY: Final[Shape] = {
    "by": _is_text, "map": _is_object, **dict.fromkeys(("move", "leave", "dry_run"), _is_flag)
}  # fmt: skip

_RUN: Final[Shape] = {**_texts("campaign", "by", "why"), "run": _is_number}

_WHO: Final[Shape] = {
    **_texts("list", "address", "state", "q", "by", "why"), "contacts": _are_numbers,
    **dict.fromkeys(("all", "dry_run"), _is_flag),
}  # fmt: skip

_PERSON: Final[Shape] = {
    **_texts("address", "name", "locale", "zone", "birthday", "external_id", "by"), "fields": _are_pairs, "tags": _are_texts,
}  # fmt: skip

_IMPORT: Final[Shape] = {
    **_texts("id", "by", "source", "wording", "locale", "zone", "dates", "kind", "encoding", "separator"),
    **dict.fromkeys(("lists", "tags"), _are_texts), **dict.fromkeys(("columns", "list_names"), _are_pairs),
    **dict.fromkeys(("overwrite", "asks", "again"), _is_flag),
}  # fmt: skip

BODIES: Final[Mapping[str, Shape]] = {
    "lists": _texts("name", "title", "purpose", "confirmation", "by"),
    "lists/drop": _texts("name", "by"),
    "lists/set": {**_texts("name", "by"), "set": _is_object},
    "lists/subscribe": _texts("list", "address", "name", "locale", "zone", "source", "wording", "by"),
    "lists/remove": _WHO,
    "lists/restore": _WHO,
    "lists/ask-again": _WHO,
    "people": {**_PERSON, "source": _is_text},
    "people/set": {**_PERSON, "untags": _are_texts},
    "people/tag": {**_texts("address", "tag", "by"), "contacts": _are_numbers, "take": _is_flag},
    "people/merge": {**_texts("address", "into", "by"), "dry_run": _is_flag},
    "people/erase": {**_texts("address", "by"), "dry_run": _is_flag},
    "fields": {**_texts("name", "kind", "title", "by"), "choices": _are_texts},
    "imports": {**_texts("name", "path", "by"), "size": _is_number},
    "imports/part": {**_texts("id", "octets", "by"), "offset": _is_number},
    "imports/try": _IMPORT,
    "imports/start": {**_IMPORT, "dry_run": _is_flag},
    "imports/cancel": _texts("id", "by"),
    "imports/drop": _texts("id", "by"),
    "imports/release": {**_texts("by", "why"), "batch": _is_number},
    "imports/finish": {"by": _is_text, "batch": _is_number},
    "suppression/add": {**_texts("address", "by", "why", "list", "for"), "marketing": _is_flag},
    "suppression/lift": {**_texts("address", "by", "why"), "only": _is_object},
    "suppression/restore": {**_texts("address", "by", "why"), "rows": _are_objects},
    "bounces/classify": {**_texts("reply", "class", "name", "by", "why"), "dry_run": _is_flag},
    "bounces/unclassify": _texts("rule", "by", "why"),
    "events": {
        **_texts("name", "address", "source", "key", "contact_name", "locale", "idempotency_key"), "data": _is_object,
    },
    "segments": _texts("name", "title", "expression", "by"),
    "segments/remove": _texts("name", "by"),
    "segments/check": _texts("expression", "by"),
    "segments/count": _texts("expression", "by"),
    "flows": {**_APPLY, **_texts("source", "file", "draft")},
    "flows/plan": {**_APPLY, **_texts("source", "file", "draft")},
    "flows/draw": {**_APPLY, **_texts("source", "file")},
    "flows/check": _texts("source", "file", "by"),
    "flows/return": {**_APPLY, **_texts("flow", "version", "state")},
    "flows/draft": {**_texts("name", "source", "base", "origin", "by"), "revision": _is_number},
    "flows/draft/drop": _texts("name", "by"),
    "flows/trial": {**_texts("source", "file", "since", "by"), "seed": _is_number},
    "flows/trial/cancel": {"id": _is_number, "by": _is_text},
    "flows/late": _texts("flow", "answer", "by"),
    "mail/test": _texts("mail", "address", "locale", "reader"),
    "mail/save": _texts("file", "source", "digest"),
    "mail/drop": _texts("file"),
    "flows/start": {**_texts("flow", "address", "by"), "data": _is_object},
    "flows/state": {**_texts("flow", "state", "by"), "end": _is_flag, "dry_run": _is_flag},
    "campaigns/check": _CAMPAIGN,
    "campaigns/plan": {**_CAMPAIGN, **_texts("by", "at", "override"), "again": _is_flag, "for_all": _is_flag},
    "campaigns/new": _texts(
        "name", "title", "list", "segment", "mail", "subject", "heading", "text", "goal", "holdout", "when", "by"
    ),
    "campaigns/keep": {**_CAMPAIGN, "by": _is_text},
    "campaigns/write": _texts("campaign", "locale", "variant", "subject", "heading", "text", "by"),
    "campaigns/drop": _texts("campaign", "by"),
    "campaigns/unschedule": _texts("campaign", "by"),
    "campaigns/move": _texts("campaign", "at", "by"),
    "campaigns/test": _texts("campaign", "address", "locale", "variant", "by"),
    "campaigns/start": {**_CAMPAIGN, **_texts("by", "override"), "again": _is_flag},
    "campaigns/schedule": {**_CAMPAIGN, **_texts("by", "at", "override"), "again": _is_flag, "for_all": _is_flag},
    "campaigns/pause": _RUN,
    "campaigns/resume": {**_RUN, "override": _is_text},
    "campaigns/stop": {**_RUN, "all": _is_flag},
    "campaigns/recall": {**_RUN, "dry_run": _is_flag},
    "campaigns/retry": {**_RUN, "what": _is_text, "dry_run": _is_flag},
    "campaigns/resend": {**_RUN, "dry_run": _is_flag, **_texts("subject", "override")},
    "queue/cancel": {**_WHICH, "grace": _is_text},
    "queue/restore": _WHICH,
    "queue/hold": _WHICH,
    "queue/release": {**_WHICH, "as_before": _is_flag},
    "queue/redirect": {**_WHICH, "to": _is_text, "back": _is_flag},
    "queue/retry": {**_texts("site", "by", "why"), "deliveries": _are_numbers},
    "shaping/suspend": {**_texts("scope", "name", "for", "by", "why"), "until_ms": _is_number},
    "shaping/slow": {**_texts("name", "for", "by", "why"), "per_minute": _is_word, "until_ms": _is_number},
    "shaping/resume": _texts("scope", "name", "by"),
    "reload": {},
    "keys": {},
    "note": _texts("text", "about"),
    "audit": {},
    "domains/check": _texts("domain"),
    "domains/rotate": _texts("domain", "why"),
    "domains/switch": {**_texts("domain", "why"), "selectors": _are_texts, "now": _is_flag},
    "domains/drop": {**_texts("domain", "why"), "selectors": _are_texts},
    "alerts/acknowledge": _texts("alert"),
    "alerts/unacknowledge": _texts("alert"),
    "fence/lift": _texts("by", "why"),
    "acts/undo": {"act": _is_number, **_texts("by", "why")},
    "lab/advance": {"by": _is_text, "seconds": _is_number},
}  # fmt: skip

QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "/v1/acts": ("who", "what", "about", "q", "limit", "before"),
    "/v1/doctor": ("domains", "kept"),
    "/v1/journal": ("kind", "person", "q", "limit", "after"),
    "/v1/reported": ("days", "foreign"),
    "/v1/queue": ("by", "sort", "limit", "offset"),
    "/v1/queue/shape": ("by", "stream", "limit"),
    "/v1/queue/replies": ("site", "since", "limit"),
    "/v1/queue/weather": ("by", "limit"),
    "/v1/messages": (*FILTERS, "sort", "limit", "offset", "after"),
    "/v1/doubts": ("open", "limit"),
    "/v1/bounces": ("days",),
    "/v1/bounces/received": ("kind", "after", "limit"),
    "/v1/suppression": ("q", "reason", "limit", "offset", "after"),
    "/v1/calendar": ("since", "days", "move", "at"),
    "/v1/campaigns/{name}/mail": ("locale", "variant", "address"),
    "/v1/campaigns/{name}/recipients": ("run", "state", "address", "after", "limit"),
    "/v1/flows/{name}/text": ("version",),
    "/v1/flows/{name}/people": ("step", "q", "limit", "after"),
    "/v1/mails/{name}/proof": ("locale", "reader", "address"),
    "/v1/mails/{name}/findings": ("spam",),
    "/v1/mail-file": ("file",),
    "/v1/why-not/{name}": ("address", "kind"),
    "/v1/reports/{kind}/{name}": ("since", "window"),
    "/v1/reputation": ("about", "days", "rows"),
    "/v1/lists/{name}/sunset": ("limit",),
    "/v1/lists/{name}/members": ("state", "q", "after", "skip", "limit"),
    "/v1/people": ("q", "after", "skip", "limit"),
    "/v1/segments/{name}/members": ("after", "skip", "limit"),
    "/v1/segments/{name}/why": ("address",),
    "/v1/segments/{name}/diff": ("since", "until", "limit"),
}


def check_body(act: str, body: Mapping[str, Any]) -> None:
    """Refuse words that this command does not know, and values of a wrong type. Who acts may always be said."""
    shape = {**BODIES[act], "by": _is_text}
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
