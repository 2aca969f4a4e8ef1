"""Links of real HTML: only what is to be counted is touched, and nothing else."""

import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.tracking.rewriting import before_end, is_countable, rewrite

OWN = "https://mail.shop.example"


def make(number: int, links: int, target: str, name: str) -> str:
    return f"{OWN}/c/{number}-{links}-{name}&x"


def done(text: str) -> str:
    return rewrite(text, OWN, make)[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<a href="https://shop.example/">Shop</a>', f'<a href="{OWN}/c/1-1-&amp;x">Shop</a>'),
        ("<a href='https://shop.example/'>Shop</a>", f'<a href="{OWN}/c/1-1-&amp;x">Shop</a>'),
        ("<A HREF=https://shop.example/>Shop</A>", f'<A href="{OWN}/c/1-1-&amp;x">Shop</A>'),
        ('<a class="b" href = "https://s.example/?a=1&amp;b=2" title="a > b">x</a>',
         f'<a class="b" href="{OWN}/c/1-1-&amp;x" title="a > b">x</a>'),
        ('<a\n  href="https://shop.example/"\n  style="x">Shop</a>', f'<a href="{OWN}/c/1-1-&amp;x"\n  style="x">Shop</a>'),
        ('<area href="https://shop.example/" alt="">', f'<area href="{OWN}/c/1-1-&amp;x" alt="">'),
        ('<a data-link="main button" href="https://shop.example/">x</a>', f'<a href="{OWN}/c/1-1-main button&amp;x">x</a>'),
        ('<a href="https://a.example/" href="https://b.example/">x</a>', f'<a href="{OWN}/c/1-1-&amp;x" href="https://b.example/">x</a>'),
        ('<a href="https://shop.example/"><img src="https://shop.example/a.png"></a>', f'<a href="{OWN}/c/1-1-&amp;x"><img src="https://shop.example/a.png"></a>'),
    ],
)  # fmt: skip
def test_the_address_of_a_link_is_changed_and_nothing_beside_it(before: str, after: str) -> None:
    assert done(before) == after


@pytest.mark.parametrize(
    "text",
    [
        '<a href="mailto:hello@shop.example">Write</a>',
        '<a href="tel:+4930123">Call</a>',
        '<a href="#top">Up</a>',
        '<a href="/relative">x</a>',
        '<a href="//shop.example/">x</a>',
        '<a href="javascript:alert(1)">x</a>',
        '<a href="">x</a>',
        '<a name="top">x</a>',
        f'<a href="{OWN}/unsubscribe/abc">Leave</a>',
        f'<a href="{OWN.upper()}/preferences/abc">Choose</a>',
        '<a href="https://shop.example/">https://shop.example/</a>',
        '<a href="https://shop.example/"><b>www.shop.example</b></a>',
        '<a href="https://shop.example/ with blanks">x</a>',
        '<a href="https://магазин.example/">x</a>',
        '<a href="https:\\\\shop.example/">x</a>',
        '<a href="https://[::1/">x</a>',
        f'<a href="https://shop.example/{"x" * 2000}">x</a>',
        '<!-- <a href="https://shop.example/">x</a> -->',
        '<!--[if mso]><a href="https://shop.example/">x</a><![endif]-->',
        '<style>a[href="https://x.example/"]::after{content:"<a href=https://y.example/>"}</style>',
        '<title><a href="https://shop.example/"></title>',
        '<abbr href="https://shop.example/">x</abbr>',
        '<link href="https://shop.example/a.css">',
        '<img alt="<a href=&quot;https://shop.example/&quot;>" src="https://shop.example/a.png">',
        "a < b and <a",
    ],
)
def test_what_is_no_link_to_be_counted_is_left_octet_by_octet(text: str) -> None:
    assert done(text) == text


def test_a_link_shown_to_other_clients_than_outlook_is_one() -> None:
    text = '<!--[if !mso]><!--><a href="https://shop.example/">x</a><!--<![endif]-->'
    assert f'href="{OWN}/c/1-1' in done(text)


def test_an_untracked_link_loses_the_word_that_says_so() -> None:
    text = '<a data-untracked class="a" href="https://shop.example/">x</a><a href="https://b.example/" data-untracked="">y</a>'
    assert done(text) == '<a class="a" href="https://shop.example/">x</a><a href="https://b.example/">y</a>'
    assert rewrite(text, OWN, None)[0] == done(text)


def test_the_same_target_is_one_link_and_all_know_how_many_there_are() -> None:
    text = "".join(f'<a href="https://shop.example/{each}">x</a>' for each in "abab")
    rewritten, numbers = rewrite(text, OWN, make)
    assert numbers == {"https://shop.example/a": 1, "https://shop.example/b": 2}
    assert [rewritten.count(f"/c/{number}-2-") for number in (1, 2)] == [2, 2]


def test_without_counting_nothing_changes() -> None:
    text = '<a href="https://shop.example/">x</a>'
    assert rewrite(text, OWN, None) == (text, {})


def test_the_picture_stands_last_in_the_body() -> None:
    assert before_end("<body>x</BODY ></html>", "<img>") == "<body>x<img></BODY ></html>"
    assert before_end("x", "<img>") == "x<img>"
    assert before_end("</body>x</body>", "<i>") == "</body>x<i></body>"


@pytest.mark.parametrize(
    "target", ["https://a.example/\r\nX: y", "https://a.example/\x00", "https://", "ftp://a.example/", "data:x"]
)
def test_no_address_that_could_break_a_header_stands_behind_ours(target: str) -> None:
    assert not is_countable(target, OWN)


class Reader(HTMLParser):
    """What a foreign parser sees: every start tag with its attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[object] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.seen.append(data)


_VALUE = st.text(alphabet="abc /?=&;.:#<>'é ", max_size=12)
_HREF = st.sampled_from(
    ["https://shop.example/a", "https://shop.example/?a=1&amp;b=2", "mailto:a@b.example", "#x", f"{OWN}/c/x"]
)
_ATTRIBUTE = st.one_of(
    _HREF.map(lambda each: f'href="{each}"'),
    _VALUE.map(lambda each: f'title="{each}"'),
    _VALUE.map(lambda each: "alt='" + each.replace("'", "") + "'"),
    st.just("hidden"),
)
_PIECE = st.one_of(
    st.text(alphabet="ab &;\"'é\n", max_size=10),
    st.lists(_ATTRIBUTE, max_size=4).map(lambda each: f"<a {' '.join(each)}>"),
    st.just("</a>"),
    st.lists(_ATTRIBUTE, max_size=3).map(lambda each: f"<p {' '.join(each)}>"),
    st.just('<!-- <a href="https://shop.example/c"> -->'),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECE, max_size=12).map("".join))
def test_a_foreign_parser_sees_the_same_but_for_the_counted_addresses(text: str) -> None:
    before, after = Reader(text).seen, Reader(done(text)).seen
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        if old != new:
            assert isinstance(old, tuple) and isinstance(new, tuple)
            changed = [(each, other) for each, other in zip(old[1], new[1], strict=True) if each != other]
            assert [name for (name, _), _ in changed] == ["href"]
            assert changed[0][0][1].startswith("https://shop.example/") and changed[0][1][1].startswith(f"{OWN}/c/")


def test_a_long_mail_without_an_end_to_anything_costs_little() -> None:
    for text in ("<a " * 20_000, '<a href="' * 20_000, "<!--" * 20_000, "<style>" * 20_000, "<a href='x" * 9_999):
        began = time.process_time()
        rewrite(text[:100_000], OWN, make)
        assert time.process_time() - began < 5
