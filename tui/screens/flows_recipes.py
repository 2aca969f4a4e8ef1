"""The recipes that one may begin a flow with, each drawn; Enter makes a draft of one."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal

from engine.control.client import ControlError, part
from engine.control.protocol.flows import Drafts, RecipeRow, Recipes, RecipeText
from tui.format import number
from tui.ink import Ink, Target
from tui.messages import Opened
from tui.pages.flow_rows import RECIPES
from tui.screens.house import HouseScreen
from tui.session import Watch
from tui.widgets.flowview import FlowView
from tui.widgets.table import Table


class RecipesScreen(HouseScreen):
    """/ searches in names, titles, descriptions, triggers and mails."""

    hints: ClassVar[tuple[tuple[str, str], ...]] = (
        ("roll.open", "make a draft of it"), ("house.filter", "search"), ("house.back", "back"),
    )  # fmt: skip

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self._detail = Watch(self._ask_detail)

    def body(self) -> ComposeResult:
        with Horizontal(classes="body"):
            yield Table[RecipeRow](RECIPES, lambda row: Target("recipe", row.name), id="recipes")
            yield FlowView(id="picture", walks=False).add_class("beside")

    @property
    def _recipes(self) -> Table[RecipeRow]:
        return self.query_one("#recipes", Table)

    async def ask(self) -> None:
        found = await self.session.ask(Recipes, "/v1/recipes")
        wanted = self.filter_text.casefold()
        matching = (row for row in found.rows if wanted in _words(row))
        rows = tuple(sorted(matching, key=lambda row: (wanted not in row.name, row.name)))
        self.title_line("Flows › recipes", f"{number(len(rows))} of {number(len(found.rows))}")
        self._recipes.show(rows, found.now_ms)
        await self._detail.nudge()

    @on(Table.Moved)
    def recipe_moved(self) -> None:
        self.run_worker(self._detail.nudge(), group="detail")

    async def _ask_detail(self) -> None:
        at = self._recipes.at
        if not self.is_wide or at is None:
            return
        found = await self.session.ask(RecipeText, f"/v1/recipes/{part(at.name)}")
        self.query_one("#picture", FlowView).show(found.picture)

    @on(Opened)
    def recipe_opened(self, message: Opened) -> None:
        message.prevent_default()
        self.lead("a draft of it", self._make(message.target.name))

    async def _make(self, name: str) -> bool:
        """A draft of the recipe; one that is there already is gone on with."""
        if self.session.read_only:
            self.house.say("this terminal is read-only", Ink.WAIT)
            return False
        try:
            drafts = (await self.session.ask(Drafts, "/v1/flow-drafts")).rows
            is_there = any(each.name == name for each in drafts)
            if not is_there:
                found = await self.session.ask(RecipeText, f"/v1/recipes/{part(name)}")
                await self.session.act(
                    "flows/draft", {"name": name, "source": found.source, "origin": f"recipe {name}"}
                )
        except ControlError as error:
            self.house.say("✗ " + error.text, Ink.BAD)
            return False
        if self.is_current:
            self.house.back()
            self.house.open(Target("draft", name))
            if is_there:
                self.house.say(f"there is a draft {name}: it is gone on with", Ink.CALM)
        return True

    def action_view(self) -> None:
        self.query_one("#picture", FlowView).turn()

    def command_line(self) -> str:
        row = self._recipes.row
        return f"posthouse flow recipe {row.name} > {row.name}.yaml" if row else "posthouse flow recipes"


def _words(row: RecipeRow) -> str:
    return f"{row.name} {row.title} {row.about} {row.trigger} {' '.join(row.mails)}".casefold()
