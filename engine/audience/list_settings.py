"""What an operator may set about one list: how it asks, what it is called in each language, what its mail carries.

Kept as JSON beside the list, read into a frozen value. A key that is not there has its default, so that an upgrade
changes nothing that somebody set.
"""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from deliverability.address import Address, AddressError
from deliverability.settings import Duration, Settings, parse_duration
from engine.audience.contacts import tidy_locale, tidy_name

WORDS_MAX: Final = 2000  # characters of a purpose
_LIST_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+")
_TEMPLATE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
Switch = Literal["on", "off"]


class SettingError(ValueError):
    """A setting of a list that can't be so; the words can be shown to an operator."""


class ListSettings(Settings):
    """`posthouse list set NAME KEY=VALUE ...`"""

    template: str = Field(default="confirm", description="The mail that asks whether somebody wants the list.")
    reminder: str = Field(default="confirm-reminder", description="The mail that reminds of it.")
    expire_after: Duration = Field(
        default=timedelta(days=7), description="How long the confirmation mail's link works; then the asking is over."
    )
    remind_after: Duration = Field(
        default=timedelta(0), description="When to remind, once, whoever has not answered; 0s never does."
    )
    list_id: str = Field(
        default="", description="List-Id (RFC 2919), such as tea.shop.example; NAME.list.DOMAIN of From without one."
    )
    owner: str = Field(
        default="", description="Whom readers reach by List-Owner: an address; that of From without one."
    )
    help: str = Field(
        default="", description="Where List-Help leads: an address or https://; a mail to the owner without one."
    )
    title: dict[str, str] = Field(default={}, description="title.LANGUAGE: what its readers call it in that language.")
    purpose: dict[str, str] = Field(
        default={}, description="purpose.LANGUAGE: the words people agree to, in that language."
    )
    clicks: Switch = Field(default="on", description="Whether links of its mail are counted: on or off.")
    opens: Switch = Field(default="on", description="Whether its mail holds a picture that is counted: on or off.")
    view: Switch = Field(default="on", description="Whether its mail has a link to be read in a browser: on or off.")

    sunset: str = Field(
        default="off",
        description="Whether flows are told who ignores it (list.ignored): off, on (a silence is long by the list's own"
        ' rhythm) or how long a silence is long, such as "180 days".',
    )

    @field_validator("sunset")
    @classmethod
    def _is_sunset(cls, value: str) -> str:
        if value not in ("on", "off") and not timedelta(days=30) <= parse_duration(value) <= timedelta(days=730):
            raise ValueError(f'"{value[:20]}" is not off, on, or from 30 to 730 days')
        return value

    @property
    def silence(self) -> timedelta | None:
        """How long a silence is long where somebody says so; None: by the list's rhythm."""
        return None if self.sunset in ("on", "off") else parse_duration(self.sunset)

    @field_validator("template", "reminder")
    @classmethod
    def _is_template(cls, value: str) -> str:
        if not _TEMPLATE.fullmatch(value):
            raise ValueError("a mail's name is made of small letters, digits and hyphens")
        return value

    @field_validator("list_id")
    @classmethod
    def _is_list_id(cls, value: str) -> str:
        # RFC 2919 section 3: dot-atoms, the last of them a domain that is the list owner's.
        if value and (not _LIST_ID.fullmatch(value) or len(value) > 255):
            raise ValueError(f'"{value[:60]}" is no List-Id (try "tea.shop.example")')
        return value

    @field_validator("owner")
    @classmethod
    def _is_owner(cls, value: str) -> str:
        return str(Address.parse(value)) if value else ""

    @field_validator("help")
    @classmethod
    def _is_help(cls, value: str) -> str:
        if value.startswith("https://"):
            if not urlsplit(value).hostname or not value.isascii() or re.search(r'[\s<>",()]', value):
                raise ValueError(f'"{value[:60]}" is no web address (try "https://shop.example/tea")')
            return value
        try:
            return str(Address.parse(value)) if value else ""
        except AddressError:
            raise ValueError(
                f'"{value[:60]}" is neither a mail address nor a web address that begins with https://'
            ) from None

    @field_validator("title", "purpose")
    @classmethod
    def _are_words(cls, value: dict[str, str]) -> dict[str, str]:
        for tag, words in value.items():
            if tidy_locale(tag) != tag:
                raise ValueError(f'"{tag[:20]}" is no language (try title.he)')
            if not words.strip() or len(words) > WORDS_MAX:
                raise ValueError(f"the words in {tag} are empty, or longer than {WORDS_MAX} characters")
        return {tag: words.strip() for tag, words in value.items()}

    @field_validator("title")
    @classmethod
    def _are_names(cls, value: dict[str, str]) -> dict[str, str]:
        return {tag: tidy_name(words) for tag, words in value.items()}

    @model_validator(mode="after")
    def _in_order(self) -> "ListSettings":
        if not timedelta(hours=1) <= self.expire_after <= timedelta(days=60):
            raise ValueError("expire_after is from 1h to 60 days")
        if self.remind_after and self.remind_after >= self.expire_after:
            raise ValueError("remind_after comes before expire_after")
        return self


