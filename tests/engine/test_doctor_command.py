"""`posthouse doctor` without a daemon: over a file of DNS answers, with a configuration and keys, and without."""

import json
import re
import sqlite3
from pathlib import Path
from textwrap import dedent

import pytest

from engine.commands import run
from engine.commands.doctor_shown import lines
from engine.control.protocol.doctor import DoctorReport, FindingRow

ZONE = """
shop.example: [{TXT: "v=spf1 ip4:198.51.100.10 -all"}, {MX: [10, mail.shop.example]}]
bounce.shop.example: [{TXT: "v=spf1 ip4:198.51.100.10 -all"}, {MX: [10, mail.shop.example]}]
mail.shop.example: [{A: 198.51.100.10}, {TXT: v=spf1 a -all}]
10.100.51.198.in-addr.arpa: [{PTR: mail.shop.example}]
_dmarc.shop.example: [{TXT: "v=DMARC1; p=reject; rua=mailto:dmarc-reports@bounce.shop.example"}]
"""
CONFIG = """
hostname = "mail.shop.example"
templates = "../own"
[daemon]
state_dir = "state"
[bounces]
domain = "bounce.shop.example"
[web]
base_url = "https://mail.shop.example"
[mail]
from = "Shop <hello@shop.example>"
[doctor]
addresses = ["198.51.100.10"]
"""
Said = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSTHOUSE_SOCKET", raising=False)
    (tmp_path / "zone.yaml").write_text(ZONE)
    (tmp_path / "p.toml").write_text(CONFIG)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "brand.toml").write_text('postal_address = "1 Mill Lane"')
    return tmp_path


def told(capsys: Said, *words: str) -> tuple[int, dict[str, object]]:
    code = run(["doctor", *words, "--dns", "zone.yaml", "--json"])
    return code, json.loads(capsys.readouterr().out)


def reds(report: dict[str, object]) -> list[str]:
    return [each["rule"] for each in report["rules"] if each["verdict"] in ("fail", "warn")]  # type: ignore[attr-defined]


def test_from_keys_to_green_as_it_is_printed(folder: Path, capsys: Said) -> None:
    assert run(["domain", "add", "shop.example", "-c", "p.toml"]) == 0
    capsys.readouterr()
    code, report = told(capsys, "-c", "p.toml")
    assert (code, report["verdict"], reds(report)) == (1, "fail", ["dkim.published"])
    broken = [each["demand"] for each in report["demands"] if each["verdict"] == "fail"]  # type: ignore[attr-defined]
    assert broken == ["gmail.dkim", "yahoo.dkim", "microsoft.dkim"]
    found = next(each for each in report["rules"] if each["rule"] == "dkim.published")  # type: ignore[attr-defined]
    with (folder / "zone.yaml").open("a") as zone:
        for each in found["mend"]:
            zone.write(f'{each["name"]}: [{{{each["type"]}: "{each["value"]}"}}]\n')
    code, report = told(capsys, "-c", "p.toml")
    assert (code, report["verdict"], reds(report)) == (0, "unknown", [])


def test_the_page_walks_from_a_bare_domain_to_green_as_typed(folder: Path, capsys: Said) -> None:
    page = (Path(__file__).parents[2] / "docs" / "deliverability.md").read_text()
    config = re.search(r"^ +hostname = .*?(?=\n\n)", page, re.DOTALL | re.MULTILINE)
    zone = re.search(r"```yaml\n(mail\.shop\.example:.*?)```", page, re.DOTALL)
    brand = re.search(r"^ +name = .*?(?=\n\n)", page, re.DOTALL | re.MULTILINE)
    assert config and zone and brand
    said = dedent(config[0]).replace("/etc/posthouse/templates", str(folder / "own"))
    (folder / "posthouse.toml").write_text(f'{said}\n[daemon]\nstate_dir = "state"\n')
    (folder / "own" / "brand.toml").write_text(dedent(brand[0]))
    (folder / "zone.yaml").write_text(zone[1])
    assert run(["domain", "add", "shop.example", "-c", "posthouse.toml"]) == 0
    capsys.readouterr()
    asked = ("shop.example", "-c", "posthouse.toml", "--ip", "198.51.100.10")
    _, report = told(capsys, *asked)
    assert sorted(reds(report)) == ["dkim.published", "dmarc.policy"]
    found = next(each for each in report["rules"] if each["rule"] == "dkim.published")  # type: ignore[attr-defined]
    keys = "".join(f"{each['name']}:\n  - TXT: {each['value']}\n" for each in found["mend"])
    (folder / "zone.yaml").write_text(zone[1].replace("p=none", "p=reject") + keys)
    code, report = told(capsys, *asked)
    unknown = {each["rule"].split(".")[0] for each in report["rules"] if each["verdict"] == "unknown"}  # type: ignore[attr-defined]
    assert (code, reds(report)) == (0, []) and unknown <= {"mx", "ports", "block", "clock"}
    assert {each["verdict"] for each in report["demands"]} == {"pass"}  # type: ignore[attr-defined]


