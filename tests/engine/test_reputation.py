"""How our mail is taken: figures out of what is durable, exact whatever dies, alarms that are told of once."""

import json
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from clock import NOON, FakeChance, FakeClock
from mail_shop import SECRET, Place, open_store

from deliverability.address import Address
from deliverability.doctor.model import Finding, Verdict
from deliverability.reputation.settings import ReputationSettings
from engine.commands import reputation as command
from engine.config import parse
from engine.control import reputation as control
from engine.control.asked import Asked
from engine.control.protocol.reputation import ReputationAnswer
from engine.control.refusal import Refusal
from engine.doctor.keeping import keep
from engine.doctor.visit import Report
from engine.house import House
from engine.reputation import alarms, beside, forgetting, gathering, listings, reading
from engine.reputation.alarms import Watcher
from engine.reputation.gathering import Gatherer
from engine.reputation.reading import About
from engine.reputation.sources import MOST_DOMAINS, OTHER, day_of
from mta.ports import StoreFull, Tx, to_ms
from mta.queue import queue
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient
from mta.queue.settings import QueueSettings

GMAIL = "gmail-smtp-in.l.google.com"
NO_USER = "550 5.1.1 <ann@example.org>: no such user"
BLOCKED = "550 5.7.1 Service unavailable; client host [192.0.2.1] blocked using zen.spamhaus.org"
SLOW_DOWN = "421 4.7.28 unusual rate of mail from your IP address"


