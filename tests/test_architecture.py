"""The layers hold, and the guards that say so would bark: each contract is broken once, in a copy, and must be heard."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = PYPROJECT["tool"]["importlinter"]["root_packages"]
CONTRACTS = [each["name"] for each in PYPROJECT["tool"]["importlinter"]["contracts"]]
BANNED = PYPROJECT["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]

VIOLATIONS = {  # a contract: the file that breaks it, and the line that does
    "The four layers: tui > engine > mta > deliverability": ("deliverability/text.py", "import mta.ports"),
    "Inside the engine": ("engine/link.py", "import engine.daemon"),
    "Inside the relay": ("mta/ports.py", "import mta.relay"),
    "Machines without I/O": ("deliverability/reply.py", "import socket"),
    "The terminal speaks to the control socket only": ("tui/format.py", "import engine.config"),
    "Queue tables are private to the queue and the store": ("mta/outbound/lane.py", "import mta.queue.tables"),
    "No cycles": ("mta/smtp/wire.py", "import mta.smtp.client"),
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def ruff(code: str, file: str) -> str:
    """What ruff says of `code` if it stood in `file`."""
    program = Path(sys.executable).with_name("ruff")
    words = [program, "check", "--no-cache", "--output-format=concise", "--stdin-filename", file, "-"]
    return subprocess.run(words, cwd=ROOT, input=code, capture_output=True, text=True, check=False).stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code and its contracts, to be spoilt."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_every_contract_is_kept() -> None:
    found = lint_imports(ROOT)
    assert found.returncode == 0, found.stdout


def test_every_contract_has_a_violation_to_be_tried_with() -> None:
    assert sorted(VIOLATIONS) == sorted(CONTRACTS)


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_planted_violation_breaks_its_contract(copy: Path, contract: str) -> None:
    file, line = VIOLATIONS[contract]
    with (copy / file).open("a", encoding="utf-8") as code:
        code.write(f"\n{line}\n")
    found = lint_imports(copy)
    assert found.returncode == 1
    assert f"{contract} BROKEN" in found.stdout


@pytest.mark.parametrize("name", BANNED)
@pytest.mark.parametrize("file", ["deliverability/reply.py", "mta/relay.py", "engine/daemon.py", "tui/app.py"])
def test_clock_and_chance_come_through_the_ports(name: str, file: str) -> None:
    module, _, member = name.rpartition(".")
    code = f"import {module.partition('.')[0] or name}\n\nprint({name})\n" if member else ""
    assert "TID251" in ruff(code, file)


@pytest.mark.parametrize("name", BANNED)
def test_only_the_machine_s_own_ports_may_ask_the_machine(name: str) -> None:
    code = f"import {name.partition('.')[0]}\n\nprint({name})\n"
    assert "TID251" not in ruff(code, "engine/system.py")


def test_tests_are_no_packages_that_would_shadow_the_real_ones() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_no_two_test_files_have_one_name() -> None:
    names = Counter(file.name for file in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("heavy", ["textual", "aiohttp", "pydantic", "peewee"])
def test_a_command_that_asks_the_socket_starts_without(heavy: str) -> None:
    asks = ["event", "flow", "lab", "list", "message", "queue"]
    imports = "; ".join(f"import engine.commands.{each}" for each in asks)
    code = f"import sys; {imports}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    "heavy", ["peewee", "playhouse", "psycopg", "holidays", "textual", "engine.lab", "engine.scene"]
)
def test_a_daemon_on_sqlite_keeps_nothing_in_memory_that_it_does_not_need(heavy: str) -> None:
    code = f"import sys, engine.daemon; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_what_all_processes_of_a_daemon_need_is_made_before_the_first_fork() -> None:
    code = (
        "import gc; from datetime import UTC, datetime; from engine.before_fork import make_common;"
        " from deliverability.bounces.classify import shipped_rules; from mail_shop import make_composer;"
        " make_common(make_composer(), datetime(2026, 11, 23, tzinfo=UTC)); print(shipped_rules.cache_info().currsize,"
        " gc.get_freeze_count() > 10_000, gc.get_count()[2])"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "tests/support")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True, env=environ
    )
    assert done.stdout.split() == ["1", "True", "0"]


@pytest.mark.parametrize("command", ["event", "flow", "list", "message", "queue"])
def test_a_question_by_command_line_loads_neither_a_loop_nor_tls_nor_the_reading_of_mail(command: str) -> None:
    asked = [command, "--json", "--socket", "/nowhere"] if command == "queue" else [command, "--help"]
    code = f"import sys; from tui import cli; cli._run({asked!r}); print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False).stderr
    assert set(loaded.split()) & {"asyncio", "ssl", "http.client", "email", "tomllib"} == set()
