"""People's answers to mail of flows and campaigns: the event, what is passed on to whom, and what never is."""

import email
import email.policy
import json
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from clock import NOON, FakeChance, FakeClock
from mail_shop import SECRET, Place, open_store

from deliverability.address import Address
from deliverability.bounces.conclude import Kind, conclude
from engine.audience.contacts import ensure_contact
from engine.config import ConfigFaults, parse
from engine.house import House
from engine.intake.returns import read_return
from engine.returning import Returns
from engine.sending.answering import ANSWER, answer_address, read_answer
from engine.tracking.marks import Mark
from mta.inbound.transaction import Peer, Transaction
from mta.ports import Tx
from mta.queue import queue
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient

ANN = Address("ann", "example.org")
DOMAIN = "bounce.shop.example"
MARK = Mark(7, 2, "remind-them-once-more-about-the-cart")
CAMPAIGN = Mark(3, 1, "@first")
ANSWERED = "From: Ann Reader <ann@example.org>\nSubject: Re: Your cart\nMessage-ID: <1@example.org>\n\nDo you have it in blue?\n"


class ReadHere:
    async def read(self, kind: str, content: bytes) -> dict[str, Any]:
        return {"read": read_return(content)}


class Town:
    """A house that wrote Ann two mails: one of a flow, and one of a campaign."""

    def __init__(self, folder: Path, answers_to: str = "desk@shop.example", place: Place | None = None) -> None:
        (folder / "secret").write_bytes(SECRET)
        self.config = parse(
            f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{folder}"\n[bounces]\ndomain = "{DOMAIN}"\n'
            f'[mail]\nfrom = "Blue Teapot <hello@shop.example>"\nanswers_to = "{answers_to}"\n'
        )
        self.clock = FakeClock()
        self.store = open_store(place or folder, self.clock)
        self.house = House.build(self.config, self.store, self.clock, FakeChance())
        self.door = Returns(self.house, ReadHere(), lambda: None)  # type: ignore[arg-type]
        self.who, *self.deliveries = self.store.write_now(self._furnish)

    def _furnish(self, tx: Tx) -> tuple[int, ...]:
        who = ensure_contact(tx, ANN, now=NOON)
        made = []
        for mark, flow in ((MARK, "cart"), (CAMPAIGN, "")):
            message = NewMessage(
                "", (Recipient(ANN),), b"From: hello@shop.example\r\n\r\nhi\r\n", Stream.MARKETING, "flow"
            )
            enqueued = queue.enqueue(tx, message, NOON, self.config.queue)
            tx.execute(
                "INSERT INTO sending (message_id, contact_id, enrolment_id, flow, step, occurrence, run_id, template)"
                " VALUES (?,?,?,?,?,?,?,'x')",
                (
                    enqueued.message_id, who, mark.enrolment_id if flow else None, flow, mark.step,
                    mark.occurrence if flow else who, None if flow else mark.enrolment_id,
                ),
            )  # fmt: skip
            made.append(enqueued.deliveries[0])
        return (who, *made)

    def address(self, mark: Mark = MARK) -> str:
        return answer_address(self.house.composer.tokens, self.who, mark, DOMAIN, self.clock.now())

    async def comes(self, content: str, to: str = "", reverse_path: str = "ann@example.org") -> str:
        forward = Address.parse(to or self.address())
        assert self.door.is_ours(forward)
        transaction = Transaction(reverse_path, Peer("192.0.2.1", 25), "mx.example", is_extended=True)
        ended = transaction.ended((Recipient(forward),), content.replace("\n", "\r\n").encode())
        assert (await self.door.accept(ended)).is_positive
        [(verdict,)] = self.query("SELECT verdict FROM inbound ORDER BY id DESC LIMIT 1")
        return str(verdict)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.store.read_now(lambda tx: tx.query(sql))

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(data) for (data,) in self.query("SELECT data FROM event WHERE name = 'mail.replied'")]

    def passed_on(self) -> list[EmailMessage]:
        rows = self.query(
            "SELECT b.content FROM body b JOIN message m ON m.id = b.message_id WHERE m.origin = 'answer' ORDER BY m.id"
        )
        return [email.message_from_bytes(bytes(row[0]), policy=email.policy.default) for row in rows]  # type: ignore[misc]


