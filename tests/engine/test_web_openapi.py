"""The HTTP interface is what its description says: schemathesis reads it and tries what nobody would think of."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from clock import NOON, FakeChance
from hypothesis import HealthCheck, given, settings
from schemathesis.generation import GenerationMode
from web_door import Door, open_door

from engine.flow.definition import Definition, check
from engine.running.book import apply_flow
from engine.web import bearer
from engine.web.bearer import RATE_MAX, Bearer, hash_of, new_token
from engine.web.openapi import document

TOKEN = new_token(FakeChance(7))
START = "/v1/flows/{flow}/start"
FLOW = "name: hello\nstream: transactional\ntrigger: {manual: true}\nsteps: [{wait: 1d}]\n"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """The pages in a thread of their own: schemathesis asks without a loop."""
    place: Path = tmp_path_factory.mktemp("openapi")
    opened: list[Door] = []
    is_open, is_over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def life() -> None:
        async with open_door(place) as door:
            made = Bearer("shop", frozenset(bearer.SCOPES), RATE_MAX)
            door.store.write_now(lambda tx: bearer.add(tx, made, hash_of(TOKEN), NOON))
            flow = check(FLOW, "flow.yaml")
            assert isinstance(flow, Definition)
            door.store.write_now(lambda tx: apply_flow(tx, flow, FLOW, NOON))
            opened.append(door)
            is_open.set()
            await is_over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(life()))
    thread.start()
    assert is_open.wait(60)
    yield opened[0]
    loop.call_soon_threadsafe(is_over.set)
    thread.join(60)
    loop.close()


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("path", ["/v1/events", "/v1/contacts", "/v1/products", START])
def test_whatever_is_posted_is_answered_as_described(door: Door, path: str, mode: GenerationMode) -> None:
    described = document(door.url)
    del described["security"]  # the token is ours to send: what comes without one is tested elsewhere
    schema = schemathesis.openapi.from_dict(described)
    schema.config.update(base_url=door.url)
    codes: set[int] = set()

    @given(case=schema[path]["POST"].as_strategy(generation_mode=mode))
    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
    def ask(case: schemathesis.Case) -> None:
        if path == START:
            case.path_parameters["flow"] = "hello"  # names that no flow has are tested elsewhere
        answer = case.call(headers=HEADERS)
        # A text of the right shape may still be no address or no zone: what is refused in words is answered as described.
        case.validate_response(answer, excluded_checks=[schemathesis.checks.CHECKS.get_one("positive_data_acceptance")])
        codes.add(answer.status_code)

    ask()
    assert codes & ({200, 201} if mode is GenerationMode.POSITIVE else {400, 422}) and max(codes) < 500, codes


def test_the_description_is_served_and_is_openapi(door: Door) -> None:
    schema = schemathesis.openapi.from_url(f"{door.url}/v1/openapi.json")
    schema.validate()
    labels = {each.ok().label for each in schema.get_all_operations()}
    assert labels == {"POST /v1/events", "POST /v1/contacts", "POST /v1/products", f"POST {START}"}
