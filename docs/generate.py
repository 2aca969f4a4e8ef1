"""Writes the pages of reference that the code already says: configuration.md, commands.md, events.md, doctor.md, recipes.md.

    .venv/bin/python docs/generate.py            writes them
    .venv/bin/python docs/generate.py --check    says which are out of date, and exits with 1

Every word comes from the settings classes, the commands' own help, the event vocabulary and the flows that come with
Posthouse; what is here only sets it in order. tests/test_docs.py fails when a page is out of date.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

HERE: Final = Path(__file__).parent
FLOWS: Final = HERE.parent / "templates" / "flows"
sys.path.insert(0, str(HERE.parent))

from deliverability.doctor.examine import RULES  # noqa: E402
from deliverability.doctor.providers import DEMANDS, Demand  # noqa: E402
from deliverability.settings import Settings, format_duration, parse_size  # noqa: E402
from engine.cli import app as daemon_app  # noqa: E402
from engine.commands import MODULES  # noqa: E402
from engine.config import Config  # noqa: E402
from engine.control.picture import drawing  # noqa: E402
from engine.fixed import FIXED  # noqa: E402
from engine.flow.definition import Definition, check  # noqa: E402
from engine.flow.telling import told_trigger  # noqa: E402
from engine.flow.vocabulary import OWN, TOLD, VOCABULARY  # noqa: E402
from tui.ink import plain  # noqa: E402
from tui.pages.diagram import diagram  # noqa: E402
from tui.pages.flows import outline  # noqa: E402

MARK: Final = "<!-- Written by docs/generate.py: change the code's own words and run it. -->\n"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


# -- configuration.md

_CONFIGURATION: Final = """\
# Configuration

One file in TOML: `/etc/posthouse/posthouse.toml`, or the one named by `--config` or `POSTHOUSE_CONFIG`. An example to
begin with is `systemd/posthouse.toml`. `posthoused check` reads it and lists everything that is wrong, each with its
line and its remedy; a name that is no setting is refused, with the nearest one that is.

```
$ posthoused check --config posthouse.toml
posthouse.toml:4: queue.expire_transactional: "5 dyas" is not a duration (try "5 days")
posthouse.toml:7: routing.smarthost: is not a setting (did you mean smart_host?)
```

**Durations** are texts: `"90s"`, `"1h30m"`, `"5 days"`. **Sizes** are octets or texts: `1048576`, `"32 MiB"`. Relative
paths begin at `daemon.state_dir`, which itself begins at the folder of the file; write `templates` as a whole path.

