"""People follow links and press buttons, with real HTTP against a small site."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from serving import serving

from engine.lab.keep import Kept, KeptMail, Receipt
from engine.lab.people import NotFound, OutsideTheLab, Person, link, links

Asked = tuple[str, list[tuple[str, str, str, str]]]  # where the site is; method, target, body and Host of each request

PAGE = """<!doctype html><html><body><h1>Confirm &amp; go</h1>
<form action="/search"><input name="q"></form>
<form method="post" action="/confirm/done?t=1">
<input type="hidden" name="token" value="a&quot;b"><input type="checkbox" name="news" checked>
<input type="checkbox" name="ads"><input type="radio" name="when" value="now" checked>
<input type="radio" name="when" value="later"><textarea name="words">hi</textarea>
<select name="list"><option value="1">one</option><option value="2" selected>two</option></select>
<button name="answer" value="yes">Yes, confirm</button><button name="answer" value="no">No</button>
</form></body></html>"""


class Site(BaseHTTPRequestHandler):
    """Remembers what was asked of it."""

    seen: list[tuple[str, str, str, str]]

    def do_GET(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def _answer(self, body: str) -> None:
        self.seen.append((self.command, self.path, body, self.headers["Host"]))
        moved = {"/old": "/confirm", "/again": "/again", "/confirm/done?t=1": "/thanks"}.get(self.path)
        self.send_response(303 if moved else 200)
        if moved:
            self.send_header("Location", moved)
        self.end_headers()
        self.wfile.write(b"Thank you" if self.path == "/thanks" else PAGE.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Asked]:
    """The address of a site, and the list of what it was asked: method, target, body, Host."""
    seen: list[tuple[str, str, str, str]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OneSite", (Site,), {"seen": seen}))
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}", seen


def mail(folder: Path, *, html: str = "", text: str = "", fields: str = "") -> KeptMail:
    subtype = "html" if html else "plain"
    header = f"Subject: s\r\n{fields}MIME-Version: 1.0\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
    raw = f"{header}\r\n{html or text}\r\n"
    receipt = Receipt(1, "shop", "127.0.0.1", 1, 1, "x", "", "a@b", "", ("c@d",), ("",), "", True, ())
    Kept(folder).keep(receipt, raw.encode())
    return Kept.read(folder)[-1]


def test_links_are_those_a_reader_sees(tmp_path: Path) -> None:
    html = '<a href="http://127.0.0.1/a?x=1&amp;y=2">a</a><a href="mailto:x@y">m</a><a>n</a>'
    assert links(mail(tmp_path, html=html)) == ["http://127.0.0.1/a?x=1&y=2"]
    assert links(mail(tmp_path, text="see <http://127.0.0.1/b> or (http://127.0.0.1/c).")) == [
        "http://127.0.0.1/b",
        "http://127.0.0.1/c",
    ]


def test_a_link_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"http://127\.0\.0\.1/a"):
        link(mail(tmp_path, text="http://127.0.0.1/a"), "confirm")


def test_a_person_confirms_by_the_button_and_not_by_looking(tmp_path: Path, site: Asked) -> None:
    address, seen = site
    page = Person().confirm(mail(tmp_path, html=f'<a href="{address}/confirm">yes</a>'))
    assert (page.code, page.text) == (200, "Thank you")
    assert [(method, path) for method, path, *_ in seen] == [
        ("GET", "/confirm"),
        ("POST", "/confirm/done?t=1"),
        ("GET", "/thanks"),
    ]
    assert seen[1][2] == "token=a%22b&news=on&when=now&words=hi&list=2&answer=yes"


def test_a_person_chooses_a_button_and_fills_in(site: Asked) -> None:
    address, seen = site
    page = Person().visit(f"{address}/old")
    assert page.url == f"{address}/confirm"
    Person().press(page, "No", when="later", words="bye", ads="on")
    assert seen[2][2] == "token=a%22b&news=on&ads=on&when=later&words=bye&list=2&answer=no"


def test_a_page_without_the_button_is_said(site: Asked) -> None:
    page = Person().visit(f"{site[0]}/confirm")
    with pytest.raises(NotFound, match="Maybe"):
        Person().press(page, "Maybe")


def test_redirects_in_a_circle_end(site: Asked) -> None:
    with pytest.raises(NotFound, match="redirects"):
        Person().visit(f"{site[0]}/again")


def test_a_mail_programs_own_unsubscribe_is_one_post(tmp_path: Path, site: Asked) -> None:
    address, seen = site
    fields = f"List-Unsubscribe: <mailto:u@shop.example>,\r\n <{address}/u?t=1>\r\n"
    fields += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    assert Person().unsubscribe(mail(tmp_path, text="x", fields=fields)).code == 200
    assert seen == [("POST", "/u?t=1", "List-Unsubscribe=One-Click", address.removeprefix("http://"))]


@pytest.mark.parametrize(
    "fields",
    ["", "List-Unsubscribe: <http://127.0.0.1/u>\r\n", "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"],
)
def test_a_mail_without_one_click_has_no_such_button(tmp_path: Path, fields: str) -> None:
    with pytest.raises(NotFound):
        Person().unsubscribe(mail(tmp_path, text="x", fields=fields))


def test_opening_a_mail_loads_its_images(tmp_path: Path, site: Asked) -> None:
    address, seen = site
    Person().open(mail(tmp_path, html=f'<img src="{address}/o/1.gif"><img src="cid:x">'))
    assert [path for _, path, *_ in seen] == ["/o/1.gif"]


@pytest.mark.parametrize(
    "url", ["http://example.org/", "https://127.0.0.1/", "http://192.0.2.1/", "http://127.evil.example/"]
)
def test_nobody_leaves_the_lab(url: str) -> None:
    with pytest.raises(OutsideTheLab):
        Person().visit(url)


def test_a_public_name_is_answered_by_the_address_that_the_test_names(site: Asked) -> None:
    address, seen = site
    page = Person(connect_to=address.removeprefix("http://")).visit("https://news.shop.example/confirm")
    assert page.code == 200
    assert seen == [("GET", "/confirm", "", "news.shop.example")]
