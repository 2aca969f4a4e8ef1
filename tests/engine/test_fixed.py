"""A reload takes what it can, keeps what needs a restart, and refuses what does not fit together."""

import pytest

from engine.config import parse
from engine.faults import ConfigFaults
from engine.fixed import changed, keeping

OLD = parse(
    'hostname = "mail.shop.example"\n[inbound]\nlisten = ["127.0.0.1:2526"]\n[bounces]\ndomain = "bounce.shop.example"\n'
)


def test_what_needs_a_restart_stays_and_the_rest_is_taken() -> None:
    new = parse(
        'hostname = "mx.shop.example"\n[web]\nlisten = ["127.0.0.1:8026"]\n[bounces]\ndomain = "b.shop.example"\n'
    )
    kept = keeping(OLD, new)
    assert (kept.hostname, kept.bounces.domain, kept.web) == ("mx.shop.example", "b.shop.example", OLD.web)
    assert changed(OLD, new) == ["inbound.listen", "web"]


def test_two_halves_that_are_right_by_themselves_and_not_together_are_refused() -> None:
    words = r"inbound.listen is set but bounces.domain is not.*without a restart these stay as they are: inbound.listen"
    with pytest.raises(ConfigFaults, match=words):
        keeping(OLD, parse('hostname = "mail.shop.example"\n'))


def test_a_file_that_was_cut_short_is_refused() -> None:
    with pytest.raises(ConfigFaults, match=r"hostname: is gone; it was mail\.shop\.example: is the file whole"):
        keeping(OLD, parse(""))
