"""What is shown of sources that are new."""

from types import SimpleNamespace
from typing import Any

from clock import FakeClock

from deliverability.shaping.scopes import ScopeBook, warming
from deliverability.shaping.warmup import Warming, WarmUpSettings
from engine.control.shaping import warm_ups


def test_a_pair_is_shown_from_its_first_mail_on_although_a_new_day_has_none_yet() -> None:
    used, unused = Warming(), Warming()
    for each, attempts in ((used, 3), (unused, 0)):
        each.turn(1, WarmUpSettings())
        each.note(attempts, 0, 0)
        each.turn(2, WarmUpSettings())
    found = {("new", "gmail"): used, ("new", "yahoo"): unused}
    scopes = {warming(*pair): ScopeBook(warming(*pair), {}) for pair in found}
    house: Any = SimpleNamespace(clock=FakeClock(), config=SimpleNamespace(warm_up=WarmUpSettings()))
    conductor: Any = SimpleNamespace(allowances=SimpleNamespace(warmings=found, scopes=scopes))
    [row] = warm_ups(house, conductor).rows
    assert (row.provider, row.verdict, row.refused) == ("gmail", "holds: 3 of 50 were used", 0)
