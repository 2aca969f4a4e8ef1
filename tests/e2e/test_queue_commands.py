"""The queue's commands and questions, over the control socket and as an operator types them.

Nothing listens where mail should go, so it waits; a sink takes what is redirected.
"""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from house import Daemon, free_port, hand_over, letter
from house_sink import Sink

from engine.control.client import ControlError
from engine.control.protocol.queue import MessageLife, Messages, Queue, Shape
from engine.control.protocol.shaping import Why, WhyMessage

pytestmark = pytest.mark.e2e

PATIENT = {"retry": {"site": {"first": "1h", "ceiling": "2h"}}}  # one look at a dead hop, and nothing moves any more


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("queue")
    with Daemon(folder, next_hop=f"127.0.0.1:{free_port()}", settings=PATIENT) as daemon:
        with daemon.smtp() as smtp:
            for number in range(30):
                to = f"p{number}@{'a' if number % 3 else 'b'}.example"
                campaign = {"X_Posthouse_Campaign": "spring"} if number % 2 else {}
                hand_over(smtp, "app@shop.example", [to], letter(to, X_Posthouse_Stream="marketing", **campaign))
        daemon.until(lambda: daemon.rows("SELECT 1 FROM attempt"))
        until_at_rest(daemon)
        yield daemon
        assert daemon.audit().balances


def until_at_rest(daemon: Daemon, hop: str = "%") -> None:
    """Until a hop is known to be dead and nothing is on its way: then nothing moves any more."""
    daemon.until(
        lambda: daemon.rows(
            "SELECT 1 FROM site WHERE name LIKE ? AND retry_ms > 0"
            " AND NOT EXISTS (SELECT 1 FROM delivery WHERE state IN (1, 2))",
            f"transport:{hop}",
        )
    )


def queue(daemon: Daemon, **params: str | int) -> Queue:
    return daemon.control.get(Queue, "/v1/queue", params)


def messages(daemon: Daemon, **params: str | int) -> Messages:
    return daemon.control.get(Messages, "/v1/messages", params)


def typed(daemon: Daemon, *words: str) -> Any:
    done = daemon.command(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("domain", {"a.example": 20, "b.example": 10}),
        ("stream", {"marketing": 30}),
        ("campaign", {"": 15, "spring": 15}),
    ],
)
def test_the_queue_is_counted_by_what_is_asked_for(daemon: Daemon, by: str, names: dict[str, int]) -> None:
    found = queue(daemon, by=by)
    assert {row.site: row.queued + row.in_flight for row in found.sites} == names
    assert (found.by, found.total, found.deliveries) == (by, len(names), 30)


def test_all_domains_behind_one_hop_are_one_site(daemon: Daemon) -> None:
    def one_site() -> bool:
        rows = queue(daemon).sites
        return len(rows) == 1 and rows[0].domains == 2 and rows[0].site.startswith("transport:")

    daemon.until(one_site)
    assert [row["site"] for row in typed(daemon, "queue", "--by", "domain", "--sort", "name")["sites"]] == [
        "a.example", "b.example",
    ]  # fmt: skip


def test_the_picture_counts_each_age_and_all(daemon: Daemon) -> None:
    found = daemon.control.get(Shape, "/v1/queue/shape", {"by": "domain"})
    assert (found.all.total, found.minutes[0]) == (30, 5)
    assert {row.name: row.total for row in found.rows} == {"a.example": 20, "b.example": 10}
    assert all(sum(row.counts) == row.total for row in found.rows)
    assert typed(daemon, "queue", "shape", "--limit", "1")["rows"][0]["name"] == "a.example"
    assert "1280+" in daemon.command("queue", "shape").stdout


def test_lists_are_filtered_sorted_and_paged(daemon: Daemon) -> None:
    first = messages(daemon, domain="a.example", sort="oldest", limit=15)
    rest = messages(daemon, domain="a.example", sort="oldest", limit=15, after=first.after)
    numbers = [row.delivery_id for row in (*first.rows, *rest.rows)]
    assert (len(first.rows), len(rest.rows), first.total, rest.after) == (15, 5, 20, "")
    assert numbers == sorted(numbers) and len(set(numbers)) == 20
    assert {row.campaign for row in messages(daemon, campaign="spring").rows} == {"spring"}
    assert messages(daemon, older="1h").rows == ()
    assert len(typed(daemon, "queue", "messages", "--find", "P7@")["rows"]) == 1