`SIGHUP` reads the file again: new carriers begin with it and the old ones finish what is open. Settings marked
*restart* keep their old value until the daemon is started anew, and the log says so. A file with a fault changes nothing.
"""


def configuration() -> str:
    parts = [MARK, _CONFIGURATION, "\n## Top of the file\n\n", settings_table(Config, "")]
    for name, info in Config.model_fields.items():
        if (nested := section_of(info)) is not None:
            parts += section(nested, name, info.get_default(call_default_factory=True))
    return "".join(parts)


def section(settings: type[Settings], path: str, values: Settings) -> Iterator[str]:
    about = " ".join((settings.__doc__ or "").split())
    yield f"\n## [{path}]\n"
    # "`[queue]`: how long ..." repeats the heading; what follows the colon says what it is for.
    _, colon, said = about.partition("]`: ") if "]`: " in about else about.partition("]: ")
    if colon:
        yield f"\n{said[0].upper()}{said[1:]}\n"
    if rows := settings_table(settings, path, values):
        yield "\n" + rows
    for name, info in settings.model_fields.items():
        if (nested := section_of(info)) is not None:
            yield f"\n### [{path}.{name}]\n\n{sentence(info.description or '')}\n\n"
            yield settings_table(nested, f"{path}.{name}", getattr(values, name))


def section_of(info: FieldInfo) -> type[Settings] | None:
    kind = info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Settings) else None


def settings_table(settings: type[Settings], path: str, values: Settings | None = None) -> str:
    rows = []
    for name, info in settings.model_fields.items():
        if section_of(info) is not None:
            continue
        whole = f"{path}.{name}" if path else name
        about = sentence(info.description or "") + ("" if not needs_restart(whole) else " *Restart.*")
        default = getattr(values, name) if values is not None else info.default
        rows.append((f"`{written(name, info)}`", f"{kind_of(info)}", default_of(info, default), about))
    return table(("setting", "kind", "default", "what it says"), rows) if rows else ""


def needs_restart(path: str) -> bool:
    return any(path == each or path.startswith(each + ".") for each in FIXED)


def written(name: str, info: FieldInfo) -> str:
    """The name in the file: `from` where Python needs another."""
    choices = getattr(info.validation_alias, "choices", None)
    return str(choices[0]) if choices else name


def kind_of(info: FieldInfo) -> str:
    kind: Any = info.annotation
    if any(getattr(each, "func", None) is parse_size for each in info.metadata):
        return "size" + bounds(info)
    if get_origin(kind) is Literal:
        return " or ".join(f'`"{each}"`' for each in get_args(kind))
    if get_origin(kind) is tuple:
        return "list"
    if get_origin(kind) is dict:
        return "table"
    if kind is timedelta:
        return "duration"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return " or ".join(f'`"{each}"`' for each in kind)
    names = {bool: "true or false", int: "number", float: "number", str: "text", Path: "path"}
    return names.get(kind, "path") + bounds(info)


def bounds(info: FieldInfo) -> str:
    found = {mark: getattr(each, mark) for each in info.metadata for mark in ("ge", "le", "lt") if hasattr(each, mark)}
    low, high = found.get("ge"), found.get("le", found.get("lt"))
    if low is None:
        return ""
    if high is None:
        return f", at least {low}"
    return f", {low} to {'under ' if 'lt' in found else ''}{high}"


def default_of(info: FieldInfo, value: Any) -> str:
    if info.default_factory is not None:
        return "the machine's own"
    if value is None or value in ("", (), {}):
        return "empty"
    if isinstance(value, timedelta):
        return f'`"{format_duration(value)}"`'
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        listed = ", ".join(f'"{each}"' for each in value)
        return f"`[{listed}]`"
    if isinstance(value, int) and kind_of(info).startswith("size"):
        unit, size = next((unit, size) for unit, size in (("MiB", 2**20), ("KiB", 2**10), ("", 1)) if value % size == 0)
        return f'`"{value // size} {unit}"`'
    return f"`{round(value, 3)}`" if isinstance(value, int | float) else f'`"{value}"`'


def sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."


# -- commands.md

_COMMANDS: Final = """\
# Commands

`posthoused` is the daemon. `posthouse` without a command opens the [terminal application](tui.md); with one it does one
thing and ends. All that changes a running Posthouse goes over its control socket ([control.md](control.md)); what needs
no daemon reads the configuration and the database itself, and runs as the daemon's user (`sudo -u posthouse ...`).

The **socket** is the one named by `--socket` or `POSTHOUSE_SOCKET`, else the one that the configuration named by
`POSTHOUSE_CONFIG` says, else `./var/control.sock`, else `/run/posthouse/control.sock`. The **configuration** is the
one named by `--config` or `POSTHOUSE_CONFIG`, else `./var/posthouse.toml`, else `/etc/posthouse/posthouse.toml`.

