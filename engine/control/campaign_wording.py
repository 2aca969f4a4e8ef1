"""A campaign's languages: which it is written in, what is missing of one, and words written into its file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from engine.campaigns.model import ALL_LANGUAGES, Campaign, Variant, in_language
from engine.campaigns.rewording import Words, reworded, said_in
from engine.control import campaign_keeping
from engine.control.asked import Asked
from engine.control.campaign_sources import checked, kept_source
from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.house import House

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class Tongue:
    """What a campaign says in one language. `missing`: what it does not say in it; `instead`: in which its readers get that."""

    missing: tuple[str, ...]
    instead: str
    is_framed: bool  # none of their own languages has the text: what they would get is not in their language at all
    words: Words  # what is written in it, expressions and all


def written_in(house: House, campaign: Campaign) -> list[str]:
    """Those that it is written in: by its content, else by its template's texts."""
    said = {tag for each in (campaign.mail, *campaign.variants) for tag in each.content if tag}
    return sorted(said or house.composer.texts.tags)


def languages(house: House, campaign: Campaign) -> list[str]:
    """Those that it is written in, and all that the house speaks."""
    return sorted({*written_in(house, campaign), *house.composer.texts.tags})


def in_tongue(says: Variant, locale: str, default: str) -> Tongue:
    missing = [name for name, of in (("subject", says.subject), ("text", says.content)) if not _has(of, locale)]
    instead = next(
        (in_language(of, locale, default)[0] for of in (says.content, says.subject) if not _has(of, locale)), ""
    )
    is_framed = "text" in missing and not any(_has(says.content, each) for each in _parents(locale))
    heading, text = said_in(_of(says.content, locale, {}))
    return Tongue(tuple(missing), instead, is_framed, Words(_of(says.subject, locale, ""), heading, text))


def framed(campaign: Campaign, locale: str) -> Campaign:
    """The campaign with nothing said in this language: the mail's own words in it, around what is to be written."""

    def bare(says: Variant) -> Variant:
        subject = {**says.subject, locale: ""} if says.subject and not _has(says.subject, locale) else says.subject
        return replace(says, subject=subject, content={**says.content, locale: {}} if says.content else says.content)

    return replace(campaign, mail=bare(campaign.mail), variants=tuple(bare(each) for each in campaign.variants))


async def write(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Write a subject, a heading or a first paragraph in one language, and keep the campaign with it."""
    asked, default = Asked(body), house.config.mail.locale
    name, locale, variant = asked.text("campaign"), asked.text("locale") or default, asked.text("variant")
    words = Words(asked.text("subject"), asked.text("heading"), asked.text("text"))
    if not _LANGUAGE.fullmatch(locale):
        raise Refusal(f"locale: {locale[:40]} is no language", "such as en, he or zh-Hant")
    if words == Words():
        raise Refusal("nothing is said", "say a subject, a heading or a text")
    source = await kept_source(house, name)
    says = (await checked(house, source, f"{name}.yaml")).variant(variant)
    for what, of, is_said in (
        ("subject", says.subject, words.subject), ("text", says.content, words.heading or words.text),
    ):  # fmt: skip
        if is_said and not of and locale.lower() != default.lower():
            raise Refusal(
                f"its {what} is written in no language: all its readers would get this one", f"first in {default}"
            )
    after = reworded(source, locale, default, words, variant)
    done = await campaign_keeping.keep(house, office, {"source": after, "file": f"{name}.yaml"})
    return replace(done, text=f"{done.text}; written in {locale}")


def _has(of: Mapping[str, Any], tag: str) -> bool:
    """Whether this says anything in the language; what nobody wrote is said by the template, in all of its own."""
    return not of or any(each == ALL_LANGUAGES or each.lower() == tag.lower() for each in of)


def _of(of: Mapping[str, Any], tag: str, otherwise: Any) -> Any:
    found = (value for each, value in of.items() if each == ALL_LANGUAGES or each.lower() == tag.lower())
    return next(found, otherwise)


def _parents(tag: str) -> list[str]:
    parts = tag.split("-")
    return ["-".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]
