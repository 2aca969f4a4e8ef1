"""The desk: what every group of public pages shares, and what stands around every request.

A group is a module with `add(app, desk)`, named in `engine.web.routes.GROUPS`; its handlers ask the desk for the store, the
clock, the body, the reader's words and the page. What goes wrong is answered here, in words and never with an inside.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final
from urllib.parse import parse_qs

from aiohttp import web

from engine import houselog
from engine.audience.consent import Answer
from engine.audience.ledger import SALT_OCTETS
from engine.audience.tokens import BadToken, Purpose
from engine.sending.compose import Composer
from engine.sending.texts import Words
from engine.web.limits import Limits
from engine.web.pages import Pages
from engine.web.problems import problem
from mta.ports import Chance, Clock, Store, StoreTrouble
from mta.queue.settings import QueueSettings

BODY_MAX: Final = 16 * 1024  # octets of a form's body
BODY_SECONDS: Final = 10.0  # how long a body may take to come
FIELDS_MAX: Final = 60  # of a form
_ADDRESS_MAX: Final = 45  # characters of an IP address at most; who is told of longer ones remembers none

API: Final = "/v1/"  # what paths for applications begin with
OFTEN: Final = ("/c/", "/o/", API)  # paths that many ask for from one place

HEADERS: Final = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Server": "posthouse",
}

Counted = dict[tuple[tuple[str, str], ...], int]
"""Requests by path (as it is routed: nothing that a stranger wrote), method and status."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Desk:
    """What handlers ask for."""

    def __init__(
        self, store: Store, clock: Clock, chance: Chance, composer: Composer, *, proxies: Sequence[str],
        queue: QueueSettings, wake: Callable[[Iterable[str]], None], counted: Counted,
    ) -> None:  # fmt: skip
        """`proxies` are networks whose X-Forwarded-For is believed; nobody else's is. `wake` tells the carriers for which
        domains mail was written. `counted` is added to with each answer."""
        self.store, self.clock, self.chance, self.composer = store, clock, chance, composer
        self.queue, self.wake, self._counted = queue, wake, counted
        self.pages = Pages(composer)
        self.limits = Limits()
        self._proxies = tuple(ip_network(each) for each in proxies)
        self._policy = (
            f"default-src 'none'; style-src '{self.pages.style_hash}'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )

    # -- around every request

    @web.middleware
    async def answer_faults(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer what went wrong with a page in words. The log never holds a path: there is a token in it."""
        try:
            return await handler(request)
        except BadToken:
            self.limits.charge_wrong_token(self.peer(request), self.clock.monotonic())
            return self.notice(request, 404)
        except web.HTTPException as err:
            return self.notice(request, err.status, err.headers.get("Allow"))
        except (StoreTrouble, TimeoutError) as err:
            houselog.page_waits(str(err) or "the request's body did not come")
            return self.notice(request, 503 if isinstance(err, StoreTrouble) else 408)
        except ConnectionError:
            return self.notice(request, 400)  # the client hung up: nobody reads it, and it is no fault
        except Exception:
            houselog.page_failed()
            return self.notice(request, 500)

    @web.middleware
    async def limit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a neighbourhood ask as often as a person does, or a mail provider. Links and pictures of mail are asked for
        by a whole office, or by a provider for all its readers, and applications have limits of their own: only who tried
        wrong tokens is held to that there."""
        peer, now = self.peer(request), self.clock.monotonic()
        if self.limits.is_dry(peer, now) if request.path.startswith(OFTEN) else not self.limits.allows(peer, now):
            raise web.HTTPTooManyRequests
        return await handler(request)

    async def secure(self, request: web.Request, response: web.StreamResponse) -> None:
        """Headers of every answer: nothing is kept, framed, scripted or told to other sites (the address is a key)."""
        usual = (("Content-Security-Policy", self._policy), ("Cross-Origin-Resource-Policy", "same-origin"))
        for name, value in (*usual, ("Cache-Control", "no-store")):
            response.headers.setdefault(name, value)
        response.headers.update(HEADERS)
        resource = request.match_info.route.resource
        path = resource.canonical if resource is not None else "none"
        asked = (
            ("path", path),
            ("method", request.method if path != "none" else "any"),
            ("code", str(response.status)),
        )
        self._counted[asked] = self._counted.get(asked, 0) + 1

    # -- what was asked

    def token(self, request: web.Request, purpose: Purpose) -> tuple[int, ...]:
        """The ids that the token in the path names. BadToken for all that is none of ours for this."""
        return self.composer.tokens.read(purpose, request.match_info["token"], self.clock.now())

    async def body(self, request: web.Request, most: int = BODY_MAX) -> bytes:
        """The body, in at most BODY_SECONDS. HTTPRequestEntityTooLarge beyond `most` octets, read no further."""
        if not request.body_exists:
            return b""
        if (request.content_length or 0) > most:
            raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)
        if request.content.is_eof():  # a short one comes with its head
            whole = request.content.read_nowait()
            if len(whole) > most:
                raise web.HTTPRequestEntityTooLarge(most, len(whole))
            return whole
        octets = bytearray()
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.content.iter_any():
                octets += part
                if len(octets) > most:
                    raise web.HTTPRequestEntityTooLarge(most, len(octets))
        return bytes(octets)

    def peer(self, request: web.Request) -> str:
        """Who asks: the peer, or where that is our proxy, the last address that it was told by somebody else."""
        peer = request.remote or ""
        if not self._is_proxy(peer):
            return peer
        told = [each.strip() for line in request.headers.getall("X-Forwarded-For", ()) for each in line.split(",")]
        while told and self._is_proxy(peer):
            seen, peer = peer, told.pop()
            if not _is_address(peer):
                return seen  # a proxy that was told nonsense: it is the last that can be believed
        return peer

    def _is_proxy(self, peer: str) -> bool:
        return _is_within(peer, self._proxies)

    # -- what is answered

    def words(self, request: web.Request, locale: str, page: str) -> Words:
        """A page's words: in the language that was pressed on the page, else the person's, else the browser's."""
        return self.pages.words(
            request.query.get("lang", ""), locale, request.headers.get("Accept-Language", ""), f"web.{page}"
        )

    def page(
        self, request: web.Request, name: str, facts: Mapping[str, Any], *, locale: str = "", status: int = 200,
        is_common: bool = False,
    ) -> web.Response:  # fmt: skip
        """The page `web/<name>.html.j2`. `is_common`: it is the same for many people, and may be kept."""
        words = self.words(request, locale, name)
        render = self.pages.common if is_common else self.pages.page
        return html(render(name, words, {"languages": self._languages(request, words), **facts}), status)

    def _languages(self, request: web.Request, words: Words) -> list[dict[str, str]]:
        """The other languages of a page that is only looked at. After a press there is nothing to look at again."""
        return self.pages.languages(words) if request.method in ("GET", "HEAD") else []

    def notice(self, request: web.Request, code: int, allow: str | None = None) -> web.Response:
        """The page for a status that is no success."""
        headers = {"Retry-After": "60"} if code in (429, 503) else {}
        if allow:
            headers["Allow"] = allow
        if request.path.startswith(API):
            return problem(code, "", headers=headers)
        return html(self.pages.notice(code, request.headers.get("Accept-Language", "")), code, headers)

    def salt(self) -> bytes:
        """What hides the evidence in the ledger; drawn before the transaction."""
        return self.chance.octets(SALT_OCTETS)

    def evidence(
        self, request: web.Request, wording: str, words: Words, source: str, *, salt: bytes = b""
    ) -> Answer:  # fmt: skip
        """What is kept of somebody who pressed a button: the words they saw, and where they were."""
        agent = request.headers.get("User-Agent", "")
        return Answer(wording, words.tag, source, self.peer(request), agent, salt=salt or self.salt())


def _is_address(text: str) -> bool:
    return len(text) <= _ADDRESS_MAX and _is_ip(text)


@lru_cache(4096)
def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache(4096)
def _is_within(peer: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in networks)


def html(page: str, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(text=page, status=status, headers=headers, content_type="text/html", charset="utf-8")


def form(body: bytes) -> dict[str, list[str]]:
    """The fields of an urlencoded form; none where it is something else."""
    try:
        return parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        return {}
