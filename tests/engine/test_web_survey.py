"""Surveys: a link preselects, a press answers, once; and recommendations: a link of one's own, counted for both sides."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urljoin

import pytest
from clock import NOON
from mail_shop import OCTETS, Place, make_composer, part, person
from web_door import ANN, Door, open_door

from engine.audience import consent, subscriptions, surveys
from engine.audience.consent import Answer
from engine.audience.contacts import contact_facts
from engine.audience.dossier import erase, export
from engine.audience.fields import Field, declare
from engine.audience.fields import Kind as FieldKind
from engine.audience.surveys import Kind, Survey, SurveyError, code_of, put
from engine.audience.tokens import BadToken, Purpose
from engine.sending.compose import Composed
from engine.sending.render import TemplateFault
from mta.ports import Tx, to_ms
from mta.queue.delivery import Stream

CHOICE = Survey("why", Kind.CHOICE, "Why <b>tea</b>?", ("It's warm & fine", "Friends"))


@pytest.fixture
async def door(place: Place) -> AsyncIterator[Door]:
    async with open_door(place) as door:

        def more(tx: Tx) -> None:
            declare(tx, Field("nps", FieldKind.NUMBER), NOON)
            put(tx, Survey("nps", Kind.SCALE, "Would you recommend us?", field="nps"), NOON)
            put(tx, Survey("taste", Kind.STARS), NOON)
            put(tx, CHOICE, NOON)

        door.store.write_now(more)
        yield door


def path(door: Door, name: str = "nps", contact_id: int = 1) -> str:
    ids = (contact_id, code_of(name), int(NOON.timestamp()))
    return "/survey/" + door.composer.tokens.make(Purpose.SURVEY, ids, NOON + timedelta(days=365))


def answers(door: Door) -> list[object]:
    rows = door.rows("SELECT data FROM event WHERE name = 'survey.answered' ORDER BY id")
    return [json.loads(str(data))["answer"] for (data,) in rows]


async def test_looking_preselects_and_answers_nothing(door: Door) -> None:
    for method in ("GET", "HEAD", "GET"):
        status, page, _ = await door.ask(method, path(door) + "?v=9")
        assert status == 200
    assert re.findall('value="([0-9]+)" required( checked)?', page) == [
        (str(n), " checked" if n == 9 else "") for n in range(11)
    ]
    assert "Would you recommend us?" in page and 'href="?lang=he&amp;v=9"' in page
    assert answers(door) == []
    for odd in ("?v=11", "?v=-1", "?v=%3Cb%3E", "?v=", "?v=9&v=3", "?v=" + "9" * 3000):
        _, page, _ = await door.ask("GET", path(door) + odd)
        assert "<b>" not in page


async def test_one_press_answers_and_the_same_again_is_nothing_new(door: Door) -> None:
    for value in ("9", "9", "3"):
        status, page, _ = await door.ask("POST", path(door) + "?v=9", {"v": value})
        assert (status, "Your answer has reached" in page) == (200, True)
    assert answers(door) == [9, 3]
    assert door.store.read_now(lambda tx: contact_facts(tx, 1))["fields"] == {"nps": 3}


async def test_stars_and_choices_are_answered_in_their_own_words(door: Door) -> None:
    _, page, _ = await door.ask("GET", path(door, "taste") + "?lang=ru")
    assert all(f" {words}" in page for words in ("1 звезда<", "2 звезды<", "5 звёзд<"))
    await door.ask("POST", path(door, "taste"), {"v": "5"})
    _, page, _ = await door.ask("GET", path(door, "why") + "?v=Friends")
    assert (
        "Why &lt;b&gt;tea" in page and "It&#39;s warm &amp; fine" in page and 'value="Friends" required checked' in page
    )
    await door.ask("POST", path(door, "why"), {"v": "It's warm & fine"})
    assert answers(door) == [5, "It's warm & fine"]


@pytest.mark.parametrize("value", ["", "11", "-1", "9.0", "٩", "{{ 7 }}", "9\r\n", "'; DROP TABLE event --"])
async def test_what_is_no_answer_is_asked_again(door: Door, value: str) -> None:
    status, page, _ = await door.ask("POST", path(door), {"v": value})
    assert (status, answers(door)) == (422, [])
    assert "Please choose an answer." in page


async def test_forged_swapped_and_expired_links_are_all_the_same(door: Door) -> None:
    seen = set()
    old = door.composer.tokens.make(Purpose.SURVEY, (1, code_of("nps"), 5), NOON - timedelta(days=1))
    for token in (
        door.unsubscribe_path()[13:],
        "x" * 50,
        path(door)[8:-1],
        path(door, "none")[8:],
        path(door, "nps", 9)[8:],
        old,
    ):
        for method in ("GET", "POST"):
            status, page, _ = await door.ask(method, "/survey/" + token, {"v": "9"} if method == "POST" else None)
            seen.add((status, page))
    assert len(seen) == 1 and answers(door) == []
    assert (await door.ask("PUT", path(door)))[2]["Allow"] == "GET,HEAD,POST"


@pytest.mark.parametrize(
    ("survey", "why"),
    [
        (Survey("Nps", Kind.SCALE), "no name"),
        (Survey("nps", Kind.STARS), "a scale already"),
        (Survey("x", Kind.CHOICE), "choices"),
        (Survey("x", Kind.SCALE, choices=("a",)), "choices"),
        (Survey("x", Kind.CHOICE, choices=("a\nb",)), "one line"),
        (Survey("x", Kind.SCALE, field="none"), "there is no field"),
        (Survey("x", Kind.CHOICE, choices=("a",), field="nps"), "can't hold"),
    ],
)
def test_a_survey_that_cant_be_is_refused_in_words(door: Door, survey: Survey, why: str) -> None:
    with pytest.raises(SurveyError, match=why):
        door.store.write_now(lambda tx: put(tx, survey, NOON))
    assert len(door.store.read_now(surveys.every)) == 3


def letter(folder: Path, line: str, stream: Stream = Stream.MARKETING) -> Composed:
    """A mail of one's own whose text and HTML hold this line."""
    (folder / "mail").mkdir(exist_ok=True)
    (folder / "mail" / "ask.toml").write_text('[en]\npreheader = "x"\nheading = "x"\n')
    for kind in ("txt", "html"):
        head = "{% block subject %}x{% endblock %}\n" if kind == "txt" else ""
        (folder / "mail" / f"ask.{kind}.j2").write_text(
            f'{{% extends "base/mail.{kind}.j2" %}}\n{head}{{% block content %}}{line}{{% endblock %}}\n'
        )
    composer = make_composer(folder)
    return composer.compose("ask", person(id=1), {}, stream=stream, now=NOON, octets=OCTETS)


