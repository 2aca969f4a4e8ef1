"""The HTTP interface for applications: events, contacts, products and flows, as JSON, behind a bearer token.

Everything wrong with a body is said at once, each with its JSON pointer (RFC 6901), as a problem (RFC 9457). A request with
an Idempotency-Key may be sent again after any trouble: it is answered as the first was.
"""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from aiohttp import web

from deliverability.address import Address
from engine.audience.contacts import Change, OddAddress, TakenId, change, ensure_contact, find_contact
from engine.audience.fields import FieldError, declared
from engine.audience.suppression import BACK, was_erased
from engine.catalogue.products import ProductError, read_product, store
from engine.flow.events import make_event
from engine.flow.orders import ADDS_NOTHING, adds_nothing
from engine.flow.scalars import NAME_FORM
from engine.intake.recording import record
from engine.running.beginning import Hand
from engine.running.book import FlowBook
from engine.web import bearer, starting
from engine.web.bearer import Bearer
from engine.web.bodies import B, ContactBody, EventBody, Faulty, ProductsBody, StartBody, happened, parse
from engine.web.desk import Desk
from engine.web.limits import Limits
from engine.web.openapi import document
from engine.web.problems import Fault, Refused, Result, problem
from mta.ports import Tx

BODY_MAX: Final = 128 * 1024  # octets
REPLAYED: Final = "Idempotent-Replayed"
TOKENS_MAX: Final = 1_000  # whose requests are counted; the longest known goes first

_KEY: Final = re.compile(r"[!-~]{1,200}", re.ASCII)
_NOT_TAKEN: Final = "the body is not taken; nothing was changed"


def add(app: web.Application, desk: Desk) -> None:
    """The routes of this group."""
    doors = _Doors(desk)
    app.router.add_post("/v1/events", doors.events)
    app.router.add_post("/v1/contacts", doors.contacts)
    app.router.add_post("/v1/products", doors.products)
    app.router.add_post(f"/v1/flows/{{flow:{NAME_FORM}}}/start", doors.start)
    app.router.add_get("/v1/openapi.json", doors.description)