@pytest.mark.parametrize(
    "params",
    [{"sort": "size"}, {"state": "lost"}, {"stream": "loud"}, {"after": "1;2"}, {"limit": "many"}, {"older": "2 dyas"}],
)
def test_a_question_that_makes_no_sense_is_told_why(daemon: Daemon, params: dict[str, str]) -> None:
    with pytest.raises(ControlError) as told:
        messages(daemon, **params)
    assert next(iter(params)) in str(told.value) or params.get("state", "-") in str(told.value)


def test_a_total_that_was_not_counted_says_so_and_a_life_has_all_its_columns(daemon: Daemon) -> None:
    page = messages(daemon, q="example", limit=3)
    assert (len(page.rows), page.total, page.exact) == (3, 3, False)
    whole = messages(daemon, q="example", limit=100)
    assert (len(whole.rows), whole.total, whole.exact) == (30, 30, True)
    assert messages(daemon, domain="a.example", limit=3).exact
    [delivery] = daemon.control.get(MessageLife, "/v1/messages/1").deliveries
    assert delivery.domain == "b.example" and delivery.expires_ms > delivery.created_ms


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("shaping", "suspend", "gmial", "--provider", "--why", "x"), "did you mean gmail?"),
        (("credential", "add", "small", "--max-size", "0"), '"0" lets no message through'),
    ],
)
def test_what_can_never_do_anything_is_refused(daemon: Daemon, words: tuple[str, ...], said: str) -> None:
    done = daemon.command(*words)
    assert done.returncode and said in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("queue", "--by", "foo"), ("queue", "--sort", "foo"), ("queue", "hold", "--older", "foo"), ("queue", "hold"),
        ("queue", "messages", "--state", "foo"), ("queue", "messages", "--due-within", "foo"),
        ("queue", "redirect", "1", "--to", "a b", "--why", "x"),
        ("shaping", "suspend", "a.example", "--for", "foo", "--why", "x"), ("lab", "advance", "foo"),
    ],
)  # fmt: skip
def test_what_was_typed_wrong_ends_with_2_and_in_the_words_of_the_options(
    daemon: Daemon, words: tuple[str, ...]
) -> None:
    done = daemon.command(*words)
    assert done.returncode == 2 and "due_within" not in done.stderr and ", q," not in done.stderr, done.stderr


def test_an_address_literal_has_both_its_brackets(daemon: Daemon) -> None:
    with daemon.smtp() as smtp:
        assert [smtp.docmd("EHLO", name)[0] for name in ("[1.2.3.4", "1.2.3.4]", "[1.2.3.4]")] == [501, 501, 250]


