"""How `posthouse report flow` says what came of mail: to people, and to other programs."""

import csv
import io

import pytest

from engine.commands.report_figures import show
from engine.control.protocol.reports import ArmRow, FiguresRow, GrowthRow, LiftRow, ReasonRow, ReportAnswer

CART = ReportAnswer(
    0, "flow", "cart", 0, 86_400,
    (
        FiguresRow("first", sent=5, delivered=4, held=2, orders=1, revenue={"EUR": "10.50"}),
        FiguresRow("second", sent=1, delivered=1, held=1),
        FiguresRow("", sent=6, delivered=5, held=3, orders=1, revenue={"EUR": "10.50"}),
    ),
    entered=9, lift=(LiftRow("order.placed", ArmRow(8, 2, 0.25, 0.1, 0.5), ArmRow(1, 0, 0.0, 0.0, 0.8), 0.25, -0.5, 0.5),),
    reasons=(
        ReasonRow("", "held", "quiet hours", 3), ReasonRow("first", "held", "quiet hours", 2),
        ReasonRow("second", "held", "quiet hours", 1),
    ),
)  # fmt: skip
Said = pytest.CaptureFixture[str]


def test_columns_of_nothing_are_left_out_and_each_reason_says_whose_it_was(capsys: Said) -> None:
    show(CART)
    assert capsys.readouterr().out.splitlines() == [
        "flow cart since 1970-01-01 00:00 UTC",
        "entered 9",
        "        sent  delivered  held  opened  clicked  orders",
        "first      5          4     2       0        0       1  10.50 EUR",
        "second     1          1     1       0        0       0",
        "all        6          5     3       0        0       1  10.50 EUR",
        "held              3  quiet hours  (first 2, second 1)",
        "order.placed: 2 of 8 (25.00%, 10.00% to 50.00%) of those who entered,",
        "              0 of 1 (0.00%, 0.00% to 80.00%) of those held out",
        "lift: +25.00% (-50.00% to +50.00% at 95 %); it may be nothing",
    ]


def test_a_table_for_other_programs_carries_everything(capsys: Said) -> None:
    show(CART, as_csv=True)
    first, second, whole = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (first["flow"], first["group"], first["held: quiet hours"], first["revenue EUR"]) == (
        "cart",
        "first",
        "2",
        "10.50",
    )
    assert (second["sent"], second["waiting"], second["entered"]) == ("1", "0", "")
    assert (whole["group"], whole["entered"], whole["goal"], whole["lift"]) == ("all", "9", "order.placed", "0.25")
    assert (whole["in it people"], whole["held out reached"], whole["lift low"]) == ("8", "0", "-0.5")


def test_the_growth_of_a_list_and_what_a_spreadsheet_would_run(capsys: Said) -> None:
    growth = (GrowthRow("=web", 3, 2, 0), GrowthRow("left", 0, 0, 1))
    show(ReportAnswer(0, "list", "tea", 0, 1, (FiguresRow(""),), on_it=7, growth=growth), as_csv=True)
    (whole,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (whole["on it"], whole["asked: '=web"], whole["ended: left"]) == ("7", "3", "1")


def test_a_campaign_that_holds_nobody_out_says_nothing_of_lift(capsys: Said) -> None:
    lift = LiftRow("order.placed", ArmRow(8, 2, 0.25, 0.1, 0.5), ArmRow(0, 0))
    show(ReportAnswer(0, "campaign", "news", 0, 1, (FiguresRow(""),), lift=(lift,)))
    assert "order.placed" not in capsys.readouterr().out
