"""Columns: which of a file's holds what, said by whoever imports or guessed from its header, and how a cell is read.

A target is `address`, `name`, `first_name`, `last_name`, `locale`, `zone`, `birthday`, `external_id`, `tags`, one of the
four of consent (`asked`, `asked_ip`, `confirmed`, `confirmed_ip`), or a declared field. A column without one is left out,
and a dry run says so.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.audience.contacts import ContactError, tidy_birthday, tidy_locale, tidy_name, tidy_tag, tidy_zone
from engine.audience.fields import Field, FieldError
from engine.exchange.people import BadRow, Person, Standing, one_line, parse_address, parse_when
from engine.exchange.rows import Row
from engine.exchange.sheet import unguarded
from mta.ports import from_ms

FIELD: Final = "field:"
CONSENT: Final = ("asked", "asked_ip", "confirmed", "confirmed_ip")
TARGETS: Final = (
    "address", "name", "first_name", "last_name", "locale", "zone", "birthday", "external_id", "tags", *CONSENT,
)  # fmt: skip
NOTHING: Final = "-"  # a target: leave the column out

# What people call these columns, in small letters without signs, in the five languages and some more.
_USUAL: Final[Mapping[str, str]] = {
    word: target
    for target, words in {
        "address": "address email emailaddress mail mailaddress emailadresse adresse correo courriel"
        " דואל אימייל דואראלקטרוני כתובתדואל כתובתמייל מייל email1value"
        " почта электроннаяпочта адрес адресэлектроннойпочты эпочта имейл емейл"
        " 邮箱 电子邮件 电子邮箱 邮件地址 邮箱地址 電子郵件 電郵 電子信箱 電郵地址 信箱 電子郵件地址",
        "name": "name fullname displayname contactname שם שםמלא имя фио полноеимя 姓名 名字 名称 全名 名稱",
        "first_name": "firstname fname givenname forename vorname prenom שםפרטי имяотчество 名",
        "last_name": "lastname lname surname familyname nachname שםמשפחה фамилия 姓 姓氏",
        "locale": "locale language lang sprache שפה язык 语言 語言",
        "zone": "zone timezone tz אזורזמן часовойпояс 时区 時區",
        "birthday": "birthday birthdate dateofbirth dob geburtstag geburtsdatum יוםהולדת תאריךלידה"
        " деньрождения датарождения 生日 出生日期",
        "external_id": "externalid customerid customernumber kundennummer מספרלקוח номерклиента 客户编号 客戶編號",
        "tags": "tags tag labels תגיות теги метки 标签 標籤",
        "asked": "asked optintime signupdate subscribedat",
        "asked_ip": "askedip optinip signupip",
        "confirmed": "confirmed confirmtime confirmedat consentdate",
        "confirmed_ip": "confirmedip confirmip",
    }.items()
    for word in words.split()
}


class MappingError(ValueError):
    """Columns that can't be brought together with targets; the words say which."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import does with every row, beside what the row itself says."""

    columns: tuple[tuple[str, str], ...]  # (column, target) in the file's order; NOTHING where it is left out
    fields: Mapping[str, Field]
    lists: tuple[tuple[int, str], ...] = ()  # (id, name)
    tags: tuple[str, ...] = ()
    locale: str = ""
    zone: str = ""
    dates: str = "iso"  # how birthdays and dates are written: iso, dmy, mdy
    asks: bool = False  # nobody is believed to have said yes: each is asked by mail


def match(header: Sequence[str], said: Mapping[str, str], fields: Mapping[str, Field]) -> tuple[tuple[str, str], ...]:
    """The target of each column: as said (column to target), else guessed. MappingError with all that is wrong."""
    wrong = [f'there is no column "{each[:60]}"' for each in said if each not in header]
    targets = {column: _target(target, fields, wrong) for column, target in said.items()}
    taken = set(targets.values())
    found = []
    for column in header:
        target = targets.get(column) or _guess(column, fields, taken)
        if target != NOTHING:
            taken.add(target)
        found.append((column, target))
    doubles = {target for _, target in found if target != NOTHING and sum(target == each for _, each in found) > 1}
    wrong += [f"two columns are {target}" for target in sorted(doubles)]
    if "address" not in taken:
        shown = ", ".join(each or '""' for each in header[:20])
        wrong.append(f'no column holds the address: say which, as in --map "E-Mail=address" (there are {shown})')
    if wrong:
        raise MappingError("; ".join(wrong))
    return tuple(found)


def _target(said: str, fields: Mapping[str, Field], wrong: list[str]) -> str:
    name = said.removeprefix(FIELD)
    if said in TARGETS or said in (NOTHING, ""):
        return said or NOTHING
    if name in fields:
        return FIELD + name
    wrong.append(
        f'"{said[:60]}" is neither a declared field (`posthouse field add` declares one) nor any of {", ".join(TARGETS)}'
    )
    return NOTHING


def _guess(column: str, fields: Mapping[str, Field], taken: set[str]) -> str:
    word = _plain(column)
    for name, each in fields.items():
        if word and word in (_plain(name), _plain(each.title), _plain(FIELD + name)) and FIELD + name not in taken:
            return FIELD + name
    target = _USUAL.get(word, NOTHING)
    return NOTHING if target in taken else target


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


