"""The HTTP interface: tokens and scopes, all faults at once with their places, and requests that may be sent again."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from clock import NOON, FakeChance
from mail_shop import Place
from web_door import ANN, Door, open_door

from engine.audience import dossier
from engine.audience.contacts import contact_facts
from engine.audience.fields import Field, Kind, declare
from engine.audience.suppression import BACK, is_suppressed
from engine.flow.definition import Definition, check
from engine.running.book import apply_flow
from engine.web import bearer
from engine.web.api import BODY_MAX
from engine.web.bearer import Bearer, BearerError, hash_of, new_token
from engine.web.limits import BURST, WRONG_TOKEN
from mta.ports import Tx, to_ms
from mta.queue.delivery import Stream

TOKEN = new_token(FakeChance(7))
EVENT = {"name": "order.placed", "address": "bob@example.org", "data": {"number": "A-1", "total": 42.5}}


@pytest.fixture
async def door(place: Place) -> AsyncIterator[Door]:
    async with open_door(place) as door:

        def more(tx: Tx) -> None:
            declare(tx, Field("size", Kind.NUMBER), NOON)
            declare(tx, Field("tea", Kind.CHOICE, choices=("black", "green")), NOON)
            bearer.add(tx, Bearer("shop", frozenset(bearer.SCOPES), 60), hash_of(TOKEN), NOON)

        door.store.write_now(more)
        yield door


async def post(
    door: Door, path: str, body: object, token: str = TOKEN, **headers: str
) -> tuple[int, Any, dict[str, str]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    code, text, answered = await door.ask("POST", path, data, **said)
    if code >= 400:
        assert answered["Content-Type"].startswith("application/problem+json"), text
        assert "Traceback" not in text and "engine" not in text
    return code, json.loads(text), answered


def faults(answer: dict[str, Any]) -> dict[str, str]:
    return {each["pointer"]: each["detail"] for each in answer.get("errors", ())}


async def test_an_event_is_taken_in_and_counts(door: Door) -> None:
    code, answer, headers = await post(
        door, "/v1/events", EVENT | {"at": "2026-03-01T10:00:00+02:00", "contact_name": "Bob"}
    )
    assert code == 201
    assert door.rows("SELECT name, key, source, contact_id, at_ms FROM event WHERE id = ?", answer["id"]) == [
        ("order.placed", "A-1", "http", 2, to_ms(NOON.replace(day=1, month=3, hour=8)))
    ]
    assert door.store.read_now(lambda tx: contact_facts(tx, 2))["orders"]["count"] == 1
    assert "default-src 'none'" in headers["Content-Security-Policy"] and "Set-Cookie" not in headers


async def test_an_events_own_key_makes_a_repeat_harmless(door: Door) -> None:
    body = EVENT | {"idempotency_key": "order-1"}
    assert (await post(door, "/v1/events", body))[0] == 201
    code, answer, _ = await post(door, "/v1/events", body)
    assert (code, answer) == (200, {"repeat": True})


async def test_products_are_written_down_and_their_changes_are_events(door: Door) -> None:
    told = {"products": [{"sku": "tea", "price": 12.5, "currency": "EUR", "stock": 0}, {"sku": "cup"}]}
    code, answer, _ = await post(door, "/v1/products", told)
    assert (code, answer) == (201, {"new": 2, "changed": 0, "events": 0})
    code, answer, _ = await post(door, "/v1/products", {"products": [{"sku": "tea", "price": 9, "stock": 4}]})
    assert (code, answer) == (200, {"new": 0, "changed": 1, "events": 2})
    assert door.rows("SELECT name, contact_id, key FROM event WHERE name LIKE 'product.%' ORDER BY id") == [
        ("product.price_dropped", None, "tea"), ("product.back_in_stock", None, "tea"),
    ]  # fmt: skip


async def test_all_faults_of_products_are_said_at_once_and_none_is_taken(door: Door) -> None:
    told = [{"sku": "tea"}, {"sku": "a", "price": 1.234}, {"sku": "b", "url": "javascript:x"}]
    code, answer, _ = await post(door, "/v1/products", {"products": told})
    assert (code, list(faults(answer))) == (422, ["/products/1/price", "/products/2/url"])
    assert door.rows("SELECT sku FROM product") == []


def has_flow(door: Door, source: str) -> None:
    definition = check(source, "flow.yaml")
    assert isinstance(definition, Definition), definition
    door.store.write_now(lambda tx: apply_flow(tx, definition, source, NOON))


APOLOGY = """
name: apology
stream: transactional
trigger: {manual: true, key: event.ticket, where: event.ticket != 'none'}
steps: [{wait: 1d}, {send: order-thanks}]
"""


async def test_somebody_is_let_into_a_flow_and_becomes_a_contact(door: Door) -> None:
    has_flow(door, APOLOGY)
    told = {"address": "Bob@example.org", "data": {"ticket": "T-7"}, "contact_name": "Bob"}
    code, answer, _ = await post(door, "/v1/flows/apology/start", told, Idempotency_Key="t-7")
    assert (code, answer) == (201, {"run": 1})
    assert door.rows("SELECT contact_id, run_key, data FROM enrolment") == [(2, "T-7", '{"ticket": "T-7"}')]
    assert door.rows("SELECT name FROM contact WHERE id = 2") == [("Bob",)]
    assert "shop (http)" in str(door.rows("SELECT * FROM passage")), "whose token it was is in the run's history"
    assert (await post(door, "/v1/flows/apology/start", told, Idempotency_Key="t-7"))[1] == {"run": 1}
    code, answer, _ = await post(door, "/v1/flows/apology/start", told)
    assert (code, answer) == (200, {"run": 1, "renewed": True})


async def test_a_flow_that_lets_nobody_in_says_why_and_makes_no_contact(door: Door) -> None:
    has_flow(door, APOLOGY)
    told = {"address": "bob@example.org", "data": {"ticket": "none"}}
    code, answer, _ = await post(door, "/v1/flows/apology/start", told, Idempotency_Key="k")
    assert (code, answer["detail"]) == (409, "bob@example.org does not enter apology: condition does not hold")
    code, answer, _ = await post(door, "/v1/flows/apolgy/start", told)
    assert (code, answer["detail"]) == (404, 'there is no flow apolgy that can be entered (did you mean "apology"?)')
    code, answer, _ = await post(door, "/v1/flows/apology/start", {"address": "nobody", "key": 1, "data": {"a": "\0"}})
    assert (code, list(faults(answer))) == (422, ["/address", "/data", "/key"])
    for path in ("/v1/flows/%00/start", "/v1/flows/A%20B/start", f"/v1/flows/{'a' * 64}/start"):
        assert (await post(door, path, told))[0] == 404
    assert len(door.rows("SELECT 1 FROM contact")) == 1 and door.rows("SELECT 1 FROM enrolment") == []


async def test_a_contact_is_made_and_then_changed(door: Door) -> None:
    body = {
        "address": "Bob@Example.ORG", "name": "Bob", "locale": "he_IL", "zone": "Asia/Jerusalem", "birthday": "--02-29",
        "external_id": "c-7", "source": "checkout", "fields": {"size": 42, "tea": "black"}, "tags": ["Gold"],
    }  # fmt: skip
    code, answer, _ = await post(door, "/v1/contacts", body)
    assert (code, answer) == (201, {"id": 2})
    code, answer, _ = await post(
        door,
        "/v1/contacts",
        {"address": "bob@example.org", "fields": {"tea": None}, "untags": ["gold"], "name": "Robert"},
    )
    assert (code, answer) == (200, {"id": 2})
    facts = door.store.read_now(lambda tx: contact_facts(tx, 2))
    assert {name: facts[name] for name in ("name", "locale", "zone", "birthday", "external_id", "fields", "tags")} == {
        "name": "Robert", "locale": "he-IL", "zone": "Asia/Jerusalem", "birthday": "--02-29", "external_id": "c-7",
        "fields": {"size": 42}, "tags": [],
    }  # fmt: skip
    code, answer, _ = await post(door, "/v1/contacts", {"address": "eve@example.org", "external_id": "c-7"})
    assert (code, list(faults(answer))) == (409, ["/external_id"])
    assert faults(answer)["/external_id"] == "another contact has this external id", "nobody learns whose it is"
    assert door.rows("SELECT 1 FROM contact WHERE key = 'eve@example.org'") == [], "nothing was changed"


@pytest.mark.parametrize(("path", "body"), [("/v1/contacts", {}), ("/v1/events", {"name": "order.placed"})])
async def test_nobody_new_has_an_address_that_is_made_to_look_like_another(
    door: Door, path: str, body: dict[str, str]
) -> None:
    code, answer, _ = await post(door, path, body | {"address": "раypal@аpple.com"})
    assert code == 422 and "made to look like those of another" in faults(answer)["/address"]
    assert len(door.rows("SELECT 1 FROM contact")) == 1 and door.rows("SELECT 1 FROM event WHERE source = 'http'") == []


async def test_whoever_brings_back_somebody_who_was_erased_is_told_and_marketing_stays_off(door: Door) -> None:
    door.store.write_now(lambda tx: dossier.erase(tx, 1, ANN.key, salt=b"s" * 16, now=NOON))
    code, answer, _ = await post(door, "/v1/contacts", {"address": "Ann@example.org"})
    assert (code, answer["warning"]) == (201, BACK)
    code, answer, _ = await post(door, "/v1/contacts", {"address": "ann@example.org"})
    assert code == 200 and "warning" not in answer
    assert door.store.read_now(lambda tx: is_suppressed(tx, [ANN.key], Stream.MARKETING)) == {ANN.key: "erased"}
    code, answer, _ = await post(door, "/v1/contacts", {"address": "bob@example.org"})
    assert code == 201 and "warning" not in answer


async def test_all_that_is_wrong_is_said_at_once_with_its_place(door: Door) -> None:
    body = {
        "address": "nobody", "zone": "Mars/Olympus", "birthday": "yesterday", "locale": "!", "tags": ["ok", "a,b", 7, "\x00"],
        "fields": {"size": [1]}, "colour": "red", "name": "a\r\nBcc: eve@example.org", "a/b~c": 1,
    }  # fmt: skip
    code, answer, _ = await post(door, "/v1/contacts", body)
    assert code == 422
    assert set(faults(answer)) == {
        "/address", "/zone", "/birthday", "/locale", "/tags/1", "/tags/2", "/tags/3", "/fields/size", "/colour", "/name",
        "/a~1b~0c",
    }  # fmt: skip
    code, answer, _ = await post(
        door, "/v1/contacts", {"address": "a@b.example", "fields": {"size": "big", "none": 1, "tea": "red"}}
    )
    assert (code, set(faults(answer))) == (422, {"/fields/size", "/fields/none", "/fields/tea"})
    assert len(door.rows("SELECT 1 FROM contact")) == 1


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (b"", 400, ""), (b"{", 400, ""), (b"\xff", 400, ""), (b"[" * 100_000, 400, ""), (b'{"name": NaN}', 400, ""),
        (b'{"name": "a", "name": "b"}', 400, ""), (b"9" * 5000, 400, ""), (b"[]", 422, ""), (b"null", 422, ""),
        (b'"x"', 422, ""), (b'{"a":' * 60 + b"1" + b"}" * 60, 422, ""), (b"{}", 422, "/name"),
        (b'{"name": "Order Placed"}', 422, "/name"), (b'{"name": "a", "data": []}', 422, "/data"),
        (b'{"name": "a", "data": {"x": "\\ud800"}}', 422, "/data"), (b'{"name": "a", "data": {"x": "\\u0000"}}', 422, "/data"),
        (b'{"name": "a", "at": "noon"}', 422, "/at"), (b'{"name": "a", "at": "2026-01-01T00:00:00"}', 422, "/at"),
        (b'{"name": "a", "at": 1e300}', 422, "/at"),
        (b'{"name": "a", "at": "0001-01-01T00:00:00+14:00"}', 422, "/at"),
        (b'{"name": "a", "key": "x\\u0000"}', 422, "/key"),
        (b'{"name": "a", "data": {"x": 1e999}}', 422, "/data"), (b'{"name": 7}', 422, "/name"),
        (b'{"name": "a", "address": "a@b.example\\r\\nRCPT TO:<e@f.example>"}', 422, "/address"),
        (b'{"name": "{{ 7 * 7 }}"}', 422, "/name"),
        (b'{"name": "mail.opened", "address": "ann@example.org"}', 422, "/name"),
        (b'{"name": "list.confirmed", "address": "ann@example.org"}', 422, "/name"),
        (b'{"name": "order.plcaed", "address": "ann@example.org"}', 422, "/name"),
    ],
)  # fmt: skip
async def test_what_is_no_event_is_refused_with_the_place(door: Door, body: bytes, code: int, pointer: str) -> None:
    got, answer, _ = await post(door, "/v1/events", body)
    assert (got, list(faults(answer))) == (code, [pointer])
    assert "EventBody" not in str(answer), "names of ours say nothing to others"
    assert door.rows("SELECT 1 FROM event WHERE source = 'http'") == []


async def test_a_repeated_request_is_answered_as_the_first_was(door: Door) -> None:
    first = await post(door, "/v1/events", EVENT, Idempotency_Key="k-1")
    again = await post(door, "/v1/events", EVENT, Idempotency_Key="k-1")
    assert (first[0], first[1]) == (again[0], again[1]) == (201, first[1])
    assert "Idempotent-Replayed" not in first[2] and again[2]["Idempotent-Replayed"] == "true"
    assert len(door.rows("SELECT 1 FROM event WHERE source = 'http'")) == 1
    code, answer, _ = await post(door, "/v1/events", EVENT | {"key": "other"}, Idempotency_Key="k-1")
    assert code == 422 and "another request" in answer["detail"]
    for bad in ("x" * 201, "a b", ""):
        assert (await post(door, "/v1/events", EVENT, Idempotency_Key=bad))[0] == 400
    door.clock.advance(timedelta(hours=25))
    assert door.store.read_now(lambda tx: bearer.has_old(tx, door.clock.now()))
    door.store.write_now(lambda tx: bearer.drop_old(tx, door.clock.now()))
    assert (await post(door, "/v1/events", EVENT, Idempotency_Key="k-1"))[2].get("Idempotent-Replayed") is None


async def test_a_key_is_not_spent_by_a_request_that_was_refused(door: Door) -> None:
    assert (await post(door, "/v1/contacts", {"address": "a@b.example", "fields": {"no": 1}}, Idempotency_Key="k"))[
        0
    ] == 422
    assert (await post(door, "/v1/contacts", {"address": "a@b.example"}, Idempotency_Key="k"))[0] == 201


async def test_who_has_no_token_or_another_is_refused(door: Door) -> None:
    events_only = new_token(FakeChance(8))
    door.store.write_now(lambda tx: bearer.add(tx, Bearer("log", frozenset({"events"}), 5), hash_of(events_only), NOON))
    for wrong in ("", "x", TOKEN[:-1], TOKEN.upper(), "ph_" + "a" * 32, TOKEN + "a"):
        code, _, headers = await post(door, "/v1/events", EVENT, token=wrong)
        assert (code, headers["WWW-Authenticate"]) == (401, "Bearer")
    code, _, _ = await post(door, "/v1/events", EVENT, Authorization=f"Basic {TOKEN}")
    assert code == 401
    assert (await post(door, "/v1/contacts", {"address": "a@b.example"}, token=events_only))[0] == 403
    door.store.write_now(lambda tx: bearer.remove(tx, "shop"))
    assert (await post(door, "/v1/events", EVENT))[0] == 401
    assert door.rows("SELECT hash FROM api_token") == [(hash_of(events_only),)]


async def test_guessing_tokens_runs_dry_and_a_token_has_its_rate(door: Door) -> None:
    far = {"X_Forwarded_For": "203.0.113.9"}
    codes = [(await post(door, "/v1/events", EVENT, token="ph_" + "a" * 32, **far))[0] for _ in range(25)]
    assert codes[: int(BURST / WRONG_TOKEN) - 1] == [401] * (int(BURST / WRONG_TOKEN) - 1) and codes[-1] == 429
    codes = [(await post(door, "/v1/events", EVENT | {"key": str(n)}))[0] for n in range(62)]
    assert codes == [201] * 60 + [429] * 2
    door.clock.advance(timedelta(seconds=2))
    assert (await post(door, "/v1/events", EVENT))[0] == 201


async def test_large_bodies_other_types_and_methods_are_refused(door: Door) -> None:
    assert (await post(door, "/v1/events", b" " * (BODY_MAX + 1)))[0] == 413
    assert (await post(door, "/v1/events", b" " * 10_000_000))[0] == 413
    assert (await post(door, "/v1/events", EVENT, Content_Type="text/plain"))[0] == 415
    code, text, headers = await door.ask("GET", "/v1/events")
    assert (code, headers["Allow"], json.loads(text)["status"]) == (405, "POST", 405)
    code, text, headers = await door.ask("GET", "/v1/none")
    assert (code, json.loads(text)["title"]) == (404, "Not Found")


async def test_trouble_of_ours_is_no_inside_of_ours(door: Door) -> None:
    door.store.write_now(lambda tx: tx.execute("ALTER TABLE event RENAME TO elsewhere"))
    code, answer, _ = await post(door, "/v1/events", EVENT)
    door.store.write_now(lambda tx: tx.execute("ALTER TABLE elsewhere RENAME TO event"))
    assert (code, answer["detail"]) == (500, "Internal Server Error")


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (Bearer("Shop!", frozenset({"events"}), 1), "no name"), (Bearer("a", frozenset({"all"}), 1), "no scope"),
        (Bearer("a", frozenset(), 1), "for something"), (Bearer("a", frozenset({"events"}), 0), "a rate"),
        (Bearer("shop", frozenset({"events"}), 1), "already"),
    ],
)  # fmt: skip
def test_a_token_that_cant_be_is_refused_in_words(door: Door, made: Bearer, why: str) -> None:
    with pytest.raises(BearerError, match=why):
        door.store.write_now(lambda tx: bearer.add(tx, made, "x", NOON))
    with pytest.raises(BearerError):
        door.store.write_now(lambda tx: bearer.remove(tx, "none"))
    assert [each.name for each in door.store.read_now(bearer.every)] == ["shop"]
