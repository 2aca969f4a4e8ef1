"""What somebody should know of a domain's keys: what to publish, what to mend, what can go."""

from datetime import datetime

from engine.config import Config
from engine.domains import making
from engine.domains.looking import Seen, ready_at
from engine.keys import KeptKey, KeyState

Note = tuple[str, str]
"""A glyph (one of ! ? i), and words."""


def is_old(config: Config, its: list[KeptKey], now: datetime) -> bool:
    """Whether a domain's keys have signed for so long that new ones are wanted."""
    signing = [each.since for each in its if each.state is KeyState.ACTIVE]
    every = config.dkim.rotate_every
    return bool(every and signing) and now - max(signing) >= every and not any(each.is_fresh for each in its)


def notes(
    config: Config, domain: str, seen: list[Seen], rows: list[KeptKey], now: datetime, is_alone: bool
) -> list[Note]:
    """What somebody should know of a domain's keys."""
    found = [note for each in seen for note in _of_key(config, each, now)]
    fresh = [each for each in seen if each.key.is_fresh]
    at = ready_at(seen)
    if fresh and at is None:
        servers = sorted({f"{name}: {fault}" for each in fresh for name, fault in (each.faults or {}).items()})
        found.append(("?", f"{domain} has new keys: publish what `posthouse domain records {domain}` prints ({servers[0]})"
                      if servers else f"{domain} has new keys that can't be looked for"))  # fmt: skip
    elif at is not None and config.dkim.switch and is_alone:
        found.append(("i", f"{domain} is signed with its new keys from {at:%Y-%m-%d %H:%M} UTC on"))
    elif at is not None:
        found.append(("?", f"{domain}'s new keys are published: `posthouse domain switch {domain}` signs with them"))
    if is_old(config, rows, now):
        found.append(("?", f"the keys of {domain} have signed for long: `posthouse domain rotate {domain}`"))
    for each in rows:
        if each.state is KeyState.GONE:
            name = f"{each.selector}._domainkey.{domain}"
            found.append(("i", f'the key {each.selector} is gone: set {name} to "v=DKIM1; p=", or remove it'))
    return found


def _of_key(config: Config, seen: Seen, now: datetime) -> list[Note]:
    key, faults = seen.key, seen.faults or {}
    if seen.trouble:
        return [("!", seen.trouble)]
    wrong = [f"{server}: {fault}" for server, fault in faults.items() if server not in seen.silent]
    if key.state is KeyState.ACTIVE and wrong:
        remedy = f"`posthouse domain records {key.domain}` prints what to publish"
        return [("!", f"mail of {key.domain} signed with {key.selector} fails: {wrong[0]}; {remedy}")]
    if key.state is KeyState.RETIRING and wrong:
        until = key.since + making.rest_of(config) + key.ttl
        return [("?", f"the record of {key.selector} ({key.domain}) must stay until {until:%Y-%m-%d}: {wrong[0]}")]
    return []