class Shaper:
    """Makes people of rows by a plan."""

    def __init__(self, plan: Plan, *, by_name: bool, is_lenient: bool = False) -> None:
        """`by_name`: cells are found by their column's name (JSON lines), else by its place. `is_lenient`: what is no
        locale or zone is left out, as of files that a program wrote and nobody will mend."""
        keys: Iterable[Any] = [name for name, _ in plan.columns] if by_name else range(len(plan.columns))
        self._plan = plan
        self._places = {target: key for key, (_, target) in zip(keys, plan.columns, strict=True) if target != NOTHING}
        self._fields = [
            (self._places[target], plan.fields[target.removeprefix(FIELD)])
            for target in self._places
            if target.startswith(FIELD)
        ]
        self._by_name, self._is_lenient = by_name, is_lenient
        self._state = "unconfirmed" if plan.asks else "confirmed"
        self._standings = tuple(Standing(list_id, self._state, is_to_ask=plan.asks) for list_id, _ in plan.lists)
        self._said = {name: self._state for _, name in plan.lists}
        self._has_consent = any(each in self._places for each in CONSENT)

    def __call__(self, row: Row) -> Person:
        """The person of a row. BadRow with all that is wrong with it."""
        if row.trouble:
            raise BadRow(row.trouble)
        cells: Any = row.cells
        get = self._getter(cells)
        person = Person(row.number, parse_address(get("address")))
        wrong: list[str] = []
        name, first, last = (one_line(each, get(each)) for each in ("name", "first_name", "last_name"))
        person.name = tidy_name(name) or tidy_name(f"{first} {last}")
        person.locale = self._tidy(get("locale"), tidy_locale, "locale", wrong) or self._plan.locale
        person.zone = self._tidy(get("zone"), tidy_zone, "zone", wrong) or self._plan.zone
        person.tags = self._plan.tags
        try:
            if external_id := get("external_id"):
                person.external_id = tidy_name(one_line("external_id", external_id))
            if birthday := get("birthday").strip():
                person.birthday = tidy_birthday(self._date(birthday))
            if tags := cells_of(cells, self._places.get("tags")):
                person.tags += tags_of(tags)
        except ContactError as err:
            wrong.append(str(err))
        for key, field in self._fields:
            value = cells.get(key) if self._by_name else unguarded(cells[key])
            try:
                kept = field.parse(self._date(value) if field.kind == "date" and isinstance(value, str) else value)
                if kept is not None:
                    person.fields[field.name] = kept
            except FieldError as err:
                wrong.append(str(err))
        if wrong:
            raise BadRow("; ".join(wrong))
        person.standings = self._standings
        person.facts = {"address": str(person.address), "row": row.number, "lists": self._said}
        if self._has_consent:
            self._add_consent(person, get)
        return person

    def _getter(self, cells: Any) -> Callable[[str], str]:
        places = self._places
        if not self._by_name:
            return lambda target: unguarded(cells[places[target]]) if target in places else ""

        def get(target: str) -> str:
            value = cells.get(places[target]) if target in places else None
            if isinstance(value, dict | list):
                raise BadRow(f"{places[target]}: a text is expected, not {type(value).__name__}")
            return "" if value is None else str(value)

        return get

    def _tidy(self, value: str, tidy: Callable[[str], str], name: str, wrong: list[str]) -> str:
        if not value:
            return ""
        value = value.strip()
        kept = tidy(value)
        if value and not kept and not self._is_lenient:
            wrong.append(f'{name}: "{value[:40]}" is none')
        return kept

    def _date(self, text: str) -> str:
        if self._plan.dates == "iso" or not (parts := _DATE.fullmatch(text.strip())):
            return text
        one, two, year = (int(each) for each in parts.groups())
        day, month = (one, two) if self._plan.dates == "dmy" else (two, one)
        return f"{year:04}-{month:02}-{day:02}"

    def _add_consent(self, person: Person, get: Callable[[str], str]) -> None:
        asked, confirmed = parse_when("asked", get("asked")), parse_when("confirmed", get("confirmed"))
        if not self._plan.asks:
            person.standings = tuple(
                Standing(each.list_id, each.state, asked_ms=asked, confirmed_ms=confirmed) for each in self._standings
            )
        person.facts |= consent_facts(asked, get("asked_ip"), confirmed, get("confirmed_ip"))


_DATE: Final = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})", re.ASCII)


def consent_facts(asked_ms: int | None, asked_ip: str, confirmed_ms: int | None, confirmed_ip: str) -> dict[str, str]:
    """What a file says of a consent, as the ledger keeps it; what it does not say is left out."""
    said = {
        "asked": _iso(asked_ms), "asked_ip": tidy_name(asked_ip)[:45], "confirmed": _iso(confirmed_ms),
        "confirmed_ip": tidy_name(confirmed_ip)[:45],
    }  # fmt: skip
    return {name: value for name, value in said.items() if value}


def _iso(at_ms: int | None) -> str:
    return "" if at_ms is None else from_ms(at_ms).isoformat()


def cells_of(cells: Any, key: Any) -> Any:
    """A cell, whatever it holds; "" where there is none."""
    if key is None:
        return ""
    return cells.get(key) or "" if isinstance(cells, dict) else unguarded(cells[key])


def tags_of(value: Any) -> tuple[str, ...]:
    """The tags in a cell: a list, or a text with commas or semicolons between, in quotes or not. ContactError."""
    parts = [str(each) for each in value] if isinstance(value, list) else re.split(r"[,;]", str(value))
    plain = (each.strip().strip('"').strip() for each in parts)
    return tuple(dict.fromkeys(tidy_tag(each) for each in plain if each))
