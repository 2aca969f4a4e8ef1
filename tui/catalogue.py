"""All bindings there are, of all modes: what `posthouse --keys` lists, and what a file of keys is judged by."""

from textual.dom import DOMNode

from tui.app import PosthouseApp
from tui.behind import BEHIND
from tui.keymap import Known
from tui.modes import MODES, load
from tui.screens.house import HouseScreen
from tui.screens.palette import PaletteScreen
from tui.widgets.commandline import CommandLine
from tui.widgets.page import Page
from tui.widgets.roll import Roll
from tui.widgets.table import Table


def catalogue() -> list[Known]:
    """It loads every screen."""
    places = dict.fromkeys([*(each.screen for each in MODES), *BEHIND.values()])
    screens: list[type[DOMNode]] = [load(place) for place in places]  # type: ignore[misc]
    common: list[tuple[type[DOMNode], str]] = [
        (PosthouseApp, "App"), (HouseScreen, "HouseScreen"), (Roll, "Roll"), (Table, "Table"), (Page, "Page"),
    ]  # fmt: skip
    own: list[type[DOMNode]] = [CommandLine, PaletteScreen, *screens]
    found: dict[str, Known] = {}
    for kind, where in (*common, *((each, each.__name__) for each in own)):
        verbs = {each.id for each in getattr(kind, "verbs", ())}
        for key, bindings in kind._merged_bindings.key_to_bindings.items() if kind._merged_bindings else ():
            for each in bindings:
                if each.id and (each.id not in found or found[each.id].where == where):
                    keys = f"{found[each.id].key},{key}" if each.id in found else key
                    found[each.id] = Known(each.id, keys, each.description, where, each.id in verbs)
    return list(found.values())
