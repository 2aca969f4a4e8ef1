"""What it costs to write a mail: processor time of one, after the first; nobody waits for a disk or a network here.

The mail is `order-thanks` as it ships, with so many lines that it has 20 KiB; each reader has a name and an order of their
own. Rendered are subject, HTML (styles in its tags) and text; composed is the whole mail, with head, links and MIME.
"""

import time
from dataclasses import dataclass
from typing import Any, Final

from engine.proofs.samples import event_data, person
from engine.sending.compose import Composer
from engine.sending.plain import plain
from engine.sending.render import zone_named
from engine.sending.resources import Resources
from engine.sending.settings import MailSettings
from engine.system import SystemClock
from mta.queue.delivery import Stream

MAIL: Final = "order-thanks"
SIZE: Final = 20 * 1024
ROUNDS: Final = 5  # the best counts: whatever else ran made the others longer
MAILS: Final = 200
_STREAM: Final = Stream.TRANSACTIONAL


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of processor time for one mail, and its octets."""

    rendered_ms: float
    composed_ms: float
    octets: int


def measure(locale: str = "en") -> Cost:
    """The cost of one mail in this language."""
    composer = Composer(MailSettings(), Resources(), bytes(32), "https://mail.shop.example")
    lines = 1
    while len(_composed(composer, locale, 0, lines)) < SIZE:
        lines += 1
    rendered = min(_round(lambda at: _rendered(composer, locale, at, lines)) for _ in range(ROUNDS))
    composed = min(_round(lambda at: _composed(composer, locale, at, lines)) for _ in range(ROUNDS))
    return Cost(rendered, composed, len(_composed(composer, locale, 0, lines)))


def _round(work: Any) -> float:
    began = time.process_time()
    for at in range(MAILS):
        work(at)
    return (time.process_time() - began) * 1000 / MAILS


def _facts(locale: str, at: int, lines: int) -> tuple[dict[str, Any], dict[str, Any]]:
    order = event_data(locale, "order.placed")
    order |= {"number": f"BT-{at}", "lines": [order["lines"][each % 2] for each in range(lines)]}
    return {**person(locale), "id": at + 1, "name": f"Ann {at}"}, order


def _rendered(composer: Composer, locale: str, at: int, lines: int) -> None:
    contact, order = _facts(locale, at, lines)
    words = composer.texts.choose(locale, locale, f"mail.{MAIL}")
    seen = plain({"contact": contact, "event": order, "links": {}, "is_marketing": False, "subject": "x"})
    seen["data"] = seen["event"]
    zone = zone_named("", "UTC")
    for kind, block in (("txt", "subject"), ("html", ""), ("txt", "")):
        composer.renderer.render(
            f"mail/{MAIL}.{kind}.j2", seen, words=words, section=f"mail.{MAIL}", zone=zone, block=block
        )


def _composed(composer: Composer, locale: str, at: int, lines: int) -> bytes:
    contact, order = _facts(locale, at, lines)
    now = SystemClock().now()
    return composer.compose(MAIL, contact, {"event": order}, stream=_STREAM, now=now, octets=bytes(16)).content


def main() -> None:
    for locale in ("en", "he", "zh"):
        cost = measure(locale)
        print(
            f"{locale}: {cost.octets:,} octets, rendered in {cost.rendered_ms:.2f} ms, composed in {cost.composed_ms:.2f} ms"
        )


if __name__ == "__main__":
    main()
