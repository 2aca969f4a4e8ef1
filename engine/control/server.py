"""The control socket's server: versioned JSON over HTTP on a Unix socket, for the terminal and the `posthouse`
commands.

It never waits for a reader: the stream sends the latest overview, a slow reader misses the ones between. Every
command that changes something is logged with the peer's user id, which the kernel vouches for (SO_PEERCRED). Connections have
the bounds of the public pages: how many, and how long until a request is there (engine.web.server).
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from aiohttp import web

from engine import houselog
from engine.control import acts, journal, views
from engine.control.asked import Asked
from engine.control.lately import Lately
from engine.control.observing import alerts
from engine.control.observing.gathering import Observer
from engine.control.places import PLACES, Question
from engine.control.protocol.acts import Done, Refused
from engine.control.protocol.house import CarrierRow, Overview
from engine.control.protocol.wire import VERSION, encode
from engine.control.refusal import Refusal
from engine.control.shapes import check_body, check_query
from engine.control.sharing import ASKED, Sharing
from engine.control.sparing import Sparing
from engine.control.stream import Stream
from engine.control.today import DayCount
from engine.control.work import Office
from engine.house import House
from engine.own_folder import user_name
from engine.release import version
from engine.web.server import WebServer
from mta.ports import StoreTrouble, to_ms
from mta.queue.census import PART, Census, take

LEAVE_SECONDS: Final = 2.0  # that a stop takes at most: an answer under way has three quarters of it
BODY_MAX: Final = 1 << 20
BODY_SECONDS: Final = 15.0  # until a request's body is there


class ControlServer:
    """Serves one House; `office` is asked for what only the front office knows."""

    def __init__(self, house: House, sockets: list[socket.socket], office: Office) -> None:
        self.house, self._sockets, self._office = house, sockets, office
        self._server: WebServer | None = None
        self._stream_of_all = Stream(self.look, lambda: to_ms(house.clock.now()))
        self._sharing = Sharing(lambda: self._stream_of_all.number)
        self._version = version()  # it is looked up in files
        self._stood: set[str] = set()  # alerts, at the last look
        monotonic = house.clock.monotonic
        self._lately = Lately(lambda: self.house.store, lambda: self.house.clock)
        self.census = Sparing(lambda: take(self.house.store, self.house.clock.now()), _is_short, monotonic)
        day = DayCount()
        self._day = Sparing(
            lambda: house.store.read(lambda tx: day.count(tx, house.clock.now())), lambda day: True, monotonic
        )
        self.observer = Observer(lambda: self.house, office, self.census, self._day)

    async def start(self) -> None:
        app = web.Application(middlewares=[_errors, _strict], client_max_size=BODY_MAX)
        app.add_routes(
            [
                web.get("/v1/hello", self._hello),
                web.get("/v1/overview", self._overview),
                web.get("/v1/stream", self._stream),
                *(web.get(path, partial(self._place, path)) for path in PLACES),
                web.post("/v1/{act:[a-z/-]+}", self._act),
            ]
        )
        self._server = WebServer(app, self._sockets, stop_seconds=LEAVE_SECONDS, is_public=False)
        await self._server.start()
        self.census.begin()
        self._day.begin()
        self._office.flows.begin()
        with contextlib.suppress(StoreTrouble):  # then it counts from the first look on
            await self.observer.begin()

    async def stop(self) -> None:
        """End the streams, too, and wait for no reader."""
        await self._stream_of_all.stop()
        if self._server is not None:
            await self._server.stop()
        await self._office.flows.stop()
        await self.census.stop()
        await self._day.stop()
        await self._lately.stop()

    # -- questions

    async def _hello(self, request: web.Request) -> web.Response:
        return _json(Done("posthouse", {"version": VERSION, "lab": self.house.config.lab.enabled}))

    async def _overview(self, request: web.Request) -> web.Response:
        return _json(await self.look())

    async def look(self) -> Overview:
        """The first screen, as it is now. StoreTrouble."""
        house = self.house
        now = house.clock.now()
        await self._office.fence_watch.look()
        await self._office.lookout.look(house)
        base = Overview(
            host=house.config.hostname, version=self._version, now_ms=to_ms(now), lab=house.config.lab.enabled,
            lab_offset_s=int(self._office.clock.offset.total_seconds()), carriers=self._carriers(),
            alerts=alerts.standing(house, self._office),
            flows=(await self._office.flows.flows(now)).rows, operators=self._stream_of_all.operators,
        )  # fmt: skip
        await alerts.forget_gone(house, base.alerts, self._stood)
        census, day = await self.census.get(), await self._day.get()
        held = self._office.conductor.suspensions
        return await house.store.read(lambda tx: alerts.marked(tx, views.overview(tx, now, base, census, day, held)))

    def _carriers(self) -> tuple[CarrierRow, ...]:
        return tuple(CarrierRow(hand.name, hand.pid, **hand.figures) for hand in self._office.hands.values())

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        async with contextlib.aclosing(self._stream_of_all.follow(_peer(request))) as lines:
            with contextlib.suppress(ConnectionError):  # an operator who leaves is no trouble of ours
                async for line in lines:
                    if not answer.prepared:
                        await answer.prepare(request)
                    await answer.write(line)
        return answer

    async def _place(self, path: str, request: web.Request) -> web.Response:
        """Answer one of PLACES."""

        async def find() -> bytes:
            question = Question(
                self.house, self._office, Asked(request.query), request.match_info, self.census, self._lately,
                self._day, self.observer,
            )  # fmt: skip
            return encode(await PLACES[path](question))

        shares = request.headers.get("Cache-Control") == ASKED
        octets = await (self._sharing.answer(request.raw_path, find) if shares else find())
        return web.Response(body=octets, content_type="application/json")

    # -- commands

    async def _act(self, request: web.Request) -> web.Response:
        act = acts.ACTS.get(request.match_info["act"])
        if act is None:
            raise Refusal(
                f"there is no command {request.match_info['act']}", "is the daemon older than this program?", 404
            )
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await request.json() if request.can_read_body else {}
            if not isinstance(body, dict):
                raise ValueError
            json.dumps(body, ensure_ascii=False).encode()  # what is no Unicode text can't be kept
        except (ValueError, RecursionError):
            raise Refusal("the request is no JSON object of Unicode text") from None
        except (ConnectionError, TimeoutError):  # an operator who leaves is no trouble of ours
            raise Refusal("the request broke off") from None
        check_body(request.match_info["act"], body)
        user = _peer(request)
        try:
            done = await journal.perform(self.house, self._office, request.match_info["act"], act, body, user)
        finally:
            self._sharing.forget()
        houselog.command(request.match_info["act"], by=user, done=done.text)
        return _json(done)


def _is_short(census: Census) -> bool:
    return census.total <= PART


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=encode(value), status=status, content_type="application/json")


def _peer(request: web.Request) -> str:
    """The user at the other end."""
    transport = request.transport
    opened = transport.get_extra_info("socket") if transport else None
    if opened is None:
        return "unknown"
    _, uid, _ = struct.unpack("3i", opened.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return user_name(int(uid))


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
        known = "" if request.method == "GET" else "; `posthouse acts` says of what it is not known how far it came"
        return _json(Refused(f"the database would not: {err}", f"try again{known}"), 503)
    except web.HTTPMethodNotAllowed as err:
        if err.allowed_methods == {"POST"} and request.path.removeprefix("/v1/") not in acts.ACTS:
            return _json(Refused(f"there is no {request.path[:80]}", "is the daemon older than this program?"), 404)
        return _json(Refused(f"{request.path[:80]} takes {' or '.join(sorted(err.allowed_methods))}"), err.status)
    except web.HTTPException as err:
        return _json(Refused(err.reason or "no such thing", ""), err.status)
    except ConnectionError:
        raise
    except Exception:
        houselog.request_failed()
        return _json(Refused("the daemon failed at this; its log says more", ""), 500)
