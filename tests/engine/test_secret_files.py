"""Passwords stand in files of their own or among systemd's credentials, and in nothing that is printed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from clock import FakeChance, FakeClock
from tls_door import issue

from engine.commands import run
from engine.config import check_machine, load, parse
from engine.faults import ConfigFaults
from engine.store.postgres import PostgresDatabase, Unfit
from mta import secret_file

PLANTED = "hunter2-p4ss"
URL = 'url = "postgresql://posthouse@db.shop.example/posthouse"\n'


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "posthouse.toml"
    path.write_text(f'hostname = "mail.shop.example"\ndaemon.state_dir = "{folder}"\n{text}')
    path.chmod(mode)
    return path


def kept(folder: Path, name: str = "db.password", mode: int = 0o600) -> Path:
    path = folder / name
    path.write_text(f"{PLANTED}/@ %\n")
    path.chmod(mode)
    return path


# -- where they are kept


def test_the_password_to_the_database_is_read_from_its_file(tmp_path: Path) -> None:
    kept(tmp_path)
    path = written(tmp_path, f'[database]\n{URL}secret = "db.password"\n')
    config = load(path)
    check_machine(config, path)
    assert config.database_place == f"postgresql://posthouse@db.shop.example/posthouse?password={PLANTED}%2F%40%20%25"
    assert PLANTED not in repr(config)
    assert PLANTED not in config.model_dump_json(), "a carrier reads it for itself"


def test_a_new_password_is_used_from_the_next_start_on(tmp_path: Path) -> None:
    place = kept(tmp_path)
    config = load(written(tmp_path, f'[database]\nurl = "postgresql://u@h/db?sslmode=require"\nsecret = "{place}"\n'))
    place.write_text("another")
    assert config.database_place == "postgresql://u@h/db?sslmode=require&password=another"


def test_systemds_credentials_are_where_the_service_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = tmp_path / "credentials"
    given.mkdir()
    kept(given, "database", 0o400)
    issue(given)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    path = written(
        tmp_path,
        f'[database]\n{URL}secret = "credential:database"\n[submission]\ntls_certificate = "credential:chain.pem"\n'
        'tls_key = "credential:key.pem"\n',
    )
    config = load(path)
    check_machine(config, path)
    assert PLANTED in str(config.database_place)
    assert config.submission.tls_key == given / "key.pem"


def test_outside_the_service_nobody_misses_its_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET"):
        monkeypatch.delenv(name, raising=False)
    path = written(
        tmp_path,
        f'[database]\n{URL}secret = "credential:database"\n[submission]\ntls_certificate = "credential:chain.pem"\n',
    )
    config = load(path)
    check_machine(config, path)
    with pytest.raises(
        ConfigFaults, match=r"database.secret: database is no credential that systemd gave this process"
    ):
        assert config.database_place


@pytest.mark.parametrize("words", [("audit",), ("backup", "make"), ("doctor",)])
def test_a_command_that_has_no_credential_says_so(
    tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    path = written(tmp_path, f'[database]\n{URL}secret = "credential:database"\n')
    assert run([*words, "--config", str(path)]) == 2
    assert "database.secret: database is no credential that systemd gave this process" in capsys.readouterr().err


# -- what is refused


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f'[database]\n{URL}secret = "open"\n', "may be read by others (mode 640): a password is its owner's alone (chmod 600 "),
        (f'[database]\n{URL}secret = "empty"\n', "empty is empty"),
        (f'[database]\n{URL}secret = "{PLANTED}"\n', "it is the name of a file, not the password itself"),
        (f'[database]\nurl = "postgresql://u:{PLANTED}@h/db"\n', "holds a password, and all may read "),
        (f'[database]\nurl = "postgresql://u@h/db?password={PLANTED}"\n', "holds a password, and all may read "),
        (
            f'[routing]\nsmart_host = "a.example"\n[routing.hops."a.example"]\nuser = "u"\nsecret = "{PLANTED}"\n',
            "it is the name of a file, not the password itself",
        ),
    ],
)  # fmt: skip
def test_what_lies_open_or_is_no_file_is_refused_with_the_remedy(tmp_path: Path, text: str, fault: str) -> None:
    kept(tmp_path, "open", 0o640)
    (tmp_path / "empty").touch(0o600)
    path = written(tmp_path, text, mode=0o644)
    with pytest.raises(ConfigFaults) as refused:
        check_machine(load(path), path)
    assert fault in str(refused.value)
    assert PLANTED not in str(refused.value)


def test_a_configuration_with_a_password_may_be_its_groups_to_read(tmp_path: Path) -> None:
    path = written(tmp_path, f'[database]\nurl = "postgresql://u:{PLANTED}@h/db"\n', mode=0o640)
    check_machine(load(path), path)


@pytest.mark.parametrize(
    "text",
    [
        f'[database]\nurl = "mysql://u:{PLANTED}@h/db"',
        f'[database]\nurl = ["postgresql://u:{PLANTED}@h/db"]',
        f'[database]\nurl = "postgresql://u:{PLANTED}@rest@h/db"',
        f'[database]\nurl = "postgresql://u:{PLANTED}@h/db"\nsecret = "x"',
        f'[database]\npassword = "{PLANTED}"',
        f'[database]\nurl = "postgresql://u:{PLANTED}@h/db',
        f'[database]\nurl = postgresql://u:{PLANTED}@h/db',
        f'[routing]\nsmart_host = "smtp://u:{PLANTED}@a.example"',
        f'[routing]\nsmart_host = "u:{PLANTED}@a.example:587"',
        f'[routing.transport]\n"*" = "smtps:u:{PLANTED}@a.example"',
        f'[web]\nbase_url = "https://u:{PLANTED}@a.example"',
        f'[routing]\nsmart_host = "a.example"\n[routing.hops."a.example"]\nuser = "u"\nsecret = "x"\npassword = "{PLANTED}"',
    ],
)  # fmt: skip
def test_no_fault_of_a_configuration_says_the_password_in_it(text: str) -> None:
    with pytest.raises(ConfigFaults) as refused:
        parse(text)
    assert PLANTED not in str(refused.value) and PLANTED not in repr(refused.value)


@pytest.mark.parametrize(
    "url",
    [f"postgresql://u:{PLANTED}%zz@h/db", f"postgresql://u:{PLANTED}%00@h/db"],
)
def test_an_address_that_libpq_can_not_read_is_not_said_again(url: str) -> None:
    with pytest.raises(Unfit, match=r"database.url can't be used") as refused:
        PostgresDatabase(url, FakeClock(), FakeChance())
    assert PLANTED not in str(refused.value)


def test_a_wrong_configuration_leaves_no_secret_on_a_programs_output(tmp_path: Path) -> None:
    path = written(tmp_path, f'[database]\nurl = ["postgresql://u:{PLANTED}@h/db"]\n')
    code = "from engine.cli import main; main()"
    done = subprocess.run(
        (sys.executable, "-c", code, "serve", "--config", str(path)), capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 2
    assert "database.url: must be a text in quotes" in done.stderr
    assert PLANTED not in done.stderr + done.stdout


def test_a_place_is_below_its_folder_or_among_the_credentials() -> None:
    folder, given = Path("/state"), Path("/given")
    assert secret_file.place("a", folder, given) == Path("/state/a")
    assert secret_file.place("/etc/a", folder, given) == Path("/etc/a")
    assert secret_file.place("credential:a", folder, given) == Path("/given/a")
