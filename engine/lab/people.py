"""People: they read a kept mail, follow a link in it, and press the button on the page, with real HTTP.

Blocking calls; from asyncio: `await asyncio.to_thread(person.confirm, mail)`. A person goes nowhere but to loopback, or
to the one address that `connect_to` names, whatever host the link says (as if a reverse proxy stood there).
"""

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from engine.lab.keep import KeptMail

_URL: Final = re.compile(r"https?://[^\s<>\"]+")
_REDIRECTS: Final = 5
_LARGEST_PAGE: Final = 10 << 20
_BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class NotFound(LookupError):
    """No such link, form or button; the words say what there is."""


class OutsideTheLab(ValueError):
    """A link leads away from loopback."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the server showed, after redirects."""

    url: str
    code: int
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    body: str = field(repr=False)

    @property
    def text(self) -> str:
        """What a reader sees of an HTML page."""
        body = LexborHTMLParser(self.body).body
        return body.text(separator=" ", strip=True) if body is not None else ""


def links(mail: KeptMail) -> list[str]:
    """The links of a mail: those of its HTML part, or of its text when it has none."""
    if mail.html:
        hrefs = (node.attributes.get("href") for node in LexborHTMLParser(mail.html).css("a[href]"))
        return [href for href in hrefs if href and _URL.match(href)]
    return [url.rstrip(".,;:!?)") for url in _URL.findall(mail.text)]


def link(mail: KeptMail, containing: str) -> str:
    """The first link with this text in it. NotFound names the others."""
    found = links(mail)
    for url in found:
        if containing in url:
            return url
    raise NotFound(f'no link with "{containing}" in "{mail.subject}"; there are: {", ".join(found) or "none"}')


class Person:
    """One reader with a browser."""

    def __init__(self, *, connect_to: str | None = None, timeout: float = 60.0) -> None:
        """`connect_to`: host:port to connect to for every link. `timeout`: seconds of patience with a page."""
        self._connect_to = connect_to
        self._timeout = timeout

    def confirm(self, mail: KeptMail, containing: str = "/confirm") -> Page:
        """Follow the mail's confirmation link and press the button there: the page that thanks."""
        return self.press(self.click(mail, containing))

    def click(self, mail: KeptMail, containing: str = "") -> Page:
        """Follow the first link with this text in it."""
        return self.visit(link(mail, containing))

    def open(self, mail: KeptMail) -> list[Page]:
        """Look at the mail as a mail program does that loads its images."""
        sources = (node.attributes.get("src") for node in LexborHTMLParser(mail.html).css("img[src]"))
        return [self.visit(source) for source in sources if source and _URL.match(source)]

    def unsubscribe(self, mail: KeptMail) -> Page:
        """The mail program's own unsubscribe button: one POST, no page (RFC 8058). NotFound where it isn't offered."""
        if str(mail.message["List-Unsubscribe-Post"] or "").strip() != "List-Unsubscribe=One-Click":
            raise NotFound(f'"{mail.subject}" has no List-Unsubscribe-Post')
        offered = re.findall(r"<\s*(https?://[^>]*)>", "".join(str(mail.message["List-Unsubscribe"] or "").split()))
        if not offered:
            raise NotFound(f'"{mail.subject}" has no http address in List-Unsubscribe')
        return self._ask("POST", offered[0], [("List-Unsubscribe", "One-Click")])

    def visit(self, url: str) -> Page:
        """Open a page."""
        return self._ask("GET", url, None)

    def press(self, page: Page, button: str | None = None, **filled_in: str) -> Page:
        """Fill in and send the page's first form that has the button (its text or name), or the first that posts."""
        for form in LexborHTMLParser(page.body).css("form"):
            method = (form.attributes.get("method") or "get").upper()
            pressed = _button(form, button)
            if (method == "POST" and button is None) or (button is not None and pressed is not None):
                fields = _fields(form, pressed, filled_in)
                action = urljoin(page.url, form.attributes.get("action") or page.url)
                if method == "POST":
                    return self._ask("POST", action, fields)
                return self._ask("GET", f"{action.partition('?')[0]}?{urlencode(fields)}", None)
        raise NotFound(f"{page.url} ({page.code}) has no form{f' with the button {button}' if button else ' to post'}")

    def _ask(self, method: str, url: str, fields: list[tuple[str, str]] | None) -> Page:
        for _ in range(_REDIRECTS + 1):
            page = self._ask_once(method, url, fields)
            if page.code not in (301, 302, 303, 307, 308) or "location" not in page.headers:
                return page
            url = urljoin(url, page.headers["location"])
            if page.code not in (307, 308):  # RFC 9110 section 15.4: the others are followed by GET
                method, fields = "GET", None
        raise NotFound(f"{url}: more than {_REDIRECTS} redirects")

    def _ask_once(self, method: str, url: str, fields: list[tuple[str, str]] | None) -> Page:
        parts = urlsplit(url)
        headers = {"Host": parts.netloc, "User-Agent": _BROWSER, "Accept": "text/html,*/*;q=0.8"}
        if self._connect_to and parts.scheme == "https":
            headers["X-Forwarded-Proto"] = "https"
        body = None
        if fields is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(fields).encode()
        connection = http.client.HTTPConnection(self._connect_to or _in_the_lab(url), timeout=self._timeout)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            text = response.read(_LARGEST_PAGE).decode("utf-8", "replace")
        finally:
            connection.close()
        return Page(url, response.status, {name.lower(): value for name, value in response.getheaders()}, text)


def _in_the_lab(url: str) -> str:
    """The host and port of a link. OutsideTheLab when it is not plain HTTP on loopback."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_inside = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_inside = False
    if not is_inside or parts.scheme != "http":
        raise OutsideTheLab(f"{url} does not lead to http on loopback; say with connect_to who answers for it")
    return parts.netloc


def _button(form: LexborNode, wanted: str | None) -> LexborNode | None:
    """The button that is pressed: the one whose text, value or name is `wanted`, or the first."""
    for node in form.css("button, input[type=submit]"):
        names = (node.text(strip=True), node.attributes.get("value"), node.attributes.get("name"))
        if wanted is None or wanted in names:
            return node
    return None


def _fields(form: LexborNode, pressed: LexborNode | None, filled_in: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a browser would send: fields as they stand or as filled in, ticked boxes, and the button."""
    fields = []
    for node in form.css("input[name], textarea[name], select[name]"):
        name, kind = node.attributes.get("name") or "", node.attributes.get("type") or ""
        is_choice = kind in ("checkbox", "radio")
        if kind == "submit" or (is_choice and "checked" not in node.attributes and name not in filled_in):
            continue
        if is_choice and name in filled_in and node.attributes.get("value", "on") != filled_in[name]:
            continue
        fields.append((name, filled_in.get(name, _value(node))))
    if pressed is not None and pressed.attributes.get("name"):
        fields.append((pressed.attributes["name"] or "", pressed.attributes.get("value") or ""))
    return fields


def _value(node: LexborNode) -> str:
    if node.tag == "textarea":
        return node.text()
    if node.tag == "select":
        options = node.css("option[selected]") or node.css("option")
        return (options[0].attributes.get("value") or options[0].text(strip=True)) if options else ""
    return node.attributes.get("value") or ("on" if node.attributes.get("type") == "checkbox" else "")
