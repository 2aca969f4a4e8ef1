"""Random segments and random people: expressions of every type that the language has, and contacts to ask them of."""

import json
from datetime import timedelta
from random import Random
from typing import Final

from clock import NOON
from hypothesis import strategies as st

from engine.audience.fields import Field, Kind, declare
from engine.audience.lists import create
from engine.segments.reading import Reads
from engine.segments.vocabulary import Vocabulary
from mta.ports import Tx, to_ms

KINDS: Final = {"size": Kind.NUMBER, "seen": Kind.DATE, "vip": Kind.FLAG, "city": Kind.TEXT, "level": Kind.CHOICE}
LISTS: Final = ("news", "offers")
VOCABULARY: Final = Vocabulary(KINDS, frozenset(LISTS))

_TEXTS: Final = (
    "",
    "a",
    "A",
    "é",
    "É",
    "ann",
    "Ann",
    "אבג",
    "中文",
    "😀",
    "%",
    "_",
    "'",
    '"',
    "a'b",
    "x--",
    "\\",
    "ß",
    "SS",
    "İ",
    "{}",
    "?",
    "$1",
)
_NUMBERS: Final = (
    "0",
    "1",
    "2",
    "3",
    "-1",
    "0.5",
    "0.1",
    "0.2",
    "0.3",
    "2.5",
    "100",
    "19.99",
    "1e-7",
    "9007199254740991",
)
_TAGS: Final = ("gold", "silver", "é", "中")
_SPANS: Final = ("1d", "7d", "30d", "12h", "1d 12h", "1m")
_NAMES: Final = ("game.scored", "order.placed", "mail.opened", "survey.answered", "review.posted")
_HAPPENED: Final = frozenset({*_NAMES, "mail.clicked"})
EVERYTHING: Final = Reads(frozenset({"tags", "lists"}), frozenset(), _HAPPENED, _HAPPENED)
_DATES: Final = ("2026-01-01", "2025-12-31", "2026-03-02", "2026-03-01T23:30:00+02:00", "0001-01-01", "9999-12-31")


def seed(tx: Tx, count: int) -> None:
    """The declared fields, two lists, and so many contacts (ids 1 ...), the same each time."""
    random = Random(4)
    for name, kind in KINDS.items():
        declare(tx, Field(name, kind, choices=("low", "high") if kind is Kind.CHOICE else ()), NOON)
    ids = {name: create(tx, name, title=name, now=NOON).id for name in LISTS}
    for number in range(count):
        contact_id = _contact(tx, random, number)
        for tag in random.sample(_TAGS, random.randrange(3)):
            tx.execute("INSERT INTO tag (contact_id, tag, at_ms) VALUES (?,?,0)", (contact_id, tag))
        for name in random.sample(LISTS, random.randrange(3)):
            state = random.choice(("unconfirmed", "confirmed", "unsubscribed"))
            tx.execute(
                "INSERT INTO subscription (contact_id, list_id, state, source, asked_ms) VALUES (?,?,?,'',0)",
                (contact_id, ids[name], state),
            )
        for _ in range(random.choice((0, 0, 1, 2, 5))):
            _event(tx, random, contact_id)