class _Doors:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._spent: dict[tuple[str, int], Limits] = {}
        self._flows = FlowBook()

    @cached_property
    def _description(self) -> str:
        """Made when it is first asked for: that takes 5 MiB, and few ask."""
        return json.dumps(document(self._desk.composer.base_url), ensure_ascii=False)

    async def description(self, request: web.Request) -> web.Response:
        return web.Response(text=self._description, content_type="application/json")

    async def events(self, request: web.Request) -> web.Response:
        return await self._serve(request, "events", EventBody, self._event)

    async def contacts(self, request: web.Request) -> web.Response:
        return await self._serve(request, "contacts", ContactBody, self._contact)

    async def products(self, request: web.Request) -> web.Response:
        return await self._serve(request, "products", ProductsBody, self._products)

    async def start(self, request: web.Request) -> web.Response:
        flow, hand = request.match_info["flow"], Hand(self._flows, ZoneInfo(self._desk.composer.settings.zone))

        def work(tx: Tx, body: StartBody, by: str) -> Result:
            return starting.start(tx, hand, flow, body, by=by, now=self._desk.clock.now())

        return await self._serve(request, "flows", StartBody, work)

    # -- what they do

    def _products(self, tx: Tx, body: ProductsBody, by: str) -> Result:
        told, faults = [], []
        for place, each in enumerate(body.told):
            try:
                told.append(read_product(each))
            except ProductError as err:
                word, _, why = str(err).partition(": ")
                faults.append(Fault(f"/products/{place}/{word}", why or str(err)))
        if faults:
            raise Faulty(faults)
        done = store(tx, told, self._desk.clock.now())
        return Result(201 if done.new else 200, {"new": done.new, "changed": done.changed, "events": done.events})

    def _event(self, tx: Tx, body: EventBody, by: str) -> Result:
        now = self._desk.clock.now()
        event = make_event(
            body.name, body.data, at=happened(body, now).astimezone(UTC), source="http", key=body.key,
            address=Address.parse(body.address) if body.address else None, contact_name=body.contact_name,
            locale=body.locale, idempotency_key=body.idempotency_key or None,
        )  # fmt: skip
        event_id = record(tx, event, now=now)
        warning = {"warning": ADDS_NOTHING} if adds_nothing(event.name, event.data) else {}
        return Result(200, {"repeat": True}) if event_id is None else Result(201, {"id": event_id} | warning)

    def _contact(self, tx: Tx, body: ContactBody, by: str) -> Result:
        now, address = self._desk.clock.now(), Address.parse(body.address)
        faults = _field_faults(tx, body)
        if faults:
            raise Faulty(faults)
        is_new = find_contact(tx, address) is None
        contact_id = ensure_contact(tx, address, now=now)
        told = Change(
            name=body.name, locale=body.locale, zone=body.zone, birthday=body.birthday, external_id=body.external_id,
            source=body.source, fields=body.fields, tags=frozenset(body.tags), untags=frozenset(body.untags),
        )  # fmt: skip
        try:
            change(tx, contact_id, told, now)
        except TakenId:  # whose it is, is not for who may only write
            raise Faulty([Fault("/external_id", "another contact has this external id")], 409) from None
        if is_new and was_erased(tx, address.key):
            return Result(201, {"id": contact_id, "warning": BACK})
        return Result(201 if is_new else 200, {"id": contact_id})

    # -- around each

    async def _serve(
        self, request: web.Request, scope: str, model: type[B], do: Callable[[Tx, B, str], Result]
    ) -> web.Response:
        try:
            who = await self._who(request, scope)
            if request.content_type != "application/json":
                raise Refused(415, "say Content-Type: application/json")
            octets = await self._desk.body(request, BODY_MAX)
            return await self._do(request, who, parse(model, octets), octets, do)
        except Refused as err:
            return problem(err.code, err.detail, headers=err.headers)
        except OddAddress as err:
            return problem(422, _NOT_TAKEN, [Fault("/address", str(err))])
        except Faulty as err:
            return problem(err.code, _NOT_TAKEN, err.faults)

    async def _do(
        self, request: web.Request, who: Bearer, body: B, octets: bytes, do: Callable[[Tx, B, str], Result]
    ) -> web.Response:
        key = request.headers.get("Idempotency-Key")
        if key is not None and not _KEY.fullmatch(key):
            raise Refused(400, "an Idempotency-Key has 1 to 200 visible ASCII characters")
        asked = hashlib.sha256(request.path.encode() + b"\0" + octets).hexdigest()

        def work(tx: Tx) -> tuple[Result, bool]:
            kept = bearer.claim(tx, who.name, key, asked, self._desk.clock.now()) if key is not None else None
            if kept is not None and kept.request != asked:
                raise Refused(422, "this Idempotency-Key was sent with another request")
            if kept is not None:
                return Result(kept.code, json.loads(kept.answer)), True
            result = do(tx, body, who.name)
            if key is not None:
                bearer.keep(tx, who.name, key, result.code, json.dumps(result.answer))
            return result, False

        result, is_replayed = await self._desk.store.write(work)
        if not is_replayed:
            self._desk.wake([])
        headers = {REPLAYED: "true"} if is_replayed else {}
        return web.json_response(result.answer, status=result.code, headers=headers)

    async def _who(self, request: web.Request, scope: str) -> Bearer:
        """Who asks. Refused: 401 without a token of ours, 403 with one for something else, 429 too often."""
        peer, now = self._desk.peer(request), self._desk.clock.monotonic()
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if self._desk.limits.is_dry(peer, now):
            raise Refused(429, "too many requests with wrong tokens", {"Retry-After": "60"})
        who = await self._desk.store.look(lambda tx: bearer.find(tx, token.strip()))
        if kind.lower() != "bearer" or who is None:
            self._desk.limits.charge_wrong_token(peer, now)
            raise Refused(401, "a bearer token is needed: Authorization: Bearer ph_...", {"WWW-Authenticate": "Bearer"})
        if scope not in who.scopes:
            raise Refused(403, f"this token is not for {scope}")
        if not self._limits(who).allows(who.name, now):
            raise Refused(429, f"this token has {who.rate} requests a minute", {"Retry-After": "1"})
        return who

    def _limits(self, who: Bearer) -> Limits:
        key = who.name, who.rate
        if key not in self._spent and len(self._spent) >= TOKENS_MAX:
            del self._spent[next(iter(self._spent))]
        return self._spent.setdefault(key, Limits(burst=who.rate, refill=who.rate / 60))


def _field_faults(tx: Tx, body: ContactBody) -> list[Fault]:
    """All that is wrong with the fields, each at its place."""
    known = declared(tx) if body.fields else {}
    faults = []
    for name, value in body.fields.items():
        pointer = f"/fields/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in known:
            faults.append(Fault(pointer, "there is no such field (`posthouse field add` declares one)"))
            continue
        try:
            known[name].parse(value)
        except FieldError as err:
            faults.append(Fault(pointer, str(err)))
    return faults
