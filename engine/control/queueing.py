"""Commands on the queue over the control socket: hold, release, cancel, redirect, retry.

Deliveries are named by number, or by the same filters that lists take. A command of the second kind works in small
commits and for a few seconds; what it has not come to then is where its answer says to go on, and asking again with
that does the rest. A dry run changes nothing and says how many it would be.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from engine.control.asked import FILTERS, Asked
from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.house import House
from mta.ports import REDIRECTED, Tx
from mta.queue import listing, operating
from mta.queue.delivery import State
from mta.queue.listing import Cursor, Wanted
from mta.queue.operating import By
from mta.routing.hops import Hop
from mta.routing.settings import next_hop

CHUNK: Final = 200  # deliveries changed in one commit
SECONDS: Final = 5.0  # that one request takes at most
SHOWN: Final = 5  # deliveries of which it is said why nothing was done
COUNTED_MAX: Final = 200_000  # matches that a dry run counts

Change = Callable[[Tx, Sequence[int]], tuple[int, Sequence[str]]]
"""Changes these deliveries; how many, and the domains to look at."""


async def cancel(house: House, office: Office, body: dict[str, Any]) -> Done:
    """End deliveries that have not begun, in the name of an operator."""
    by, now = _by(body, needs_reason=True), house.clock.now()
    work = _Work(house, office, body, (State.QUEUED, State.HELD))
    return await work.run("cancelled", lambda tx, ids: (operating.cancel(tx, ids, by, now), ()))


async def hold(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Keep queued deliveries back until somebody releases them."""
    by, now = _by(body), house.clock.now()
    work = _Work(house, office, body, (State.QUEUED,))
    return await work.run("held", lambda tx, ids: (operating.hold(tx, ids, by, now), ()))