def _contact(tx: Tx, random: Random, number: int) -> int:
    orders = random.choice((0, 0, 1, 2, 5))
    first = to_ms(NOON - timedelta(hours=random.randrange(10_000))) if orders else None
    last = None if first is None else first + random.randrange(10) * 86_400_000
    values = {
        "size": random.choice((0, 1, 2.5, 38, -1, 0.1, 123456789.123456)),
        "seen": random.choice(("2026-03-02", "2026-03-01", "2025-12-31", "0001-01-01", "9999-12-31")),
        "vip": random.choice((True, False)), "city": random.choice(_TEXTS), "level": random.choice(("low", "high")),
    }  # fmt: skip
    kept = {name: value for name, value in values.items() if value != "" and random.random() < 0.6}
    done = [random.choice((None, to_ms(NOON) - random.randrange(200 * 86_400_000))) for _ in range(4)]
    engaged = max([each for each in (*done, last) if each is not None], default=None)
    contact_id = tx.insert(
        "INSERT INTO contact (key, address, name, locale, zone, fields, created_ms, external_id, birthday, source, orders,"
        " spent, first_order_ms, last_order_ms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            f"c{number}@example.org", f"C{number}@example.org", random.choice(_TEXTS), random.choice(("", "he", "en-US")),
            random.choice(("", "Asia/Tokyo", "Pacific/Honolulu", "Pacific/Kiritimati", "Europe/Berlin", "no/zone")),
            json.dumps(kept, ensure_ascii=False), to_ms(NOON) - random.randrange(10**10), random.choice((None, f"x{number}")),
            random.choice(("", "1990-03-31", "--03-02")), random.choice(("", "call")), orders, random.randrange(10**6),
            first, last,
        ),
    )  # fmt: skip
    tx.execute(
        "UPDATE contact SET opened_ms = ?, clicked_ms = ?, replied_ms = ?, visited_ms = ?, engaged_ms = ?, opens = ?,"
        " clicks = ? WHERE id = ?",
        (*done, engaged, random.randrange(3), random.randrange(3), contact_id),
    )
    return contact_id


def _event(tx: Tx, random: Random, contact_id: int) -> None:
    values = (0, 1, 2, 0.1, 0.2, 19.99, -5, 1e-200, 2**60, 1e300, "12", "é", True, False, None, [1], {"a": 1})
    data = {
        key: random.choice(values) for key in ("total", "score", "flag", "number", "rating") if random.random() < 0.7
    }
    data["lines"] = random.choice(
        (
            None,
            "x",
            {},
            [],
            [1, "a", None],
            [{"sku": "T-1", "category": "tea"}, {"sku": 5}],
            [{"sku": "é"}, {"name": "x"}],
        )
    )
    at = to_ms(NOON) - random.choice((0, 1, 60_000, 43_200_000, 86_400_000, 86_400_001, 7 * 86_400_000, 10**10))
    tx.execute(
        "INSERT INTO event (name, contact_id, key, data, source, at_ms, matched) VALUES (?,?,?,?,'http',?,1)",
        (random.choice(_NAMES), contact_id, random.choice(("", "k1", "é")), json.dumps(data, ensure_ascii=False), at),
    )


# -- expressions, by type


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fill(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda found: template.format(*found))


