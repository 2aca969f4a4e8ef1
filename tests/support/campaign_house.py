"""A small Posthouse of campaigns: a real store, real templates, a clock that tests move, a keeper and some carriers."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from clock import FakeChance, FakeClock
from mail_shop import make_composer, make_list, open_store

from engine.campaigns import following, runs, stopping
from engine.campaigns.book import CampaignBook, store_campaign
from engine.campaigns.keeper import CampaignKeeper, plan_next
from engine.campaigns.model import Campaign
from engine.campaigns.moments import begins
from engine.campaigns.reading import check
from engine.campaigns.runs import NewRun, Run
from engine.campaigns.sender import Sender
from engine.sending.arbiter import Arbiter
from engine.sending.judging import Policy
from mta.ports import Tx, to_ms
from mta.queue import leasing, settling
from mta.queue.claiming import claim
from mta.queue.delivery import Event, State
from mta.queue.queue import Settled, Settlement
from mta.queue.settings import QueueSettings

NEWS = """
name: news
goal: {event: order.placed, within: 7d}
audience: {lists: [tea]}
template: newsletter
subject: "Spring is here, {{ contact.name }}"
content:
  en: {heading: Spring, paragraphs: ["New teas have come."], button: {text: Look, url: "https://shop.example/new"}}
  he: {heading: אביב, paragraphs: ["הגיעו תה חדשים."]}