@pytest.fixture
def town(tmp_path: Path, place: Place) -> Iterator[Town]:
    town = Town(tmp_path, place=place)
    yield town
    town.store.close()


async def test_an_answer_is_an_event_of_its_flow_and_goes_to_the_desk_in_our_own_name(town: Town) -> None:
    said = await town.comes(ANSWERED)
    assert said.startswith("answer: to delivery 1, passed on to desk@shop.example as message ")
    [event] = town.events()
    assert (event["flow"], event["step"], event["reply"], event["message"]) == ("cart", MARK.step, "Re: Your cart", 1)
    [mail] = town.passed_on()
    assert mail["From"] == "Ann Reader <hello@shop.example>"  # ours to sign: it passes DMARC
    assert mail["Reply-To"] == "ann@example.org"
    assert mail["To"] == "desk@shop.example"
    assert mail["Subject"] == "Re: Your cart"
    text, whole = mail.iter_parts()
    assert text.get_content().strip() == "Do you have it in blue?"
    assert whole.get_content_type() == "message/rfc822"
    assert whole.get_content()["Message-ID"] == "<1@example.org>"
    [(reverse_path, to)] = town.query(
        "SELECT m.reverse_path, d.forward_path FROM message m JOIN delivery d ON d.message_id = m.id WHERE m.origin = 'answer'"
    )
    assert (reverse_path, to) == ("", "desk@shop.example"), "it could come back"


async def test_the_address_survives_capitals_names_its_step_and_ends_after_a_year(town: Town) -> None:
    address = town.address()
    assert len(address.partition("@")[0]) <= 64
    assert (await town.comes(ANSWERED, address.upper())).startswith("answer: to delivery 1,")
    assert (await town.comes(ANSWERED, town.address(CAMPAIGN))).startswith("answer: to delivery 2,")
    town.clock.advance(timedelta(days=366))
    assert not town.door.is_ours(Address.parse(address))


def test_a_bent_address_is_none_of_ours(town: Town) -> None:
    local = town.address().partition("@")[0]
    tokens = town.house.composer.tokens
    assert read_answer(tokens, local, NOON) is not None
    for place in range(len(ANSWER), len(local)):
        other = "b" if local[place] != "b" else "c"
        assert read_answer(tokens, local[:place] + other + local[place + 1 :], NOON) is None


def test_the_longest_numbers_still_make_a_local_part(town: Town) -> None:
    tokens = town.house.composer.tokens
    for mark in (Mark(2**34, 9_999, "x"), Mark(2**34, 2**34, "@winner")):
        local = answer_address(tokens, 2**34, mark, DOMAIN, NOON).partition("@")[0]
        assert len(local) <= 64
        found = read_answer(tokens, local, NOON)
        assert found is not None
        assert (found.contact_id, found.owner) == (2**34, 2**34)


@pytest.mark.parametrize(
    ("head", "reverse_path"),
    [
        ("Subject: Automatic reply: Your cart\n", "ann@example.org"),
        ("Subject: Re: Your cart\nAuto-Submitted: auto-replied\n", "ann@example.org"),
        ("Subject: Abwesenheitsnotiz: Your cart\n", "ann@example.org"),
        ("Subject: Respuesta automática: Your cart\n", "ann@example.org"),
        ("Subject: =?utf-8?b?6Ieq5YuV6L+U5L+h?=\n", "ann@example.org"),
        ("Subject: Автоответ: Your cart\n", "ann@example.org"),
        ("Subject: 自动回复: Your cart\n", "ann@example.org"),
        ("Subject: Re: Your cart\nPrecedence: bulk\n", "ann@example.org"),
        ("Subject: Re: Your cart\nX-Autoreply: yes\n", ""),
        ("Subject: Réponse automatique : Votre panier\n", "ann@example.org"),
    ],
)
async def test_a_machine_s_answer_is_neither_an_event_nor_passed_on(town: Town, head: str, reverse_path: str) -> None:
    verdict = await town.comes(f"From: Ann <ann@example.org>\n{head}\nI am away.\n", reverse_path=reverse_path)
    assert verdict.startswith("automatic reply")
    assert (town.events(), town.passed_on()) == ([], [])


