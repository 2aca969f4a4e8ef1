"""Every recipe in a lab: a real daemon, its own tests' events in five languages, the lab's clock moved from day to day; and each
mail that its tests promise arrives, signed, in its reader's language, with goods that the sample shop sells.
"""

import asyncio
from dataclasses import dataclass

import pytest
from house_process import free_port

from engine.commands import run
from engine.history.wares import wares
from engine.lab.keep import Kept, KeptMail
from engine.scene.casting import LOCALES, Recipe, recipes
from engine.scene.doings import Doings
from engine.scene.rehearsal import SETTINGS, Rehearsal, set_clock
from engine.scene.review import Played, logged, review
from engine.scene.stage import PORTS, prepare, running
from engine.sending.resources import packaged_folder

pytestmark = pytest.mark.e2e

FOLDER = packaged_folder() / "flows"
NAMES = sorted(path.name.removesuffix(".test.yaml") for path in FOLDER.glob("*.test.yaml"))
OF_A_HOLIDAY = {"christmas", "lunar-new-year", "rosh-hashanah"}  # for readers of some languages, and who asks for them


@dataclass(frozen=True, slots=True)
class Year:
    """What came of it all."""

    cast: dict[str, Recipe]
    played: dict[str, Played]
    doings: Doings
    mails: dict[str, KeptMail]
    trouble: list[dict[str, object]]

    def letters(self, recipe: str, mail: str) -> list[tuple[str, KeptMail]]:
        """What this recipe's mail said, each with its reader's language."""
        found = []
        for actor in self.cast[recipe].actors:
            found += [
                (actor.locale, self.mails[name]) for sent, name in self.doings.sent[actor.address] if sent == mail
            ]
        return found


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Year:
    ports: set[int] = set()
    while len(ports) < len(PORTS):  # of this worker's own: another plays the sample day
        ports.add(free_port())
    stage = prepare(tmp_path_factory.mktemp("year") / "var", SETTINGS, sorted(ports))
    set_clock(stage)
    cast = recipes(FOLDER, pictures=stage.pictures)

    async def play() -> tuple[Doings, list[Played]]:
        async with running(stage):
            doings = await Rehearsal(stage, cast, run).run()
            return doings, await asyncio.to_thread(review, stage, cast, doings)

    doings, found = asyncio.run(play())
    return Year(
        {each.name: each for each in cast}, {each.recipe: each for each in found}, doings,
        {mail.message_id: mail for mail in Kept.read(stage.lab)}, logged(stage.folder / "posthoused.log"),
    )  # fmt: skip


def test_nothing_is_wrong_in_the_log(year: Year) -> None:
    assert year.trouble == []


def test_every_recipe_is_played() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.name.endswith(".test.yaml")) == NAMES
    assert len(NAMES) >= 57


@pytest.mark.parametrize("name", NAMES)
def test_each_mail_of_the_recipe_arrives_signed_in_several_languages(year: Year, name: str) -> None:
    played = year.played[name]
    assert played.faults == []
    assert set(played.mails) == set(year.cast[name].flow.templates)
    assert played.languages == set(LOCALES) or (name in OF_A_HOLIDAY and len(played.languages) >= 2)


@pytest.mark.parametrize(
    ("recipe", "mail"),
    [
        ("add-before-ship", "add-to-order"),
        ("goes-together", "goes-together"),
        ("order-confirmed", "order-thanks"),
        ("picked-for-you", "picked-for-you"),
    ],
)
def test_what_goes_with_an_order_is_a_thing_of_the_shop_s(year: Year, recipe: str, mail: str) -> None:
    """Pinned pairs and groups: of the thing that was ordered, another of its series."""
    offered = {each.names["en"] for each in wares()}
    letters = year.letters(recipe, mail)
    assert letters
    for language, letter in letters:
        assert any(name in letter.html and name in letter.text for name in offered), (recipe, language)


@pytest.mark.parametrize(
    ("recipe", "mail"),
    [
        ("curated-picks", "curated-picks"),
        ("low-stock", "low-stock"),
        ("price-drop", "price-drop"),
        ("back-in-stock", "back-in-stock"),
        ("browse-interest", "browse-interest"),
        ("step-up", "step-up"),
        ("new-release", "new-release"),
        ("abandoned-cart", "cart-reminder"),
    ],
)
def test_a_mail_about_things_shows_them_by_name_with_their_pictures(year: Year, recipe: str, mail: str) -> None:
    letters = year.letters(recipe, mail)
    assert letters
    for locale, letter in letters:
        named = [each for each in wares() if each.names[locale] in letter.html]
        assert named and any(each.names[locale] in letter.text for each in named), (recipe, locale)
        assert any(f"/p/{each.kind}-{each.colour}.png" in letter.html for each in named), (recipe, locale)
