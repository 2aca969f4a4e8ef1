"""What the public pages do: confirm a subscription, unsubscribe, say that all is well.

GET and HEAD change nothing: scanners, previews and prefetchers follow every link in a mail. A page holds a button, and
its POST acts, also without a page before it (RFC 8058: a mailbox provider's one-click). The token in the address is all
the right there is and all that is needed: no cookie, no login, no script. Every wrong token gets the same answer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import parse_qs

from aiohttp import web

from engine.audience import lists
from engine.audience.consent import ALL_LISTS, Answer
from engine.audience.ledger import SALT_OCTETS
from engine.audience.lists import MailingList, SubscriptionState
from engine.audience.tokens import BadToken, Purpose
from engine.sending.compose import Composer
from engine.web.limits import Limits
from engine.web.pages import Pages, shown
from mta.ports import Chance, Clock, Store, StoreTrouble, Tx

log: Final = logging.getLogger("posthouse.web")

BODY_MAX: Final = 16 * 1024  # octets of a request's body
BODY_SECONDS: Final = 10.0  # how long a body may take to come

ONE_CLICK: Final = "List-Unsubscribe=One-Click"  # RFC 8058 section 3.2

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom and which list a token is about, as the store has them."""

    contact_id: int
    locale: str
    mailing_list: MailingList | None  # None: all lists
    state: SubscriptionState | None
    asked_ms: int


def build_app(
    store: Store, clock: Clock, chance: Chance, composer: Composer, *, proxies: Sequence[str] = ()
) -> web.Application:
    """The application. `proxies` are networks whose X-Forwarded-For is believed; nobody else's is."""
    desk = _Desk(store, clock, chance, composer, proxies)
    app = web.Application(middlewares=[desk.answer_faults, desk.limit], client_max_size=BODY_MAX)
    app.on_response_prepare.append(desk.secure)
    app.router.add_get("/healthz", desk.healthz)
    app.router.add_get("/confirm/{token}", desk.confirm_page)
    app.router.add_post("/confirm/{token}", desk.confirm)
    app.router.add_get("/unsubscribe/{token}", desk.unsubscribe_page)
    app.router.add_post("/unsubscribe/{token}", desk.unsubscribe)
    return app