_text = st.one_of(
    st.sampled_from(
        ("contact.name", "contact.address", "contact.locale", "contact.zone", "contact.source", "contact.external_id",
         "contact.birthday", "contact.engagement.level",
         "contact.fields.city", "contact.fields.level", "contact.lists.news", "contact.lists['offers']")
    ),
    st.sampled_from(_TEXTS).map(_quoted),
)  # fmt: skip
_window = st.one_of(st.just(""), st.sampled_from(_SPANS).map(_quoted))
_events = st.one_of(
    st.tuples(st.sampled_from(_NAMES).map(_quoted), _window).map(lambda told: f"events({', '.join(filter(None, told))})"),
    _fill("{}({})", st.sampled_from(("orders", "opened", "clicked")), _window),
)  # fmt: skip
_customs = st.tuples(st.just("'game.scored'"), _window).map(lambda told: f"events({', '.join(filter(None, told))})")
_orders = _fill("orders({})", _window)
_keys = st.sampled_from(("'score'", "'total'", "'flag'"))
_any = _fill("{}({}, {})", st.sampled_from(("first", "last")), _customs, _keys)
_flat = st.one_of(
    st.sampled_from(_NUMBERS),
    st.sampled_from(
        ("contact.id", "contact.birth_month", "contact.birth_day", "contact.orders.count", "contact.orders.total",
         "contact.rfm.recency", "contact.rfm.frequency", "contact.rfm.monetary", "contact.engagement.score",
         "contact.engagement.clicks", "contact.fields.size", "count(contact.tags)",
         "count(contact.lists)")
    ),
    _fill("count({})", st.one_of(_events, _text)),
    _fill("{}({}, 'total')", st.sampled_from(("sum", "min", "max", "last", "first")), _orders),
    _fill("{}({}, {})", st.sampled_from(("sum", "min", "max")), _customs, _keys),
)  # fmt: skip
_moment = st.one_of(
    st.sampled_from(
        (
            "now",
            "contact.created",
            "contact.orders.first_at",
            "contact.orders.last_at",
            "contact.engagement.last_at",
            "contact.engagement.clicked_at",
        )
    ),
    _fill("{}({}, 'at')", st.sampled_from(("first", "last")), _events),
)
_day = st.one_of(st.sampled_from(("today", "contact.fields.seen")), _fill("date({})", _moment))
_dates = st.one_of(_day, _moment)
_moved = st.one_of(
    _dates, _fill("({} {} {})", _dates, st.sampled_from("+-"), st.sampled_from(("0", "1", "30", "40000")))
)
_number = st.one_of(
    _flat,
    _fill("({} {} {})", _flat, st.sampled_from("+-*/"), _flat),
    _fill("(({} {} {}) {} {})", _flat, st.sampled_from("+-*/"), _flat, st.sampled_from("+-*/"), _flat),
    _fill("(-{})", st.sampled_from(("contact.fields.size", "contact.orders.count"))),
    _fill("({} - {})", _moved, _moved),
    _fill("default({}, {})", _flat, _flat),
)
_order = st.sampled_from(("==", "!=", "<", "<=", ">", ">="))
_same = st.sampled_from(("==", "!="))
_in = st.sampled_from(("in", "not in"))
_flag = st.sampled_from(("contact.fields.vip", "true", "false", "default(contact.fields.vip, true)"))
_leaf = st.one_of(
    _fill("{} {} {}", _number, _order, _number),
    _fill("{} {} {} < {}", _number, _order, _number, _number),
    _fill("{} {} {}", _text, _order, _text),
    _fill("{} {} {}", _moved, _order, _moved),
    _fill("{} {} {}", _moved, _order, st.sampled_from(_DATES).map(_quoted)),
    _fill("{} {} {}", _flag, _same, _flag),
    _fill("{} {} {}", _any, _order, st.one_of(_flat, _text)),
    _fill("{} {} {}", _any, _same, _flag),
    _fill("{} {} contact.tags", st.sampled_from(_TAGS).map(_quoted), _in),
    _fill("{} {} contact.lists", st.sampled_from(LISTS).map(_quoted), _in),
    _fill("{} {} {}", _text, _in, _text),
    _fill("{} {} [{}, {}]", _text, _in, *(st.sampled_from(_TEXTS).map(_quoted),) * 2),
    _fill("{} {} [{}, {}]", _number, _in, *(st.sampled_from(_NUMBERS),) * 2),
    _fill("{} {} {}({})", _text, _in, st.sampled_from(("products", "categories")), _window),
    _fill("{} {} {}({})", st.sampled_from(("'T-1'", "'tea'", "'é'")), _in, st.sampled_from(("products", "categories")), _window),
    _fill("{} {} pluck({}, {})", st.one_of(_flat, _text), _in, _customs, _keys),
    _fill("{} {} pluck({}, 'key')", _text, _in, _events),
    _fill("{} is defined", st.one_of(_number, _text, _moved, _flag)),
    _fill("{} is not defined", st.one_of(_number, _text, _moved)),
    _flag, _number, _text, _moved, _events, st.sampled_from(("contact.tags", "contact.lists")),
)  # fmt: skip


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        _fill("({} and {})", inner, inner),
        _fill("({} or {})", inner, inner),
        _fill("(not {})", inner),
        _fill("(({}) == ({}))", _leaf.filter(lambda text: " == " in text), st.just("true")),
        _fill("({} > 1 if {} else {} == 'a')", _flat, inner, _text),
        _fill("(({} if {} else {}) > 1)", _flat, inner, _flat),
    )


expressions = st.recursive(_leaf, _larger, max_leaves=6)
