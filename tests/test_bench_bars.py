"""The bars that a bench run is held to."""

from math import isnan

from bench.audience import Audience
from bench.backlog import Backlog
from bench.bars import SIGNATURES, Bar, Facts, bars, judged
from bench.campaign import Mailing
from bench.cells import Cell, Latency, Result
from bench.pages import Pace
from bench.people import People

BURST = Cell(2048, 50, 1000)


def result(target: str, seconds: float, cpu: float) -> Result:
    return Result(target, BURST, seconds / 2, seconds, BURST.messages, cpu, 40.0, 20.0, 3.0)


RESULTS = [result("posthouse", 1, 1.5), result("postfix-dkim", 5, 6), result("postfix", 1.5, 4)]


def bar(name: str, found: list[Bar]) -> Bar:
    return next(each for each in found if each.name.startswith(name))


def test_ratios_are_held_against_the_peer_of_the_same_run() -> None:
    found = bars(0.9, RESULTS, [], Facts())
    assert (bar("against", found).reached, bar("against", found).word) == (5.0, "met")
    assert (bar("signed", found).reached, bar("signed", found).word) == (1.5, "**short**")
    assert (bar("durable", found).reached, bar("durable", found).word) == (2000.0, "met")


def test_the_bar_on_processor_time_follows_the_price_of_a_signature() -> None:
    assert bar("processor", bars(0.9, RESULTS, [], Facts())).word == "met"
    scaled = bar("processor", bars(0.45, RESULTS, [], Facts()))
    assert (scaled.wanted, scaled.reached, scaled.word) == (1.0, 1.5, "**short**")


def test_what_was_left_out_is_neither_met_nor_short() -> None:
    found = bars(0.9, [], [], Facts())
    assert all(isnan(each.reached) and each.word == "not measured" for each in found)


def test_what_concerns_posthouse_alone_is_judged_too() -> None:
    facts = Facts(0.97, 3, 25, {2048: 950.0, 20480: 500.0})
    facts.backlog = Backlog(1_000_000, 2.0, 80.0, 900.0, 150.0, 0.95)
    facts.pages = {"confirm": Pace(1600.0, 51.0, 0)}
    words = {each.name: each.word for each in bars(0.9, [], [Latency("posthouse", [4.0] * 9, [1.0], 0, 0, "")], facts)}
    assert [name for name, word in words.items() if word == "**short**"] == [
        "pages: confirm, p99 at half that", "letters of the engine, 20 KiB", "turnstile: wait for a commit, p99",
    ]  # fmt: skip


def test_an_import_is_held_to_its_time_its_memory_and_its_locks() -> None:
    found = bars(0.9, [], [], Facts(people=People(1_000_000, 100.0, 320.0, 25.0, 0.0)))
    words = [each.word for each in found if each.name.startswith("import")]
    assert words == ["met", "**short**", "met"]


def test_a_campaign_is_held_to_its_first_mail_its_memory_and_its_stop() -> None:
    found = bars(0.9, [], [], Facts(campaign=Mailing(1_000_000, 1.0, 300.0, 70.0, 60.0, 1.5)))
    words = [each.word for each in found if each.name.startswith("campaign")]
    assert words == ["met", "met", "**short**"]


def test_the_table_says_what_the_machine_does_by_itself() -> None:
    shown = judged({SIGNATURES: 2000.0}, RESULTS, [], Facts())
    assert shown.startswith("One RSA-2048 signature costs 0.50 ms here")
    assert "| durable accept burst | at least 1,500 /s | 2,000 | met |" in shown


def test_segments_are_held_to_their_figures_their_count_and_their_events() -> None:
    found = bars(0.9, [], [], Facts(audience=Audience(1_000_000, 20.0, 7.0, 1.2, 4.0)))
    words = [each.word for each in found if each.name.startswith("segments")]
    assert words == ["met", "**short**", "met"]
