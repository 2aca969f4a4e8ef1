"""A campaign to a million: how soon its first mail arrives, how much memory it takes, how fast it goes, how soon it stops.

`python -m bench.campaign FOLDER COUNT` is this alone. The daemon runs as it is shipped, with a sink as its smart host; the
people are on one list, at five thousand domains, none of them known to shaping.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench.keys import make_key
from bench.processes import private_mib
from bench.seeding import opened
from bench.sinks import Sink
from bench.targets import Posthouse, end_politely
from engine.audience import lists
from engine.control.client import Control
from engine.control.place import configured
from engine.control.protocol.campaigns import CampaignShown
from engine.system import SystemClock
from mta.ports import Tx, to_ms

CHUNK: Final = 5_000  # contacts in one transaction of the seeding
DOMAINS: Final = 5_000
LOOK_SECONDS: Final = 0.01
WATCHED_SECONDS: Final = 20.0  # at least, and until everybody was found ...
MOST_SECONDS: Final = 180.0  # ... but no longer
CAMPAIGN: Final = """
name: news
goal: {event: order.placed, within: 7d}
audience: {lists: [news]}
template: newsletter
subject: Spring is here, {{ contact.name }}
content:
  en:
    heading: Spring is here
    paragraphs: [The first harvest has come in., "We kept some for you, {{ contact.name }}."]
    button: {text: See the harvest, url: "https://shop.example/spring"}
"""


@dataclass(frozen=True, slots=True)
class Mailing:
    """What a campaign to so many came to."""

    people: int
    first_seconds: float  # from the command to the first mail at its recipient's host
    found_seconds: float  # until everybody of the audience was found; 0 where that was not seen
    private_mib: float  # of the largest process, meanwhile
    rate: float  # mails a second that arrived while it was watched
    stop_seconds: float  # from the command until the last mail arrived


class CampaignHouse(Posthouse):
    """A Posthouse with so many readers."""

    name = "posthouse-campaign"
    people = 0

    def seed(self) -> None:
        now = SystemClock().now()
        with opened(self.config) as store:
            news = store.write_now(lambda tx: lists.create(tx, "news", title="News", purpose="News.", now=now)).id
            for start in range(1, self.people + 1, CHUNK):
                numbers = range(start, min(start + CHUNK, self.people + 1))
                store.write_now(lambda tx, numbers=numbers: _join(tx, numbers, news, to_ms(now)))  # type: ignore[misc]


def measure(folder: Path, key: Path, people: int = 1_000_000) -> Mailing:
    """Seed, start, watch, stop."""
    kind = type("House", (CampaignHouse,), {"people": people})
    folder.mkdir(parents=True, exist_ok=True)
    with Sink(folder) as sink, kind(folder / "campaign", key, sink.port) as house:
        control = Control(configured(house.config), patience=60)
        began = time.monotonic()
        control.post("/v1/campaigns/start", {"source": CAMPAIGN, "by": "bench", "override": "measured"})
        while not sink.count():
            time.sleep(LOOK_SECONDS)
        first = time.monotonic() - began
        found, largest = _watch(house, control, began)
        rate = sink.count() / (time.monotonic() - began)
        stopped = time.monotonic()
        control.post("/v1/campaigns/stop", {"campaign": "news", "by": "bench"})
        return Mailing(people, first, found, largest, rate, _quiet_since(sink, stopped))


def _watch(house: Posthouse, control: Control, began: float) -> tuple[float, float]:
    """(seconds until everybody was found, the largest memory of a process)."""
    found = largest = 0.0
    while (passed := time.monotonic() - began) < WATCHED_SECONDS or (not found and passed < MOST_SECONDS):
        largest = max(largest, *private_mib(house.pids()))
        if not found and control.get(CampaignShown, "/v1/campaigns/news").runs[0].is_resolved:
            found = passed
        time.sleep(0.2)
    return found, largest


def _quiet_since(sink: Sink, stopped: float) -> float:
    """Seconds from the command until the last mail came: seen once none has come for three seconds."""
    count, last = sink.count(), stopped
    while time.monotonic() - last < 3:
        time.sleep(LOOK_SECONDS)
        if sink.count() != count:
            count, last = sink.count(), time.monotonic()
    return last - stopped


def _join(tx: Tx, numbers: range, list_id: int, now_ms: int) -> None:
    tx.executemany(
        "INSERT INTO contact (id, key, address, name, locale, zone, fields, created_ms, orders, spent)"
        " VALUES (?,?,?,?,'en','','{}',?,0,0)",
        [(each, _address(each), _address(each), f"Person {each}", now_ms) for each in numbers],
    )
    tx.executemany(
        "INSERT INTO subscription (contact_id, list_id, state, source, asked_ms, confirmed_ms)"
        " VALUES (?,?,'confirmed','form',?,?)",
        [(each, list_id, now_ms, now_ms) for each in numbers],
    )


def _address(number: int) -> str:
    return f"c{number}@d{number % DOMAINS}.example"


def main() -> int:
    end_politely()
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    print(json.dumps(asdict(measure(folder, make_key(folder), int(sys.argv[2])))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
