"""`posthouse setup`: from an empty machine to a configuration, keys and the records to publish."""

import json
import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn, TypeVar

import typer

from engine.commands.common import make_app, refuse
from engine.commands.setup_machine import (
    NOBODY,
    USER,
    as_user,
    daemon_user,
    hand_over,
    make_operator,
    public_addresses,
    user_of,
)
from engine.control import place

if TYPE_CHECKING:
    from engine.setup import Answers

T = TypeVar("T")

app = make_app("From an empty machine to a configuration, keys and the records to publish.")

SYSTEM_STATE: Final = Path("/var/lib/posthouse")
_RUN: Final = "import sys; from engine.commands import run; raise SystemExit(run(sys.argv[1:]))"


@app.command()
def setup(
    domain: Annotated[str, typer.Option(help="The domain in From, such as shop.example.")] = "",
    hostname: Annotated[str, typer.Option(help="This server's name, to which its address points back.")] = "",
    address: Annotated[
        str, typer.Option(help='Its address as the Internet sees it; "," parts several, "none" where nobody knows yet.')
    ] = "",
    sender: Annotated[str, typer.Option("--from", help='Who mail is from: "The Shop <hello@shop.example>".')] = "",
    postal_address: Annotated[str, typer.Option(help='For the footer; ";" parts its lines.')] = "",
    bounces: Annotated[
        str, typer.Option(help="How bounces come in: direct (port 25 is ours), beside (by the mail server here), none.")
    ] = "",
    web: Annotated[str, typer.Option(help="Where readers reach the pages, such as https://mail.shop.example.")] = "",
    operator: Annotated[
        str, typer.Option(help='Who operates: a user of this machine, who gets into the group; "none" is nobody yet.')
    ] = "",
    state: Annotated[Path | None, typer.Option(help="The state folder.")] = None,
    config_path: Annotated[Path | None, typer.Option("--config", "-c", help="The file to write.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Put a file that is there aside.")] = False,
) -> None:
    """Ask a handful of questions, write a commented configuration and the brand, make keys, print every DNS record to publish,
    and let the doctor look. What is given as an option is not asked.
    """
    path = (config_path or (place.SYSTEM_CONFIG if os.geteuid() == 0 else place.LOCAL_CONFIG)).absolute()
    if path.exists() and not force:
        refuse(f"{path} is there already", "edit it, and `posthoused check`; or --force puts it aside", code=2)
    given = {"domain": domain, "hostname": hostname, "address": address, "from": sender, "web": web,
             "postal-address": postal_address, "bounces": bounces, "operator": operator}  # fmt: skip
    state_dir = (state or _state_beside(path)).absolute()
    answers = _asked(given, state_dir)
    owner = daemon_user() if path == place.SYSTEM_CONFIG else None
    who = _operator(given) if owner else ""
    _write(path, answers)
    print(f"\n{path} is written; {_brand(answers, force=force)}.\n")
    _print_host(answers)
    words = "records" if _has_keys(owner, answers, path) else "add"
    if _tell(owner, "domain", words, answers.domain, "--config", str(path)) != 0:
        raise SystemExit(1)
    print("The doctor, before these records are published:\n")
    _examine(owner, answers.domain, path)
    _say_next(path, answers, who)


def _state_beside(path: Path) -> Path:
    """Where commands look for it when nobody says where."""
    if path == place.SYSTEM_CONFIG:
        return SYSTEM_STATE
    return path.parent if path == place.LOCAL_CONFIG.absolute() else path.parent / "state"


def _asked(given: dict[str, str], state_dir: Path) -> "Answers":
    from engine import setup as made

    domain = _ask("The domain in From", "domain", given, made.domain_of)
    name = socket.getfqdn()
    own = name if "." in name and not name.startswith("localhost") else f"mail.{domain}"
    hostname = _ask("This server's name", "hostname", given, made.domain_of, own)
    addresses = _ask(
        "Its address, as the Internet sees it", "address", given, made.addresses_of, public_addresses() or made.NOTHING
    )
    sender = _ask(
        "Who mail is from", "from", given, lambda text: made.sender_of(text, domain), f"The Shop <hello@{domain}>"
    )
    postal = _ask('Your postal address (";" parts its lines)', "postal-address", given, made.line_of)
    how = _ask(
        "How bounces come in: direct (port 25 of this machine is free), beside (its mail server passes them on), none",
        "bounces", given, made.bounces_of, made.Bounces.DIRECT.value,
    )  # fmt: skip
    web = _ask("Where readers reach the pages", "web", given, made.web_of, f"https://{hostname}")
    return made.Answers(domain, hostname, addresses, sender, postal, how, f"bounce.{domain}", web, state_dir)


def _operator(given: dict[str, str]) -> str:
    """Who operates, made a member of the group; "" where that is left to be done."""
    name = _ask(
        "Who operates: a user of this machine", "operator", given, user_of, os.environ.get("SUDO_USER") or NOBODY
    )
    return name if make_operator(name) else ""


