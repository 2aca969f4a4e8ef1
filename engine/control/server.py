"""The control socket's server: versioned JSON over HTTP on a Unix socket, for the terminal and the `posthouse`
commands.

It never waits for a reader: the stream sends the latest overview, a slow reader misses the ones between. Every
command that changes something is logged with the peer's user id, which the kernel vouches for (SO_PEERCRED).
"""

import asyncio
import contextlib
import json
import logging
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from engine.control import (
    acts,
    campaign_views,
    doctoring,
    flows,
    reasons,
    reports,
    reputation,
    segments,
    shaping,
    sunset,
    views,
    waits,
)
from engine.control.asked import Asked
from engine.control.counted import BY, ROWS_MAX, SORTS, counted_total, counts_by_group, queue_rows, shape
from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.flows import Flows
from engine.control.protocol.house import Alert, CarrierRow, Overview
from engine.control.protocol.wire import VERSION, encode
from engine.control.refusal import Refusal
from engine.control.shapes import check_body, check_query
from engine.control.sparing import Sparing
from engine.control.work import Office
from engine.house import House
from mta.ports import StoreTrouble, to_ms
from mta.queue import listing
from mta.queue.census import PART, Census, take
from mta.queue.shaping import Suspension

log: Final = logging.getLogger("posthouse.control")
STREAM_SECONDS: Final = 1.0
STREAM_AT_LEAST_SECONDS: Final = 15.0
BODY_MAX: Final = 1 << 20


