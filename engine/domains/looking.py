"""What every name server of a zone shows for our keys, and when new ones may sign by that."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from deliverability.checks.dkim import judge, read_tags
from deliverability.signing.keys import KeyTrouble, dns_record
from engine.config import Config
from engine.keys import KeptKey, KeyState
from mta.routing.authority import Told, txt_everywhere
from mta.routing.resolver import TemporaryFailure, Texts, split_host_port

LONGEST_TTL: Final = timedelta(days=7)  # what resolvers keep at most, whatever a record says (RFC 8767 section 4)


@dataclass(frozen=True, slots=True)
class Seen:
    """A key, and what is wrong with what DNS shows for it.

    asked: the servers; faults: by server, why receivers can't verify with what it shows; silent: those of them
    that gave no answer; trouble: why the key itself can't be used, and then nobody was asked.
    """

    key: KeptKey
    asked: tuple[str, ...] = ()
    faults: dict[str, str] | None = None
    silent: frozenset[str] = frozenset()
    advice: tuple[str, ...] = ()
    ttl: timedelta = timedelta()
    trouble: str = ""

    @property
    def shown(self) -> bool | None:
        """Whether every server shows it; None where one gave no answer, and no other a wrong one."""
        wrong = set(self.faults or ()) - self.silent
        if wrong or self.trouble:
            return False
        return None if self.silent or not self.asked else True

    def of(self, key: KeptKey) -> "Seen":
        """The same of the key as it is now."""
        return replace(self, key=key)


async def look(config: Config, key: KeptKey) -> Seen:
    """What each server of the zone shows for a key."""
    try:
        ours = key.load(config.keys_path)
    except (OSError, KeyTrouble) as err:
        return Seen(key, trouble=f"the key {config.keys_path / key.file} can't be used: {err}")
    told = await _ask(config, dns_record(ours).name)
    faults: dict[str, str] = {}
    advice: dict[str, None] = {}
    for server, answer in told.items():
        if isinstance(answer, TemporaryFailure):
            faults[server] = answer.reason
            continue
        shown = judge(ours, answer.values if isinstance(answer, Texts) else ())
        advice.update(dict.fromkeys(shown.advice))
        if shown.fault:
            faults[server] = shown.fault
    silent = frozenset(server for server, answer in told.items() if isinstance(answer, TemporaryFailure))
    return Seen(key, tuple(told), faults, silent, (*advice, *ours.warnings), _ttl(told.values()))


async def look_all(config: Config, keys: Sequence[KeptKey]) -> list[Seen]:
    """The same of several, beside each other."""
    return list(await asyncio.gather(*(look(config, each) for each in keys)))


async def is_withdrawn(config: Config, key: KeptKey) -> bool:
    """Whether every server shows no record, or an empty p=, where a key was. False where one gave no answer."""
    told = await _ask(config, f"{key.selector}._domainkey.{key.domain}")
    return not any(isinstance(each, TemporaryFailure) or _holds_key(each) for each in told.values())


def ready_at(seen: Sequence[Seen]) -> datetime | None:
    """When a domain's new keys may sign: all are shown, and whatever resolvers remember from before is over. None while
    one is not shown, or there are none."""
    fresh = [each for each in seen if each.key.is_fresh]
    if not fresh or any(each.shown is not True or each.key.state is not KeyState.PUBLISHED for each in fresh):
        return None
    return max(each.key.since + each.ttl for each in fresh)


async def _ask(config: Config, name: str) -> dict[str, Told]:
    """In a lab the servers of a zone listen at the port of the lab's resolver."""
    resolvers = config.routing.resolvers
    port = split_host_port(resolvers[0], 53)[1] if config.lab.enabled and resolvers else 53
    return await txt_everywhere(name, resolvers, port=port)


def _ttl(answers: Iterable[Told]) -> timedelta:
    told = (each.ttl for each in answers if isinstance(each, Texts))
    return min(LONGEST_TTL, timedelta(seconds=max(told, default=0)))


def _holds_key(answer: Told) -> bool:
    texts = answer.values if isinstance(answer, Texts) else ()
    return any((read_tags(each) or {"p": "?"}).get("p", "") for each in texts)