def _ask(words: str, option: str, given: dict[str, str], check: Callable[[str], T], default: str = "") -> T:
    """An answer that makes sense. What an option says is not asked; what makes none is asked again."""
    if given[option]:
        try:
            return check(given[option])
        except ValueError as err:
            refuse(f"--{option}: {err}", "nothing was written", code=2)
    if not sys.stdin.isatty() and not default:
        refuse(f"--{option} is not said, and nobody is here to be asked", "nothing was written", code=2)
    while True:
        try:
            said = input(f"{words}{f' [{default}]' if default else ''}: ") if sys.stdin.isatty() else ""
            return check(said.strip() or default)
        except ValueError as err:
            print(f"  {err}")
        except (EOFError, KeyboardInterrupt):
            print()
            refuse("nothing was written", code=1)


def _write(path: Path, answers: "Answers") -> None:
    from engine import setup as made
    from engine.faults import ConfigFaults
    from engine.sending.resources import Resources

    try:
        text = made.configuration(answers, Resources([]))
        path.parent.mkdir(mode=0o700 if path.parent == answers.state_dir else 0o755, parents=True, exist_ok=True)
        if path.exists():
            path.replace(path.with_name(path.name + ".before"))
        path.write_text(text, encoding="utf-8")
    except ConfigFaults as err:
        refuse(str(err), "nothing was written", code=2)
    except OSError as err:
        _refuse_file(err, path)


def _brand(answers: "Answers", *, force: bool) -> str:
    """Write the brand, the old one aside where that was asked for; what came of it, in words."""
    from engine import setup as made
    from engine.sending.resources import Resources

    brand = answers.state_dir / "templates" / made.BRAND
    text = made.brand(answers, Resources([]))
    try:
        if brand.exists() and brand.read_text(encoding="utf-8") != text:
            if not force:
                return f"{brand} stays as it is: its name and postal address stand in mails"
            brand.replace(brand.with_name(brand.name + ".before"))
        answers.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        brand.parent.mkdir(exist_ok=True)
        brand.write_text(text, encoding="utf-8")
        hand_over(answers.state_dir, brand.parent, brand)
    except OSError as err:
        _refuse_file(err, brand)
    return f"{brand} has your name, address and colours"


def _refuse_file(err: OSError, path: Path) -> NoReturn:
    refuse(f"{err.filename or path} can't be written: {err.strerror}", "as root, or with --config and --state", code=2)


def _has_keys(owner: pwd.struct_passwd | None, answers: "Answers", path: Path) -> bool:
    """Whether the domain has keys already, which an earlier setup made: they stay."""
    if not any((answers.state_dir / "keys").glob(f"{answers.domain}.*.pem")):
        return False
    words = _command("domain", "list", "--json", "--config", str(path))
    done = subprocess.run(words, check=False, cwd="/", capture_output=True, text=True, **as_user(owner))
    return done.returncode == 0 and any(
        each["domain"] == answers.domain and each["state"] != "gone" for each in json.loads(done.stdout)
    )


def _tell(owner: pwd.struct_passwd | None, *words: str) -> int:
    """Run another command, as the daemon's user where there is one; its exit code."""
    sys.stdout.flush()
    return subprocess.run(_command(*words), check=False, cwd="/", **as_user(owner)).returncode


def _examine(owner: pwd.struct_passwd | None, domain: str, path: Path) -> None:
    """What the doctor finds, a line each; how to mend it, it says itself."""
    words = _command("doctor", domain, "--plain", "--config", str(path))
    done = subprocess.run(words, check=False, cwd="/", capture_output=True, text=True, **as_user(owner))
    first, *lines = done.stdout.splitlines() or [done.stderr.strip()]
    print(first)
    print("\n".join(f"  {each}" for each in lines if each.startswith(("x FAIL", "! warn"))))


def _command(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-c", _RUN, *words)


def _print_host(answers: "Answers") -> None:
    """The records of the server itself; its domain's come from `posthouse domain`."""
    from engine.commands.domain_records import zone_text
    from engine.domains.records import of_host

    records = [each for address in answers.addresses for each in of_host(answers.hostname, address)]
    if records:
        print(f"Publish these records for {answers.hostname}:\n")
        print("\n".join(map(zone_text, records)))


def _say_next(path: Path, answers: "Answers", operator: str) -> None:
    sockets = ["control", "submission", "web"] + (["inbound"] if answers.bounces == "direct" else [])
    units = " ".join(f"posthouse-{each}.socket" for each in sockets)
    if path == place.SYSTEM_CONFIG:
        steps = [
            f"systemctl enable --now {units} posthouse.service posthouse-backup.timer posthouse-report.timer",
            f"# {operator} is an operator from the next login on"
            if operator
            else f"usermod -aG {USER} NAME        # an operator from the next login on",
        ]
    else:
        steps = [f"posthoused serve --config {path}"]
    address = answers.sender.rpartition("<")[2].strip(" >")
    first = f"swaks --server 127.0.0.1:2525 --from {address} --to YOU@example.org --header 'Subject: First'"
    print("\nNext: publish the records above, then\n")
    print("\n".join(f"  {each}" for each in (*steps, first, f"posthouse doctor {answers.domain}")))
