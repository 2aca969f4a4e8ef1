"""What the janitor does beside the queue's own: things end, figures are gathered, what is old is let go."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from engine import forgetting
from engine.acts import keeping
from engine.audience import asking, figures, repeats, suppression, unconfirmed
from engine.audience.entered import Asker
from engine.catalogue import pairs, watching
from engine.config import Config
from engine.hooks import calls
from engine.house import House
from engine.intake import kept
from engine.janitor import Chore
from engine.reputation import gathering
from engine.reputation.alarms import Watcher
from engine.running import refilled, unread
from engine.running.moving import Mover
from engine.running.winners import Judge
from engine.sending import arbiter, judgements
from engine.sunset.teller import Teller
from engine.tracking import hits
from engine.web import bearer
from mta.ports import Tx
from mta.queue import cancelling

LIST_HOURS_KEPT: Final = timedelta(days=400)


class Ageing(Protocol):
    """A module that knows what of its own is older than a time."""

    def has_old(self, tx: Tx, before: datetime, /) -> bool: ...

    def drop_old(self, tx: Tx, before: datetime, /) -> object: ...


def chores(
    config: Callable[[], Config], house: Callable[[], House], watcher: Watcher, gatherer: gathering.Gatherer
) -> list[Chore]:
    """All of them, in their order. `config` and `house`: as they are when asked, since a reload changes them."""
    asker = Asker(lambda *when: house().ask_entered(*when))
    mover, teller, splits, returner = Mover(), Teller(config().tracking), Judge(), unread.Returner()
    forgetter = forgetting.Forgetter(lambda: config().queue.keep_history)
    return [
        Chore(suppression.has_expired, suppression.expire),
        Chore(cancelling.has_due, cancelling.end_due),
        Chore(watching.has_over, watching.end_over),
        Chore(watching.has_news, watching.tell_news),
        Chore(returner.is_due, returner.do),
        Chore(refilled.has_ready, refilled.let_go_on),
        Chore(pairs.has_orders, pairs.learn),
        Chore(asking.has_old, asking.drop_old),
        Chore(arbiter.has_old, arbiter.drop_old),
        Chore(judgements.has_old, judgements.drop_old),
        Chore(forgetter.is_due, forgetter.do),
        *(forgetting.of_log(each, lambda: config().queue.keep_history) for each in forgetting.LOGS),
        _let_go(keeping, lambda: config().daemon.keep_acts),
        _let_go(calls, lambda: config().hooks.keep),
        Chore(bearer.has_old, bearer.drop_old),
        _let_go(kept, lambda: config().bounces.keep),
        _let_go(repeats, lambda: config().bounces.keep),
        _let_go(hits, lambda: config().tracking.keep_fetched),
        Chore(mover.is_due, mover.move_some),
        Chore(teller.is_due, teller.do),
        Chore(splits.is_due, splits.do),
        Chore(gatherer.is_due, gatherer.do),
        Chore(watcher.is_due, watcher.do),
        _let_go(gathering, lambda: config().reputation.keep),
        _let_go(figures, lambda: LIST_HOURS_KEPT),
        Chore(asker.is_due, asker.do),
        Chore(unconfirmed.has_due, lambda *when: house().settle_unconfirmed(*when)),
    ]


def _let_go(module: Ageing, age: Callable[[], timedelta]) -> Chore:
    """Drop what is older than a setting says."""
    return Chore(lambda tx, now: module.has_old(tx, now - age()), lambda tx, now: module.drop_old(tx, now - age()))