class ControlServer:
    """Serves one House; `office` is asked for what only the front office knows."""

    def __init__(self, house: House, sockets: list[socket.socket], office: Office) -> None:
        self.house, self._sockets, self._office = house, sockets, office
        self._runner: web.AppRunner | None = None
        monotonic = house.clock.monotonic
        self.census = Sparing(lambda: take(self.house.store, self.house.clock.now()), _is_short, monotonic)
        self._day = Sparing(
            lambda: self.house.store.read(lambda tx: views.today(tx, self.house.clock.now())),
            lambda day: day.is_small, monotonic,
        )  # fmt: skip

    async def start(self) -> None:
        app = web.Application(middlewares=[_errors, _strict], client_max_size=BODY_MAX)
        app.add_routes(
            [
                web.get("/v1/hello", self._hello),
                web.get("/v1/overview", self._overview),
                web.get("/v1/stream", self._stream),
                web.get("/v1/queue", self._queue),
                web.get("/v1/doubts", self._doubts),
                web.get("/v1/queue/shape", self._shape),
                web.get("/v1/messages", self._messages),
                web.get("/v1/messages/{id:[0-9]+}", self._message),
                web.get("/v1/messages/{id:[0-9]+}/why", self._why_message),
                web.get("/v1/warm-up", self._warm_up),
                web.get("/v1/doctor", self._doctor),
                web.get("/v1/shaping/{site}", self._shaping),
                web.get("/v1/why/{site}", self._why),
                web.get("/v1/names", self._names),
                web.get("/v1/flows", self._flows),
                web.get("/v1/flows/{name}", self._flow),
                web.get("/v1/flows/{name}/history", self._flow_history),
                web.get("/v1/flows/{name}/text", self._flow_text),
                web.get("/v1/why-not/{name}", self._why_not),
                web.get("/v1/campaigns", self._campaigns),
                web.get("/v1/campaigns/{name}", self._campaign),
                web.get("/v1/campaigns/{name}/recipients", self._recipients),
                web.get("/v1/reports/{kind}/{name}", self._report),
                web.get("/v1/reputation", self._reputation),
                web.get("/v1/lists/{name}/sunset", self._sunset),
                web.get("/v1/segments", self._segments),
                web.get("/v1/segments/{name}", self._segment),
                web.get("/v1/segments/{name}/members", self._members),
                web.get("/v1/segments/{name}/why", self._why_segment),
                web.get("/v1/segments/{name}/count", self._count),
                web.get("/v1/segments/{name}/plan", self._plan),
                web.get("/v1/segments/{name}/diff", self._diff),
                web.post("/v1/{act:[a-z/-]+}", self._act),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        for each in self._sockets:
            await web.SockSite(self._runner, each).start()
        self.census.begin()
        self._day.begin()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        await self.census.stop()
        await self._day.stop()

    # -- questions

    async def _hello(self, request: web.Request) -> web.Response:
        return _json(Done("posthouse", {"version": VERSION, "lab": self.house.config.lab.enabled}))

    async def _overview(self, request: web.Request) -> web.Response:
        return _json(await self.look())

    @property
    def suspensions(self) -> Sequence[Suspension]:
        """What is stopped now."""
        return list(self._office.conductor.suspensions.values())

    async def look(self) -> Overview:
        """The first screen, as it is now. StoreTrouble."""
        house = self.house
        now = house.clock.now()
        base = Overview(
            host=house.config.hostname, version=acts.version(), now_ms=to_ms(now), lab=house.config.lab.enabled,
            lab_offset_s=int(self._office.clock.offset.total_seconds()), carriers=self._carriers(), alerts=self._alerts(),
        )  # fmt: skip
        census, day = await self.census.get(), await self._day.get()
        return await house.store.read(lambda tx: views.overview(tx, now, base, census, day))

    def _carriers(self) -> tuple[CarrierRow, ...]:
        return tuple(CarrierRow(hand.name, hand.pid, **hand.figures) for hand in self._office.hands.values())

    def _alerts(self) -> tuple[Alert, ...]:
        missing = self.house.config.carriers - sum(hand.is_ready for hand in self._office.hands.values())
        unready = (Alert("!", f"{missing} carriers are not ready"),) if missing > 0 else ()
        if fence := self._office.fence:
            unready = (Alert("!", f"nothing is sent: {fence.why}; `posthouse fence lift` lets it go"), *unready)
        waiting = (Alert(*row) for row in shaping.rows_of(self._office.conductor))
        of_keys = (Alert(*note) for note in self._office.key_keeper.alerts)
        return (*unready, *self._red_rules(), *reputation.alerts(self._office.watcher), *of_keys, *waiting)

    def _red_rules(self) -> tuple[Alert, ...]:
        """One line for all that the doctor found last."""
        red = sorted({each.rule for each in self._office.doctor.last.red()}) if self._office.doctor.last else []
        fails = "a rule fails" if len(red) == 1 else f"{len(red)} rules fail"
        words = f"{fails}: {', '.join(red[:5])}; `posthouse doctor` says what to mend"
        return (Alert("!", words),) if red else ()

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        with contextlib.suppress(ConnectionError):  # an operator who leaves is no trouble of ours
            await answer.prepare(request)
            await self._tell(answer)
        return answer

    async def _tell(self, answer: web.StreamResponse) -> None:
        """The first screen whenever it has changed, until nobody reads any more (ConnectionError)."""
        last: Overview | None = None
        quiet = 0.0
        while True:
            now = await self.look()
            if last is None or quiet >= STREAM_AT_LEAST_SECONDS or not _same(now, last):
                await answer.write(encode(now) + b"\n")
                last, quiet = now, 0.0
            await asyncio.sleep(STREAM_SECONDS)
            quiet += STREAM_SECONDS

    async def _queue(self, request: web.Request) -> web.Response:
        asked = Asked(request.query)
        by, sort = asked.one_of("by", BY), asked.one_of("sort", SORTS)
        limit, offset = asked.number("limit", 1000, least=1, most=ROWS_MAX), asked.number("offset", 0)
        rows = queue_rows(await self.census.get(), self.house.clock.now(), by=by, sort=sort, limit=limit, offset=offset)
        return _json(rows)

    async def _shape(self, request: web.Request) -> web.Response:
        asked = Asked(request.query)
        by, limit = (
            asked.one_of("by", ("domain", "site", "campaign", "stream")),
            asked.number("limit", 20, most=ROWS_MAX),
        )
        stream = asked.stream()
        return _json(shape(await self.census.get(), self.house.clock.now(), by=by, limit=limit, stream=stream))

    async def _messages(self, request: web.Request) -> web.Response:
        asked, now = Asked(request.query), self.house.clock.now()
        wanted, sort = asked.wanted(now), asked.one_of("sort", tuple(listing.SORTS))
        limit, offset = asked.number("limit", 100, least=1, most=ROWS_MAX), asked.number("offset", 0)
        after = asked.cursor()
        found = await self.house.store.read(
            lambda tx: views.message_page(tx, now, wanted, sort, limit, after, offset)
        )  # fmt: skip
        if found.after and counts_by_group(wanted):
            counted = counted_total(await self.census.get(), wanted)
            found = replace(found, total=max(found.total + 1, counted), exact=True)
        return _json(found)

    async def _doubts(self, request: web.Request) -> web.Response:
        asked, now = Asked(request.query), self.house.clock.now()
        limit, only_open = asked.number("limit", 100, least=1, most=ROWS_MAX), bool(asked.number("open", 0))
        return _json(await self.house.store.read(lambda tx: views.doubts(tx, now, only_open=only_open, limit=limit)))

    async def _message(self, request: web.Request) -> web.Response:
        number, now = int(request.match_info["id"]), self.house.clock.now()
        life = await self.house.store.read(lambda tx: views.message_life(tx, number, now))
        if life is None:
            raise Refusal(f"there is no message {number}", "`posthouse queue messages` lists them", 404)
        return _json(life)

    async def _warm_up(self, request: web.Request) -> web.Response:
        return _json(shaping.warm_ups(self.house, self._office.conductor))

    async def _doctor(self, request: web.Request) -> web.Response:
        return _json(await doctoring.look(self.house, self._office, Asked(request.query)))

    async def _shaping(self, request: web.Request) -> web.Response:
        name = request.match_info["site"]
        try:
            return _json(await shaping.show(self.house, self._office.conductor, name))
        except shaping.NoSuchSite:
            raise Refusal(f"nothing was sent to {name} since the start", "`posthouse queue` lists sites", 404) from None

    async def _why(self, request: web.Request) -> web.Response:
        name = request.match_info["site"]
        found = await waits.of_site(self.house, self._office.conductor, name)
        if found is None:
            raise Refusal(f"nothing is known of {name}", "`posthouse queue` lists sites", 404)
        return _json(found)

    async def _why_message(self, request: web.Request) -> web.Response:
        number = int(request.match_info["id"])
        found = await reasons.why_message(self.house, self._office.conductor, number)
        if found is None:
            raise Refusal(f"there is no message {number}", "`posthouse queue messages` lists them", 404)
        return _json(found)

    async def _flows(self, request: web.Request) -> web.Response:
        now_ms = to_ms(self.house.clock.now())
        return _json(await self.house.store.read(lambda tx: Flows(now_ms, views.flow_rows(tx))))

    async def _names(self, request: web.Request) -> web.Response:
        return _json(await flows.names(self.house))

    async def _flow(self, request: web.Request) -> web.Response:
        name, now_ms = request.match_info["name"], to_ms(self.house.clock.now())
        from engine.control.picture import flow_picture

        picture = await self.house.store.read(lambda tx: flow_picture(tx, name, now_ms))
        if picture is None:
            raise Refusal(f"there is no flow {name}", "`posthouse flow list` lists them", 404)
        return _json(picture)

    async def _flow_history(self, request: web.Request) -> web.Response:
        return _json(await flows.changes(self.house, request.match_info["name"]))

    async def _flow_text(self, request: web.Request) -> web.Response:
        return _json(await flows.text(self.house, request.match_info["name"], Asked(request.query).text("version")))

    async def _why_not(self, request: web.Request) -> web.Response:
        return _json(await reasons.why_not(self.house, request.match_info["name"], Asked(request.query)))

    async def _campaigns(self, request: web.Request) -> web.Response:
        return _json(await campaign_views.every(self.house, self._office.campaigns.book))

    async def _campaign(self, request: web.Request) -> web.Response:
        book = self._office.campaigns.book
        return _json(await campaign_views.one(self.house, book, request.match_info["name"]))

    async def _recipients(self, request: web.Request) -> web.Response:
        book, name = self._office.campaigns.book, request.match_info["name"]
        return _json(await campaign_views.recipients(self.house, book, name, Asked(request.query)))

    async def _report(self, request: web.Request) -> web.Response:
        about = request.match_info
        return _json(await reports.report(self.house, about["kind"], about["name"], Asked(request.query)))

    async def _reputation(self, request: web.Request) -> web.Response:
        return _json(await reputation.show(self.house, Asked(request.query)))

    async def _sunset(self, request: web.Request) -> web.Response:
        return _json(await sunset.plan(self.house, request.match_info["name"], Asked(request.query)))

    async def _segments(self, request: web.Request) -> web.Response:
        return _json(await segments.every(self.house, self._office.keeper.book))

    async def _segment(self, request: web.Request) -> web.Response:
        return _json(await segments.one(self.house, self._office.keeper.book, request.match_info["name"]))

    async def _members(self, request: web.Request) -> web.Response:
        return _json(
            await segments.members(
                self.house, self._office.keeper.book, request.match_info["name"], Asked(request.query)
            )
        )

    async def _why_segment(self, request: web.Request) -> web.Response:
        return _json(
            await segments.why(self.house, self._office.keeper.book, request.match_info["name"], Asked(request.query))
        )

    async def _count(self, request: web.Request) -> web.Response:
        return _json(await segments.recount(self.house, self._office.keeper.book, request.match_info["name"]))

    async def _plan(self, request: web.Request) -> web.Response:
        return _json(await segments.cost(self.house, self._office.keeper.book, request.match_info["name"]))

    async def _diff(self, request: web.Request) -> web.Response:
        return _json(
            await segments.diff(self.house, self._office.keeper.book, request.match_info["name"], Asked(request.query))
        )

    # -- commands

    async def _act(self, request: web.Request) -> web.Response:
        act = acts.ACTS.get(request.match_info["act"])
        if act is None:
            raise Refusal(
                f"there is no command {request.match_info['act']}", "is the daemon older than this program?", 404
            )
        try:
            body = await request.json() if request.can_read_body else {}
            if not isinstance(body, dict):
                raise ValueError
            json.dumps(body, ensure_ascii=False).encode()  # what is no Unicode text can't be kept
        except (ValueError, RecursionError):
            raise Refusal("the request is no JSON object of Unicode text") from None
        check_body(request.match_info["act"], body)
        done = await act(self.house, self._office, body)
        log.info("command", extra={"act": request.match_info["act"], "by": _peer(request), "done": done.text})
        return _json(done)


def _is_short(census: Census) -> bool:
    return census.total <= PART


def _same(one: Overview, other: Overview) -> bool:
    """Whether nothing but the time differs (and the memory, which always moves a little)."""

    def still(view: Overview) -> Overview:
        return replace(view, now_ms=0, carriers=tuple(replace(each, memory_kib=0) for each in view.carriers))

    return still(one) == still(other)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=encode(value), status=status, content_type="application/json")


def _peer(request: web.Request) -> str:
    """The user at the other end."""
    transport = request.transport
    opened = transport.get_extra_info("socket") if transport else None
    if opened is None:
        return "unknown"
    _, uid, _ = struct.unpack("3i", opened.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


@web.middleware
async def _strict(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    resource = request.match_info.route.resource
    if resource is not None:  # else there is no such thing, which the handler says
        check_query(resource.canonical, [name for name, _ in request.query.items()])
    return await handler(request)


@web.middleware
async def _errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as err:
        return _json(Refused(err.error, err.remedy), err.status)
    except OverflowError:
        return _json(Refused("a number is too large"), 400)
    except StoreTrouble as err:
        return _json(Refused(f"the database would not: {err}", "nothing was changed; try again"), 503)
    except web.HTTPMethodNotAllowed as err:
        if err.allowed_methods == {"POST"} and request.path.removeprefix("/v1/") not in acts.ACTS:
            return _json(Refused(f"there is no {request.path[:80]}", "is the daemon older than this program?"), 404)
        return _json(Refused(f"{request.path[:80]} takes {' or '.join(sorted(err.allowed_methods))}"), err.status)
    except web.HTTPException as err:
        return _json(Refused(err.reason or "no such thing", ""), err.status)
    except ConnectionError:
        raise
    except Exception:
        log.exception("a control request failed")
        return _json(Refused("the daemon failed at this; its log says more", ""), 500)
