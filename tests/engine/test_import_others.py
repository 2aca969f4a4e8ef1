"""What others export: Mailchimp's archive, listmonk's CSV and the dump of its database, with all that they know of consent."""

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from clock import NOON
from exchange_desk import Desk
from mail_shop import Asker, Place

from deliverability.address import Address
from engine.audience import dossier, subscriptions, unconfirmed
from engine.audience.consent import Answer
from engine.audience.contacts import find_contact
from engine.audience.lists import ListError
from engine.exchange.rows import NoTable
from mta.ports import from_ms

COMMON = ("MEMBER_RATING", "OPTIN_TIME", "OPTIN_IP", "CONFIRM_TIME", "CONFIRM_IP", "TIMEZONE", "CC", "REGION")
IDS = ("LEID", "EUID", "NOTES", "TAGS")
OPTIN = ("5", "2024-01-01 09:00:00", "192.0.2.10", "2024-01-01 09:05:00", "192.0.2.11", "Europe/Berlin", "DE", "BE")


@pytest.fixture
def desk(place: Place, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(place, tmp_path)
    yield desk
    desk.store.close()


def mailchimp(folder: Path, **files: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> Path:
    path = folder / "audience_export_1a2b.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for kind, (header, *rows) in files.items():
            text = io.StringIO()
            csv.writer(text).writerows([header, *rows])
            archive.writestr(f"{kind}_email_audience_export_1a2b.csv", text.getvalue())
    return path


def whole(folder: Path) -> Path:
    name = ("Email Address", "First Name", "Last Name", "City", "Birthday")
    return mailchimp(
        folder,
        subscribed=[
            (*name, *COMMON, "LAST_CHANGED", *IDS),
            (
                "ann@example.org",
                "Ann",
                "Archer",
                "Haifa",
                "03/31",
                *OPTIN,
                "2024-02-01 10:00:00",
                "1",
                "e1",
                "",
                '"VIP","tea"',
            ),
            ("not-an-address", "X", "", "", "", *OPTIN, "", "2", "e2", "", ""),
        ],
        unsubscribed=[
            (
                *name,
                *COMMON,
                "UNSUB_TIME",
                "UNSUB_CAMPAIGN_TITLE",
                "UNSUB_CAMPAIGN_ID",
                "UNSUB_REASON",
                "UNSUB_REASON_OTHER",
                *IDS,
            ),
            (
                "bob@example.org",
                "Bob",
                "Baker",
                "",
                "",
                *OPTIN,
                "2024-03-01 08:00:00",
                "Spring",
                "c1",
                "NORMAL",
                "",
                "3",
                "e3",
                "",
                "",
            ),
            (
                "eve@example.org",
                "Eve",
                "",
                "",
                "",
                *OPTIN,
                "2024-03-02 08:00:00",
                "Spring",
                "c1",
                "ABUSE",
                "",
                "4",
                "e4",
                "",
                "",
            ),
        ],
        cleaned=[
            (*name, *COMMON, "CLEAN_TIME", "CLEAN_CAMPAIGN_TITLE", "CLEAN_CAMPAIGN_ID", *IDS),
            ("cy@example.org", "Cy", "", "", "", *OPTIN, "2024-04-01 08:00:00", "May", "c2", "5", "e5", "", ""),
        ],
        nonsubscribed=[
            (*name, *COMMON, "LAST_CHANGED", *IDS),
            ("di@example.org", "Di", "", "", "", *OPTIN, "", "6", "e6", "", ""),
        ],
    )  # type: ignore[arg-type]  # rows of differing length


def test_mailchimp_s_archive_brings_who_stands_where_and_since_when(desk: Desk) -> None:
    path = whole(desk.folder)
    done = desk.take(path)
    assert (done.taken, done.refused) == (5, 1)
    assert desk.standings() == [
        ("ann@example.org", "tea", "confirmed", "import 1"),
        ("bob@example.org", "tea", "unsubscribed", "import 1"),
        ("eve@example.org", "tea", "unsubscribed", "import 1"),
    ]
    ann = next(each for each in desk.contacts() if each["address"] == "ann@example.org")
    assert (ann["name"], ann["city"], ann["birthday"], ann["zone"]) == (
        "Ann Archer",
        "Haifa",
        "--03-31",
        "Europe/Berlin",
    )
    assert desk.rows("SELECT tag FROM tag ORDER BY tag") == [("tea",), ("vip",)]
    ((asked, confirmed),) = desk.rows("SELECT asked_ms, confirmed_ms FROM subscription WHERE state = 'confirmed'")
    assert (from_ms(asked).isoformat(), from_ms(confirmed).isoformat()) == (
        "2024-01-01T09:00:00+00:00", "2024-01-01T09:05:00+00:00",
    )  # fmt: skip
    assert desk.rows("SELECT key, reason, source FROM suppression ORDER BY key") == [
        ("cy@example.org", "hard bounce", "import"), ("eve@example.org", "complaint", "import"),
    ]  # fmt: skip
    assert "not-an-address" in desk.quarantined(path)


def test_rows_of_an_archive_are_quarantined_file_by_file_and_can_be_mended(desk: Desk) -> None:
    path = whole(desk.folder)
    desk.take(path)
    (kept,) = (desk.folder / f"{path.name}.quarantine").iterdir()
    assert kept.name == "subscribed_email_audience_export_1a2b.csv"
    kept.write_text(kept.read_text("utf-8").replace("not-an-address", "mended@example.org"), "utf-8")
    assert desk.take(kept).taken == 1
    assert ("mended@example.org", "tea", "confirmed", "import 2") in desk.standings()


def imported(desk: Desk, address: str) -> dict[str, object]:
    contact = desk.store.read_now(lambda tx: find_contact(tx, Address.parse(address)))
    assert contact is not None
    (row,) = desk.store.read_now(lambda tx: dossier.export(tx, contact))["imports"]
    return dict(row)


def test_consent_dates_of_mailchimp_are_in_the_ledger(desk: Desk) -> None:
    desk.take(whole(desk.folder))
    ann, bob = imported(desk, "ann@example.org"), imported(desk, "bob@example.org")
    assert (ann["asked"], ann["asked_ip"]) == ("2024-01-01T09:00:00+00:00", "192.0.2.10")
    assert (ann["confirmed"], ann["confirmed_ip"]) == ("2024-01-01T09:05:00+00:00", "192.0.2.11")
    assert (bob["left"], bob["why"], bob["lists"]) == ("2024-03-01 08:00:00", "NORMAL, Spring", {"tea": "unsubscribed"})
    assert imported(desk, "cy@example.org")["cleaned"] == "2024-04-01 08:00:00"
    assert imported(desk, "eve@example.org")["suppressed"] == ["complaint"]
    assert [ann["kept"], bob["kept"]] == [{"tea": "confirmed"}, {"tea": "unsubscribed"}]


@pytest.mark.parametrize(("day", "state"), [(-1000, "unsubscribed"), (0, "confirmed")])
def test_who_left_at_mailchimp_leaves_here_unless_they_said_yes_later(desk: Desk, day: int, state: str) -> None:
    from datetime import timedelta

    bob, asker, answer = Address.parse("bob@example.org"), Asker(), Answer("Yes", salt=b"x" * 32)
    now = NOON + timedelta(days=day)
    asked = desk.store.write_now(lambda tx: subscriptions.subscribe(tx, "tea", bob, answer=answer, ask=asker, now=now))
    ids = (asked.contact_id, asked.list_id, asker.asked[0].asked_ms)
    desk.store.write_now(lambda tx: subscriptions.confirm(tx, *ids, answer=answer, now=now))
    desk.take(whole(desk.folder))
    assert next(each[2] for each in desk.standings() if each[0] == "bob@example.org") == state


def test_one_file_of_mailchimp_s_is_known_by_its_name(desk: Desk) -> None:
    with zipfile.ZipFile(whole(desk.folder)) as archive:
        archive.extractall(desk.folder)
    assert desk.take(desk.folder / "cleaned_email_audience_export_1a2b.csv").taken == 1
    assert desk.rows("SELECT key FROM suppression") == [("cy@example.org",)]
    renamed = desk.folder / "people.csv"
    (desk.folder / "cleaned_email_audience_export_1a2b.csv").rename(renamed)
    with pytest.raises(NoTable, match="does not say which"):
        desk.take(renamed, kind="mailchimp", again=True)


# -- listmonk

CSV = (
    "uuid,email,name,attributes,status,created_at,updated_at\n"
    'u1,ann@example.org,Ann,"{""city"": ""Haifa"", ""shoe_size"": 38, ""more"": {}}",enabled,2023-05-01T10:00:00.5Z,\n'
    "u2,bob@example.org,Bob,{},blocklisted,2023-05-02T10:00:00Z,\n"
    "u3,cy@example.org,Cy,{},disabled,2023-05-02T10:00:00Z,\n"
    "u4,di@example.org,Di,{no,enabled,2023-05-02T10:00:00Z,\n"
)

DUMP = """\
--
-- PostgreSQL database dump
--
SET client_encoding = 'UTF8';
CREATE TABLE public.subscribers (
);
COPY public.bounces (id, subscriber_id, campaign_id, type, source, meta, created_at) FROM stdin;
1\t3\t1\thard\tsmtp\t{}\t2023-07-01 10:00:00+00
2\t1\t1\tsoft\tsmtp\t{}\t2023-07-01 10:00:00+00
\\.
COPY public.lists (id, uuid, name, type, optin, status, tags, description, created_at, updated_at) FROM stdin;
1\tu\tTea Letters\tpublic\tdouble\tactive\t{}\t\t2022-01-01 00:00:00+00\t2022-01-01 00:00:00+00
2\tu\tnews\tpublic\tsingle\tactive\t{}\t\t2022-01-01 00:00:00+00\t2022-01-01 00:00:00+00
\\.
COPY public.settings (key, value) FROM stdin;
secret\t"x"
\\.
COPY public.subscriber_lists (subscriber_id, list_id, meta, status, created_at, updated_at) FROM stdin;
1\t1\t{}\tconfirmed\t2023-05-01 10:00:00+02\t2023-05-03 10:00:00+00
1\t2\t{}\tunsubscribed\t2023-05-01 10:00:00+00\t2023-06-03 10:00:00+00
2\t1\t{}\tunconfirmed\t2023-05-01 10:00:00+00\t2023-05-01 10:00:00+00
3\t1\t{}\tconfirmed\t2023-05-01 10:00:00+00\t2023-05-01 10:00:00+00
4\t2\t{}\tconfirmed\t2023-05-01 10:00:00+00\t2023-05-01 10:00:00+00
\\.
COPY public.subscribers (id, uuid, email, name, attribs, status, created_at, updated_at) FROM stdin;
1\tu1\tann@example.org\tAnn \\\\ Archer\t{"city": "Haifa"}\tenabled\t2023-05-01 09:00:00.123+00\t2023-05-01 09:00:00+00
2\tu2\tbob@example.org\tBob\t{}\tenabled\t2023-05-01 09:00:00+00\t2023-05-01 09:00:00+00
3\tu3\tcy@example.org\tCy\t{}\tenabled\t2023-05-01 09:00:00+00\t2023-05-01 09:00:00+00
4\tu4\tdi@example.org\tDi\t{}\tblocklisted\t2023-05-01 09:00:00+00\t2023-05-01 09:00:00+00
\\.
"""


def test_listmonk_s_csv_brings_attributes_and_its_blocklist(desk: Desk) -> None:
    path = desk.file(CSV, "subscribers.csv")
    done = desk.take(path)
    assert (done.taken, done.refused) == (3, 1)
    assert desk.standings() == [("ann@example.org", "tea", "confirmed", "import 1")]
    assert (desk.contacts()[0]["city"], desk.contacts()[0]["shoe_size"]) == ("Haifa", 38)
    assert desk.rows("SELECT key, reason FROM suppression") == [("bob@example.org", "unsubscribe")]
    assert "no JSON" in desk.quarantined(path)
    assert imported(desk, "ann@example.org")["asked"] == "2023-05-01T10:00:00+00:00"


def test_listmonk_s_dump_brings_every_list_with_its_states_and_bounces(desk: Desk) -> None:
    done = desk.take(desk.file(DUMP, "dump.sql"), lists=(), list_names={"Tea Letters": "tea"})
    assert (done.taken, done.refused) == (4, 0)
    assert desk.standings() == [
        ("ann@example.org", "news", "unsubscribed", "import 1"),
        ("ann@example.org", "tea", "confirmed", "import 1"),
        ("bob@example.org", "tea", "unconfirmed", "import 1"),
    ]
    ((asked, confirmed),) = desk.rows("SELECT asked_ms, confirmed_ms FROM subscription WHERE state = 'confirmed'")
    assert from_ms(asked).isoformat() == "2023-05-01T08:00:00+00:00"
    assert from_ms(confirmed).isoformat() == "2023-05-03T10:00:00+00:00"
    assert desk.rows("SELECT key, reason FROM suppression ORDER BY key") == [
        ("cy@example.org", "hard bounce"), ("di@example.org", "unsubscribe"),
    ]  # fmt: skip
    assert desk.contacts()[0]["name"] == "Ann \\ Archer"


def test_who_never_answered_elsewhere_does_not_wait_here_for_ever(desk: Desk) -> None:
    desk.take(desk.file(DUMP, "dump.sql"), lists=(), list_names={"Tea Letters": "tea"})

    reminded = []

    def settle(days: int) -> int:
        when = desk.clock.now() + timedelta(days=days)
        return desk.store.write_now(
            lambda tx: unconfirmed.settle(tx, when, lambda tx, who: reminded.append(who), b"s" * 32)
        )

    assert settle(6) == 0
    assert settle(8) == 1
    assert reminded == []
    assert ("bob@example.org", "tea", "unsubscribed", "import 1") in desk.standings()
    assert desk.rows("SELECT why FROM subscription WHERE state = 'unsubscribed' ORDER BY why") == [
        ("left",), ("not confirmed in time",),
    ]  # fmt: skip


def test_lists_of_listmonk_that_are_not_here_are_named_with_the_remedy(desk: Desk) -> None:
    with pytest.raises(ListError, match=r'"Tea Letters" \(`posthouse list create tea-letters`'):
        desk.take(desk.file(DUMP, "dump.sql"), lists=())


def test_a_csv_that_is_none_of_listmonk_s_is_refused(desk: Desk) -> None:
    with pytest.raises(NoTable, match="listmonk's CSV begins with"):
        desk.take(desk.file("email,name\nann@example.org,Ann\n"), kind="listmonk")


def test_another_database_s_dump_is_refused(desk: Desk) -> None:
    with pytest.raises(NoTable, match="no plain dump of listmonk"):
        desk.take(
            desk.file("--\n-- PostgreSQL database dump\n--\nCOPY public.x (a) FROM stdin;\n", "dump.sql"), lists=()
        )
