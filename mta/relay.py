"""The face that the relay shows the engine: what leaves, in which form, and what follows from its fate.

`Relay` owns one carrier's scheduler. It makes each delivery's outgoing form (a reverse-path with a token that names
the delivery, the DKIM signatures), and writes, in the commit that ends a delivery, the DSN that is owed to whoever
submitted it. What else follows (suppression, events) the engine adds through `follow`.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deliverability.bounces.verp import TokenKey
from deliverability.settings import BounceSettings, RetrySettings
from mta.outbound.doors import Doors
from mta.outbound.fleet import Fleet
from mta.outbound.gauges import Gauges
from mta.outbound.outcome import Outgoing
from mta.outbound.scheduler import Scheduler
from mta.outbound.settings import OutboundSettings
from mta.outbound.signatures import Keyring, Signatures
from mta.outbound.sources import Way, one_way
from mta.outbound.tidings import SOON_SECONDS, Tell
from mta.ports import Chance, Clock, Net, Store, Tx, from_ms, to_ms
from mta.queue.notices import Notices
from mta.queue.queue import Claimed, Follow, Gate, Settled
from mta.routing.routes import Router


@dataclass(frozen=True, slots=True)
class Ports:
    """The four ports together."""

    store: Store
    clock: Clock
    chance: Chance
    net: Net


class Relay:
    """One carrier's half of the product that carries mail."""

    def __init__(
        self, *, ports: Ports, router: Router, hostname: str, owner: int, carriers: int, outbound: OutboundSettings,
        retry: RetrySettings, bounces: BounceSettings, tokens: TokenKey, keys: Keyring, notices: Notices,
        gate: Gate, follow: Follow, tell: Tell | None = None, authorities: Path | None = None,
        ways: Sequence[Way] = (), limited: Iterable[str] = (), worn_after: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        """`limited`: scopes beyond one site that have limits (deliverability.shaping.scopes, .slots). `worn_after`: how much
        of a scope one connection carries."""
        self._tell = tell
        self._asking: asyncio.TimerHandle | None = None
        self._gauges = Gauges(limited if tell else (), self._ask)
        self._doors = Doors(self._gauges, worn_after, self._free)
        self._freeing: asyncio.Handle | None = None
        self._bounces, self._tokens = bounces, tokens
        self._notices, self._also = notices, follow
        self.signatures = Signatures(keys)
        ways = ways or one_way(outbound.source, hostname)
        even = outbound.model_copy(update={"connections": max(1, outbound.connections // len(ways))})
        self._clock = ports.clock
        made = [
            Scheduler(
                store=ports.store, clock=ports.clock, chance=ports.chance, net=ports.net, router=router, settings=even,
                retry=retry, prepare=self._prepare, gate=gate, follow=self._follow, hostname=hostname, owner=owner,
                carriers=carriers, tell=tell, authorities=authorities, way=way, may_share=self._may_share,
                gauges=self._gauges, doors=self._doors,
            )
            for way in ways
        ]  # fmt: skip
        self.scheduler: Scheduler | Fleet = made[0] if len(made) == 1 else Fleet(made)

    def tell(self) -> None:
        """Tell the conductor all there is."""
        self.scheduler.tell()
        if self._tell is not None and self._gauges:
            self._tell(scopes=self._gauges.report())

    def use_grants(self, grants: Mapping[str, Any]) -> None:
        """The conductor lets more through of limits beyond one site."""
        self._gauges.use(grants)
        self.scheduler.use_grants()

    def use_shut(self, names: Iterable[str]) -> None:
        """An operator suspended these scopes, and no others."""
        self._gauges.shut(names)
        self.scheduler.use_grants()

    def _ask(self) -> None:
        """Something waits for a grant: say so soon, with what else there is by then."""
        if self._asking is None:
            self._asking = asyncio.get_running_loop().call_later(SOON_SECONDS, self._ask_now)

    def _ask_now(self) -> None:
        self._asking = None
        if self._doors:
            self.scheduler.nudge()
        self.tell()

    def _free(self) -> None:
        """A connection gave up what others may want: they look in a moment."""
        if self._freeing is None:
            self._freeing = asyncio.get_running_loop().call_soon(self._free_now)

    def _free_now(self) -> None:
        self._freeing = None
        self.scheduler.use_grants()

    async def stop(self, seconds: float) -> None:
        """Claim no more, finish what is open."""
        await self.scheduler.drain(seconds)
        self.signatures.close()

    async def _prepare(self, each: Claimed, content: bytes) -> Outgoing:
        content = await self.signatures.signed(each, content)
        return Outgoing(
            delivery_id=each.delivery_id, message_id=each.message_id, reverse_path=self._reverse_path(each),
            forward_path=each.forward_path, content=content, size=len(content),
            needs_utf8=each.needs_utf8, has_8bit=each.has_8bit, domain=each.domain, stream=each.stream,
            notify=frozenset(filter(None, each.notify.split(","))), orcpt=_orcpt(each.orcpt),
            envid=_xtext(each.envid), ret=each.ret, by_mode=each.by_mode.upper(),
            by_seconds=None if each.by_ms is None else (each.by_ms - to_ms(self._clock.now())) // 1000,
        )  # fmt: skip

    def _may_share(self, each: Claimed) -> bool:
        """Whether all recipients of its message have one reverse-path; one that names the delivery is its own."""
        return not each.reverse_path or not self._bounces.domain

    def _reverse_path(self, each: Claimed) -> str:
        """Ours, naming the delivery; a null reverse-path stays null (RFC 5321 section 4.5.5)."""
        if not each.reverse_path or not self._bounces.domain:
            return each.reverse_path
        expires = from_ms(each.created_ms) + self._bounces.token_days
        return self._tokens.make(each.delivery_id, expires, self._bounces.domain)

    def _follow(self, tx: Tx, settled: Sequence[Settled]) -> None:
        self._also(tx, settled)
        self._notices.write(tx, settled)


def _orcpt(told: str | None) -> str | None:
    """ "addr-type;address" as it goes into the command: the address in xtext (RFC 3461 section 4.2)."""
    if told is None:
        return None
    kind, _, address = told.partition(";")
    return f"{kind};{_xtext(address)}"


def _xtext(text: str | None) -> str | None:
    """RFC 3461 section 4: printable ASCII but + and = stands for itself, all else is +XX."""
    if text is None:
        return None
    return "".join(
        chr(octet) if 33 <= octet <= 126 and octet not in b"+=" else f"+{octet:02X}" for octet in text.encode()
    )
