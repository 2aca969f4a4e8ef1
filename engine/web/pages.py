"""The public pages as HTML: `templates/web`, in the reader's language, with one style sheet inside and no script.

A page shows what a list is called and what it is for, and nothing about the person: a link may have been forwarded.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from engine.audience.lists import MailingList
from engine.sending.compose import Composer
from engine.sending.plain import plain
from engine.sending.texts import Words

KEPT_MAX: Final = 500  # pages that are the same for many people, and choices of a language

NOTICES: Final = {404: "missing", 410: "missing", 429: "busy", 500: "trouble", 503: "trouble"}

_UTC: Final = ZoneInfo("UTC")
_TAGS_MAX: Final = 10  # of an Accept-Language that are looked at


class Pages:
    """Renders the pages with the same words, colours and sandbox as mail."""

    def __init__(self, composer: Composer) -> None:
        self._renderer = composer.renderer
        self._texts = composer.texts
        self._default = composer.settings.locale
        self.shop = composer.shop
        known = (self._texts.of(tag) for tag in self._texts.tags)
        self._languages = [{"tag": each.tag, "name": each.name, "dir": each.direction} for each in known]
        self._chosen: dict[tuple[str, str, str, str], Words] = {}
        self._rendered: dict[tuple[str, ...], str] = {}
        words = self.words("", "", "", "web.notice")
        self._style = self._renderer.render("web/page.css.j2", {}, words=words, section="web.notice", zone=_UTC)

    @property
    def style_hash(self) -> str:
        """The one style sheet that the Content-Security-Policy lets in."""
        digest = hashlib.sha256(self._style.encode()).digest()
        return f"sha256-{base64.b64encode(digest).decode('ascii')}"

    @property
    def language(self) -> str:
        """The tag of the catalogue in the shop's own language."""
        return self._choose("", "", "", "web.survey").tag

    def words(self, pressed: str, locale: str, accept_language: str, section: str) -> Words:
        """The words of a section: in the language that was pressed, else the contact's, else the best of those that the
        browser asks for, else the installation's."""
        asked = (pressed, locale, accept_language, section)
        if asked not in self._chosen:
            if len(self._chosen) >= KEPT_MAX:
                self._chosen.clear()
            self._chosen[asked] = self._choose(pressed, locale, accept_language, section)
        return self._chosen[asked]

    def _choose(self, pressed: str, locale: str, accept_language: str, section: str) -> Words:
        known = self._texts.has
        wanted = pressed if known(pressed) else locale
        if not known(wanted):
            wanted = next((tag for tag in _tags(accept_language) if known(tag)), locale)
        return self._texts.choose(wanted, self._default, section)

    @property
    def tags(self) -> list[str]:
        """The languages there are."""
        return self._texts.tags

    def all_languages(self) -> list[dict[str, str]]:
        """The languages there are, each by its own name."""
        return self._languages

    def languages(self, words: Words) -> list[dict[str, str]]:
        """The others."""
        return [each for each in self.all_languages() if each["tag"] != words.tag]

    def page(self, name: str, words: Words, facts: Mapping[str, Any], *, like: str = "") -> str:
        """The page `web/<name>.html.j2`, in the words of its own section or of the one that it is `like`."""
        seen = {"languages": [], **plain(facts), "shop": self.shop, "lang": words.tag, "dir": words.direction}
        return self._renderer.render(
            f"web/{name}.html.j2", seen | {"style": Markup(self._style)}, words=words, section=f"web.{like or name}",
            zone=_UTC,
        )  # fmt: skip

    def common(self, name: str, words: Words, facts: Mapping[str, Any]) -> str:
        """A page that is the same for many people: rendered once."""
        return self._kept(self.page, name, words, facts)

    def notice(self, code: int, accept_language: str) -> str:
        """The page for an HTTP status that is no success."""
        words = self.words("", "", accept_language, "web.notice")
        return self.common("notice", words, {"what": NOTICES.get(code, "wrong")})

    def wording(self, name: str, words: Words, facts: Mapping[str, Any], *, is_common: bool = True) -> str:
        """What a page says to a person before they press its button, in plain text: the evidence of their answer."""
        return self._kept(self._wording, name, words, facts) if is_common else self._wording(name, words, facts)

    def _wording(self, name: str, words: Words, facts: Mapping[str, Any]) -> str:
        seen = {**plain(facts), "shop": self.shop}
        text = self._renderer.render(f"web/{name}.txt.j2", seen, words=words, section=f"web.{name}", zone=_UTC)
        return "\n".join(line.strip() for line in text.splitlines() if line.strip())

    def _kept(self, render: Callable[..., str], name: str, words: Words, facts: Mapping[str, Any]) -> str:
        babel = words.babel
        key = (render.__name__, name, words.tag, f"{babel.script}-{babel.territory}", repr(facts))
        if key not in self._rendered:
            if len(self._rendered) >= KEPT_MAX:
                self._rendered.clear()
            self._rendered[key] = render(name, words, facts)
        return self._rendered[key]


def shown(mailing_list: MailingList | None, words: Words) -> dict[str, str]:
    """What a page in this language shows of a list; nothing for all lists at once."""
    if mailing_list is None:
        return {}
    said = mailing_list.in_language(words.tag)
    return {"title": said.title, "purpose": said.purpose}


def _tags(accept_language: str) -> list[str]:
    """The languages of an Accept-Language, the best first (RFC 9110 section 12.5.4). Nonsense is skipped."""
    weighed = []
    for part in accept_language[:500].split(",")[:_TAGS_MAX]:
        tag, _, parameter = part.strip().partition(";")
        weight = parameter.strip().removeprefix("q=")
        try:
            weighed.append((-float(weight or 1), tag.strip()))
        except ValueError:
            continue
    return [tag for _, tag in sorted(weighed, key=lambda pair: pair[0])]
