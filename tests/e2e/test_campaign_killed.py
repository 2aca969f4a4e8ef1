"""A campaign whose daemon is killed outright, again and again: nobody gets it twice, nobody is left out."""

from collections import Counter

import pytest
from house import Daemon
from house_sink import Sink

from engine.store.groups import GroupStore
from engine.store.opening import store_at
from engine.system import SystemClock
from mta.ports import Tx, to_ms

pytestmark = pytest.mark.e2e

READERS = 300
KILLS = 3
NEWS = """
name: news
goal: {event: order.placed, within: 7d}
audience: {lists: [news]}
template: newsletter
content: {en: {heading: Spring, paragraphs: ["New teas have come."]}}
late: {after: 2h, do: send}
"""


def join(store: GroupStore, count: int) -> None:
    """So many are confirmed on the list."""

    def work(tx: Tx) -> None:
        now = to_ms(SystemClock().now())
        row = tx.one("SELECT id FROM list WHERE name = 'news'")
        assert row is not None
        for number in range(1, count + 1):
            address = f"reader-{number}@d{number % 20}.example"
            tx.execute(
                "INSERT INTO contact (id, key, address, name, locale, zone, fields, created_ms, orders, spent)"
                " VALUES (?,?,?,'','en','','{}',?,0,0)",
                (number, address, address, now),
            )
            tx.execute(
                "INSERT INTO subscription (contact_id, list_id, state, source, asked_ms, confirmed_ms)"
                " VALUES (?,?,'confirmed','form',?,?)",
                (number, row[0], now, now),
            )

    store.write_now(work)


def test_a_campaign_that_is_killed_three_times_reaches_everybody_once(tmp_path) -> None:
    with Sink(tmp_path) as sink, Daemon(tmp_path, next_hop=sink.address) as daemon:
        daemon.act("lists", name="news", title="News", purpose="What is new.", confirmation="single")
        store = store_at(daemon.state / "posthouse.db", SystemClock()).open()
        join(store, READERS)
        store.close()
        daemon.act("campaigns/start", source=NEWS, by="ann", override="it is killed too")
        for kill in range(1, KILLS + 1):
            enough = kill * READERS // (KILLS + 2)
            daemon.until(lambda enough=enough: len(sink.mails()) >= enough)
            daemon.kill_all()
            daemon.restart()
        daemon.until(lambda: daemon.rows("SELECT state FROM campaign_run") == [("done",)])
        came = Counter(mail["to"] for mail in sink.mails())
        doubts = daemon.rows("SELECT count(*) FROM doubt")[0][0]
        states = Counter(dict(daemon.rows("SELECT state, count(*) FROM campaign_recipient GROUP BY state")))
        assert max(came.values()) == 1
        assert states == {"delivered": READERS}
        assert READERS - doubts <= len(came) <= READERS  # a doubt is assumed delivered: it may not have left
        assert daemon.audit().balances