@lru_cache(256)
def read(text: str) -> ListSettings:
    """The settings that a list's row holds."""
    return ListSettings.model_validate(json.loads(text))


def changed(text: str, told: Mapping[str, str]) -> str:
    """The row's text with `told` ({key: value}; "" goes back to the default) written over it. SettingError."""
    kept: dict[str, Any] = json.loads(text)
    for key, value in told.items():
        name, dot, tag = key.partition(".")
        if name not in ListSettings.model_fields or bool(dot) != (name in ("title", "purpose")):
            there_are = ", ".join(("confirmation", "title", "purpose", *keys()))
            raise SettingError(f'"{key[:40]}" is no setting of a list (there are: {there_are})')
        if dot and value and not _is_language(tag):
            raise SettingError(
                f'"{tag[:35]}" in {name}.{tag[:35]} is no language that is known (try {name}.he or {name}.pt-BR)'
            )
        if dot:
            words = kept.setdefault(name, {})
            words.pop(tag, None)
            words.update({tag: value} if value else {})
        elif value:
            kept[name] = value
        else:
            kept.pop(name, None)
    try:
        ListSettings.model_validate(kept)
    except (ValidationError, AddressError) as err:
        raise SettingError(_said(err)) from None
    return json.dumps(kept, ensure_ascii=False, sort_keys=True)


def _is_language(tag: str) -> bool:
    """Whether this is a language tag (BCP 47, with hyphens) of a language and a region that there are."""
    from babel import Locale, UnknownLocaleError

    try:
        return tidy_locale(tag) == tag and bool(Locale.parse(tag, sep="-"))
    except (ValueError, UnknownLocaleError):
        return False


def keys() -> list[str]:
    """What may be set, as it is written."""
    return [f"{name}.LANGUAGE" if name in ("title", "purpose") else name for name in ListSettings.model_fields]


def shown(settings: ListSettings) -> dict[str, str]:
    """Every setting as it is written."""
    found: dict[str, str] = {}
    for name, value in settings.model_dump(mode="json").items():
        if isinstance(value, dict):
            found.update({f"{name}.{tag}": words for tag, words in sorted(value.items())})
        else:
            found[name] = str(value)
    return found


def in_language(words: Mapping[str, str], locale: str, default: str) -> str:
    """The words for a reader's locale: of exactly it, of its language, or the default."""
    tag = locale
    while tag:
        if tag in words:
            return words[tag]
        tag = tag.rpartition("-")[0]
    return default


def _said(err: ValidationError | AddressError) -> str:
    if isinstance(err, AddressError):
        return str(err)
    return "; ".join(
        f"{each['loc'][0]}: {words}" if each["loc"] else words
        for each in err.errors()
        for words in [each["msg"].removeprefix("Value error, ").replace("Input should be", "must be")]
    )