def refused(daemon: Daemon, method: str, path: str, body: bytes = b"") -> tuple[int, str]:
    """Status and words of a request that a program of somebody's own makes."""
    with socket.socket(socket.AF_UNIX) as plain:
        plain.settimeout(60)
        plain.connect(daemon.control.socket_path)
        plain.sendall(f"{method} {path} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        head, _, said = b"".join(iter(lambda: plain.recv(65536), b"")).partition(b"\r\n\r\n")
    return int(head.split()[1]), said.decode()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "queue/cancel", {"domain": "a.example", "campain": "y"}, 400, "'campain' is not known here"),
        ("POST", "queue/cancel", {"domain": "a.example", "campain": "y"}, 400, "did you mean campaign?"),
        ("POST", "queue/cancel", {"domain": "a.example", "dry_run": "yes"}, 400, "dry_run is not true or false"),
        ("POST", "queue/hold", {"domain": "a.example", "dryrun": True}, 400, "did you mean dry_run?"),
        ("POST", "queue/redirect", {"domain": "a.example", "to": "x", "back": 1}, 400, "back is not true or false"),
        ("POST", "queue/hold", {"deliveries": ["1"]}, 400, "deliveries is not a list of numbers"),
        ("POST", "shaping/suspend", {"scope": "domain", "name": 5}, 400, "name is not a text"),
        ("POST", "suppression/add", {"address": "a@b.example", "marketing": "no"}, 400, "marketing is not true or false"),
        ("POST", "reload", {"now": True}, 400, "'now' is not known here"),
        ("POST", "reload?now=1", {}, 400, "'now' is not known here"),
        ("GET", "messages?nosuchfilter=1", {}, 400, "'nosuchfilter' is not known here"),
        ("GET", "messages?stat=held", {}, 400, "did you mean state?"),
        ("GET", "messages?state=held&state=queued", {}, 400, "state is said twice"),
        ("GET", "overview?by=x", {}, 400, "it takes none"),
        ("GET", "nope", {}, 404, "there is no /v1/nope"),
        ("GET", "reload", {}, 405, "takes POST"),
    ],
)  # fmt: skip
def test_what_a_request_does_not_know_is_refused_and_nothing_is_done(
    daemon: Daemon, method: str, path: str, body: dict[str, object], status: int, words: str
) -> None:
    asked = {"by": "ann", "why": "x", **body} if path.startswith("queue/") else body
    said = refused(daemon, method, f"/v1/{path}", json.dumps(asked).encode() if method == "POST" else b"")
    assert said[0] == status and words in said[1]
    assert daemon.open_count() == 30 and not daemon.rows("SELECT 1 FROM intervention")


def test_what_is_no_http_is_answered_and_leaves_no_trace_in_the_log(daemon: Daemon) -> None:
    for method, path in (
        ("GET", "/v1/overview HTTP/9.9\r\nbro ken"),
        ("GET", "/v1/hello HTTP/1.1\r\nContent-Length: x"),
    ):
        assert refused(daemon, method, path)[0] == 400
    assert "Traceback" not in daemon.log_tail() and "Error handling request" not in daemon.log_tail()


def test_nothing_is_changed_without_saying_what_and_why(daemon: Daemon) -> None:
    for body in (
        {"by": "ann", "why": "all of it"},
        {"by": "ann", "site": "a.example"},
        {"why": "x", "site": "a.example"},
    ):
        with pytest.raises(ControlError):
            daemon.act("queue/cancel", **body)
    assert daemon.open_count() == 30


def test_a_dry_run_says_how_many_and_changes_none(daemon: Daemon) -> None:
    said = typed(daemon, "queue", "cancel", "--campaign", "spring", "--why", "a test", "--dry-run")
    assert said["facts"]["would"] == 15 and "nothing was changed" in said["text"]
    assert daemon.open_count() == 30


def test_what_is_held_by_a_filter_is_released_by_it(daemon: Daemon) -> None:
    assert typed(daemon, "queue", "hold", "--domain", "b.example", "--why", "look first")["facts"]["changed"] == 10
    assert {row.site: row.held for row in queue(daemon, by="domain").sites} == {"a.example": 0, "b.example": 10}
    assert typed(daemon, "queue", "release", "--domain", "b.example")["facts"]["changed"] == 10
    life = daemon.command("message", str(messages(daemon, domain="b.example", limit=1).rows[0].message_id)).stdout
    assert "look first" in life and "released" in life


def test_a_message_that_waits_says_for_what_and_what_would_be_without_it(daemon: Daemon) -> None:
    number = messages(daemon, domain="b.example", limit=1).rows[0].message_id
    [told] = daemon.control.get(WhyMessage, f"/v1/messages/{number}/why").deliveries
    assert [wait.limit for wait in told.waits] == [
        "back-off"
    ] and told.what_if == "without back-off it could leave at once"
    daemon.act("shaping/suspend", scope="domain", name="b.example", why="a test", by="ann", **{"for": "2d"})
    try:
        [told] = daemon.control.get(WhyMessage, f"/v1/messages/{number}/why").deliveries
        assert [(wait.limit, wait.origin) for wait in told.waits] == [
            ("domain suspended", "ann"),
            ("back-off", "retry.site"),
        ]
        assert told.expires_first and "because of back-off" in told.what_if
        shown = daemon.command("why", str(number)).stdout
        assert "held by domain suspended: a test" in shown and "before it can leave" in shown
        assert daemon.control.get(Why, "/v1/why/b.example").limit == "domain suspended"
        found = queue(daemon, by="domain")
        held = {row.site: row.suspended_ms for row in found.sites if row.suspended_ms}
        assert list(held) == ["b.example"] and 0 < held["b.example"] - found.now_ms <= 2 * 86_400_000
        assert "  suspended; " in daemon.command("queue", "--by", "domain").stdout
    finally:
        daemon.act("shaping/resume", scope="domain", name="b.example", by="ann")
    assert not any(row.suspended_ms for row in queue(daemon, by="domain").sites)
    with pytest.raises(ControlError):
        daemon.control.get(WhyMessage, "/v1/messages/4711000/why")


