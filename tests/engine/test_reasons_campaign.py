"""Why not, of campaigns: where somebody stands in a run's ledger, or why in none."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from campaign_house import NEWS, CampaignHouse

from deliverability.address import Address
from engine.campaigns import runs
from engine.campaigns.states import RunState
from engine.reasons.origin import origin_of
from engine.reasons.why_not import WhyNot
from engine.reasons.words import WORDS, Reason
from engine.running.book import FlowBook
from engine.sending.judging import Cap, Policy

Make = Callable[..., CampaignHouse]


@pytest.fixture
async def make(tmp_path: Path, places: Callable[[], Path | str]) -> AsyncIterator[Make]:
    houses: list[CampaignHouse] = []

    def build(policy: Policy | None = None) -> CampaignHouse:
        folder = tmp_path / str(len(houses))
        folder.mkdir()
        houses.append(CampaignHouse(folder, places(), policy=policy))
        return houses[-1]

    yield build
    for house in houses:
        house.store.close()


def ask(house: CampaignHouse, contact_id: int = 1) -> tuple[Reason, ...]:
    question = WhyNot(FlowBook(), house.arbiter, ZoneInfo("UTC"))
    address = Address.parse(f"reader-{contact_id}@example.org")
    found = house.store.read_now(lambda tx: question.campaign_reasons(tx, address, "news", house.clock.now()))
    assert found and {each.word for each in found} <= WORDS
    return found


async def test_a_campaign_tells_before_it_starts_who_got_it_and_who_is_not_of_its_people(make: Make) -> None:
    house = make()
    house.join(2)
    house.store.write_now(lambda tx: tx.execute("UPDATE subscription SET state = 'unsubscribed' WHERE contact_id = 2"))
    assert [each.word for each in ask(house, 9)] == ["unknown address"]
    house.start()
    assert ask(house)[0].word == "its time has not come"
    await house.settle()
    written = ask(house)[0]
    assert written.word == "written" and "as message 1: queued" in written.text
    assert ask(house, 2)[0].word == "not in its audience"


async def test_whoever_is_held_out_is_told_so(make: Make) -> None:
    house = make()
    people = house.join(9)
    house.start(NEWS + "holdout: 50%\n")
    await house.settle()
    words = {ask(house, each)[0].word for each in people}
    assert words == {"held out", "written"}


async def test_a_capped_reader_is_told_of_the_cap_and_until_when(make: Make) -> None:
    house = make(Policy(caps=(Cap(1, timedelta(days=1)),)))
    house.join(1)
    house.start()
    await house.settle()
    house.start(NEWS.replace("Spring is here", "Spring is still here"), occasion="2")
    await house.settle()
    held = ask(house)[0]
    assert held.word == "frequency cap" and held.until == house.clock.now() + timedelta(days=1)
    await house.later(days=1)
    found = house.store.read_now(lambda tx: origin_of(tx, 2))
    assert found is not None and (found.kind, found.by, found.template) == ("campaign", "news", "newsletter")
    assert found.arbiter.startswith("held once since") and found.consent is not None


async def test_who_was_not_written_to_yet_is_in_nobody_s_turn_where_the_run_was_taken_back_or_is_paused(
    make: Make,
) -> None:
    house = make()
    house.join(1)
    run_id, now = house.start(), house.clock.now()
    await house.settle()
    house.do("UPDATE campaign_recipient SET state = 'waiting', message_id = NULL")
    for state, word, remedy in (
        (RunState.RECALLED, "recalled", "retry"),
        (RunState.STOPPED, "campaign stopped", "retry"),
        (RunState.PAUSED, "waits", "resume"),
    ):
        house.store.write_now(lambda tx, to=state: runs.set_state(tx, run_id, list(RunState), to, "wrong price", now))
        first, second = ask(house)
        assert first.text == f"run 1 is {state}: wrong price"
        assert (second.word, second.until) == (word, None) and f"`posthouse campaign {remedy}`" in second.text