async def release(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Let held deliveries go."""
    by, now = _by(body), house.clock.now()
    work = _Work(house, office, body, (State.HELD,))
    return await work.run("released", lambda tx, ids: _counted(operating.let_go(tx, ids, by, now)))


async def redirect(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Have deliveries leave by another next hop; or, with `back`, by their own domain's again."""
    by, now = _by(body, needs_reason=True), house.clock.now()
    back = bool(body.get("back"))
    try:
        hop = next_hop(Asked(body).text("to"), house.config.routing.port)
    except ValueError as err:
        raise Refusal(f"to: {err}", "name a host, or host:port") from None
    wanted = {"domain": REDIRECTED + hop, **body} if back else body
    if not back and (door := house.config.own_doors.at(Hop.parse(hop, house.config.routing.port))):
        raise Refusal(f"to: {hop} is our own door ({door}): mail would come back to us", "name another host")
    work = _Work(house, office, wanted, (State.QUEUED, State.HELD))
    word = f"taken back from {hop}" if back else f"redirected to {hop}"
    to = "" if back else hop
    return await work.run(word, lambda tx, ids: _counted(operating.redirect(tx, ids, to, by, now)))


async def retry(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Let a site's deliveries go now, whatever its back-off."""
    site, now = Asked(body).text("site"), house.clock.now()
    domains = await house.store.write(lambda tx: operating.end_back_off(tx, site))
    if not domains:
        raise Refusal(f"nothing waits for {site}", "`posthouse queue` lists the sites", 404)
    for domain in domains:
        while await house.store.write(partial(operating.make_due, domain=domain, now=now, limit=CHUNK)) == CHUNK:
            pass
    await office.conductor.forgive(site)
    office.tell(clock=office.clock.offset // timedelta(milliseconds=1), wake=domains)
    return Done(f"{site} is tried now", {"domains": domains})


def _by(body: dict[str, Any], *, needs_reason: bool = False) -> By:
    by = By(Asked(body).text("by"), Asked(body).text("why"))
    if needs_reason and not by.why:
        raise Refusal("a reason is needed", "say why with --why")
    if needs_reason and not by.name:
        raise Refusal("a name is needed: by says whose decision it is")
    return by


def _counted(domains: list[str]) -> tuple[int, Sequence[str]]:
    return len(domains), domains


class _Work:
    """One command on the deliveries that `body` names. `states`: which of them it can change."""

    def __init__(self, house: House, office: Office, body: dict[str, Any], states: tuple[State, ...]) -> None:
        self._house, self._office, self._states = house, office, states
        self._body = body
        self._numbers = _numbers(body)
        asked = Asked(body)
        self._wanted = asked.wanted(house.clock.now())
        if self._numbers is None and self._wanted == Wanted():
            raise Refusal("which deliveries?", f"give their numbers as deliveries, or one of {', '.join(FILTERS)}")
        if len(states) == 1 and self._numbers is None and self._wanted.state is None:
            self._wanted = asked.wanted(house.clock.now(), state=states[0])
        key, _, number = asked.cursor().partition(".")
        self._after: Cursor | None = (int(key), int(number)) if key else None

    async def run(self, word: str, change: Change) -> Done:
        if self._body.get("dry_run"):
            return await self._count(word)
        if self._numbers is not None:
            changed, domains = await self._house.store.write(lambda tx: change(tx, self._numbers or ()))
            self._wake(domains)
            words = f"{changed} of {len(self._numbers)} deliveries {word}"
            if changed < len(self._numbers):
                words += await self._house.store.read(self._why_not)
            return Done(words, {"changed": changed, "after": ""})
        return await self._run_on(word, change)

    def _why_not(self, tx: Tx) -> str:
        """In what state those are that could not be changed."""
        states = {each: operating.state_of(tx, each) for each in (self._numbers or ())[:SHOWN]}
        fit = ", ".join(state.word for state in self._states)
        told = [
            f"{each} is {state.word}" if state else f"there is no {each}"
            for each, state in states.items()
            if state not in self._states
        ]
        return f" ({'; '.join(told)}; only what is {fit} can be)" if told else ""

    async def _run_on(self, word: str, change: Change) -> Done:
        clock = self._house.clock
        until = clock.monotonic() + SECONDS
        changed, woken = 0, set()
        while True:
            count, domains, self._after = await self._house.store.write(partial(self._chunk, change=change))
            changed += count
            woken |= set(domains)
            if self._after is None or clock.monotonic() > until:
                break
        self._wake(woken)
        after = f"{self._after[0]}.{self._after[1]}" if self._after else ""
        return Done(f"{changed} deliveries {word}", {"changed": changed, "after": after})

    def _chunk(self, tx: Tx, *, change: Change) -> tuple[int, Sequence[str], Cursor | None]:
        ids, after = listing.ids(tx, self._wanted, CHUNK, self._after)
        return (*change(tx, ids), after)

    async def _count(self, word: str) -> Done:
        """How many of them are in a state that this command changes."""
        if self._numbers is not None:
            numbers = self._numbers
            found = await self._house.store.read(lambda tx: listing.states(tx, numbers))
            count, more = sum(state in self._states for state in found), ""
        else:
            count, more = await self._walk()
        text = f"{'at least ' if more else ''}{count} deliveries would be {word}; nothing was changed"
        return Done(text, {"would": count, "after": more})

    async def _walk(self) -> tuple[int, str]:
        count, after = 0, self._after
        while count < COUNTED_MAX:
            read = partial(listing.page, wanted=self._wanted, sort="oldest", limit=listing.CHUNK, after=after)
            page = await self._house.store.read(read)
            count += sum(row.state in self._states for row in page.rows)
            after = page.after
            if after is None:
                return count, ""
        return count, f"{after[0]}.{after[1]}" if after else ""

    def _wake(self, domains: Sequence[str] | set[str]) -> None:
        if domains:
            self._office.tell(wake=sorted(set(domains)))


def _numbers(body: dict[str, Any]) -> list[int] | None:
    ids = body.get("deliveries")
    return list(ids) if ids is not None else None