"""


class CampaignHouse:
    """Conversations: people join, a campaign starts, time passes; ask who got what."""

    def __init__(self, folder: Path, place: Path | str | None = None, carriers: int = 1, policy: Policy | None = None):
        self.clock = FakeClock()
        self.store = open_store(place or folder, self.clock)
        self.composer = make_composer(folder / "templates")
        self.arbiter = Arbiter(policy or Policy(), ZoneInfo("UTC"))
        self.book = CampaignBook()
        self.keeper = CampaignKeeper(self.store, self.clock, ZoneInfo("UTC"))
        self.owners = [self.register(f"carrier-{number + 1}") for number in range(carriers)]
        self.senders = [self.sender(owner) for owner in self.owners]
        self.list_id = self.store.write_now(make_list).id

    def register(self, name: str) -> int:
        def work(tx: Tx) -> int:
            return leasing.register(tx, name, 1, leasing.Host(*tx.lease_time()), self.clock.now())

        return self.store.write_now(work)

    def sender(self, owner: int) -> Sender:
        return Sender(
            self.store, self.composer, self.clock, FakeChance(owner), QueueSettings(), owner, arbiter=self.arbiter
        )

    # -- people

    def join(
        self, count: int, *, zone: str = "", locale: str = "en", name: str = "Ann", domain: str = "example.org"
    ) -> list[int]:
        """So many more are confirmed on the list; their numbers."""

        def work(tx: Tx) -> list[int]:
            found = []
            for _ in range(count):
                row = tx.one("SELECT COALESCE(max(id), 0) + 1 FROM contact")
                address = f"reader-{row[0] if row else 0}@{domain}"
                contact_id = tx.insert(
                    "INSERT INTO contact (key, address, name, locale, zone, fields, created_ms, orders, spent, opens,"
                    " clicks, replies, visits) VALUES (?,?,?,?,?,'{}',?,0,0,0,0,0,0)",
                    (address, address, name, locale, zone, to_ms(self.clock.now())),
                )
                tx.execute(
                    "INSERT INTO subscription (contact_id, list_id, state, source, asked_ms, confirmed_ms)"
                    " VALUES (?,?,'confirmed','form',?,?)",
                    (contact_id, self.list_id, to_ms(self.clock.now()), to_ms(self.clock.now())),
                )
                found.append(contact_id)
            return found

        return self.store.write_now(work)

    # -- campaigns

    def start(self, text: str = NEWS, *, occasion: str = "1") -> int:
        """Store a campaign and make its run, or note its calendar; the run's number (0 for a calendar)."""
        found = check(text, "campaign.yaml")
        assert isinstance(found, Campaign), [str(fault) for fault in found]
        now, zone = self.clock.now(), ZoneInfo("UTC")

        def work(tx: Tx) -> int:
            campaign_id, version_id = store_campaign(tx, found, text, now)
            if found.when.rrule:
                plan_next(tx, campaign_id, version_id, self.book, now, zone)
                return 0
            new = NewRun(occasion, begins(found.when, now, zone), found.when.at)
            return runs.create(tx, campaign_id, version_id, found, new, now) or 0

        return self.store.write_now(work)

    def run(self, run_id: int) -> Run:
        return self.store.read_now(lambda tx: runs.by_id(tx, run_id, self.book))

    async def settle(self) -> None:
        """Turn until nothing is left to do now."""
        for _ in range(2_000):
            busy = await self.keeper.turn()
            for sender in self.senders:
                busy |= await sender.turn()
            if not busy:
                return
        raise AssertionError("the keeper and the carriers find no rest")

    async def later(self, **duration: float) -> None:
        self.clock.advance(timedelta(**duration))
        await self.settle()

    def deliver(self, *, event: Event = Event.ACCEPTED, limit: int = 1_000, only: Sequence[str] = ()) -> int:
        """The other side answers everything that is queued (or what is for these domains); how many."""

        def work(tx: Tx) -> int:
            domains = [row[0] for row in tx.query("SELECT DISTINCT domain FROM delivery WHERE state = 0")]
            count = 0
            for domain in only or domains:
                now = self.clock.now()
                taken = claim(tx, domain, limit, self.owners[0], now, stopping.gate)
                self._follow(tx, taken.ended)
                for each in taken.taken:
                    assert settling.mark_dot(tx, each.delivery_id, self.owners[0])
                    came = Settlement(each.delivery_id, State.AT_THE_DOT, event, "250 ok", "dot", to_ms(now))
                    settled = settling.settle(tx, each, came, self.owners[0], now)
                    assert settled is not None
                    self._follow(tx, [settled])
                    count += 1
            return count

        return self.store.write_now(work)

    def _follow(self, tx: Tx, settled: Sequence[Settled]) -> None:
        for each in settled:
            following.settled(tx, each, self.clock.now())

    def hear(self, name: str, contact_id: int, **data: Any) -> None:
        """Somebody did something, and everybody looks at it."""
        event = following.Heard(name, contact_id, data, self.clock.now())
        self.store.write_now(lambda tx: following.heard(tx, [event]))

    # -- what was written

    def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        return self.store.read_now(lambda tx: tx.query(sql, params))

    def do(self, sql: str, *params: Any) -> None:
        self.store.write_now(lambda tx: tx.execute(sql, params))

    @property
    def mails(self) -> list[tuple[Any, ...]]:
        """(to, subject) of each mail that was written, in order."""
        return self.rows(
            "SELECT d.forward_path, m.subject FROM delivery d JOIN message m ON m.id = d.message_id ORDER BY d.id"
        )

    def states(self, run_id: int) -> dict[str, int]:
        """How many recipients stand where, counted one by one; the figures that are kept say the same."""
        counted = dict(
            self.rows("SELECT state, count(*) FROM campaign_recipient WHERE run_id = ? GROUP BY state", run_id)
        )
        kept = self.rows(
            "SELECT what, sum(people) FROM campaign_figure WHERE run_id = ? AND what NOT IN ('opened', 'clicked', 'ordered')"
            " GROUP BY what",
            run_id,
        )
        assert {what: int(people) for what, people in kept if people} == counted
        return counted

    def message_of(self, run_id: int, contact_id: int) -> int:
        return int(
            self.rows(
                "SELECT message_id FROM campaign_recipient WHERE run_id = ? AND contact_id = ?", run_id, contact_id
            )[0][0]
        )