def test_over_a_file_neither_lists_nor_doors_are_judged_and_nothing_is_to_be_taken_out(
    folder: Path, capsys: Said
) -> None:
    with (folder / "p.toml").open("a") as config:
        config.write('blocklists = ["bl.lab"]\ndomain_blocklists = ["dbl.lab"]\n')
    _, report = told(capsys, "shop.example", "-c", "p.toml")
    rules = {each["rule"]: (each["verdict"], each["says"]) for each in report["rules"]}  # type: ignore[attr-defined]
    for name in ("block.working", "block.address", "block.domain"):
        assert rules[name] == ("unknown", "not asked: DNS comes out of a file")
    assert rules["ports.doors"] == ("unknown", "not tried: no daemon is asked with --dns")


def test_without_a_configuration_it_says_what_it_can_see(folder: Path, capsys: Said) -> None:
    code, report = told(capsys, "shop.example", "--ip", "198.51.100.10", "--helo", "mail.shop.example")
    passed = {each["rule"] for each in report["rules"] if each["verdict"] == "pass"}  # type: ignore[attr-defined]
    assert code == 0 and {"spf.sources", "dmarc.record", "host.forward", "align.spf", "mx.from"} <= passed
    code, report = told(capsys, "shop.example", "--ip", "203.0.113.9", "--helo", "mail.shop.example")
    assert code == 1 and "host.ehlo" in reds(report)


def test_a_database_of_another_version_keeps_nobody_from_looking_at_dns(folder: Path, capsys: Said) -> None:
    assert run(["domain", "add", "shop.example", "-c", "p.toml"]) == 0
    capsys.readouterr()
    with sqlite3.connect(folder / "state" / "posthouse.db") as database:
        database.execute("DELETE FROM schema_migration WHERE id = (SELECT max(id) FROM schema_migration)")
    database.close()
    assert run(["doctor", "shop.example", "-c", "p.toml", "--dns", "zone.yaml", "--json"]) == 0
    said = capsys.readouterr()
    assert "keys and figures are not looked at" in said.err and '"rule": "spf.record"' in said.out


def test_several_domains_of_every_script_are_judged_each(folder: Path, capsys: Said) -> None:
    code, report = told(capsys, "shop.example", "магазин.example")
    assert code == 1 and report["domains"] == ["shop.example", "xn--80aairftm.example"]
    assert {each["about"] for each in report["rules"] if each["rule"] == "dmarc.record"} == set(report["domains"])  # type: ignore[attr-defined, call-overload]


@pytest.mark.parametrize("words", [["no domain"], ["--ip", "x", "shop.example"], ["--helo", "a b", "shop.example"], []])
def test_what_makes_no_sense_is_refused(folder: Path, capsys: Said, words: list[str]) -> None:
    assert run(["doctor", *words, "--dns", "zone.yaml"]) == 2
    assert "posthouse: " in capsys.readouterr().err


def test_without_a_daemon_nothing_is_kept(folder: Path, capsys: Said) -> None:
    assert run(["doctor", "shop.example", "--kept", "-c", "p.toml"]) == 1
    assert "no daemon" in capsys.readouterr().err


def test_people_see_the_summary_first_and_lines_to_copy(folder: Path, capsys: Said) -> None:
    assert (
        run(["doctor", "shop.example", "--dns", "zone.yaml", "--ip", "198.51.100.9", "--helo", "mail.shop.example"])
        == 1
    )
    out = capsys.readouterr().out
    assert out.startswith("shop.example: ✗ FAIL ") and "\x1b" not in out
    assert "Gmail      ✗ FAIL" in out
    assert "      mail.shop.example. IN A 198.51.100.9\n" in out


def test_colours_are_beside_glyph_and_word_and_plain_is_ascii() -> None:
    row = FindingRow("spf.record", "shop.example", "fail", "Title", "says …", "RFC 7208", ("seen",))
    report = DoctorReport(0, 0, "fail", ("shop.example",), (row,))
    assert any("\x1b[31;1m✗ FAIL" in each for each in lines(report, colours=True))
    plain = "\n".join(lines(report, is_ascii=True))
    assert plain.isascii() and "x FAIL spf.record shop.example: Title" in plain


def test_escapes_in_a_record_reach_no_terminal(folder: Path, capsys: Said) -> None:
    (folder / "zone.yaml").write_text(
        'shop.example: [{TXT: "v=spf1 \\e[31mevil -all"}]\n_dmarc.shop.example: [{TXT: "v=DMARC1\\e]0;x\\a"}]\n'
    )
    assert run(["doctor", "shop.example", "--dns", "zone.yaml"]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\x07" not in out and "␛" in out