def test_a_trace_tells_every_attempt_line_by_line_with_the_rule_that_judged_it(daemon: Daemon, tmp_path: Path) -> None:
    [(tried,)] = daemon.rows("SELECT d.message_id FROM attempt a JOIN delivery d ON d.id = a.delivery_id LIMIT 1")
    shown = daemon.command("trace", str(tried)).stdout
    assert "deferred" in shown and "Connection refused" in shown.replace("refused by", "")
    assert shown.index("accepted") < shown.index("deferred")


def test_redirected_mail_leaves_by_its_new_hop_and_what_is_taken_back_does_not(daemon: Daemon, tmp_path: Path) -> None:
    closed = f"127.0.0.1:{free_port()}"
    daemon.act("queue/redirect", by="ann", why="elsewhere", to=closed, domain="b.example")
    assert {row.site for row in queue(daemon, by="domain").sites} == {"a.example", f">{closed}"}
    until_at_rest(daemon, closed)
    daemon.act("queue/redirect", by="ann", why="not there", to=closed, back=True)
    assert {row.site for row in queue(daemon, by="domain").sites} == {"a.example", "b.example"}
    with Sink(tmp_path) as sink:
        words = ("redirect", "--domain", "b.example", "--to", sink.address, "--why", "their hop is down")
        assert typed(daemon, "queue", *words)["facts"]["changed"] == 10
        daemon.until(lambda: len(sink.mails()) == 10)
        assert {mail["to"].partition("@")[2] for mail in sink.mails()} == {"b.example"}
        # The sink writes a mail down, and answers then.
        daemon.until(lambda: {row.site for row in queue(daemon, by="domain").sites} == {"a.example"})
    life = daemon.control.get(
        MessageLife, f"/v1/messages/{messages(daemon, state='delivered', limit=1).rows[0].message_id}"
    )
    [delivered] = [moment for moment in life.moments if moment.what == "delivered"]
    assert re.fullmatch(r"(\w+ \d+ )+ms", " ".join(delivered.lines)), "the times of a success are kept in short"


def test_mail_is_not_redirected_to_ourselves(daemon: Daemon) -> None:
    where = f"127.0.0.1:{daemon.submission_port}"
    done = daemon.command("queue", "redirect", "--domain", "a.example", "--to", where, "--why", "a slip")
    assert done.returncode != 0
    assert f"{where} is our own door (submission.listen): mail would come back to us" in " ".join(done.stderr.split())
    assert {row.site for row in queue(daemon, by="domain").sites} == {"a.example"}


def test_what_is_cancelled_is_so_in_a_name_for_a_reason(daemon: Daemon) -> None:
    ended = typed(daemon, "queue", "cancel", "--site", queue(daemon).sites[0].site, "--why", "the wrong list")
    assert ended["facts"]["changed"] == 20
    assert daemon.open_count() == 0
    found = messages(daemon, state="cancelled")
    assert len(found.rows) == 20 and queue(daemon).sites == ()
    again = daemon.command("queue", "cancel", str(found.rows[0].delivery_id), "999999", "--why", "to be sure")
    assert again.returncode == 1
    assert f"0 of 2 deliveries cancelled ({found.rows[0].delivery_id} is cancelled; there is no 999999;" in again.stdout


