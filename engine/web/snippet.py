"""A list's form for the shop's own site: HTML to copy, which posts to our page of the list."""

from datetime import datetime

from engine.audience import forms
from engine.web.pages import Pages
from engine.web.subscribing import TRAP, Form, Typed, facts
from mta.ports import Tx


def make(tx: Tx, pages: Pages, asked: Form, base_url: str, locale: str, now: datetime) -> str:
    """The HTML, in this language or the installation's. What it says is kept, as the evidence of whoever signs up by it."""
    words = pages.words(locale, "", "", "web.subscribe")
    seen = facts(asked, Typed(), words)
    version = forms.keep_wording(tx, asked.mailing_list.id, words.tag, pages.wording("subscribe", words, seen), now)
    action = f"{base_url}/subscribe/{asked.mailing_list.name}"
    return pages.page("snippet", words, seen | {"action": action, "version": version, "trap": TRAP}, like="subscribe")
