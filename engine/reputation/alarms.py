"""The alarms that stand, and the chore that judges the figures of the last two days (UTC, today's among them) anew."""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from deliverability.reputation import index
from deliverability.reputation.alarms import Figure, Level, Subject, changes
from deliverability.reputation.settings import ReputationSettings
from engine import houselog
from engine.reputation import judging, listings
from engine.reputation.beside import dmarc
from mta.ports import Tx, from_ms, to_ms

EVERY: Final = timedelta(minutes=1)
_MILLION: Final = 1_000_000
_COLUMNS: Final = (
    "id, rule, provider, source, domain, stream, level, count, total, figure_ppm, threshold_ppm, reply, judged_by,"
    " message_id, began_ms, ended_ms"
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One that was raised; `ended` where it is over. figure and threshold are shares."""

    id: int
    subject: Subject
    level: Level
    count: int
    of: int
    figure: float
    threshold: float
    reply: str
    judged_by: str
    message_id: int
    began: datetime
    ended: datetime | None

    @property
    def words(self) -> str:
        """Such as "complaints 0.42 % (threshold 0.3 %) of shop.example at gmail: complaint: abuse [feedback]"."""
        of = f" of {self.of:,}" if self.of else ""
        said = f": {self.reply} [{self.judged_by}]" if self.reply else ""
        measured = f"{share_words(self.figure)}, {self.count:,}{of}, threshold {share_words(self.threshold)}"
        if self.subject.rule == index.LISTED:
            measured = "listed"
        return f"{self.subject.rule} ({measured}) for {self.subject.words}{said}"


def share_words(share: float) -> str:
    """A share in percent, as exact as small ones need."""
    return f"{100 * share:.3g} %"


def standing(tx: Tx, *, lock: bool = False) -> list[Alarm]:
    """Those that are not over, the worst first."""
    ending = tx.for_update() if lock else ""
    rows = tx.query(f"SELECT {_COLUMNS} FROM reputation_alarm WHERE ended_ms IS NULL ORDER BY level DESC, id{ending}")
    return [_alarm(row) for row in rows]


def history(tx: Tx, since: datetime, limit: int) -> list[Alarm]:
    """Those that stood at some time since, the youngest first."""
    rows = tx.query(
        f"SELECT {_COLUMNS} FROM reputation_alarm WHERE ended_ms IS NULL OR ended_ms >= ? ORDER BY id DESC LIMIT ?",
        (to_ms(since), limit),
    )
    return [_alarm(row) for row in rows]


@dataclass(slots=True)
class Watcher:
    """A chore of the janitor's. `now_standing` is for whoever shows alarms. `ours`: the addresses that we send from."""

    settings: ReputationSettings
    ours: Set[str]
    now_standing: tuple[Alarm, ...] = ()
    _found: dict[Subject, Figure] = field(default_factory=dict)
    _looked: datetime | None = None
    _is_begun: bool = False

    def use(self, settings: ReputationSettings, ours: Set[str]) -> None:
        """Judge by these from now on."""
        self.settings, self.ours, self._looked = settings, ours, None

    def is_due(self, tx: Tx, now: datetime) -> bool:
        """Whether an alarm has to be raised or ended. Tells of those that were since the last look."""
        self._tell(standing(tx))
        if self._looked is not None and timedelta() <= now - self._looked < EVERY:
            return False
        self._looked = now
        reported = dmarc(tx, now - judging.WINDOW, self.ours)
        stands = {each.subject for each in self.now_standing}
        self._found = judging.figures_of(tx, now, reported, self.settings) | listings.figures(tx, stands)
        return bool(changes({each.subject: each.level for each in self.now_standing}, self._found))

    def do(self, tx: Tx, now: datetime) -> None:
        """Write what changed, unless another front office of this database did."""
        if lock := tx.for_update():
            tx.execute("INSERT INTO meta (key, value) VALUES ('alarms', '') ON CONFLICT (key) DO NOTHING")
            tx.one("SELECT value FROM meta WHERE key = 'alarms'" + lock)
        stands = {each.subject: each for each in standing(tx)}
        for subject, level in changes({key: each.level for key, each in stands.items()}, self._found).items():
            if subject in stands:
                tx.execute(
                    "UPDATE reputation_alarm SET ended_ms = ? WHERE id = ? AND ended_ms IS NULL",
                    (to_ms(now), stands[subject].id),
                )
            if level is not Level.CALM:
                _raise(tx, subject, level, self._found[subject], now)

    def _tell(self, found: Iterable[Alarm]) -> None:
        """Log what was raised and what is over. What stood already when this process began was told of."""
        before, self.now_standing = {each.id: each for each in self.now_standing}, tuple(found)
        if not self._is_begun:
            self._is_begun = True
            return
        for alarm in _in(self.now_standing, but=before):
            houselog.reputation_alarm(_facts(alarm), is_bad=alarm.level is Level.ALARM)
        raised = {each.subject for each in self.now_standing}
        for alarm in _in(before.values(), but={each.id for each in self.now_standing}):
            if alarm.subject not in raised:
                houselog.reputation_alarm_over(_facts(alarm))


def _in(alarms: Iterable[Alarm], *, but: Iterable[int]) -> Iterator[Alarm]:
    left_out = set(but)
    return (each for each in alarms if each.id not in left_out)


def _facts(alarm: Alarm) -> dict[str, Any]:
    return {
        "rule": alarm.subject.rule, "level": alarm.level.word, "about": alarm.subject.words,
        "figure": round(alarm.figure, 6), "threshold": alarm.threshold, "reply": alarm.reply,
        "judged_by": alarm.judged_by, "message_id": alarm.message_id,
    }  # fmt: skip


def _raise(tx: Tx, subject: Subject, level: Level, found: Figure, now: datetime) -> None:
    threshold = found.alarm if level is Level.ALARM else found.warn
    tx.insert(
        "INSERT INTO reputation_alarm (rule, provider, source, domain, stream, level, count, total, figure_ppm,"
        " threshold_ppm, reply, judged_by, message_id, began_ms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            subject.rule, subject.provider, subject.source, subject.domain, subject.stream, int(level), found.count, found.of,
            round((found.value or 0) * _MILLION), round(threshold * _MILLION), found.reply, found.judged_by,
            found.message_id or None, to_ms(now),
        ),
    )  # fmt: skip


def _alarm(row: tuple[Any, ...]) -> Alarm:
    return Alarm(
        row[0], Subject(*row[1:6]), Level(row[6]), row[7], row[8], row[9] / _MILLION, row[10] / _MILLION, row[11], row[12],
        row[13] or 0, from_ms(row[14]), None if row[15] is None else from_ms(row[15]),
    )  # fmt: skip
