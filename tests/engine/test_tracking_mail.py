"""What is counted of a mail: links, picture and page, in both parts; what each may switch off; tokens that can't be bent."""

import html
import re
from typing import Any

import pytest
from clock import NOON
from hypothesis import given
from hypothesis import strategies as st
from mail_shop import BASE, OCTETS, ORDER, make_composer, part, person, read

from deliverability.settings import DkimSettings
from engine.audience.list_settings import ListSettings
from engine.audience.lists import MailingList
from engine.audience.tokens import BadToken, Purpose, Tokens
from engine.flow.model import Tracking
from engine.sending.compose import Composed, Composer
from engine.sending.resources import Resources
from engine.tracking.marks import Link, Mark, click_token, mark_token, read_click, read_mark
from engine.tracking.settings import TrackingSettings
from mta.queue.delivery import Stream

COMPOSER = make_composer()
MARK = Mark(41, 1, "reminder")
CART = {**ORDER, "url": "https://shop.example/cart/7?a=1&b=2"}
OFF = Tracking(clicks=False, opens=False, view=False)
ON = Tracking(clicks=True, opens=True, view=True)


def compose(*said: Tracking, stream: Stream = Stream.MARKETING, mark: Mark | None = MARK, composer: Composer = COMPOSER,
            template: str = "cart-reminder", event: dict[str, Any] = CART, **settings: Any) -> Composed:  # fmt: skip
    tea = MailingList(3, "tea", "Tea Letters", "double", "", ListSettings(**settings))
    return composer.compose(
        template,
        person(),
        {"event": event},
        stream=stream,
        now=NOON,
        octets=OCTETS,
        mailing_list=tea,
        mark=mark,
        said=said,
    )


def links(mail: Composed, kind: str) -> list[str]:
    text = part(mail, kind)
    return [html.unescape(each) for each in re.findall(r"https?://[^\s\"<>]+", text)]


def clicks(mail: Composed, kind: str) -> list[Link]:
    found = [each for each in links(mail, kind) if each.startswith(f"{BASE}/c/")]
    return [read_click(COMPOSER.tokens, each.removeprefix(f"{BASE}/c/"), NOON) for each in found]


def test_links_of_both_parts_lead_over_ours_to_where_they_led() -> None:
    mail = compose()
    assert clicks(mail, "html") == clicks(mail, "plain") == [Link(MARK, 1, 1, CART["url"])]
    assert CART["url"] not in part(mail, "plain") + html.unescape(part(mail, "html"))


def test_our_own_pages_are_never_counted() -> None:
    for kind in ("html", "plain"):
        own = [each for each in links(compose(), kind) if "/unsubscribe/" in each]
        assert own and all(each.startswith(f"{BASE}/unsubscribe/") for each in own)


def test_the_picture_is_the_last_thing_and_the_page_has_a_link_in_both_parts() -> None:
    mail = compose()
    picture = re.search(
        rf'<img src="{BASE}/o/([\w-]+)\.gif" width="1" height="1" alt=""[^>]*></body>', part(mail, "html")
    )
    assert picture is not None
    assert read_mark(COMPOSER.tokens, Purpose.OPEN, picture[1], NOON) == MARK
    for kind in ("html", "plain"):
        [page] = [each for each in links(mail, kind) if each.startswith(f"{BASE}/v/")]
        assert read_mark(COMPOSER.tokens, Purpose.VIEW, page.removeprefix(f"{BASE}/v/"), NOON) == MARK


def kinds(mail: Composed) -> str:
    """Which of the three a mail has."""
    text = part(mail, "html")
    return "".join(word for word, path in (("c", "/c/"), ("o", "/o/"), ("v", "/v/")) if BASE + path in text)


@pytest.mark.parametrize(
    ("mail", "has"),
    [
        (lambda: compose(), "cov"),
        (lambda: compose(mark=None), ""),
        (lambda: compose(OFF), ""),
        (lambda: compose(Tracking(), OFF), ""),
        (lambda: compose(ON, Tracking(opens=False)), "cv"),
        (lambda: compose(clicks="off"), "ov"),
        (lambda: compose(opens="off"), "cv"),
        (lambda: compose(view="off"), "co"),
        (lambda: compose(ON, clicks="off", opens="off", view="off"), ""),
        (lambda: compose(stream=Stream.TRANSACTIONAL), ""),
        (lambda: compose(Tracking(clicks=True), stream=Stream.TRANSACTIONAL), "c"),
        (lambda: compose(ON, OFF, stream=Stream.TRANSACTIONAL), ""),
        (lambda: compose(ON, stream=Stream.TRANSACTIONAL), "cov"),
        (lambda: compose(ON, composer=with_tracking(opens=False)), "cv"),
        (lambda: compose(ON, composer=with_tracking(clicks=False, opens=False, view=False)), ""),
    ],
)
def test_off_wins_wherever_it_is_said_and_transactional_mail_is_not_counted(mail: Any, has: str) -> None:
    assert kinds(mail()) == has
    assert (f"{BASE}/c/" in part(mail(), "plain")) == ("c" in has)