**Exit codes.** 0: done. 1: refused or failed; standard error says what and how to mend it. 2: what was typed or given is
wrong, and nothing was changed. 70: a carrier that lost its lease (only ever seen in the log).
"""

_DEFAULTS: Final = {"log_format": "`text` at a terminal, else `json`"}  # its own depends on where this runs


def commands() -> str:
    parts = [MARK, _COMMANDS, "\n## posthoused\n"]
    parts += command_group("posthoused", typer.main.get_command(daemon_app))
    for name, about in MODULES.items():
        module = import_module(f"engine.commands.{name.replace('-', '_')}")
        parts += [f"\n## posthouse {name}\n\n{sentence(about[0].upper() + about[1:])}\n"]
        if isinstance(module.app, typer.Typer):
            parts += command_group(f"posthouse {name}", typer.main.get_command(module.app))
        else:  # sendmail(8) has words of its own
            _, _, words = (module.__doc__ or "").partition("\n\n")
            parts += [f"\n{words}"]
    return "".join(parts)


def command_group(path: str, command: Any) -> Iterator[str]:
    children: Mapping[str, Any] = getattr(command, "commands", {})
    if not children:
        yield command_text(path, command)
        return
    if getattr(command, "invoke_without_command", False):
        yield f"\n### {path}\n" + command_text(path, command)
    for name, child in children.items():
        yield f"\n### {path} {name}\n" + command_text(f"{path} {name}", child)


def command_text(path: str, command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    words = [path, *(f"{each.name.upper()}{'...' if each.nargs < 0 else ''}" for each in arguments)]
    words += [f"{each.opts[0]} ..." for each in options if each.required]
    about = " ".join((command.callback.__doc__ or command.help or "").split())
    rows = [(f"`{each.name.upper()}`", sentence(each.help or ""), "") for each in arguments]
    rows += [(", ".join(f"`{opt}`" for opt in each.opts), option_text(each), option_default(each)) for each in options]
    text = f"\n    {' '.join(words)}\n\n{about}\n"
    return text + ("\n" + table(("", "meaning", "default"), rows) if rows else "")


def option_text(option: Any) -> str:
    variable = f" Or the variable `{option.envvar}`." if option.envvar else ""
    return sentence(option.help or "") + variable


def option_default(option: Any) -> str:
    if option.name in _DEFAULTS:
        return _DEFAULTS[option.name]
    if option.required:
        return "must be given"
    default = option.default
    return "" if default in (None, "", False) else f"`{default}`"


# -- events.md

_ALONE: Final = ", ".join(f"`{each}.`" for each in sorted(OWN))
_BUT: Final = ", ".join(f"`{each}`" for each in sorted(TOLD))
_EVENTS: Final = f"""\
# Events

An event says that something happened in a contact's affairs. Applications tell Posthouse of theirs
([applications.md](applications.md)); flows are entered, and left, by them ([flows.md](flows.md)).

These names are known. Data of another shape is taken as it comes: a condition that asks for what is not there finds it
missing ([conditions.md](conditions.md)). Any other name of small letters, digits, `-` and `_`, joined by dots, is an
event of your own, as long as its first word is not one of these families: `order.plcaed` is refused, with the nearest
right word, and so is all that begins with `order.` and is not here.

Names that begin with {_ALONE}
are for Posthouse alone to make, since consent, engagement and segments follow from them. Of those only {_BUT} may be
told by others. Whoever tells of another, or misspells one, is refused: the HTTP interface answers 422, the control socket
400, `posthouse event` exits with 2, and a mail's header is noted as `not understood` while the mail goes on.

An event is about one thing: its **key**, which is the part of the data marked *key* unless it was told otherwise. Data is
a JSON object of at most 64 KiB, ten levels deep.