class _Desk:
    """The handlers, and what they share."""

    def __init__(self, store: Store, clock: Clock, chance: Chance, composer: Composer, proxies: Sequence[str]) -> None:
        self._store = store
        self._clock = clock
        self._chance = chance
        self._tokens = composer.tokens
        self._pages = Pages(composer)
        self._limits = Limits()
        self._proxies = [ip_network(each) for each in proxies]
        self._policy = (
            f"default-src 'none'; style-src '{self._pages.style_hash}'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )

    # -- around every request

    @web.middleware
    async def answer_faults(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer what went wrong with a page in words. The log never holds a path: there is a token in it."""
        try:
            return await handler(request)
        except BadToken:
            self._limits.charge_wrong_token(self._peer(request), self._clock.monotonic())
            return self._notice(request, 404)
        except web.HTTPException as err:
            return self._notice(request, err.status, err.headers.get("Allow"))
        except (StoreTrouble, TimeoutError) as err:
            log.warning("a page could not be served: %s", err or "the request's body did not come")
            return self._notice(request, 503 if isinstance(err, StoreTrouble) else 408)
        except ConnectionError:
            return self._notice(request, 400)  # the client hung up: nobody reads it, and it is no fault
        except Exception:
            log.exception("a page failed")
            return self._notice(request, 500)

    @web.middleware
    async def limit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._limits.allows(self._peer(request), self._clock.monotonic()):
            raise web.HTTPTooManyRequests
        return await handler(request)

    async def secure(self, request: web.Request, response: web.StreamResponse) -> None:
        """Headers of every answer: nothing is kept, framed, scripted or told to other sites (the address is a key)."""
        response.headers.update({
            "Content-Security-Policy": self._policy,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "X-Robots-Tag": "noindex, nofollow",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
            "Server": "posthouse",
        })  # fmt: skip

    # -- the pages

    async def healthz(self, request: web.Request) -> web.Response:
        """200 while the database answers."""
        await self._store.read(lambda tx: tx.one("SELECT 1"))
        return web.Response(text="ok\n")

    async def confirm_page(self, request: web.Request) -> web.Response:
        subject = await self._confirm_subject(request)
        if subject.state is SubscriptionState.CONFIRMED:
            return self._page(request, "confirmed", subject)
        return self._page(request, "confirm", subject)

    async def confirm(self, request: web.Request) -> web.Response:
        await self._body(request)
        subject = await self._confirm_subject(request)
        assert subject.mailing_list is not None
        list_id, now = subject.mailing_list.id, self._clock.now()
        answer = self._answer(request, "confirm", subject, "web", "button")
        done = await self._store.write(
            lambda tx: lists.confirm(tx, subject.contact_id, list_id, subject.asked_ms, answer=answer, now=now)
        )
        if done is None:
            raise BadToken  # left, or was suppressed, between the look and the act
        return self._page(request, "confirmed", subject)

    async def unsubscribe_page(self, request: web.Request) -> web.Response:
        return self._page(request, "unsubscribe", await self._unsubscribe_subject(request))

    async def unsubscribe(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        subject = await self._unsubscribe_subject(request)
        wants_all = subject.mailing_list is None or "all" in _form(body)
        list_id = ALL_LISTS if subject.mailing_list is None or wants_all else subject.mailing_list.id
        now = self._clock.now()
        source, button = "web", "button_all" if wants_all and subject.mailing_list else "button"
        if _is_one_click(body):
            source, button = "one-click", ""
        answer = self._answer(request, "unsubscribe", subject, source, button)
        await self._store.write(lambda tx: lists.unsubscribe(tx, subject.contact_id, list_id, answer=answer, now=now))
        return self._page(request, "unsubscribed", replace(subject, mailing_list=None) if wants_all else subject)

    # -- what they need

    async def _confirm_subject(self, request: web.Request) -> Subject:
        ids = self._tokens.read(Purpose.CONFIRM, request.match_info["token"], self._clock.now())
        contact_id, list_id, asked_ms = ids
        subject = await self._store.read(lambda tx: _look(tx, contact_id, list_id))
        if subject is None or subject.mailing_list is None or subject.asked_ms != asked_ms:
            raise BadToken
        if subject.state is SubscriptionState.UNSUBSCRIBED:
            raise BadToken
        return subject

    async def _unsubscribe_subject(self, request: web.Request) -> Subject:
        ids = self._tokens.read(Purpose.UNSUBSCRIBE, request.match_info["token"], self._clock.now())
        subject = await self._store.read(lambda tx: _look(tx, *ids))
        if subject is None:
            raise BadToken
        return subject

    def _page(self, request: web.Request, name: str, subject: Subject) -> web.Response:
        words = self._pages.words(subject.locale, request.headers.get("Accept-Language", ""), name)
        return _html(self._pages.page(name, words, {"list": shown(subject.mailing_list)}))

    def _notice(self, request: web.Request, code: int, allow: str | None = None) -> web.Response:
        headers = {"Retry-After": "60"} if code in (429, 503) else {}
        if allow:
            headers["Allow"] = allow
        return _html(self._pages.notice(code, request.headers.get("Accept-Language", "")), code, headers)

    def _answer(self, request: web.Request, page: str, subject: Subject, source: str, button: str) -> Answer:
        words = self._pages.words(subject.locale, request.headers.get("Accept-Language", ""), page)
        wording = self._pages.wording(page, words, subject.mailing_list, button) if button else ONE_CLICK
        agent = request.headers.get("User-Agent", "")
        return Answer(wording, words.tag, source, self._peer(request), agent, salt=self._chance.octets(SALT_OCTETS))

    async def _body(self, request: web.Request) -> bytes:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()

    def _peer(self, request: web.Request) -> str:
        """Who asks: the peer, or where that is our proxy, the last address that it was told by somebody else."""
        peer = request.remote or ""
        told = [each.strip() for line in request.headers.getall("X-Forwarded-For", ()) for each in line.split(",")]
        while told and self._is_proxy(peer):
            peer = told.pop()
        return peer[:45]

    def _is_proxy(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._proxies)


def _look(tx: Tx, contact_id: int, list_id: int) -> Subject | None:
    row = tx.one("SELECT locale FROM contact WHERE id = ?", (contact_id,))
    if row is None:
        return None
    mailing_list = lists.by_id(tx, list_id) if list_id != ALL_LISTS else None
    there = lists.subscription(tx, contact_id, list_id)
    return Subject(contact_id, row[0], mailing_list, there.state if there else None, there.asked_ms if there else 0)


def _html(page: str, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(text=page, status=status, headers=headers, content_type="text/html", charset="utf-8")


def _form(body: bytes) -> dict[str, list[str]]:
    """The fields of an urlencoded form; none where it is something else."""
    try:
        return parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        return {}


def _is_one_click(body: bytes) -> bool:
    """RFC 8058 section 3.2: the pair comes urlencoded or as multipart/form-data."""
    if _form(body).get("List-Unsubscribe") == ["One-Click"]:
        return True
    return b'name="List-Unsubscribe"' in body and b"One-Click" in body