class Post:
    """A store in which mail is tried, and the chores that count it."""

    def __init__(self, place: Place) -> None:
        self.clock = FakeClock()
        self.store = open_store(place, self.clock)
        self.gatherer = Gatherer()
        self.watcher = Watcher(ReputationSettings(), frozenset())

    def mail(self, count: int = 1, by: str = "hello@shop.example", stream: Stream = Stream.MARKETING) -> list[int]:
        """Deliveries of so many mails."""

        def work(tx: Tx) -> list[int]:
            made = []
            for _ in range(count):
                message = NewMessage(
                    by, (Recipient(Address("ann", "example.org")),), b"x\r\n", stream, "submission", header_from=by
                )
                made += queue.enqueue(tx, message, self.clock.now(), QueueSettings()).deliveries
            return made

        return self.store.write_now(work)

    def tried(
        self, deliveries: list[int], outcome: str = "delivered", reply: str = "250 2.0.0 ok", *, host: str = GMAIL,
        tls: str = "TLSv1.3 X", stage: str = "dot", rule: str = "", source: str = "", took_ms: int = 800,
    ) -> None:  # fmt: skip
        rows = [
            (each, to_ms(self.clock.now()), took_ms, host, "192.0.2.9", stage, outcome, reply, tls, rule, "", source)
            for each in deliveries
        ]
        self.store.write_now(
            lambda tx: tx.executemany(
                "INSERT INTO attempt (delivery_id, at_ms, took_ms, host, address, stage, outcome, reply, tls, rule, dialogue,"
                " source) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                rows,
            )
        )  # fmt: skip

    def came_back(self, delivery: int | None, verdict: str) -> None:
        self.store.write_now(
            lambda tx: tx.insert(
                "INSERT INTO inbound (reverse_path, forward_path, content, verdict, delivery_id, at_ms) VALUES (?,?,?,?,?,?)",
                ("", "b@bounce.shop.example", b"x", verdict, delivery, to_ms(self.clock.now())),
            )
        )

    def gather(self, gatherer: Gatherer | None = None) -> int:
        """As the janitor does; how many parts there were."""
        parts, chore = 0, gatherer or self.gatherer
        for _ in range(2):  # what is there now is read when it has settled
            while self.store.read_now(lambda tx: chore.is_due(tx, self.clock.now())):
                self.store.write_now(lambda tx: chore.do(tx, self.clock.now()))
                parts += 1
            self.clock.advance(gathering.SETTLED)
        return parts

    def watch(self, watcher: Watcher | None = None) -> None:
        chore = watcher or self.watcher
        self.clock.advance(alarms.EVERY)
        while self.store.read_now(lambda tx: chore.is_due(tx, self.clock.now())):
            self.store.write_now(lambda tx: chore.do(tx, self.clock.now()))

    def counts(self, column: str = "provider", about: About | None = None) -> dict[str, Counter[str]]:
        found = self.store.read_now(lambda tx: reading.by(tx, column, about or About(), 0))
        return {name: each.counts for name, each in found.items()}


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    made = Post(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def anywhere(place: Place) -> Iterator[Post]:
    """The same on each database."""
    made = Post(place)
    yield made
    made.store.close()


def test_every_try_is_counted_once_by_who_took_it_and_whose_mail_it_was(anywhere: Post) -> None:
    first, second, third = anywhere.mail(3)
    shop = anywhere.mail(1, "orders@shop.example", Stream.TRANSACTIONAL)
    anywhere.tried([first, second])
    anywhere.tried([third], "deferred", SLOW_DOWN, stage="mail", rule="gmail-rate")
    anywhere.tried(
        shop, "failed", NO_USER, stage="rcpt", rule="no-such-user", host="mx.small.example", source="b", tls=""
    )
    anywhere.clock.advance(timedelta(minutes=10))
    anywhere.tried([third], source="")
    anywhere.gather()
    assert anywhere.counts() == {
        "gmail": {
            "tried": 4, "sent": 3, "accepted": 3, "encrypted": 3, "took:0": 2, "took:10": 1, "deferred:rate limited": 1,
        },
        "other": {"tried": 1, "sent": 1, "bounced:invalid recipient": 1},
    }  # fmt: skip
    assert set(anywhere.counts("source")) == {"default", "b"}
    assert set(anywhere.counts("stream")) == {"marketing", "transactional"}
    assert anywhere.counts("stream", About("stream", "transactional"))["transactional"]["sent"] == 1
    assert set(anywhere.counts("domain")) == {"shop.example"}


def test_no_person_is_in_the_replies_that_are_kept(post: Post) -> None:
    (delivery,) = post.mail()
    post.tried([delivery], "failed", NO_USER, stage="rcpt", rule="no-such-user")
    post.gather()
    (row,) = post.store.read_now(lambda tx: reading.said(tx, About(), 0, 9))
    assert row[:5] == ("bounced", "invalid recipient", 1, "550 5.1.1 <...>: no such user", "no-such-user")


def test_a_deferral_that_was_the_last_is_no_bounce(post: Post) -> None:
    post.tried(post.mail(), "failed", "451 4.3.0 try later", stage="mail")
    post.gather()
    assert post.counts()["gmail"] == {"tried": 1, "sent": 1, "expired": 1, "deferred:unknown": 1}


def test_figures_are_exact_whatever_dies_between(post: Post) -> None:
    """The part commits with how far was read: a process that dies before loses nothing, and none counts twice."""
    post.tried(post.mail(2_500))
    read = Gatherer()
    post.store.read_now(lambda tx: read.is_due(tx, post.clock.now()))
    post.clock.advance(gathering.SETTLED)
    assert post.store.read_now(lambda tx: read.is_due(tx, post.clock.now()))  # and dies before it writes
    late = Gatherer()
    post.store.read_now(lambda tx: late.is_due(tx, post.clock.now()))
    post.clock.advance(gathering.SETTLED)
    assert post.store.read_now(lambda tx: late.is_due(tx, post.clock.now()))
    assert post.gather(Gatherer()) == 5
    post.store.write_now(lambda tx: late.do(tx, post.clock.now()))  # another front office was quicker than this one
    assert post.counts()["gmail"]["accepted"] == 2_500


def test_what_is_counted_since_the_start_is_what_was_committed_and_by_whom(post: Post) -> None:
    post.tried(post.mail(3))
    post.gather()
    ours = {word: count for (table, _, word), count in post.gatherer.counted.items() if table == "attempt"}
    assert ours == post.counts()["gmail"]
    post.tried(post.mail(2))
    post.gather(Gatherer())  # another front office
    assert sum(count for (_, _, word), count in post.gatherer.counted.items() if word == "tried") == 3
    failing = Gatherer()
    post.tried(post.mail(4))
    assert not post.store.read_now(lambda tx: failing.is_due(tx, post.clock.now()))
    post.clock.advance(gathering.SETTLED)
    assert post.store.read_now(lambda tx: failing.is_due(tx, post.clock.now()))

    def undone(tx: Tx) -> None:
        failing.do(tx, post.clock.now())
        raise StoreFull("no room")

    with pytest.raises(StoreFull):
        post.store.write_now(undone)
    post.store.read_now(lambda tx: failing.is_due(tx, post.clock.now()))
    assert not failing.counted


def test_what_was_written_this_moment_waits_until_it_has_settled(post: Post) -> None:
    post.tried(post.mail())
    assert not post.store.read_now(lambda tx: post.gatherer.is_due(tx, post.clock.now()))
    post.clock.advance(gathering.SETTLED)
    assert post.store.read_now(lambda tx: post.gatherer.is_due(tx, post.clock.now()))


def test_complaints_and_late_bounces_are_credited_to_who_took_the_mail(anywhere: Post) -> None:
    first, second, third = anywhere.mail(3)
    anywhere.tried([first], "deferred", SLOW_DOWN, host="mx.small.example")
    anywhere.tried([first, second, third])
    anywhere.clock.advance(timedelta(days=1))
    anywhere.came_back(first, "complaint: abuse, about delivery 1, suppress now")
    anywhere.came_back(first, "complained already: abuse")
    anywhere.came_back(None, "complaint: abuse, about no delivery of ours that it proves")
    anywhere.came_back(second, "complaint: not-spam, about delivery 2: nothing follows")
    anywhere.came_back(
        third, "bounce: invalid recipient, blame recipient, suppress now: 550 5.1.1 ann@example.org unknown"
    )
    anywhere.came_back(third, "told already: 550 5.1.1 unknown")
    anywhere.gather()
    told = anywhere.counts("day")[str(day_of(NOON) + 1)]
    assert told == {"complained": 1, "bounced:invalid recipient": 1}
    assert "complained" in anywhere.counts()["gmail"] and "complained" not in anywhere.counts()["other"]


@pytest.mark.parametrize(
    "suppress",
    [
        "now",
        "never",
        "after",
        "after is off",
        "after 1 of 3 times and 0 of 14 days",
        "after 3 of 3 times and 20 of 14 days: now",
    ],
)
def test_a_late_bounce_counts_whatever_follows_from_it(post: Post, suppress: str) -> None:
    (delivery,) = post.mail()
    post.tried([delivery])
    post.came_back(delivery, f"bounce: mailbox full, blame recipient, suppress {suppress}: 552 5.2.2 over quota")
    post.gather()
    assert post.counts()["gmail"]["bounced:mailbox full"] == 1


def test_whoever_leaves_counts_once_for_the_last_mail_they_were_sent(anywhere: Post) -> None:
    (delivery,) = anywhere.mail()
    anywhere.tried([delivery])

    def leaves(tx: Tx) -> None:
        row = tx.one("SELECT message_id FROM delivery WHERE id = ?", (delivery,))
        assert row is not None
        tx.execute(
            "INSERT INTO sending (message_id, flow, step, contact_id, occurrence, template) VALUES (?,?,?,?,1,?)",
            (row[0], "f", "s", 7, ""),
        )
        for name in ("list.left", "list.left", "mail.unsubscribed"):
            tx.insert(
                "INSERT INTO event (name, contact_id, source, at_ms, key, data, matched) VALUES (?,?,?,?,'','{}',0)",
                (name, 7, "engine", to_ms(NOON) + 60_000),
            )
        tx.insert(
            "INSERT INTO event (name, contact_id, source, at_ms, key, data, matched) VALUES (?,?,?,?,'','{}',0)",
            ("list.left", 8, "engine", to_ms(NOON)),
        )

    anywhere.store.write_now(leaves)
    anywhere.gather()
    assert anywhere.counts()["gmail"]["unsubscribed"] == 1


def test_a_sender_who_writes_any_domain_does_not_fill_the_table(post: Post) -> None:
    for number in range(MOST_DOMAINS + 20):
        post.tried(post.mail(1, f"x@d{number}.example"))
    post.gather()
    found = post.counts("domain")
    assert len(found) == MOST_DOMAINS + 1
    assert found[OTHER]["sent"] == 20


def test_days_are_kept_for_their_time(anywhere: Post) -> None:
    anywhere.tried(anywhere.mail())
    anywhere.clock.advance(timedelta(days=3))
    anywhere.tried(anywhere.mail())
    anywhere.gather()
    before = NOON + timedelta(days=1)
    assert anywhere.store.read_now(lambda tx: gathering.has_old(tx, before))
    anywhere.store.write_now(lambda tx: gathering.drop_old(tx, before))
    assert not anywhere.store.read_now(lambda tx: gathering.has_old(tx, before))
    assert anywhere.counts()["gmail"]["sent"] == 1


# -- alarms


def test_an_alarm_says_what_was_said_is_told_of_once_and_ends(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "posthouse.reputation")
    post.tried(post.mail(300))
    post.gather()
    post.watch()
    assert post.watcher.now_standing == ()
    refused = post.mail(20)
    post.tried(refused, "failed", BLOCKED, stage="mail", rule="blocklist", source="")
    post.gather()
    for _ in range(3):
        post.watch()
    (alarm,) = post.watcher.now_standing
    assert alarm.subject.rule == "blocked" and alarm.level.word == "alarm"
    assert (alarm.count, alarm.of) == (20, 320)
    assert alarm.words == (
        "blocked (6.25 %, 20 of 320, threshold 5 %) for mail from default at gmail: 550 5.7.1 Service unavailable; client"
        " host [192.0.2.1] blocked using zen.spamhaus.org [blocklist]"
    )
    assert [each.message for each in caplog.records] == ["reputation alarm"]
    assert control.alerts(post.watcher)[0].glyph == "!"
    post.tried(post.mail(150))
    post.gather()
    post.watch()
    assert post.watcher.now_standing[0].level.word == "alarm", "4.3 % is not well below 5 %"
    post.clock.advance(timedelta(days=2))
    post.watch()
    assert post.watcher.now_standing == ()
    assert [each.message for each in caplog.records] == ["reputation alarm", "reputation alarm is over"]
    (kept,) = post.store.read_now(lambda tx: alarms.history(tx, NOON, 9))
    assert kept.ended is not None


def test_a_restart_tells_of_no_alarm_again(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    post.tried(post.mail(300))
    post.tried(post.mail(30), "failed", NO_USER, stage="rcpt", rule="no-such-user")
    post.gather()
    post.watch()
    assert [each.subject.rule for each in post.watcher.now_standing] == ["hard bounces"]
    caplog.clear()
    again = Watcher(ReputationSettings(), frozenset())
    post.watch(again)
    post.watch(again)
    assert again.now_standing == post.watcher.now_standing
    assert not caplog.records


def test_two_front_offices_raise_one_alarm(anywhere: Post) -> None:
    anywhere.tried(anywhere.mail(300))
    anywhere.tried(anywhere.mail(30), "failed", NO_USER, stage="rcpt")
    anywhere.gather()
    other = Watcher(ReputationSettings(), frozenset())
    assert anywhere.store.read_now(lambda tx: other.is_due(tx, anywhere.clock.now()))
    anywhere.watch()
    anywhere.store.write_now(lambda tx: other.do(tx, anywhere.clock.now()))
    assert len(anywhere.store.read_now(alarms.standing)) == 1


def test_a_warning_that_gets_worse_is_one_alarm(post: Post) -> None:
    post.tried(post.mail(970))
    post.tried(post.mail(30), "failed", NO_USER, stage="rcpt")
    post.gather()
    post.watch()
    assert [each.level.word for each in post.watcher.now_standing] == ["warn"]
    post.tried(post.mail(40), "failed", NO_USER, stage="rcpt")
    post.gather()
    post.watch()
    assert [each.level.word for each in post.watcher.now_standing] == ["alarm"]


def test_tls_that_a_provider_stops_to_speak_is_an_alarm(post: Post) -> None:
    for _ in range(5):
        post.tried(post.mail(60))
        post.clock.advance(timedelta(days=1))
    post.clock.advance(timedelta(days=2))
    post.tried(post.mail(250), tls="")
    post.gather()
    post.watch()
    (alarm,) = post.watcher.now_standing
    assert (alarm.subject.rule, alarm.subject.provider, alarm.figure) == ("TLS drop", "gmail", 1.0)


def test_our_own_mail_that_fails_dmarc_is_an_alarm_and_a_forger_s_is_not(anywhere: Post) -> None:
    def reported(tx: Tx) -> None:
        number = tx.insert(
            "INSERT INTO received_report (kind, org, report_id, domain, begin_ms, end_ms, total, failed, details, at_ms)"
            " VALUES (?,?,?,?,?,?,?,?,?,?)",
            ("dmarc-aggregate", "x", "1", "shop.example", 0, 0, 1000, 900, "{}", to_ms(anywhere.clock.now())),
        )
        for ip, dkim, count in (("192.0.2.1", "pass", 270), ("192.0.2.1", "fail", 30), ("203.0.113.9", "fail", 700)):
            tx.insert(
                "INSERT INTO reported_sender (report, source_ip, header_from, dkim, spf, disposition, count)"
                " VALUES (?,?,?,?,?,?,?)",
                (number, ip, "shop.example", dkim, "fail", "none", count),
            )

    anywhere.store.write_now(reported)
    shares = anywhere.store.read_now(lambda tx: beside.dmarc(tx, NOON - timedelta(days=1), frozenset()))
    assert (shares["shop.example"].count, shares["shop.example"].of) == (30, 300)
    anywhere.watch()
    assert [(each.subject.rule, each.level.word) for each in anywhere.watcher.now_standing] == [("DMARC fails", "warn")]


def examined(verdict: Verdict, says: str = "192.0.2.1 is listed by bl.example") -> Report:
    finding = Finding("block.address", "", verdict, "No address is listed", says, "RFC 5782", ("127.0.0.2",))
    return Report(NOON, ("shop.example",), (finding,))


def test_a_listing_is_an_alarm_and_a_list_that_is_silent_ends_none(post: Post) -> None:
    for verdict, stands in (
        (Verdict.UNKNOWN, False), (Verdict.PASS, False), (Verdict.FAIL, True), (Verdict.UNKNOWN, True), (Verdict.PASS, False),
    ):  # fmt: skip
        post.store.write_now(lambda tx, verdict=verdict: keep(tx, examined(verdict)))  # type: ignore[misc]
        post.watch()
        assert bool(post.watcher.now_standing) is stands, verdict
        if stands:
            assert post.watcher.now_standing[0].words == (
                "blocklists (listed) for mail: 192.0.2.1 is listed by bl.example 127.0.0.2 [block.address]"
            )
    post.store.write_now(lambda tx: keep(tx, examined(Verdict.FAIL)))
    assert post.store.read_now(lambda tx: listings.share(tx)).count == 1


def test_whoever_is_erased_is_in_no_reply_that_is_shown(anywhere: Post) -> None:
    deliveries = anywhere.mail(30)
    anywhere.tried(anywhere.mail(200))
    anywhere.tried(deliveries, "failed", "550 5.1.1 Ann Archer left us", stage="rcpt", rule="no-such-user")
    anywhere.gather()
    anywhere.watch()
    assert "Ann Archer" in anywhere.watcher.now_standing[0].words
    anywhere.store.write_now(lambda tx: forgetting.forget(tx, deliveries))
    anywhere.watch()
    assert "Ann Archer" not in anywhere.watcher.now_standing[0].words
    assert not anywhere.store.read_now(lambda tx: reading.said(tx, About(), 0, 9))
    assert anywhere.counts()["gmail"]["bounced:invalid recipient"] == 30


# -- what is asked


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[House, Post]]:
    post = Post(tmp_path)
    (tmp_path / "secret").write_bytes(SECRET)
    config = parse(f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{tmp_path}"\n')
    yield House.build(config, post.store, post.clock, FakeChance()), post
    post.store.close()


async def asked(house: House, **words: Any) -> ReputationAnswer:
    return await control.show(house, Asked(words))


async def test_the_answer_has_every_figure_and_the_index_with_its_parts(house: tuple[House, Post]) -> None:
    built, post = house
    post.tried(post.mail(300))
    post.tried(post.mail(6), "failed", NO_USER, stage="rcpt", rule="no-such-user", host="mx.small.example")
    post.gather()
    found = await asked(built, rows="1")
    assert (found.about, found.total.sent, found.total.accepted, found.total.hard) == ("", 306, 300, 6)
    assert found.index == 91 and [each.name for each in found.parts][:2] == ["complaints", "hard bounces"]
    assert (found.total.tls, found.total.took_s) == (1.0, 1)
    assert [(each.kind, each.name) for each in found.groups] == [
        ("provider", "gmail"), ("provider", "other"), ("source", "default"), ("domain", "shop.example"),
        ("stream", "marketing"),
    ]  # fmt: skip
    assert len(found.by_day) == 30 and found.by_day[-1].sent == 306
    assert [(each.day, each.provider, each.counts["sent"]) for each in found.rows] == [
        ("2026-03-02", "gmail", 300), ("2026-03-02", "other", 6),
    ]  # fmt: skip
    one = await asked(built, about="GMAIL", days="7")
    assert (one.about, one.total.sent, one.total.hard, len(one.by_day)) == ("provider gmail", 300, 0, 7)
    assert (await asked(built, about="source default")).total.sent == 306
    assert (await asked(built, about="marketing")).about == "stream marketing"
    with pytest.raises(Refusal) as refused:
        await asked(built, about="gmial")
    assert refused.value.remedy == "did you mean gmail?"


async def test_a_screen_of_eighty_columns_holds_it(
    house: tuple[House, Post], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built, post = house
    post.tried(post.mail(3000))
    post.tried(post.mail(60), "failed", BLOCKED, stage="mail", rule="blocklist")
    post.gather()
    post.watch()
    found = await asked(built)
    monkeypatch.setattr(command, "ask", lambda socket, question: found)
    command.app([], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "all mail, 30 days: index 9" in shown and "too few" not in shown
    strips = [line for line in shown.splitlines() if "▁" in line or "█" in line]
    assert [line.split()[0] for line in strips][:2] == ["sent", "deferred"]
    assert all(len(line) <= 80 for line in shown.splitlines() if "threshold" not in line)
    command.app(["--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["total"]["sent"] == 3060


async def test_nothing_sent_says_so(house: tuple[House, Post]) -> None:
    found = await asked(house[0])
    assert found.index is None and {each.why for each in found.parts} == {"too few to say (under 200)", "not known"}
    assert found.total.sent == 0 and found.groups == ()
