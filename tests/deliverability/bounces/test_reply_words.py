"""Replies in many words and languages: an address that is not there, and all that only sounds like it."""

from pathlib import Path

import pytest

from deliverability.bounces.classify import BounceClass, Suppress, classify
from deliverability.bounces.judging import Told, judge
from deliverability.reply import Reply

FILE = Path(__file__).parents[2] / "data" / "replies.tsv"
ROWS = [line.split("\t") for line in FILE.read_text("utf-8").splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(("meaning", "text"), ROWS)
def test_a_reply_gives_up_an_address_only_where_it_says_that_it_is_not_there(meaning: str, text: str) -> None:
    text = text.replace("\\n", "\n")
    found = judge(Told("ann@b.example", "failed", diagnostic=text, around="in reply to RCPT TO"))
    in_session = classify(Reply.parse(text), "rcpt").suppress is Suppress.NOW
    assert (found.hard, in_session) == (meaning == "gone",) * 2


@pytest.mark.parametrize(
    "more", ["too many errors from your IP", "temporarily", "by policy", "directory lookup failed", "over limit"]
)
def test_what_says_more_than_unknown_counts_only_when_it_repeats(more: str) -> None:
    found = classify(Reply.parse(f"550 5.1.1 user unknown, {more}"), "rcpt")
    assert (found.klass, found.suppress) == (BounceClass.INVALID_RECIPIENT, Suppress.AFTER)
