"""Commands on the queue over the control socket: hold, release, cancel, restore, redirect, retry.

Deliveries are named by number, by the same filters that lists take, or by the batch that an answer before named: all
that one command did. A command of the last two kinds works in small commits and for a few seconds, or for a minute and a
half when it is to do the `whole`; what it has not come to then is where its answer says to go on, and asking again with
that does the rest. A dry run changes nothing and says how many it would be. What can be undone says how (`undo`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from deliverability.settings import format_duration
from engine.control.asked import FILTERS, Asked
from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.counts import counted, deliveries
from engine.house import House
from mta.ports import REDIRECTED, Tx, to_ms
from mta.queue import cancelling, listing, operating, shaping
from mta.queue.delivery import State
from mta.queue.listing import Cursor, Wanted
from mta.queue.operating import Batch, By
from mta.routing.hops import Hop
from mta.routing.settings import next_hop

CHUNK: Final = 200  # deliveries changed in one commit
SECONDS: Final = 5.0  # that one request takes at most
WHOLE_SECONDS: Final = 90.0  # the same, when it is to do all of it
GRACE_MAX: Final = timedelta(days=1)
SHOWN: Final = 5  # deliveries of which it is said why nothing was done
COUNTED_MAX: Final = 200_000  # matches that a dry run counts

Change = Callable[[Tx, Sequence[int]], tuple[int, Sequence[str]]]
"""Changes these deliveries; how many, and the domains to look at."""


async def cancel(house: House, office: Office, body: dict[str, Any]) -> Done:
    """End deliveries that have not begun, in the name of an operator; with a grace, hold them until it is over."""
    by, now = _by(body, needs_reason=True), house.clock.now()
    work = _Work(house, office, body, (State.QUEUED, State.HELD), now)
    grace = Asked(body).duration("grace")
    if not grace:
        return await work.run("cancelled", lambda tx, ids: (operating.cancel(tx, ids, by, now), ()))
    if grace > GRACE_MAX:
        raise Refusal(f"grace: at most {format_duration(GRACE_MAX)}")
    word = f"held, to be cancelled in {format_duration(grace)}"
    until = now + grace
    return await work.run(
        word,
        lambda tx, ids: (cancelling.put_off(tx, ids, by, until, now), ()),
        lambda batch: {**_back("restore", batch), "until_ms": to_ms(until)},
    )


async def restore(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Undo a cancellation whose grace is not over."""
    by, now = _by(body), house.clock.now()
    work = _Work(house, office, body, (State.HELD,), now)
    return await work.run("back where they were", lambda tx, ids: _counted(cancelling.spare(tx, ids, by, now)))