def test_what_must_be_delivered_by_a_time_is_returned_or_told_of_then(daemon: Daemon) -> None:
    with daemon.smtp() as smtp:
        smtp.ehlo()
        assert smtp.has_extn("deliverby")
        for by, to in (("BY=120;R", "soon@c.example"), ("BY=120;N", "told@c.example")):
            assert smtp.mail("app@shop.example", [by])[0] == 250
            assert smtp.rcpt(to)[0] == 250 and smtp.data(letter(to))[0] == 250
        assert smtp.mail("app@shop.example", ["BY=0;R"]) == (501, b"5.5.4 BY must lie ahead for mode R")
    assert messages(daemon, domain="c.example", sort="expiry").rows[0].forward_path == "soon@c.example"
    daemon.advance("3m")
    daemon.until(lambda: [row.forward_path for row in messages(daemon, state="expired").rows] == ["soon@c.example"])

    def notices() -> dict[str, str]:
        rows = daemon.rows(
            "SELECT m.subject, b.content FROM message m JOIN body b ON b.message_id = m.id WHERE origin = 'dsn'"
        )
        return {subject: bytes(content).decode() for subject, content in rows}

    told = daemon.until(lambda: len(notices()) == 2 and notices())
    text = "".join(told.values())
    assert "Action: failed" in text and "Status: 5.4.7" in text and "soon@c.example" in text
    assert "Action: delayed" in text and "told@c.example" in text


def test_a_trace_says_what_of_a_mail_was_not_understood(daemon: Daemon) -> None:
    number = daemon.submit("dan@d.example", X_Posthouse_Evnt="order.placed")
    told = daemon.command("trace", str(number)).stdout
    assert "not understood" in told and 'X-Posthouse-Evnt is not known (did you mean "X-Posthouse-Event"?)' in told


# -- what is asked first


def test_why_an_address_tells_what_happened_and_what_to_ask_next(daemon: Daemon) -> None:
    with daemon.smtp() as smtp:
        hand_over(smtp, "app@shop.example", ["late@a.example"], letter("late@a.example"))
    waits = re.compile(r"^waits: delivery \d+, .*: posthouse why \d+$", re.MULTILINE)
    told = daemon.until(lambda: waits.search(said := daemon.command("why", "late@a.example").stdout) and said)
    assert "posthouse why-not late@a.example FLOW" in told
    assert "nothing is known of no@b.example" in daemon.command("why", "no@b.example").stdout
    assert daemon.command("why", "no@").returncode == 2


def test_a_page_that_is_not_the_last_says_how_to_go_on(daemon: Daemon) -> None:
    first = daemon.command("queue", "messages", "--limit", "2").stdout.splitlines()
    assert first[-1].startswith("more: the same with --after ")
    following = daemon.command(
        "queue", "messages", "--limit", "2", "--after", first[-1].split()[-1]
    ).stdout.splitlines()
    assert following[1].split()[0] != first[1].split()[0]
    assert "more: the same with --after " in daemon.command("journal", "--limit", "1").stdout


# -- how it is as a whole


def test_health_is_told_by_an_exit_status_and_figures_as_prometheus_reads_them(daemon: Daemon) -> None:
    done = daemon.command("health")
    said = (done.returncode, done.stdout.split()[0])
    assert said in ((0, "ok"), (1, "degraded"))  # the doctor may have looked by now
    text = daemon.command("metrics").stdout
    assert re.search(r"^posthouse_messages_accepted_total [1-9]\d", text, re.MULTILINE)
    nobody = daemon.command("health", "--socket", str(daemon.folder / "nobody.sock"))
    assert nobody.returncode == 2 and nobody.stderr.startswith("failing: no daemon")


def test_the_morning_s_report_is_printed_and_goes_to_whoever_operates(daemon: Daemon) -> None:
    said = daemon.command("report", "day").stdout
    assert said.startswith("Posthouse on mail.shop.example: ") and "What operators did in a day:" in said
    daemon.configure({"report": {"to": ["ann@a.example"]}})
    done = daemon.command("report", "day", "--mail")
    assert (done.returncode, done.stdout) == (0, "sent to ann@a.example\n"), done.stderr
    [row] = messages(daemon, q="Posthouse on mail.shop.example").rows
    assert row.forward_path == "ann@a.example"
    daemon.act("queue/cancel", deliveries=[row.delivery_id], by="ann", why="a test")