def with_tracking(**told: bool) -> Composer:
    settings = make_composer().settings
    return Composer(
        settings, Resources([]), b"a secret of thirty-two octets...", BASE, tracking=TrackingSettings(**told)
    )


def test_a_trap_for_machines_is_put_in_where_it_is_asked_for() -> None:
    assert 'aria-hidden="true"' not in part(compose(), "html")
    text = part(compose(composer=with_tracking(honeypot=True)), "html")
    trap = re.search(rf'<a href="{BASE}/c/([\w-]+)" tabindex="-1" aria-hidden="true" style="display:none', text)
    assert trap is not None
    found = read_click(COMPOSER.tokens, trap[1], NOON)
    assert (found.number, found.mark) == (0, MARK) and found.target.startswith(f"{BASE}/v/")


def test_counting_adds_little_to_a_mail() -> None:
    plain, counted = compose(mark=None), compose()
    assert len(counted.content) - len(plain.content) < 2500
    assert all(len(each) < 200 for each in links(counted, "plain"))


def test_a_strangers_words_never_become_a_link_of_ours() -> None:
    goods = [{"name": "https://evil.example/ <a href='https://evil.example/'>x</a>", "quantity": 1, "price": 1}]
    mail = compose(event={**CART, "lines": goods})
    for kind in ("html", "plain"):
        assert [each.target for each in clicks(mail, kind)] == [CART["url"]]


# -- what marketing mail carries


def test_list_mail_carries_the_fields_of_its_list_and_all_of_them_are_signed() -> None:
    message = read(compose(list_id="tea.shop.example", owner="tea@shop.example", help="https://shop.example/tea"))
    assert message["List-Id"] == "<tea.shop.example>"
    assert message["List-Owner"] == "<mailto:tea@shop.example>"
    assert message["List-Help"] == "<https://shop.example/tea>"
    assert message["Feedback-ID"] == "cart-reminder:list-tea:marketing:shop.example"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Precedence"] is None
    names = {name.lower() for name in message if name.lower().startswith("list-")} | {"feedback-id"}
    assert names == {
        "list-id", "list-unsubscribe", "list-unsubscribe-post", "list-help", "list-owner", "feedback-id",
    }  # fmt: skip
    assert names <= set(DkimSettings().headers)


def test_without_settings_the_fields_name_the_sender() -> None:
    message = read(compose())
    assert message["List-Id"] == "<tea.list.shop.example>"
    assert message["List-Owner"] == "<mailto:hello@shop.example>"
    assert message["List-Help"] == "<mailto:hello@shop.example?subject=help>"
    assert read(compose(owner="tea+list@shop.example"))["List-Owner"] == "<mailto:tea+list@shop.example>"


@pytest.mark.parametrize("domain", ["shop.example", "mail.a-very-long-name-of-a-shop.example", "s.io"])
def test_the_sender_of_feedback_is_told_in_five_to_fifteen_characters(domain: str) -> None:
    told = read(compose(composer=make_composer(sender=f"Shop <hello@{domain}>")))["Feedback-ID"].split(":")
    assert len(told) == 4 and 5 <= len(told[3]) <= 15


def test_the_links_leave_the_list_that_the_mail_is_of() -> None:
    token = re.search(rf"<{BASE}/unsubscribe/([^>]+)>", read(compose())["List-Unsubscribe"])
    assert token is not None and COMPOSER.tokens.read(Purpose.UNSUBSCRIBE, token[1], NOON) == (7, 3)


# -- tokens


@given(
    st.integers(0, 1 << 62), st.integers(0, 1 << 31), st.text(max_size=63), st.integers(0, 10_000),
    st.text(max_size=300), st.text(max_size=20),
)  # fmt: skip
def test_a_token_says_what_was_put_into_it(run: int, time: int, step: str, number: int, target: str, name: str) -> None:
    tokens = Tokens(b"s" * 32)
    try:
        made = Link(Mark(run, time, step), number, number, target, name)
        token = click_token(tokens, made)
    except UnicodeEncodeError:
        return
    assert read_click(tokens, token, NOON) == made
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)


def test_a_token_that_is_forged_swapped_or_bent_is_none() -> None:
    tokens = Tokens(b"s" * 32)
    good = click_token(tokens, Link(MARK, 1, 1, "https://shop.example/"))
    view = mark_token(tokens, Purpose.VIEW, MARK)
    wrong = [
        good[:-1],
        good + "A",
        good[:20] + ("A" if good[20] != "A" else "B") + good[21:],
        "",
        "x" * 40,
        view,
        "é" * 40,
    ]
    wrong.append(click_token(Tokens(b"t" * 32), Link(MARK, 1, 1, "https://evil.example/")))
    for each in wrong:
        with pytest.raises(BadToken):
            read_click(tokens, each, NOON)
    for each in (good, mark_token(tokens, Purpose.OPEN, MARK)):
        with pytest.raises(BadToken):
            read_mark(tokens, Purpose.VIEW, each, NOON)
