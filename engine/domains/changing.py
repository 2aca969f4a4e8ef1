"""What may be done with a domain's keys, and why not: for the commands, and for the daemon's control socket."""

from collections.abc import Collection, Sequence
from datetime import datetime

from deliverability.signing.keys import KeyTrouble
from engine.config import Config
from engine.domains import making
from engine.domains.looking import Seen, ready_at
from engine.keys import KeptKey, KeyState


class CannotChange(Exception):
    """Nothing was changed: what is wrong, and how to mend it. `is_senseless`: it would never have made sense."""

    def __init__(self, words: str, remedy: str = "", *, is_senseless: bool = False) -> None:
        super().__init__(words)
        self.remedy, self.is_senseless = remedy, is_senseless


def chosen(rows: Sequence[KeptKey], selectors: Collection[str]) -> list[KeptKey]:
    """The keys to sign with: those named, else all that are new. CannotChange."""
    domain = rows[0].domain
    if not selectors:
        fresh = [each for each in rows if each.is_fresh]
        if not fresh:
            raise CannotChange(f"{domain} has no new keys", f"`posthouse domain rotate {domain}` makes them")
        return fresh
    by_name = {each.selector: each for each in rows}
    for name in selectors:
        if name not in by_name:
            raise CannotChange(f"{domain} has no key {name[:80]}", f"it has {', '.join(by_name)}", is_senseless=True)
        if by_name[name].state is KeyState.GONE:
            raise CannotChange(f"the key {name} is gone: its private half was deleted", is_senseless=True)
    return [by_name[name] for name in dict.fromkeys(selectors)]


def require_shown(config: Config, seen: Sequence[Seen], now: datetime, *, may_haste: bool) -> None:
    """CannotChange where these keys can't sign yet, with what is wrong at which server."""
    domain = seen[0].key.domain
    for each in seen:
        try:
            each.key.load(config.keys_path)
        except (OSError, KeyTrouble) as err:
            words = f"the key {config.keys_path / each.key.file} can't be used: {err}"
            raise CannotChange(words, "nothing was changed") from None
        if each.shown is not True:
            lines = [f"{server}: {fault}" for server, fault in (each.faults or {}).items()]
            remedy = f"`posthouse domain records {domain}` prints what to publish; nothing was changed"
            raise CannotChange(
                f"the key {each.key.selector} is not shown by every name server, so mail signed with it would fail",
                "\n  ".join((*lines, remedy)),
            )
    at = ready_at(seen)
    if at is not None and now < at and not may_haste:
        raise CannotChange(
            f"the new keys of {domain} were first seen a moment ago: until {at:%Y-%m-%d %H:%M:%S} UTC resolvers may remember"
            " what was there before",
            "a running daemon switches by itself then; --now if nothing was there before. Nothing was changed",
        )


def require_useless(config: Config, key: KeptKey) -> None:
    """CannotChange where somebody may still need a key."""
    if key.state is KeyState.ACTIVE:
        raise CannotChange(
            f"{key.selector} signs {key.domain}'s mail",
            f"`posthouse domain rotate {key.domain}` puts another in its place",
        )
    if key.state is KeyState.RETIRING:
        gone = key.since + making.rest_of(config) + key.ttl
        raise CannotChange(
            f"mail signed with {key.selector} may still be under way",
            f"leave its record published until {gone:%Y-%m-%d}; then it can be dropped",
        )