async def test_mails_make_the_links(door: Door, tmp_path: Path) -> None:
    mail = letter(tmp_path, '{{ survey_url("nps", 9) }} {{ survey_url("why") }} {{ referral_url("tea") }}')
    links = re.findall(r"https://mail\.shop\.example(/\S+)", part(mail, "plain"))
    for link, says in zip(links, ("Would you recommend us?", "Friends", "Somebody you know"), strict=False):
        status, page, _ = await door.ask("GET", link)
        assert (status, says in page) == (200, True), link
    assert any(link.startswith("/preferences/") for link in links), "in the footer of marketing mail"
    assert "Choose what you receive" in part(mail, "html")
    for wrong in ('{{ survey_url("No name!") }}', '{{ referral_url("../x") }}', "{{ survey_url() }}"):
        with pytest.raises(TemplateFault):
            letter(tmp_path, wrong)


# -- recommendations


def own_link(door: Door, contact_id: int = 1) -> str:
    return "/r/" + door.composer.tokens.make_short(Purpose.REFERRAL, contact_id)


async def follow(door: Door, address: str, link: str) -> int:
    """Sign up by a link and confirm; the newcomer's number."""
    _, page, _ = await door.ask("GET", link)
    door.clock.advance(timedelta(seconds=20))
    action = re.search('action="([^"]+)"', page)
    assert action is not None
    told = dict(re.findall('type="hidden" name="([^"]+)" value="([^"]+)"', page)) | {"address": address}
    status, _, _ = await door.ask("POST", urljoin(link, action[1]), told)
    assert status == 200
    [(number,)] = door.rows("SELECT id FROM contact WHERE key = ?", address)
    assert isinstance(number, int)
    asked = door.rows("SELECT asked_ms FROM subscription WHERE contact_id = ?", number)[0][0]
    token = door.composer.tokens.make(Purpose.CONFIRM, (number, 1, asked))  # type: ignore[list-item]
    assert (await door.ask("POST", "/confirm/" + token))[0] == 200
    return number


