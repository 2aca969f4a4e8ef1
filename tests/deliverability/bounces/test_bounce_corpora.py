"""Real mail that came back, of forty mail systems and thirty years, against answers that others gave.

The answers are not ours (tests/data/corpora/*/README.md says whose); the figures are the least that we hold.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from deliverability.bounces.classify import Suppress
from deliverability.bounces.conclude import Conclusion, Kind, conclude

CORPORA = Path(__file__).parents[2] / "data" / "corpora"
CAME_BACK = {Kind.BOUNCE, Kind.DELAY}


def answers(source: str) -> dict[Path, list[dict[str, Any]]]:
    """The rows of each file that somebody gave an answer for."""
    found: dict[Path, list[dict[str, Any]]] = {}
    for line in (CORPORA / source / "expected.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row.get("labelled", True):
            found.setdefault(CORPORA / source / row["file"], []).append(row)
    return found


@cache
def concluded(path: Path) -> Conclusion:
    return conclude(path.read_bytes())


def bounces() -> Iterator[tuple[Path, list[dict[str, Any]], Conclusion]]:
    for path, rows in answers("sisimai").items():
        if rows[0]["kind"] == "bounce":
            yield path, rows, concluded(path)


def share(held: list[bool]) -> float:
    return sum(held) / len(held)


def test_a_bounce_is_seen_to_be_one() -> None:
    seen = [found.kind in CAME_BACK and bool(found.recipients) for _, _, found in bounces()]
    for path, rows in answers("flufl-bounce").items():
        if rows[0]["permanent"] or rows[0]["temporary"]:
            seen.append(concluded(path).kind in CAME_BACK)
    assert len(seen) > 350
    assert share(seen) >= 0.99


def test_it_tells_of_the_same_people() -> None:
    same = [
        sorted(row["recipient"].lower() for row in rows) == sorted(each.address.lower() for each in found.recipients)
        for _, rows, found in bounces()
        if all(row["recipient"] for row in rows)
    ]
    for path, (row,) in answers("flufl-bounce").items():
        people = {(each.address.lower(), each.action) for each in concluded(path).recipients if each.address}
        wanted = {(each, "failed") for each in row["permanent"]} | {(each, "delayed") for each in row["temporary"]}
        same.append(people == wanted)
    assert len(same) > 220
    assert share(same) >= 0.98


def test_hard_is_said_where_it_is_hard_and_hardly_ever_elsewhere() -> None:
    pairs = [
        (bool(row["hard"]), bool(each.hard), path.name)
        for path, rows, found in bounces()
        for row, each in zip(rows, found.recipients, strict=False)
    ]
    assert [name for is_hard, said, name in pairs if said and not is_hard] == []  # the error that destroys lists
    assert share([said for is_hard, said, _ in pairs if is_hard]) >= 0.95


def test_what_is_no_bounce_suppresses_nobody_and_is_told_by_its_name() -> None:
    kinds = {"auto-reply": Kind.AUTO_REPLY, "delivered": Kind.DELIVERED, "not-a-bounce": Kind.OTHER}
    for path, rows in answers("sisimai").items():
        if rows[0]["kind"] in kinds:
            found = concluded(path)
            assert found.kind is kinds[rows[0]["kind"]], path.name
            assert all(each.suppress is Suppress.NEVER for each in found.recipients), path.name


def test_what_is_only_late_suppresses_nobody() -> None:
    late = [each for _, _, found in bounces() for each in found.recipients if each.action == "delayed"]
    assert late
    assert {each.suppress for each in late} == {Suppress.NEVER}


@pytest.mark.parametrize("source", ["sisimai", "kumomta", "mimekit-reports", "stalwart-mail-auth", "flanker"])
def test_a_complaint_is_told_by_its_type_and_heeded_when_a_reader_made_it(source: str) -> None:
    complaints = {path: rows for path, rows in answers(source).items() if rows[0].get("kind") == "feedback"}
    assert complaints
    for path, rows in complaints.items():
        found = concluded(path)
        kind = rows[0].get("feedback_type") or "abuse"
        assert (found.kind, found.feedback) == (Kind.COMPLAINT, kind), path.name
        heeded = Suppress.NOW if kind in ("abuse", "fraud", "opt-out") else Suppress.NEVER
        assert {each.suppress for each in found.recipients} == {heeded}, path.name


def mails() -> list[Path]:
    return sorted(path for path in CORPORA.rglob("data/**/*") if path.suffix in {".eml", ".txt", ".msg", ".message"})


def test_line_ends_change_nothing() -> None:
    for path in mails():
        lf = path.read_bytes().replace(b"\r\n", b"\n")
        assert conclude(lf) == conclude(lf.replace(b"\n", b"\r\n")), path.name


def test_a_mail_cut_anywhere_is_still_read() -> None:
    chance = Random(3464)
    for path in mails():
        content = path.read_bytes()
        for _ in range(2):
            assert conclude(content[: chance.randrange(len(content) + 1)]).kind in Kind
