"""The SQL back end: a checked expression as one condition on the table `contact c`, for a million at once.

The same answer as the interpreter's for every contact. NULL stands for missing and never shows: a comparison with it is
no truth, and `not` asks for IS NOT TRUE. Whatever a person wrote is bound; the text is made of our own words alone.
Numbers are compared as they are and reckoned as binary fractions; days are days since 1970, moments milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from engine.audience.engagement import LEVELS, LONG_AGO, NEVER
from engine.flow import expression as tree
from engine.flow.happened import Happened
from engine.flow.values import EXACT, TINY, as_date
from engine.segments.checking import Checked, path_of
from engine.segments.facts import EVENTS_MAX, World
from engine.segments.vocabulary import DATES, Type, data_type
from engine.store.dialect import Dialect
from mta.ports import to_ms

_DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1)
_BOUNDS: Final = {
    Type.DAY: ((date.min - _EPOCH).days, (date.max - _EPOCH).days),
    Type.MOMENT: (to_ms(datetime.min.replace(tzinfo=UTC)), to_ms(datetime.max.replace(tzinfo=UTC))),
}
_COLUMNS: Final = {
    **{name: f"c.{name}" for name in ("id", "address", "name", "locale", "zone", "source", "birthday")},
    "external_id": "COALESCE(c.external_id, '')",
    "birth_month": "CASE WHEN c.birthday <> '' THEN CAST(substr(c.birthday, length(c.birthday) - 4, 2) AS INTEGER) END",
    "birth_day": "CASE WHEN c.birthday <> '' THEN CAST(substr(c.birthday, length(c.birthday) - 1, 2) AS INTEGER) END",
    "created": "c.created_ms",
    "orders.count": "c.orders",
    "orders.total": "(CAST(c.spent AS DOUBLE PRECISION) / 100)",
    "orders.first_at": "c.first_order_ms",
    "orders.last_at": "c.last_order_ms",
    **{f"engagement.{word}_at": f"c.{word}_ms" for word in ("opened", "clicked", "replied", "visited")},
    "engagement.last_at": "c.engaged_ms",
    **{f"engagement.{name}": f"c.{name}" for name in ("opens", "clicks", "replies", "visits")},
}
_SCORED: Final = {"recency": "c.last_order_ms", "frequency": "c.orders", "monetary": "c.spent"}


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of a statement, and what is bound to its `?`, in order."""

    text: str
    params: tuple[Any, ...] = ()


def fit(template: str, *parts: Sql) -> Sql:
    """The template with a part at each `{}`."""
    return Sql(template.format(*(each.text for each in parts)), sum((each.params for each in parts), ()))


def condition(checked: Checked, world: World, dialect: Dialect) -> Sql:
    """What holds of exactly those contacts (`contact c`) that the expression holds for."""
    return _Compiler(checked, world, dialect).truth(checked.root)


def next_exits(checked: Checked, world: World) -> list[tuple[Sql, int]]:
    """For each window, the time of the oldest event in it (NULL: none), and the window's length in milliseconds."""
    return [
        (
            Sql(
                "(SELECT MIN(t.at_ms) FROM (SELECT e.at_ms FROM event e WHERE e.contact_id = c.id AND e.name = ?"
                f" AND e.at_ms > ? ORDER BY e.at_ms DESC, e.id DESC LIMIT {EVENTS_MAX}) t)",
                (each.event, to_ms(world.now - each.length)),
            ),
            each.length_ms,
        )
        for each in sorted(checked.reads.windows)
    ]