async def test_a_report_at_an_answer_s_address_suppresses_nobody(town: Town) -> None:
    report = (
        "From: MAILER-DAEMON@mx.example\nSubject: failure notice\nContent-Type: multipart/report;"
        " report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; ann@example.org\nAction: failed\nStatus: 5.1.1\n\n--b--\n"
    )
    assert conclude(report.encode()).kind is Kind.BOUNCE
    assert await town.comes(report, reverse_path="") == "for a person: a report where answers come in"
    assert town.query("SELECT 1 FROM suppression") == []
    assert (town.events(), town.passed_on()) == ([], [])


async def test_what_comes_twice_or_was_passed_on_before_is_not_passed_on_again(town: Town) -> None:
    await town.comes(ANSWERED)
    assert await town.comes(ANSWERED) == "answer that came already"
    [mail] = town.passed_on()
    again = mail.as_string()
    assert await town.comes(again) == "answer that we passed on ourselves: nothing follows"
    assert len(town.events()) == len(town.passed_on()) == 1


async def test_a_loop_is_cut_after_twenty_a_day(town: Town) -> None:
    verdicts = [await town.comes(ANSWERED.replace("<1@", f"<{number}@")) for number in range(22)]
    assert verdicts[19].startswith("answer: to delivery 1, passed on")
    assert verdicts[20] == "answer: to delivery 1, kept here: 20 were passed on within a day"
    assert len(town.passed_on()) == 20


async def test_an_answer_in_any_shape_stays_whole_and_does_no_harm(town: Town) -> None:
    author = "From: =?utf-8?q?Evil_=3Cboss=40shop=2Eexample=3E?= <ann@example.org>\n"
    head = f"{author}Subject: a\x1b[2J\nContent-Type: text/plain; charset=utf-8\n"
    await town.comes(f"{head}\nкак\x1b[31m {'x' * 3000}\n")
    [mail] = town.passed_on()
    assert mail["From"] == "Evil <hello@shop.example>"  # no other's address in it
    text, whole = mail.iter_parts()
    assert "\x1b" not in text.get_content() + mail["Subject"]
    assert whole.get_content_type() == "application/octet-stream"
    assert b"x" * 3000 in whole.get_content()


async def test_too_large_an_answer_goes_without_its_attachments(town: Town) -> None:
    await town.comes(ANSWERED + "y" * 70 + "\n" + ("z" * 70 + "\n") * 160_000)
    [mail] = town.passed_on()
    assert "too many to attach" in mail["X-Posthouse-Answer"]
    assert len(list(mail.iter_parts())) == 1


async def test_without_a_mailbox_for_it_an_answer_is_an_event_and_is_kept(tmp_path: Path) -> None:
    town = Town(tmp_path, answers_to="")
    assert await town.comes(ANSWERED) == "answer: to delivery 1, kept here: mail.answers_to names nobody"
    assert len(town.events()) == 1
    town.store.close()


async def test_an_answer_to_the_reverse_path_counts_too(town: Town) -> None:
    reverse_path = town.house.tokens.make(town.deliveries[0], NOON.date(), DOMAIN)
    assert (await town.comes(ANSWERED, reverse_path)).startswith("answer: to delivery 1, passed on")


def test_the_mail_of_a_flow_says_where_answers_go(town: Town) -> None:
    contact = {"id": town.who, "address": str(ANN), "name": "Ann", "locale": "en", "zone": "UTC"}

    def written(mark: Mark | None) -> str:
        mail = town.house.composer.compose(
            "staff-note", contact, {"text": "x"}, stream=Stream.TRANSACTIONAL, now=NOON, octets=bytes(16), mark=mark
        )
        return mail.content.decode()

    assert f"Reply-To: {town.address()}\r\n" in written(MARK)
    assert "Reply-To:" not in written(None)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ('[mail]\nanswers_to = "desk@shop.example"', "mail.answers_to is set but bounces.domain is not"),
        ('[bounces]\ndomain = "b.example"\n[mail]\nanswers_to = "x@b.example"', "answers would come back to us"),
        ('[mail]\nanswers_to = "nobody"', "mail.answers_to"),
    ],
)
def test_a_mailbox_that_can_not_be_is_refused(settings: str, words: str) -> None:
    with pytest.raises(ConfigFaults, match=words):
        parse(f'hostname = "mail.shop.example"\n{settings}\n')