Posthouse itself makes these: `contact.created`, `contact.updated` (`fields` has what changed, by name: `name`, `tags`,
`fields.shoe_size`), `contact.tagged` and `contact.untagged` (also when an import or a flow does it, and never for a tag that
was there already), `segment.entered`, `segment.left`, `list.joined`, `list.confirmed`, `list.left`,
`list.expired`, `mail.delivered`,
`mail.deferred` (once, after `queue.delay_notice`) and `mail.bounced` (about mail that it wrote; not about mail that an
application handed over), `mail.clicked` and `mail.opened` ([tracking.md](tracking.md)), `mail.unsubscribed`,
`mail.complained`, `mail.replied` ([inbound.md](inbound.md)), `coupon.redeemed`,
the changes of products that it is told of ([catalogue.md](catalogue.md)), and
`suppression.lifted`, which is nobody's and is kept for the record. It reads `order.*`, `parcel.*`, `invoice.*` and
`reservation.*` out of mail that has them as JSON-LD or microdata.
All others come from applications, but what is Posthouse's alone and not made yet.
"""


def events() -> str:
    parts = [MARK, _EVENTS]
    family = ""
    for name, kind in VOCABULARY.items():
        if name.partition(".")[0] != family:
            family = name.partition(".")[0]
            parts.append(f"\n## {family}\n\n")
            named = {key: each for key, each in VOCABULARY.items() if key.partition(".")[0] == family}
            parts.append(table(("event", "says"), [(f"`{key}`", sentence(each.about)) for key, each in named.items()]))
            rows = [(f"`{key}`", text + (" (*key*)" if key == kind.key else "")) for key, text in kind.data.items()]
            parts.append("\n" + table(("data", "what it is"), rows))
    return "".join(parts)


# -- doctor.md

_DOCTOR: Final = """\
# The doctor

`posthouse doctor` looks at what the world sees of you: records, names, policies, blocklists, certificates, files,
clock and doors. It judges each by a rule, says what it saw, and prints the line to publish.
[Deliverability](deliverability.md) walks from a bare domain to all green with it.

```
posthouse doctor                          the domains that we sign for
posthouse doctor shop.example             this one
posthouse doctor --json                   for programs
posthouse doctor --all                    the rules that pass, too
posthouse doctor --kept                   what the daemon found last, with its age
posthouse doctor shop.example --dns zone.yaml --ip 198.51.100.10    what is to be published, tried before
```

| verdict | meaning |
|---|---|
| `✓ pass` | it is so, or need not be |
| `! warn` | it works, and should be better |
| `✗ FAIL` | mail suffers by it; what to publish stands below |
| `? unknown` | nobody answered (SERVFAIL, a time-out), it can't be seen from here, or another rule has to hold first |

The exit status is 1 where a rule fails, 0 where none does, 2 where what was typed is wrong. `--plain` prints ASCII
without colours, and so does a pipe without colours; `NO_COLOR` is obeyed. What others publish is shown with its
control characters as pictures (ESC is `␛`), cut after 300 characters.