class _Compiler:
    def __init__(self, checked: Checked, world: World, dialect: Dialect) -> None:
        self._checked, self._world, self._dialect = checked, world, dialect

    # -- truths: SQL that may stand in WHERE

    def truth(self, node: tree.Node) -> Sql:
        match node:
            case tree.Logic(word="not", operands=(operand,)):
                return fit("(({}) IS NOT TRUE)", self.truth(operand))
            case tree.Logic(word=word):
                parts = sorted(map(self.truth, chain(node, word)), key=_cost)
                return fit(f"({f' {word.upper()} '.join('{}' for _ in parts)})", *parts)
            case tree.Compare():
                return self._compare(node)
            case tree.Defined(operand=operand):
                return fit("({} IS NOT NULL)", self.value(operand))
            case tree.Literal(value=value):
                return Sql("(1 = 1)" if value else "(1 = 0)")
            case tree.Choice(test=test, this=this, other=other):
                ways = (self.truth(test), self.truth(this), self.truth(other))
                return fit("(CASE WHEN {} THEN CASE WHEN {} THEN 1 ELSE 0 END WHEN {} THEN 1 ELSE 0 END = 1)", *ways)
        match self._checked.type(node):
            case Type.TRUTH:
                return fit("({} = 1)", self.value(node))
            case Type.NUMBER:
                return fit("({} <> 0)", self.value(node))
            case Type.TEXT:
                return fit("({} <> '')", self.value(node))
            case Type.TAGS:
                return Sql("EXISTS (SELECT 1 FROM tag g WHERE g.contact_id = c.id)")
            case Type.LISTS:
                return Sql("EXISTS (SELECT 1 FROM subscription s WHERE s.contact_id = c.id)")
            case Type.EVENTS:
                assert isinstance(node, Happened)
                return fit("EXISTS (SELECT 1 FROM event e WHERE {})", self._which(node))
        return fit("({} IS NOT NULL)", self.value(node))

    def _compare(self, node: tree.Compare) -> Sql:
        pairs, left = [], node.first
        for sign, right in node.rest:
            match sign:
                case "in":
                    pairs.append(self._within(left, right))
                case "not in":
                    pairs.append(fit("({} IS NOT TRUE)", self._within(left, right)))
                case "==":
                    pairs.append(self._pair("=", left, right))
                case "!=":
                    pairs.append(fit("({} IS NOT TRUE)", self._pair("=", left, right)))
                case _:
                    pairs.append(self._pair(sign, left, right))
            left = right
        return pairs[0] if len(pairs) == 1 else fit(f"({' AND '.join('{}' for _ in pairs)})", *pairs)

    def _pair(self, sign: str, left: tree.Node, right: tree.Node) -> Sql:
        a, b = self._checked.type(left), self._checked.type(right)
        kind = b if a is Type.ANY else a
        one, other = self.value(left, kind), self.value(right, kind)
        if {a, b} == DATES:
            one, other = self._day(one, a), self._day(other, b)
        collate = self._dialect.collate if kind is Type.TEXT and sign != "=" else ""
        return fit(f"({{}}{collate} {sign} {{}})", one, other)

    def _within(self, left: tree.Node, right: tree.Node) -> Sql:
        kind = self._checked.type(left)
        match self._checked.type(right):
            case Type.ITEMS:
                assert isinstance(right, tree.Items)
                if not right.items:
                    return Sql("(1 = 0)")
                return fit(
                    f"({' OR '.join('{}' for _ in right.items)})",
                    *(self._pair("=", left, each) for each in right.items),
                )
            case Type.TAGS:
                return fit(
                    "EXISTS (SELECT 1 FROM tag g WHERE g.contact_id = c.id AND g.tag = {})", self.value(left, Type.TEXT)
                )
            case Type.LISTS:
                return fit(
                    "EXISTS (SELECT 1 FROM subscription s JOIN list l ON l.id = s.list_id"
                    " WHERE s.contact_id = c.id AND l.name = {})",
                    self.value(left, Type.TEXT),
                )
            case Type.LINES:
                assert isinstance(right, Happened)
                text = self._keyed(self._dialect.line_text(), right.line)
                found = fit(
                    f"SELECT {{}} AS v FROM ({{}}) t, {self._dialect.lines('t.data')}", text, self._newest(right)
                )
                return fit("EXISTS (SELECT 1 FROM ({}) n WHERE n.v = {})", found, self.value(left, Type.TEXT))
            case Type.PLUCKED:
                assert isinstance(right, tree.Call)
                return fit(
                    "EXISTS (SELECT 1 FROM ({}) n WHERE {} = {})", *self._told(right, kind), self.value(left, kind)
                )
        container, text = self.value(right), self.value(left, Type.TEXT)
        return fit(
            "({} = '' AND {} IS NOT NULL OR replace({}, {}, '') <> {})", text, container, container, text, container
        )

    # -- values

    def value(self, node: tree.Node, wanted: Type | None = None) -> Sql:
        """A scalar. `wanted` is what is asked of a node that is whatever an event brought."""
        match node:
            case tree.Literal():
                return self._literal(node)
            case tree.Name(name="today"):
                return self._today()
            case tree.Name():
                return Sql("CAST(? AS BIGINT)", (to_ms(self._world.now),))
            case tree.Lookup():
                return self._attribute(node)
            case tree.Reckon():
                return self._reckon(node)
            case tree.Call():
                return self._call(node, wanted)
            case tree.Choice(test=test, this=this, other=other) if self._checked.type(node) is not Type.TRUTH:
                parts = (self.truth(test), self.value(this), self.value(other))
                return fit("CASE WHEN {} THEN {} ELSE {} END", *parts)
        return fit("CASE WHEN {} THEN 1 ELSE 0 END", self.truth(node))

    def _literal(self, node: tree.Literal) -> Sql:
        found: Any = node.value
        match self._checked.type(node):
            case Type.TRUTH:
                return Sql("1" if found else "0")
            case Type.NUMBER:
                return Sql("CAST(? AS BIGINT)" if isinstance(found, int) else "CAST(? AS DOUBLE PRECISION)", (found,))
            case Type.DAY:
                return Sql("CAST(? AS BIGINT)", ((date.fromisoformat(found) - _EPOCH).days,))
            case Type.MOMENT:
                moment = as_date(found)
                assert isinstance(moment, datetime)
                return Sql("CAST(? AS BIGINT)", (to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC)),))
        return Sql("CAST(? AS TEXT)", (found,))

    def _today(self) -> Sql:
        usual, others = _days(self._world.now, self._world.zone)
        cases = [
            Sql(f"WHEN c.zone IN ({', '.join('?' * len(zones))}) THEN CAST(? AS BIGINT)", (*zones, day))
            for day, zones in others
        ]
        other = Sql("CAST(? AS BIGINT)", (usual,))
        return fit(f"CASE {' '.join('{}' for _ in cases)} ELSE {{}} END", *cases, other) if cases else other

    def _attribute(self, node: tree.Lookup) -> Sql:
        path = path_of(node)
        if path in _COLUMNS:
            return Sql(_COLUMNS[path])
        record, _, name = path.partition(".")
        if record == "lists":
            return Sql(
                "(SELECT s.state FROM subscription s WHERE s.contact_id = c.id"
                " AND s.list_id = (SELECT l.id FROM list l WHERE l.name = ?))",
                (name,),
            )
        if record == "engagement":
            return _level(name, self._world.now)
        if record == "rfm":
            edges: Sequence[int] = getattr(self._world.fifths, name)
            steps = "".join(f" + CASE WHEN {_SCORED[name]} > ? THEN 1 ELSE 0 END" for _ in edges)
            return Sql(f"CASE WHEN c.orders > 0 AND c.last_order_ms IS NOT NULL THEN 1{steps} END", tuple(edges))
        return self._field(name, self._checked.type(node))

    def _field(self, name: str, kind: Type) -> Sql:
        words = self._dialect
        match kind:
            case Type.NUMBER:
                return self._keyed(words.number("c.fields", is_sure=True), name)
            case Type.TRUTH:
                return self._keyed(words.truth("c.fields", is_sure=True), name)
            case Type.DAY:
                return self._keyed(words.day(words.text("c.fields", is_sure=True)), name)
        return self._keyed(words.text("c.fields", is_sure=True), name)

    def _keyed(self, text: str, key: str) -> Sql:
        return Sql(text, (self._dialect.path(key),) * text.count("?"))

    def _day(self, value: Sql, kind: Type) -> Sql:
        if kind is Type.DAY:
            return value
        return fit(f"(({{}} - (({{}} % {_DAY_MS}) + {_DAY_MS}) % {_DAY_MS}) / {_DAY_MS})", value, value)

    def _reckon(self, node: tree.Reckon) -> Sql:
        a, b = self._checked.type(node.left), self._checked.type(node.right)
        left, right = self.value(node.left), self.value(node.right)
        if a in DATES and b in DATES:
            return fit("({} - {})", self._day(left, a), self._day(right, b))
        if (moved := self._checked.type(node)) in DATES:
            scale = _DAY_MS if moved is Type.MOMENT else 1
            return self._bounded(fit(f"({{}} {node.sign} {{}} * {scale})", *self._ordered(left, right, a)), moved)
        right = fit("NULLIF({}, 0)", right) if node.sign == "/" else right
        sign = f"(CAST({{}} AS DOUBLE PRECISION) {node.sign} CAST({{}} AS DOUBLE PRECISION))"
        return _within_bounds(fit(sign, left, right))

    def _ordered(self, left: Sql, right: Sql, kind: Type) -> tuple[Sql, Sql]:
        return (left, right) if kind in DATES else (right, left)

    def _bounded(self, value: Sql, kind: Type) -> Sql:
        least, most = _BOUNDS[kind]
        return fit(f"CASE WHEN {{}} BETWEEN {least} AND {most} THEN {{}} END", value, value)

    def _call(self, node: tree.Call, wanted: Type | None) -> Sql:
        first = node.arguments[0]
        match node.name:
            case "count":
                return self._count(first)
            case "default":
                return fit("COALESCE({}, {})", self.value(first), self.value(node.arguments[1]))
            case "date":
                return self._day(self.value(first), self._checked.type(first))
        rows, value = self._told(node, wanted or Type.NUMBER)
        match node.name:
            case "sum":
                floor = self._dialect.floor("(CAST(m.v AS DOUBLE PRECISION) * 10000.0 + 0.5)")
                whole = fit("SELECT {} AS v FROM ({}) n", value, rows)
                return fit(
                    f"(SELECT COALESCE(SUM(CAST({floor} AS DOUBLE PRECISION)), 0) / 10000.0 FROM ({{}}) m)", whole
                )
            case "min" | "max":
                return fit(f"(SELECT {node.name.upper()}({{}}) FROM ({{}}) n)", value, rows)
        way = "ASC" if node.name == "first" else "DESC"
        return fit(f"(SELECT {{}} FROM ({{}}) n ORDER BY n.at_ms {way}, n.id {way} LIMIT 1)", value, rows)

    def _count(self, counted: tree.Node) -> Sql:
        match self._checked.type(counted):
            case Type.TAGS:
                return Sql("(SELECT count(*) FROM tag g WHERE g.contact_id = c.id)")
            case Type.LISTS:
                return Sql("(SELECT count(*) FROM subscription s WHERE s.contact_id = c.id)")
            case Type.TEXT:
                return fit("COALESCE(length({}), 0)", self.value(counted))
        assert isinstance(counted, Happened)
        return fit("(SELECT count(*) FROM ({}) t)", self._newest(counted))

    # -- what happened

    def _which(self, node: Happened) -> Sql:
        since = () if node.length is None else (to_ms(self._world.now - node.length),)
        window = " AND e.at_ms > ?" if since else ""
        return Sql(f"e.contact_id = c.id AND e.name = ?{window}", (node.event, *since))

    def _newest(self, node: Happened) -> Sql:
        return fit(
            "SELECT e.id, e.at_ms, e.key, e.data FROM event e WHERE {}"
            f" ORDER BY e.at_ms DESC, e.id DESC LIMIT {EVENTS_MAX}",
            self._which(node),
        )

    def _told(self, node: tree.Call, wanted: Type) -> tuple[Sql, Sql]:
        """Rows (id, at_ms, v) of a call's events, with what they hold under its key; and how to read their v."""
        happened, key = node.arguments[0], node.arguments[1]
        assert isinstance(happened, Happened) and isinstance(key, tree.Literal)
        kind = data_type(happened.event, str(key.value))
        kind = wanted if kind is Type.ANY else kind
        match key.value, kind:
            case "at", _:
                raw, value = Sql("t.at_ms"), Sql("n.v")
            case "key", _:
                raw, value = Sql("t.key"), Sql("n.v")
            case _, Type.NUMBER:
                raw, value = self._keyed(self._dialect.number("t.data"), str(key.value)), _within_bounds(Sql("n.v"))
            case _, Type.TRUTH:
                raw, value = self._keyed(self._dialect.truth("t.data"), str(key.value)), Sql("n.v")
            case _:
                raw, value = self._keyed(self._dialect.text("t.data"), str(key.value)), Sql("n.v")
        return fit("SELECT t.id, t.at_ms, {} AS v FROM ({}) t", raw, self._newest(happened)), value


