"""What people answer by mail: a yes confirms, a machine's answer does not, and leaving always works."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from clock import NOON
from hypothesis import given
from hypothesis import strategies as st
from mail_shop import Place, make_composer, make_list, open_store, read

from deliverability.address import Address
from engine.answers import Wish, grant, wish_of
from engine.audience import consent, subscriptions
from engine.audience.consent import Answer
from engine.audience.tokens import Purpose
from engine.intake.replies import written_by_machine
from engine.sending.confirmations import Confirmations
from engine.store.groups import GroupStore
from mta.ports import Tx, to_ms
from mta.queue.settings import QueueSettings

ANN = Address.parse("ann@example.org")
COMPOSER = make_composer(mail_domain="bounce.shop.example")
REPLY = (
    b"From: Ann Archer <ann@example.org>\r\nSubject: Re: Please confirm: Tea Letters\r\nMessage-ID: <r1@example.org>\r\n"
    b"In-Reply-To: <m1@shop.example>\r\nDate: Mon, 2 Mar 2026 13:00:00 +0100\r\n\r\nYes.\r\n"
)


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    store = open_store(place)
    store.write_now(make_list)
    ask = Confirmations(COMPOSER, QueueSettings(), b"sixteen octets!!", NOON)
    form = Answer("yes", "en", "form", salt=b"s")
    store.write_now(lambda tx: subscriptions.subscribe(tx, "tea", ANN, answer=form, ask=ask, now=NOON))
    yield store
    store.close()


def answer_address(store: GroupStore) -> Address:
    [(content,)] = store.read_now(lambda tx: tx.query("SELECT content FROM body"))
    message = read(type("Mail", (), {"content": bytes(content)})())
    assert "reply to this email" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    return Address.parse(message["Reply-To"].addresses[0].addr_spec)


def answer(store: GroupStore, content: bytes = REPLY, reverse_path: str = "ann@example.org") -> str:
    wish = wish_of(COMPOSER.tokens, answer_address(store).local, NOON)
    assert wish is not None
    return store.write_now(lambda tx: grant(tx, wish, content, reverse_path, salt=b"drawn", now=NOON))


def state(store: GroupStore) -> str:
    found = store.read_now(lambda tx: subscriptions.subscription(tx, 1, 1))
    return str(found.state) if found else "none"


def test_an_answer_to_the_confirmation_mail_confirms_and_is_the_evidence(store: GroupStore) -> None:
    assert answer(store) == "confirmed tea by reply"
    assert state(store) == "confirmed"
    told = store.read_now(lambda tx: consent.history(tx, 1))[-1].told
    assert told["source"] == "reply" and told["wording"] == "in reply to <m1@shop.example>"
    assert "<r1@example.org> from ann@example.org" in told["evidence"] and "13:00:00 +0100" in told["evidence"]


@pytest.mark.parametrize(
    "marks",
    [
        b"Auto-Submitted: auto-replied\r\n",
        b"AUTO-SUBMITTED: auto-generated; comment\r\n",
        b"Precedence: bulk\r\n",
        b"X-Autoreply: yes\r\n",
        b"List-Id: <people.example.org>\r\n",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n",
    ],
)
def test_a_machine_that_answers_confirms_nothing(store: GroupStore, marks: bytes) -> None:
    assert answer(store, marks + REPLY).startswith("no confirmation: a machine answered")
    assert state(store) == "unconfirmed"


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Please confirm", "Auto: Re: x", "Out of Office: back on Monday", "Abwesenheitsnotiz: x",
        "Автоответ: меня нет", "מענה אוטומטי: חופשה", "自动回复：我不在", "自動回覆: 外出",
        "=?utf-8?B?6Ieq5Yqo5Zue5aSNOiDmiJE=?=",
        "Undeliverable: x",
    ],
)  # fmt: skip
def test_a_vacation_notice_without_marks_is_known_by_its_subject(subject: str) -> None:
    assert written_by_machine(f"Subject: {subject}\r\n".encode(), "a@example.org") == "its subject"


@pytest.mark.parametrize(
    "subject", ["Re: Please confirm", "yes", "", "Automobile", "Auto für dich", "Autorität", "כן", "Да"]
)
def test_a_persons_subject_is_a_persons(subject: str) -> None:
    assert written_by_machine(f"Auto-Submitted: no\r\nSubject: {subject}\r\n".encode(), "a@example.org") == ""


def test_a_bounce_confirms_nothing(store: GroupStore) -> None:
    assert "null reverse-path" in answer(store, reverse_path="")
    assert state(store) == "unconfirmed"


def test_an_address_for_one_thing_does_no_other_and_ends_with_its_time(store: GroupStore) -> None:
    local = answer_address(store).local
    assert wish_of(COMPOSER.tokens, local.upper(), NOON) == Wish(Purpose.CONFIRM, (1, 1, to_ms(NOON)))
    assert wish_of(COMPOSER.tokens, local.replace("yes+", "leave+"), NOON) is None
    assert wish_of(COMPOSER.tokens, local, NOON + timedelta(days=8)) is None
    assert len(local) <= 64, "RFC 5321 section 4.5.3.1.1"


@given(st.text(max_size=80))
def test_whatever_stands_before_the_at_is_a_wish_only_when_we_made_it(text: str) -> None:
    for prefix in ("", "yes+", "leave+", "YES+"):
        assert wish_of(COMPOSER.tokens, prefix + text, NOON) is None


def test_whoever_writes_to_leave_has_left_machine_or_not(store: GroupStore) -> None:
    assert answer(store) == "confirmed tea by reply"

    def leave(list_id: int) -> str:
        local = "leave+" + COMPOSER.tokens.make_mailbox(Purpose.UNSUBSCRIBE, (1, list_id))
        wish = wish_of(COMPOSER.tokens, local, NOON + timedelta(days=9000))
        assert wish is not None

        def work(tx: Tx) -> str:
            return grant(tx, wish, b"Auto-Submitted: auto-generated\r\n\r\n", "", salt=b"drawn", now=NOON)

        return store.write_now(work)

    assert [leave(1), leave(1)] == ["left list 1", "had left list 1 already"]
    assert state(store) == "unsubscribed"
    assert leave(0) == "left all marketing mail"
    assert store.read_now(lambda tx: consent.history(tx, 1))[-1].told["source"] == "mail"