async def hold(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Keep queued deliveries back until somebody releases them."""
    by, now = _by(body), house.clock.now()
    work = _Work(house, office, body, (State.QUEUED,), now)
    return await work.run(
        "held",
        lambda tx, ids: (operating.hold(tx, ids, by, now), ()),
        lambda batch: _back("release", batch, as_before=True),
    )


async def release(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Let held deliveries go now; or, `as_before`, when they would have gone had nobody held them."""
    by, now, as_before = _by(body), house.clock.now(), bool(body.get("as_before"))
    work = _Work(house, office, body, (State.HELD,), now)
    return await work.run(
        "released, each due when it was before" if as_before else "released",
        lambda tx, ids: _counted(operating.let_go(tx, ids, by, now, as_before=as_before)),
        lambda batch: _back("hold", batch),
    )


def _back(act: str, batch: str, **words: Any) -> dict[str, Any]:
    return {"path": f"queue/{act}", "body": {"batch": batch, "whole": True, **words}}


async def redirect(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Have deliveries leave by another next hop; or, with `back`, by their own domain's again."""
    by, now = _by(body, needs_reason=True), house.clock.now()
    back = bool(body.get("back"))
    try:
        hop = next_hop(Asked(body).text("to"), house.config.routing.port)
    except ValueError as err:
        raise Refusal(f"to: {err}", "name a host, or host:port") from None
    wanted = {"domain": REDIRECTED + hop, **body} if back and "batch" not in body else body
    if not back and (door := house.config.own_doors.at(Hop.parse(hop, house.config.routing.port))):
        raise Refusal(f"to: {hop} is our own door ({door}): mail would come back to us", "name another host")
    work = _Work(house, office, wanted, (State.QUEUED, State.HELD), now)
    word = f"taken back from {hop}" if back else f"redirected to {hop}"
    to = "" if back else hop
    undo = partial(_back, "redirect", to=hop, back=not back, why=f"undone: {by.why}")
    return await work.run(word, lambda tx, ids: _counted(operating.redirect(tx, ids, to, by, now)), undo)


async def retry(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Let a site's deliveries go now, whatever its back-off; or some by their numbers, which ends their sites' too."""
    site, now = Asked(body).text("site"), house.clock.now()
    if numbers := _numbers(body):
        return await _try_now(house, office, numbers, _by(body))
    domains = await house.store.write(lambda tx: operating.end_back_off(tx, site))
    if not domains:
        raise Refusal(f"nothing waits for {site}", "`posthouse queue` lists the sites", 404)
    for domain in domains:
        while await house.store.write(partial(operating.make_due, domain=domain, now=now, limit=CHUNK)) == CHUNK:
            pass
    await office.conductor.forgive(site)
    office.tell(clock=office.clock.offset // timedelta(milliseconds=1), wake=domains)
    return Done(f"{site} is tried now", {"domains": domains})


async def _try_now(house: House, office: Office, numbers: list[int], by: By) -> Done:
    now = house.clock.now()

    def work(tx: Tx) -> list[str]:
        domains = operating.try_now(tx, numbers, by, now)
        for site in sorted({shaping.site_of(tx, each) or each for each in domains}):
            operating.end_back_off(tx, site)
        return domains

    domains = await house.store.write(work)
    for domain in sorted(set(domains)):
        await office.conductor.forgive(domain)
    if domains:
        office.tell(clock=office.clock.offset // timedelta(milliseconds=1), wake=sorted(set(domains)))
    words = f"{len(domains)} of {counted(len(numbers), 'delivery is', 'deliveries are')} tried now"
    return Done(words + ("" if domains else ": only what is queued can be"), {"changed": len(domains)})


def _by(body: dict[str, Any], *, needs_reason: bool = False) -> By:
    by = By(Asked(body).text("by"), Asked(body).text("why"))
    if needs_reason and not by.why:
        raise Refusal("a reason is needed", "say why with --why")
    if needs_reason and not by.name:
        raise Refusal("a name is needed: by says whose decision it is")
    return by


def _counted(domains: list[str]) -> tuple[int, Sequence[str]]:
    return len(domains), domains


@dataclass(slots=True)
class _Notes:
    """Which of the notes that operators' acts leave are this command's."""

    first: int = 0
    last: int = 0

    def took(self, before: int, last: int) -> None:
        self.first = self.first or before + 1
        self.last = last


class _Work:
    """One command on the deliveries that `body` names. `states`: which of them it can change."""

    def __init__(
        self, house: House, office: Office, body: dict[str, Any], states: tuple[State, ...], now: datetime
    ) -> None:
        self._house, self._office, self._states, self._now = house, office, states, now
        self._body = body
        self._numbers = _numbers(body)
        self._notes = _Notes()
        asked = Asked(body)
        self._batch = asked.batch()
        self._wanted = asked.wanted(now)
        if self._numbers is None and self._batch is None and self._wanted == Wanted():
            raise Refusal("which deliveries?", f"give their numbers as deliveries, or one of {', '.join(FILTERS)}")
        if len(states) == 1 and self._numbers is None and self._wanted.state is None:
            self._wanted = asked.wanted(now, state=states[0])
        key, _, number = asked.cursor().partition(".")
        self._after: Cursor | None = (int(key), int(number)) if key else None

    async def run(self, word: str, change: Change, undo: Callable[[str], dict[str, Any]] | None = None) -> Done:
        """Do it. `undo`: what would undo it, told of the batch that it was."""
        if self._body.get("dry_run"):
            return await self._count(word)
        done = await (self._run_named(word, change) if self._numbers is not None else self._run_on(word, change))
        if not done.facts["changed"] or not self._notes.last:
            return done
        batch = str(Batch(self._notes.first, self._notes.last, to_ms(self._now)))
        return Done(done.text, {**done.facts, "batch": batch, **({"undo": undo(batch)} if undo else {})})

    async def _run_named(self, word: str, change: Change) -> Done:
        numbers = self._numbers or []
        changed, domains = await self._house.store.write(lambda tx: self._noted(tx, change, numbers))
        self._wake(domains)
        words = f"{changed} of {deliveries(len(numbers))} {word}"
        if changed < len(numbers):
            words += await self._house.store.read(self._why_not)
        return Done(words, {"changed": changed, "after": ""})

    def _noted(self, tx: Tx, change: Change, ids: Sequence[int]) -> tuple[int, Sequence[str]]:
        before = operating.last_note(tx)
        changed, domains = change(tx, ids)
        if changed:
            self._notes.took(before, operating.last_note(tx))
        return changed, domains

    def _why_not(self, tx: Tx) -> str:
        """In what state those are that could not be changed."""
        states = {each: operating.state_of(tx, each) for each in (self._numbers or ())[:SHOWN]}
        fit = ", ".join(state.word for state in self._states)
        told = [
            f"{each} is {state.word}" if state is not None else f"there is no {each}"
            for each, state in states.items()
            if state not in self._states
        ]
        return f" ({'; '.join(told)}; only what is {fit} can be)" if told else ""

    async def _run_on(self, word: str, change: Change) -> Done:
        clock = self._house.clock
        until = clock.monotonic() + (WHOLE_SECONDS if self._body.get("whole") else SECONDS)
        changed, woken = 0, set()
        while True:
            count, domains, self._after = await self._house.store.write(partial(self._chunk, change=change))
            changed += count
            woken |= set(domains)
            if self._after is None or clock.monotonic() > until:
                break
        self._wake(woken)
        after = f"{self._after[0]}.{self._after[1]}" if self._after else ""
        return Done(f"{deliveries(changed)} {word}", {"changed": changed, "after": after})

    def _chunk(self, tx: Tx, *, change: Change) -> tuple[int, Sequence[str], Cursor | None]:
        ids, after = self._next(tx, CHUNK)
        return (*self._noted(tx, change, ids), after)

    def _next(self, tx: Tx, limit: int) -> tuple[list[int], Cursor | None]:
        if self._batch is None:
            return listing.ids(tx, self._wanted, limit, self._after)
        ids, at = operating.touched(tx, self._batch, self._after[0] if self._after else 0, limit)
        return ids, None if at is None else (at, 0)

    async def _count(self, word: str) -> Done:
        """How many of them are in a state that this command changes."""
        if self._numbers is not None:
            numbers = self._numbers
            found = await self._house.store.read(lambda tx: listing.states(tx, numbers))
            count, more = sum(state in self._states for state in found), ""
        else:
            count, more = await self._walk()
        text = f"{'at least ' if more else ''}{deliveries(count)} would be {word}; nothing was changed"
        return Done(text, {"would": count, "after": more})

    async def _walk(self) -> tuple[int, str]:
        count, after = 0, self._after
        if self._batch is not None:
            raise Refusal("a batch has no dry run: its answer said how many it was")
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