def chain(node: tree.Node, word: str) -> list[tree.Node]:
    """The operands of `a and b and c`, in order, however they are nested."""
    if isinstance(node, tree.Logic) and node.word == word:
        return [found for each in node.operands for found in chain(each, word)]
    return [node]


def _cost(part: Sql) -> int:
    """How dear it is to ask this of a row: what is cheap is asked first, since its answer may be enough."""
    text = part.text
    return text.count("FROM event") * 100 + text.count("json") * 10 + text.count("SELECT") * 10 + len(text) // 200


def _within_bounds(value: Sql) -> Sql:
    """As `engine.flow.values` bounds what is reckoned."""
    return fit(
        f"CASE WHEN {{}} > -{TINY} AND {{}} < {TINY} THEN 0 WHEN {{}} BETWEEN -{EXACT} AND {EXACT} THEN {{}} END",
        value, value, value, value,
    )  # fmt: skip


def _days(now: datetime, default: ZoneInfo) -> tuple[int, list[tuple[int, tuple[str, ...]]]]:
    """Today by the installation's clock, and each other day that it is somewhere, with the zones where it is."""
    usual = (now.astimezone(default).date() - _EPOCH).days
    days: dict[int, list[str]] = {}
    for name in _zones():
        day = (now.astimezone(ZoneInfo(name)).date() - _EPOCH).days
        days.setdefault(day, []).append(name)
    return usual, sorted((day, tuple(names)) for day, names in days.items() if day != usual)


@lru_cache(1)
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def _level(name: str, now: datetime) -> Sql:
    """`engagement.level` or `engagement.score`, as `engine.audience.engagement.level` has them."""
    is_word = name == "level"
    steps = [
        (f"'{word}'" if is_word else str(len(LEVELS) + 1 - place), to_ms(now - within))
        for place, (word, within) in enumerate(LEVELS)
    ]
    never, long_ago = (f"'{NEVER}'", f"'{LONG_AGO}'") if is_word else ("0", "1")
    cases = " ".join(f"WHEN c.engaged_ms > ? THEN {value}" for value, _ in steps)
    return Sql(
        f"CASE WHEN c.engaged_ms IS NULL THEN {never} {cases} ELSE {long_ago} END", tuple(since for _, since in steps)
    )
