"""What a limit may be about: whether a key of [shaping.limits] names anything that can ever have mail."""

import difflib
from collections.abc import Collection

from deliverability.address import AddressError, parse_domain
from deliverability.shaping.limits import SCOPES
from deliverability.shaping.providers import providers
from deliverability.shaping.scopes import parse_campaign

_NAMED_HOP = "transport:"


def subject_problem(key: str, *, sources: Collection[str], streams: Collection[str]) -> str:
    """What is wrong with the key, and what to write instead; "" when it can be about something."""
    kind, colon, name = key.partition(":")
    if colon and kind in SCOPES:
        return _scope_problem(kind, name, sources, streams)
    if colon and not key.startswith(_NAMED_HOP):
        return f"is about nothing (there are {', '.join(f'{each}:NAME' for each in SCOPES)})"
    if colon or key in providers() or ("." in key and _are_hosts(key)):
        return ""
    return f"is neither a provider nor a host{_suggestion(key, providers())}"


def _scope_problem(kind: str, name: str, sources: Collection[str], streams: Collection[str]) -> str:
    if kind == "campaign":
        try:
            parse_campaign(name)
        except ValueError as err:
            return str(err)
        return ""
    known: Collection[str] = {"source": sources, "stream": streams, "provider": providers()}[kind]
    return "" if name in known else f"there is no {kind} {name[:40]!r}{_suggestion(name, known)}"


def _are_hosts(key: str) -> bool:
    """A host, ".domain" for all below it, or the hosts of a site as `posthouse queue` names it."""
    try:
        for each in key.split(","):
            parse_domain(each.removeprefix("."))
    except AddressError:
        return False
    return True


def _suggestion(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    if near:
        return f" (did you mean {near[0]}?)"
    return f" (there are: {', '.join(sorted(known))})" if known else ""
