"""Judging a test of variants: once, at the time that was said, on figures of people."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.campaigns import figures
from engine.campaigns.model import Metric
from engine.campaigns.runs import NEVER_MS, Run
from engine.campaigns.states import Fate
from engine.campaigns.winning import Count, Judged, judge
from mta.ports import Tx, to_ms

COUNTED = {Metric.OPENS: "opened", Metric.CLICKS: "clicked", Metric.ORDERS: "ordered"}


def counts(tx: Tx, run: Run) -> dict[str, Count]:
    """For each variant, how many got it and how many of them did what the test counts."""
    assert run.campaign is not None
    found = figures.of_run(tx, run.id)
    metric = COUNTED[run.campaign.test.metric] if run.campaign.test else "clicked"

    def people(variant: str, what: str) -> int:
        return sum(each for place, each in found.items() if (place.variant, place.what) == (variant, what))

    return {
        each.name: Count(got := people(each.name, Fate.DELIVERED), min(got, people(each.name, metric)))
        for each in run.campaign.variants
    }


def set_time(tx: Tx, run: Run, zone: ZoneInfo, now: datetime) -> bool:
    """Say when the test is judged, once the sample has been written to. Whether it was said now."""
    test = run.campaign.test if run.campaign else None
    if test is None or run.judge is not None or _has_sample_left(tx, run):
        return False
    at = test.after.after(now, zone)
    return (
        tx.execute("UPDATE campaign_run SET judge_ms = ? WHERE id = ? AND judge_ms IS NULL", (to_ms(at), run.id)) == 1
    )


def verdict(run: Run, counted: Mapping[str, Count]) -> Judged:
    """What these figures say. With many people it takes a while: not to be asked in a transaction."""
    assert run.campaign is not None and run.campaign.test is not None
    return judge(counted, run.campaign.test.significance)


def conclude(tx: Tx, run: Run, judged: Judged) -> Judged | None:
    """Keep a verdict, for good; with the variant that the others get. None when it was judged before."""
    assert run.campaign is not None and run.campaign.test is not None
    winner = judged.winner or run.campaign.test.otherwise
    words = judged.words if judged.winner else f"{judged.words}; the others get {winner or 'all variants, shared out'}"
    sql = "UPDATE campaign_run SET winner = ?, verdict = ? WHERE id = ? AND winner IS NULL"
    return Judged(winner, judged.p, words) if tx.execute(sql, (winner, words, run.id)) == 1 else None


def _has_sample_left(tx: Tx, run: Run) -> bool:
    row = tx.one(
        "SELECT 1 FROM campaign_recipient WHERE run_id = ? AND state = 'waiting' AND due_ms < ? LIMIT 1",
        (run.id, NEVER_MS),
    )
    return row is not None or figures.count(tx, run.id, [Fate.CLAIMED]) > 0
