"""What is set about a list; subscriptions that nobody confirms; limits against list bombing."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from clock import NOON, FakeChance, FakeClock
from mail_shop import Asker, Place, make_composer, make_list, open_store

from deliverability.address import Address
from engine.audience import asking, consent, dossier, lists, subscriptions, unconfirmed
from engine.audience.asking import NETWORK_ENOUGH, AskingSettings, neighbourhood
from engine.audience.consent import Answer
from engine.audience.list_settings import keys, shown
from engine.audience.lists import ListError, MailingList
from engine.audience.subscriptions import Asked, Asking
from engine.audience.suppression import Reason, suppress
from engine.sending.confirmations import Confirmations, Reminders
from engine.store.groups import GroupStore
from mta.queue.settings import QueueSettings

DAY = timedelta(days=1)
ANN = Address.parse("ann@example.org")


def form(ip: str = "192.0.2.7", locale: str = "en") -> Answer:
    return Answer("Yes, send me the letters.", locale, "form", ip, salt=b"form")


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    store = open_store(place)
    store.write_now(make_list)
    yield store
    store.close()


def change(store: GroupStore, **told: str) -> MailingList:
    return store.write_now(lambda tx: lists.change(tx, "tea", {key.replace("__", "."): told[key] for key in told}))


def ask(
    store: GroupStore,
    asker: subscriptions.Asker,
    to: Address = ANN,
    *,
    answer: Answer | None = None,
    now: datetime = NOON,
) -> Asked:
    answer = answer or form()
    return store.write_now(lambda tx: subscriptions.subscribe(tx, "tea", to, answer=answer, ask=asker, now=now))


class Reminder:
    """Stands where the reminder is written, and counts."""

    def __init__(self) -> None:
        self.asker = Asker()

    def __call__(self, tx: object, asking: Asking) -> consent.Shown | None:
        return self.asker(tx, asking)  # type: ignore[arg-type]


def settle(store: GroupStore, reminder: Reminder, now: datetime) -> int:
    """What the janitor does at that time; how often it had something to do."""
    turns = 0
    while store.read_now(lambda tx: unconfirmed.has_due(tx, now)):
        store.write_now(lambda tx: unconfirmed.settle(tx, now, reminder, b"s" * 32))
        turns += 1
    return turns


def standing(store: GroupStore) -> tuple[str, str]:
    [row] = store.read_now(lambda tx: dossier.subscriptions(tx, 1))
    return row["state"], row["why"]


def test_settings_are_read_back_and_taken_back(store: GroupStore) -> None:
    made = change(store, expire_after="3 days", remind_after="1d", owner="tea@shop.example", list_id="tea.shop.example",
                  title__he="מכתבי תה", clicks="off", confirmation="single", purpose="One letter a week.")  # fmt: skip
    assert made == store.read_now(lambda tx: lists.get(tx, "tea"))
    assert (made.settings.expire_after, made.confirmation, made.purpose) == (3 * DAY, "single", "One letter a week.")
    assert shown(made.settings)["title.he"] == "מכתבי תה"
    assert [made.in_language(each).title for each in ("he-IL", "he", "en", "")] == ["מכתבי תה"] * 2 + [
        "Tea Letters"
    ] * 2
    back = change(store, remind_after="", title__he="", clicks="")
    assert (back.settings.remind_after, back.settings.title, back.settings.clicks) == (timedelta(0), {}, "on")
    assert back.settings.owner == "tea@shop.example"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"colour": "blue"}, '"colour" is no setting of a list .there are: confirmation, title, purpose, template, '),
        ({"expire_after": "5 dyas"}, "is not a duration"),
        ({"expire_after": "90 days"}, "from 1h to 60 days"),
        ({"remind_after": "8 days"}, "remind_after comes before expire_after"),
        ({"owner": "nobody"}, "owner"),
        ({"owner": "a@shop.example\r\nBcc: x@y.example"}, "owner"),
        ({"help": "https://shop.example/>,<mailto:x@y.example"}, "is no web address"),
        ({"help": "http://shop.example"}, "neither a mail address nor a web address that begins with https://"),
        ({"help": "javascript:alert(1)"}, "neither a mail address nor a web address that begins with https://"),
        ({"list_id": "tea letters"}, "is no List-Id"),
        ({"list_id": "tea"}, "is no List-Id"),
        ({"list_id": "tea.shop.example>\r\nX: y"}, "is no List-Id"),
        ({"title__x_y": "Tea"}, "is no language"),
        ({"title__xx-yy-bogus": "1"}, "title.xx-yy-bogus is no language that is known"),
        ({"purpose__en-YY": "1"}, "is no language that is known"),
        ({"title__he": " "}, "are empty"),
        ({"clicks": "perhaps"}, "clicks: must be 'on' or 'off'"),
        ({"template": "../../etc/passwd"}, "small letters"),
        ({"confirmation": "triple"}, 'is "double" or "single"'),
        ({"title": " "}, "title is empty"),
    ],
)
def test_a_setting_that_can_not_be_is_refused_and_nothing_is_changed(
    store: GroupStore, told: dict[str, str], why: str
) -> None:
    with pytest.raises(ListError, match=why):
        change(store, owner="tea@shop.example", **told) if "owner" not in told else change(store, **told)
    found = store.read_now(lambda tx: lists.get(tx, "tea"))
    assert found is not None and found.settings.owner == ""


def test_a_title_is_one_line_and_nothing_in_it_acts(store: GroupStore) -> None:
    nasty = "Tea\r\nBcc: victim@example.net {{ 7*7 }} <script>\x1b[2J"
    made = change(store, title=nasty, title__he=nasty)
    for title in (made.title, made.in_language("he").title):
        assert "\n" not in title and "\r" not in title and "\x1b" not in title
    mail = Confirmations(make_composer(), QueueSettings(), b"0123456789abcdef", NOON)
    ask(store, mail)
    [(subject, content)] = store.read_now(
        lambda tx: tx.query("SELECT m.subject, b.content FROM message m JOIN body b ON b.message_id = m.id")
    )
    assert "{{ 7*7 }}" in subject
    head = bytes(content).partition(b"\r\n\r\n")[0]
    assert b"\r\nBcc" not in head and b"<script>" not in bytes(content).partition(b"text/html")[2]


def test_people_are_asked_in_their_own_language_and_that_is_what_the_ledger_keeps(store: GroupStore) -> None:
    change(store, title__he="מכתבי תה", purpose__he="מכתב אחד בחודש.", template="confirm")
    mail = Confirmations(make_composer(), QueueSettings(), b"0123456789abcdef", NOON)
    asked = ask(store, mail, answer=form(locale="he-IL"))
    [(subject,)] = store.read_now(lambda tx: tx.query("SELECT subject FROM message"))
    assert asked.message_id and "מכתבי תה" in subject
    [entry] = store.read_now(lambda tx: consent.history(tx, 1))
    assert entry.told["purpose"] == "מכתב אחד בחודש."


def test_who_never_answers_is_not_on_the_list_when_the_time_is_over(store: GroupStore) -> None:
    asker, reminder = Asker(), Reminder()
    change(store, expire_after="3 days")
    ask(store, asker)
    assert asker.asked[0].expires == NOON + 3 * DAY
    assert settle(store, reminder, NOON + 3 * DAY - timedelta(seconds=1)) == 0
    assert settle(store, reminder, NOON + 3 * DAY) == 1
    assert standing(store) == ("unsubscribed", "not confirmed in time")
    assert reminder.asker.asked == []
    names = [name for (name,) in store.read_now(lambda tx: tx.query("SELECT name FROM event ORDER BY id"))]
    assert names == ["contact.created", "list.joined", "list.expired"]
    button = Answer("yes", salt=b"s")
    late = asker.asked[0].asked_ms
    assert store.write_now(lambda tx: subscriptions.confirm(tx, 1, 1, late, answer=button, now=NOON + 4 * DAY)) is None
    assert ask(store, asker, now=NOON + 4 * DAY).refused == "", "who asks again is asked anew"
    assert standing(store) == ("unconfirmed", "")


def test_somebody_is_reminded_once_and_the_reminders_link_confirms(store: GroupStore) -> None:
    asker, reminder = Asker(), Reminder()
    change(store, remind_after="2 days")
    ask(store, asker)
    assert settle(store, reminder, NOON + 2 * DAY) == 1
    assert settle(store, reminder, NOON + 6 * DAY) == 0
    [again] = reminder.asker.asked
    assert (again.asked_ms, again.expires) == (asker.asked[0].asked_ms, NOON + 7 * DAY)
    acts = [(each.link.act, each.told["source"]) for each in store.read_now(lambda tx: consent.history(tx, 1))]
    assert acts == [("asked", "form"), ("asked", "reminder")]
    [row] = store.read_now(lambda tx: dossier.subscriptions(tx, 1))
    assert row["reminded"] == (NOON + 2 * DAY).isoformat()
    assert settle(store, reminder, NOON + 7 * DAY) == 1
    assert standing(store) == ("unsubscribed", "not confirmed in time")


@pytest.mark.parametrize("what", ["confirmed", "left", "suppressed", "asked again"])
def test_nobody_is_reminded_who_answered_left_or_must_not_be_written_to(store: GroupStore, what: str) -> None:
    asker, reminder = Asker(), Reminder()
    change(store, remind_after="2 days")
    ask(store, asker)
    button = Answer("yes", salt=b"s")
    if what == "confirmed":
        store.write_now(lambda tx: subscriptions.confirm(tx, 1, 1, asker.asked[0].asked_ms, answer=button, now=NOON))
    elif what == "left":
        store.write_now(lambda tx: subscriptions.unsubscribe(tx, 1, 1, answer=button, now=NOON))
    elif what == "suppressed":
        store.write_now(lambda tx: suppress(tx, ANN.key, Reason.COMPLAINT, now=NOON))
    else:
        ask(store, asker, now=NOON + timedelta(hours=1))
    settle(store, reminder, NOON + 3 * DAY)
    assert reminder.asker.asked == []
    settle(store, reminder, NOON + 30 * DAY)
    assert standing(store)[0] == ("confirmed" if what == "confirmed" else "unsubscribed")


def test_the_reminder_is_a_mail_of_its_own_and_one_that_can_not_be_written_holds_nobody_up(
    store: GroupStore, caplog: pytest.LogCaptureFixture
) -> None:
    chance, clock = FakeChance(1), FakeClock()
    change(store, remind_after="2 days")
    for name in ("ann", "bob"):
        ask(store, Asker(), Address.parse(f"{name}@example.org"))
    reminders = Reminders(make_composer(), QueueSettings(), lambda: chance.octets(16), clock.now())
    store.write_now(lambda tx: unconfirmed.settle(tx, NOON + 2 * DAY, reminders.remind, b"s" * 32))
    rows = store.read_now(
        lambda tx: tx.query("SELECT m.subject, s.template FROM message m JOIN sending s ON s.message_id = m.id")
    )
    assert rows == [("Still waiting for your yes: Tea Letters", "confirm-reminder")] * 2

    change(store, reminder="not-there")
    ask(store, Asker(), Address.parse("eve@example.org"))
    store.write_now(lambda tx: unconfirmed.settle(tx, NOON + 2 * DAY, reminders.remind, b"s" * 32))
    assert [each.message for each in caplog.records] == ["reminder not written"]
    assert not store.read_now(lambda tx: unconfirmed.has_due(tx, NOON + 2 * DAY))


def test_every_setting_of_a_list_is_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "lists.md").read_text("utf-8")
    assert {f"`{key}`" for key in keys()} <= set(re.findall(r"`[^`]+`", page))


# -- list bombing


def test_a_network_causes_so_many_askings_in_an_hour_and_the_asker_learns_nothing(store: GroupStore) -> None:
    asker = Asker(AskingSettings(per_network=3))
    people = [Address.parse(f"victim{number}@example.org") for number in range(5)]
    answers = [ask(store, asker, each) for each in people]
    assert [each.refused for each in answers] == ["", "", "", NETWORK_ENOUGH, NETWORK_ENOUGH]
    assert len(asker.asked) == 3
    [(known,)] = store.read_now(lambda tx: tx.query("SELECT count(*) FROM contact"))
    assert known == 3, "and nobody else was written down"
    assert ask(store, asker, people[4], answer=form("198.51.100.1")).refused == ""
    assert ask(store, asker, people[3], now=NOON + timedelta(minutes=61)).refused == ""


def test_the_count_outlives_a_restart_and_is_forgotten_after_its_hour(place: Place) -> None:
    store = open_store(place)
    store.write_now(make_list)
    asker = Asker(AskingSettings(per_network=1))
    ask(store, asker)
    store.close()
    store = open_store(place)
    assert ask(store, asker, Address.parse("bob@example.org")).refused == NETWORK_ENOUGH
    later = NOON + timedelta(hours=1)
    assert store.read_now(lambda tx: asking.has_old(tx, later))
    store.write_now(lambda tx: asking.drop_old(tx, later))
    assert store.read_now(lambda tx: tx.query("SELECT * FROM asking")) == []
    store.close()


def test_a_customer_of_ipv6_is_one_network_and_an_operator_has_no_limit(store: GroupStore) -> None:
    assert neighbourhood("2001:db8:1:2:3::4") == neighbourhood("2001:db8:1:2::9") != neighbourhood("2001:db8:1:3::4")
    assert neighbourhood("::ffff:192.0.2.1") == "192.0.2.1"
    asker = Asker(AskingSettings(per_network=1))
    for number in range(3):
        assert ask(store, asker, Address.parse(f"{number}@example.org"), answer=form("")).refused == ""