def rewards(door: Door) -> list[tuple[object, ...]]:
    return door.rows("SELECT name, contact_id, data FROM event WHERE name LIKE 'referral.%' ORDER BY id")


async def test_a_friend_counts_once_for_both_sides_when_they_confirm(door: Door) -> None:
    _, page, _ = await door.ask("GET", own_link(door))
    assert "A friend recommends us" in page and "Archer" not in page and "ann@" not in page
    assert rewards(door) == []
    bob = await follow(door, "bob@example.org", own_link(door).upper().replace("/R/", "/r/"))
    assert [(name, who, json.loads(str(data))) for name, who, data in rewards(door)] == [
        ("referral.earned", 1, {"list": "tea", "friend": bob}),
        ("referral.joined", bob, {"list": "tea", "referrer": 1}),
    ]
    [asked, _] = door.store.read_now(lambda tx: consent.history(tx, bob))
    assert "A friend recommends us" in asked.told["wording"]

    leave = "/unsubscribe/" + door.composer.tokens.make(Purpose.UNSUBSCRIBE, (bob, 1))
    await door.ask("POST", leave)
    door.clock.advance(timedelta(days=2))
    await follow(door, "bob@example.org", own_link(door))
    assert len(rewards(door)) == 2, "leaving and coming back is no new friend"


async def test_nobody_recommends_themselves_or_whoever_is_here_already(door: Door) -> None:
    door.store.write_now(
        lambda tx: subscriptions.confirm(tx, 1, 1, to_ms(NOON), answer=Answer("y", salt=b"s"), now=NOON)
    )
    bob = await follow(door, "bob@example.org", "/subscribe/tea")
    door.store.write_now(lambda tx: subscriptions.unsubscribe(tx, 1, 1, answer=Answer("n", salt=b"s"), now=NOON))
    door.clock.advance(timedelta(days=2))
    await follow(door, "ann@example.org", own_link(door, bob))
    await follow(door, "eve@example.org", "/subscribe/tea?lang=en&ref=" + own_link(door)[3:])
    assert rewards(door) == []


async def test_a_wrong_code_is_no_page(door: Door) -> None:
    good = own_link(door)
    flip = good[:-1] + ("a" if good[-1] != "a" else "b")
    for wrong in ("/r/x", flip, good + "a", own_link(door, 99), good + "?list=none", "/r/" + "a" * 3000):
        assert (await door.ask("GET", wrong))[0] == 404
    with pytest.raises(BadToken):
        door.composer.tokens.read_short(Purpose.SURVEY, good[3:])


def test_recommendations_are_erased_with_either_side(door: Door) -> None:
    def work(tx: Tx) -> tuple[object, ...]:
        tx.execute("INSERT INTO referral (friend_id, referrer_id, list_id, at_ms) VALUES (7, 1, 1, 5)")
        shown = export(tx, 1)["recommendations"]
        erase(tx, 1, ANN.key, salt=OCTETS, now=NOON)
        return len(shown), tx.query("SELECT * FROM referral")

    assert door.store.write_now(work) == (1, [])
