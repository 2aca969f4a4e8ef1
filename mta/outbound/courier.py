"""The courier: connections that carry a lane's deliveries. What came of each, `mta.outbound.outcomes` writes down.

One task a connection. A connection is opened for the route's hosts in their order, carries deliveries until it is
worn out or idle, and is closed. Outcomes are written while the next dialogue already runs; a delivery's outcome is
durable before the next dot on the same connection leaves, since the writer keeps the order in which it was asked.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from deliverability.bounces.classify import BounceClass, Then, Verdict
from deliverability.reply import Reply
from deliverability.settings import RetrySettings
from mta import maillog
from mta.outbound.connection import ConnectFailed, Connection, ConnectionSettings, PermitDots
from mta.outbound.doors import Boarded
from mta.outbound.lane import Lane
from mta.outbound.opening import Insecure, Opener
from mta.outbound.outcome import Delivered, Failure, NotPermitted, Outcome, Outgoing, Scope, Stage, Try
from mta.outbound.outcomes import Came, Outcomes
from mta.outbound.settings import OutboundSettings
from mta.outbound.sources import Source
from mta.outbound.tidings import Tidings
from mta.outbound.turns import Turns
from mta.outbound.verdict import concerns_site, fault, is_in_transaction, judge, our_fault, our_trouble
from mta.ports import Chance, Clock, Net, Store, StoreTrouble
from mta.queue import settling
from mta.queue.delivery import State
from mta.queue.queue import Claimed, Follow
from mta.smtp.timeouts import Timeouts

_TICK: Final = 0.001  # seconds: an alarm rings when the token is surely there

Prepare = Callable[[Claimed, bytes], Coroutine[Any, Any, Outgoing]]
"""Makes the form that leaves: the reverse-path with its token, the signature. CannotPrepare when it must not leave."""


class CannotPrepare(Exception):
    """Something of ours is missing (a key, the octets): the delivery waits, nothing leaves."""


class Courier:
    """All connections of one carrier."""

    def __init__(
        self, *, store: Store, clock: Clock, chance: Chance, net: Net, settings: OutboundSettings, retry: RetrySettings,
        prepare: Prepare, follow: Follow, source: Source, owner: int, most: int,
        content: Callable[[int, int, int], Awaitable[bytes | None]], trouble: Callable[[Lane, Reply], Awaitable[None]],
        hush: Callable[[Lane], Awaitable[None]], hungry: Callable[[set[str]], None], tidings: Tidings,
        has_stand_in: Callable[[Lane, Claimed], bool], authorities: Path | None = None,
        may_share: Callable[[Claimed], bool] = lambda _: False,
    ) -> None:  # fmt: skip
        self._store, self._clock = store, clock
        self._settings, self._prepare = settings, prepare
        self._owner, self.turns = owner, Turns(most)
        timeouts = Timeouts(connect=settings.connect_timeout.total_seconds())
        how = ConnectionSettings(source.ehlo, source.hostname, timeouts=timeouts, authorities=authorities)
        self.opener = Opener(
            store=store, clock=clock, net=net, how=how, source=source, settings=settings, judge=judge
        )  # fmt: skip
        self._outcomes = Outcomes(
            store=store, clock=clock, chance=chance, retry=retry, follow=follow, owner=owner, source=source.name,
            tidings=tidings, has_stand_in=has_stand_in,
        )  # fmt: skip
        self._content, self._trouble, self._hush, self._hungry = content, trouble, hush, hungry
        self._tidings, self._may_share = tidings, may_share
        self._tasks: set[asyncio.Task[None]] = set()
        self._bells: dict[str, asyncio.Event] = {}
        self._alarms: dict[str, asyncio.TimerHandle] = {}  # by site: when its pace lets the next one go
        self._draining = False

    @property
    def connections(self) -> int:
        return len(self._tasks)

    @property
    def delivered(self) -> int:
        return self._outcomes.delivered

    def doubt(self, domains: frozenset[str]) -> None:
        """The bounce guard does not believe what these domains refuse."""
        self._outcomes.doubted = domains

    def serve(self, lane: Lane) -> None:
        """Carry what the lane holds: wake its idle connections, open more where it pays; or, where its pace lets nothing
        go yet, come back when it does."""
        now = self._now(lane)
        ready = lane.ready(now)
        bell = self._bells.get(lane.site)
        if bell is not None and (ready or lane.connections > lane.share.slots):
            bell.set()
        while lane.wants_connection(now) and self.turns.has_room(lane) and not self._draining:
            one = lane.opening(now)
            self.turns.opening(lane)
            task = asyncio.create_task(self._run(lane, one))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._tidings.changed(lane)
        if lane.wants_connection(now) and not self.turns.has_room(lane):
            self.await_turn(lane)
        if lane.is_paced and len(lane):
            self._set_alarm(lane, now)

    def await_turn(self, lane: Lane) -> None:
        """There is no room for a connection of this lane: it gets one when its turn comes; whoever is idle makes room."""
        self.turns.wait(lane)
        if self.turns.is_full:
            for bell in self._bells.values():
                bell.set()

    def nudge(self) -> None:
        """Somebody wants what an idle connection may hold: each looks whether it is to be closed."""
        for bell in self._bells.values():
            bell.set()

    def take_turns(self) -> None:
        """There may be room for connections: those that waited for one are served, in their order."""
        while not self._draining and (lane := self.turns.call()) is not None:
            if lane.domains and not len(lane):
                self._hungry(set(lane.domains))  # nothing was claimed for it yet
                continue
            self.serve(lane)
            self.turns.passes(lane)

    def _now(self, lane: Lane) -> float:
        """Civil seconds, which a lab can move; not asked for where nothing depends on them."""
        return self._clock.now().timestamp() if lane.is_paced else 0.0

    def _set_alarm(self, lane: Lane, now: float) -> None:
        if (alarm := self._alarms.pop(lane.site, None)) is not None:
            alarm.cancel()
        seconds = lane.wait(now)
        if 0 < seconds < math.inf and not self._draining:
            self._alarms[lane.site] = asyncio.get_running_loop().call_later(seconds + _TICK, self._ring, lane)

    def _ring(self, lane: Lane) -> None:
        del self._alarms[lane.site]
        self.serve(lane)

    async def drain(self, seconds: float) -> None:
        """Finish open transactions within `seconds`; then cut what is left (its mark on disk says whether it is in
        doubt)."""
        self._draining = True
        for alarm in self._alarms.values():
            alarm.cancel()
        for bell in self._bells.values():
            bell.set()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=seconds)
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=1)
        await self._outcomes.drain(10)

    # -- one connection

    async def _run(self, lane: Lane, one: Boarded) -> None:
        connection: Connection | None = None
        try:
            try:
                connection = await self._open(lane)
                if connection is not None:
                    self._opened(lane)
            finally:
                lane.idle -= 1
            while connection is not None and connection.is_usable:
                each = await self._next(lane, connection, one)
                if each is None or not await self._carry(lane, connection, self._with_mates(lane, each, one)):
                    break
                if lane.is_done(one):
                    break
                if connection.delivered_count >= lane.share.per_connection or lane.connections > lane.share.slots:
                    break
        except Exception as err:  # a fault of ours: the next connection at once would only meet it again
            maillog.connection_trouble(lane.site, err)
            await self._trouble(lane, fault(err))
        finally:
            lane.closed(one)
            self.turns.closed(lane)
            if connection is not None:
                connection.close()
            if not lane.connections:
                self._bells.pop(lane.site, None)
            self._tidings.changed(lane)
            self.take_turns()
            self.serve(lane)

    def _opened(self, lane: Lane) -> None:
        """A host granted a connection: the lane may have as many as its share allows."""
        self.turns.opened(lane)
        if not lane.is_proven:
            lane.is_proven = True
            if lane.is_hungry:
                self._hungry(set(lane.domains))
            self.serve(lane)

    async def _open(self, lane: Lane) -> Connection | None:
        """A session with the first host that grants one; None, and the site waits, when none does. Where none is as
        secure as the next delivery demands, only mail that demands it waits."""
        try:
            opened = await self.opener.open(lane, in_haste=self.turns.is_crowded and not lane.is_proven)
        except Exception as err:  # a fault of ours: the site waits, as for one of its own
            maillog.connection_trouble(lane.site, err)
            failure = Failure(Scope.ROUTE, fault(err), Stage.CONNECT, is_ours=True)
            opened = ConnectFailed(failure, Try("", "", ""))
        if isinstance(opened, Connection):
            return opened
        if isinstance(opened, Insecure):
            self._put_off(lane, opened)
        else:
            await self._not_opened(lane, opened)
        return None

    async def _not_opened(self, lane: Lane, told: ConnectFailed) -> None:
        """No host took us in: one delivery bears witness, the others go back untouched, the site waits."""
        failure, verdict = told.failure, judge(told.failure, lane.provider)
        witness = lane.take(self._now(lane))
        if witness is not None:
            where = (told.tried.host, told.tried.address, told.tried.tls, told.tried.dialogue)
            self._outcomes.write(lane, witness, failure, verdict, State.IN_FLIGHT, self._clock.now(), *where)
        if not failure.is_ours and verdict.is_too_much:
            await self._slow(lane, verdict, failure.reply)
        else:
            lane.is_refused = False
            await self._trouble(lane, failure.reply)

    def _put_off(self, lane: Lane, insecure: Insecure) -> None:
        """Each delivery that demands it waits by itself; the site does not."""
        reply = Reply.of(451, "4.7.4", insecure.why)
        failure = Failure(Scope.RECIPIENT, reply, Stage.STARTTLS, is_ours=True)
        verdict, now = judge(failure, lane.provider), self._clock.now()
        for each in lane.empty_of_demand(insecure.demand):
            self._outcomes.write(lane, each, failure, verdict, State.IN_FLIGHT, now, *insecure.where)

    async def _next(self, lane: Lane, connection: Connection, one: Boarded) -> Claimed | None:
        """The next delivery; None when there is none for as long as an idle connection is kept, or what there is asks
        for a better connection than this."""
        while not self._draining:
            each = None if lane.connections > lane.share.slots else lane.take(self._now(lane), connection.suits, one)
            if lane.is_hungry:
                self._hungry(set(lane.domains))
            if each is not None:
                self._tidings.took(lane)
                return each
            if lane.connections > lane.share.slots or self.turns.is_idle_wanted:
                return None
            if (len(lane) and not lane.has_for(connection.suits)) or not lane.pauses(one):
                return None
            if lane.is_paced and len(lane):
                self._set_alarm(lane, self._now(lane))
            bell = self._bells.setdefault(lane.site, asyncio.Event())
            bell.clear()
            lane.idle += 1
            try:
                async with asyncio.timeout(self._settings.idle.total_seconds()):
                    await bell.wait()
            except TimeoutError:
                return None
            finally:
                lane.idle -= 1
        return None

    def _with_mates(self, lane: Lane, each: Claimed, one: Boarded) -> list[Claimed]:
        """A delivery and those of the same message that may go in one transaction with it."""
        most = min(self._settings.recipients, lane.most_recipients or self._settings.recipients) - 1
        mates = lane.take_mates(self._now(lane), each, most, one) if most and self._may_share(each) else ()
        return [each, *mates]

    async def _carry(self, lane: Lane, connection: Connection, group: list[Claimed]) -> bool:
        """One message to one recipient, or to several. False when the connection carries no more."""
        began = self._clock.now()
        states = dict.fromkeys((each.delivery_id for each in group), State.IN_FLIGHT)

        async def permit(places: Sequence[int]) -> bool:
            numbers = [group[place].delivery_id for place in places]
            try:
                await self._store.write(lambda tx: settling.mark_dots(tx, numbers, self._owner))
            except settling.LeaseLost:
                return False
            states.update(dict.fromkeys(numbers, State.AT_THE_DOT))
            return True

        outcomes, dialogue = await self._try(connection, group, permit, states)
        where = (connection.host.name, connection.host.address, connection.tls, dialogue)
        left = dict(zip(group, outcomes, strict=True))
        try:
            return await self._conclude(lane, connection, left, states, began, where)
        except Exception as err:
            for each in left:  # none may stay in hands that let it fall
                state = states[each.delivery_id]
                self._outcomes.write(lane, each, our_fault(state, err), None, state, began, *where)
            raise

    async def _conclude(
        self, lane: Lane, connection: Connection, left: dict[Claimed, Outcome], states: Mapping[int, State],
        began: datetime, where: tuple[str, str, str, str],
    ) -> bool:  # fmt: skip
        """Write what came of each, which is `left` no more then. False when the connection carries no more."""
        failures: list[tuple[Claimed, Failure, Verdict]] = []
        came: list[Came] = []
        goes_on = not any(isinstance(outcome, NotPermitted) for outcome in left.values())
        taken = sum(each is State.AT_THE_DOT for each in states.values())
        try:
            for each, outcome in list(left.items()):
                verdict = judge(outcome, lane.provider) if isinstance(outcome, Failure) else None
                if isinstance(outcome, Failure) and verdict is not None:
                    if self._is_for_next(lane, connection, outcome, verdict, taken, states[each.delivery_id]):
                        lane.put_back(each)
                        del left[each]
                        goes_on = goes_on and bool(taken)
                        continue
                    failures.append((each, outcome, verdict))
                self.opener.note_session(lane, each.domain, connection)
                came.append(self._outcomes.came(lane, each, outcome, verdict, states[each.delivery_id], began, *where))
                del left[each]
                if isinstance(outcome, Delivered):
                    lane.failures, lane.suspect, lane.is_refused = 0, None, False
        finally:
            self._outcomes.keep(came)
        for each, failure, verdict in failures:
            goes_on = goes_on and await self._failed(lane, connection, each, failure, verdict)
        return goes_on

    async def _try(
        self, connection: Connection, group: list[Claimed], permit: PermitDots, states: Mapping[int, State]
    ) -> tuple[list[Outcome], str]:
        """What came of each, and what was said. `states`: of each delivery, as `permit` leaves them."""
        first = group[0]
        try:
            content = await self._content(first.message_id, first.size, len(group))
            if content is None:
                raise CannotPrepare("the message's octets are gone")
            outgoing = [await self._prepare(each, content) for each in group]
            outcomes = await connection.deliver_all(outgoing, permit)
            return outcomes, connection.dialogue
        except CannotPrepare as err:
            maillog.unsigned(first.message_id, first.domain, why=str(err))
            return [Failure(Scope.MESSAGE, our_trouble(str(err)), Stage.MAIL, is_ours=True)] * len(group), ""
        except StoreTrouble as err:
            maillog.store_trouble("permit", err)
            return [NotPermitted()] * len(group), ""
        except Exception as err:  # a fault of ours: the delivery must not stay in hands that let it fall
            maillog.courier_trouble(first.delivery_id, err)
            return [our_fault(states[each.delivery_id], err) for each in group], ""

    def _is_for_next(
        self, lane: Lane, connection: Connection, failure: Failure, verdict: Verdict, taken: int, state: State
    ) -> bool:
        """Whether a delivery goes at once in the next transaction, or over the next connection, because this one had
        enough (RFC 5321 section 4.5.3.1.10); it was no attempt then."""
        if verdict.klass is not BounceClass.SESSION_LIMIT or state is not State.IN_FLIGHT or failure.is_ours:
            return False
        if taken and failure.stage is Stage.RCPT:
            lane.recipients = taken
            self._tidings.transaction_full(lane, taken)
            return True
        if not taken and connection.delivered_count:
            self._tidings.session_ended(lane, connection.delivered_count)
            return True
        return False

    async def _failed(
        self, lane: Lane, connection: Connection, each: Claimed, failure: Failure, verdict: Verdict
    ) -> bool:
        """What a failure means for the others. False when the connection carries no more."""
        if concerns_site(failure, verdict):
            if verdict.is_too_much:
                await self._slow(lane, verdict, failure.reply)
                return False
            self._tidings.complained(lane, verdict, str(failure.reply))
        if verdict.klass is BounceClass.TLS and not connection.tls:
            lane.tls_broken_ms = 0  # it will not do without: the next connection begins TLS again
            return False
        if verdict.klass is BounceClass.SESSION_LIMIT and connection.delivered_count:
            self._tidings.session_ended(lane, connection.delivered_count)
            return False  # the session is worn out, the site is not
        if is_in_transaction(failure) and lane.suspect in (None, each.delivery_id):
            lane.suspect = each.delivery_id
            return False  # one message at which a connection breaks says nothing about the others; two do
        if failure.scope is Scope.ROUTE:
            await self._trouble(lane, failure.reply)
            return False
        return True

    async def _slow(self, lane: Lane, verdict: Verdict, reply: Reply) -> None:
        """The site says that it is too much, or refuses our address: nothing more leaves until the conductor says how to
        go on."""
        lane.is_refused = verdict.then is Then.OTHER_SOURCE
        if not self._tidings.is_heard:
            await self._trouble(lane, reply)
            return
        lane.is_hushed = True
        self._tidings.complained(lane, verdict, str(reply))
        self._tidings.flush()
        await self._hush(lane)