One cause turns one rule red: what hangs on it waits, and says for what. An examination takes `doctor.patience` at
most (20 s); what was not answered by then is unknown. A running daemon is asked, since it knows its doors; without
one, or with `--dns`, `--ip`, `--helo` or `--bounces`, the command looks for itself. A file for `--dns` holds names,
each with its records ([as for SPF](deliverability.md#may-this-host-send-spf-and-dkim)); of mail doors and documents
nothing is known then.

With `--json`: `verdict` (the gravest), `at_ms`, `domains`; `rules`: `rule`, `about` (a domain; empty for the house),
`verdict`, `title`, `says`, `seen`, `mend` (`how`: publish, remove, run, set or serve; `text` to be copied; `name`,
`type`, `value` of a record), `detail`, `waits_for`, `source`; `demands`: `demand`, `provider`, `about`, `verdict`,
`title`, `because` (rules), `source`.

## What bulk senders are asked for

Gmail, Yahoo and Microsoft publish what they demand of who sends much (5,000 mails a day to them). Each demand holds
when its rules do:

"""

_RULES: Final = """
## The rules

Each with what a receiver makes of it, how to mend it, and where it is written.
"""

_FAMILIES: Final = {
    "host": "Names and addresses", "mail": "Our own mail", "files": "Files", "cert": "Certificates", "clock": "The clock",
    "ports": "Doors", "tls": "TLS", "rate": "How mail was received", "block": "Blocklists", "spf": "SPF", "dkim": "DKIM",
    "dmarc": "DMARC", "align": "Alignment", "mx": "Exchangers", "sts": "MTA-STS", "tlsrpt": "TLS reports",
    "dane": "DANE", "bimi": "BIMI",
}  # fmt: skip


def doctor() -> str:
    demands = [(f"`{each.id}`", each.title, _shown_by(each)) for each in DEMANDS]
    parts = [MARK, _DOCTOR, table(("demand", "", "rules"), demands), _RULES]
    for family, title in _FAMILIES.items():
        rows = [
            (f"`{each.id}`", f"{each.title}. {each.why}", each.remedy, each.source)
            for each in RULES
            if each.family == family
        ]
        parts.append(f"\n### {title}\n\n" + table(("rule", "what and why", "how to mend it", "source"), rows))
    return "".join(parts)


def _shown_by(demand: Demand) -> str:
    return ", ".join(f"`{each}`" for each in demand.rules) or " or ".join(f"`{each}`" for each in demand.either)


# -- recipes.md

_RECIPES: Final = """\
# Recipes

Flows that come with Posthouse, each with its mails in English, Hebrew, Russian, Simplified and Traditional Chinese, and with a
test. Take one, read it through, change what your shop says otherwise, and let it run:

```sh
cp templates/flows/abandoned-cart.yaml flows/          # in a checkout; an installation has them beside its programs
posthouse flow check flows/abandoned-cart.yaml
posthouse flow simulate flows/abandoned-cart.yaml      # on your own history
posthouse flow apply flows/abandoned-cart.yaml
```

What a recipe needs stands above its diagram: the event that begins it, with the fields that its mails speak of
([events](events.md)), and things to make first, such as a pool of coupons. A mail of your own with the same name takes the place
of ours ([mail](mail.md)); `make gallery` shows them all, in every language. Tests of recipes run with `posthouse flow test`
([testing](flows/testing.md)).
"""
_WIDTH: Final = 96  # cells of a diagram


def recipes() -> str:
    found = [_recipe(path) for path in sorted(FLOWS.glob("*.yaml")) if not path.name.endswith(".test.yaml")]
    rows = [
        (f"[{each.title}](#{_anchor(each.title)})", each.about, told_trigger(each.trigger), each.stream.word)
        for each, _ in found
    ]
    parts = [MARK, _RECIPES, "\n", table(("recipe", "what it does", "begins with", "stream"), rows)]
    for flow, source in found:
        parts.append(f"\n## {flow.title}\n\n`templates/flows/{flow.name}.yaml`. {flow.about}\n\n")
        parts += [f"```text\n{text}\n```\n\n" for text in (_needs(source), _drawn(flow)) if text]
    return "".join(parts)


def _recipe(path: Path) -> tuple[Definition, str]:
    source = path.read_text(encoding="utf-8")
    found = check(source, path.name)
    if not isinstance(found, Definition):
        raise SystemExit("\n".join(map(str, found)))
    return found, source


def _anchor(title: str) -> str:
    """What a heading is called in a link."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _needs(source: str) -> str:
    """The comment at the top of a flow file."""
    lines = takewhile(lambda line: line.startswith("#"), source.splitlines())
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines)


def _drawn(flow: Definition) -> str:
    nodes = drawing(flow).nodes
    text = plain(diagram(nodes, _WIDTH) or outline(nodes, _WIDTH))
    return "\n".join(line.rstrip() for line in text.splitlines())


PAGES: Final = {
    "configuration.md": configuration, "commands.md": commands, "events.md": events, "doctor.md": doctor,
    "recipes.md": recipes,
}  # fmt: skip


def stale() -> list[str]:
    """The pages that are not what the code says."""
    return [
        name
        for name, make in PAGES.items()
        if not (HERE / name).exists() or (HERE / name).read_text(encoding="utf-8") != make()
    ]


def main() -> int:
    if "--check" in sys.argv[1:]:
        for name in (found := stale()):
            print(f"docs/{name} is out of date: run docs/generate.py")
        return 1 if found else 0
    for name, make in PAGES.items():
        (HERE / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
