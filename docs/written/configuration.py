"""configuration.md: every setting, out of the settings' classes."""

from collections.abc import Iterator
from typing import Final

from docs.written.parts import MARK, sentence, table
from engine.commands.settings_told import Section, Setting, sections

_CONFIGURATION: Final = """\
# Configuration

One file in TOML: `/etc/posthouse/posthouse.toml`, or the one named by `--config` or `POSTHOUSE_CONFIG`. `posthouse setup`
writes one to begin with. `posthoused check` reads it and lists everything that is wrong, each with its
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
    top, *others = sections()
    parts = [MARK, _CONFIGURATION, "\n## Top of the file\n\n", settings_table(top)]
    for each in others:
        parts += section(each)
    return "".join(parts)


def section(told: Section) -> Iterator[str]:
    yield f"\n{'##' if told.depth == 0 else '###'} [{told.path}]\n"
    if told.about:
        yield f"\n{sentence(told.about)}\n"
    if told.settings:
        yield "\n" + settings_table(told)


def settings_table(told: Section) -> str:
    rows = [(f"`{each.name}`", each.kind, each.default, about(each)) for each in told.settings]
    return table(("setting", "kind", "default", "what it says"), rows)


def about(told: Setting) -> str:
    return sentence(told.about) + (" *Restart.*" if told.needs_restart else "")
