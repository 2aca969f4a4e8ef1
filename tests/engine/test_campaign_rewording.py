"""Words in one language written into a campaign file: they are in, all else is as it was."""

import pytest

from engine.campaigns.model import Campaign
from engine.campaigns.reading import check
from engine.campaigns.rewording import Words, reworded, said_in

BASE = "name: a\ngoal: {event: order.placed, within: 7d}\naudience: {lists: [n]}\ntemplate: newsletter\n"
ODD = Words('שלום: "x" # y\\', "H #1", "T: {a}, [b")
FILES = {
    "nothing": "",
    "one for all": "subject: Hello  # remark\n",
    "flow": 'subject: {en: "x", }\ncontent: {en: {heading: h, paragraphs: [a, b]}}\n',
    "block": (
        "subject:\n  en: x  # remark\n  # more\n\ncontent:\n  en:\n    heading: h\n    paragraphs:\n      - |\n"
        "        Long\n        text\n      - b\n\n# end\nwindow: 10m\n"
    ),
    "folded": "subject: |\n  abc\n  def\nwindow: 10m",
    "other keys": 'content:\n  he: {button: {text: a, url: "https://x.example"}}\n',
}


def campaign(text: str) -> Campaign:
    found = check(text, "a.yaml")
    assert isinstance(found, Campaign), found
    return found


@pytest.mark.parametrize("language", ["en", "he", "zh-Hant"])
@pytest.mark.parametrize("name", FILES)
def test_the_words_are_in_and_the_rest_of_the_file_is_as_it_was(name: str, language: str) -> None:
    before = campaign(BASE + FILES[name])
    source = reworded(BASE + FILES[name], language, "en", ODD)
    after = campaign(source).mail
    told = after.subject.get(language, after.subject.get("", ""))
    assert (told, said_in(after.content[language])) == (ODD.subject, (ODD.heading, ODD.text))
    for tag in before.mail.content:
        if tag != language:
            assert after.content[tag] == before.mail.content[tag]
    assert all(remark in source for remark in ("# remark", "# more", "# end") if remark in FILES[name])
    assert campaign(source).window == before.window
    assert reworded(source, language, "en", ODD) == source  # written once more, it is the same


def test_one_text_for_all_is_the_first_languages_beside_another_one() -> None:
    assert campaign(reworded(BASE + "subject: Hello\n", "he", "en", Words("שלום"))).mail.subject == {
        "en": "Hello",
        "he": "שלום",
    }
    assert campaign(reworded(BASE + "subject: Hello\n", "en", "en", Words("Hi"))).mail.subject == {"": "Hi"}


def test_what_is_not_said_and_the_paragraphs_behind_the_first_stay() -> None:
    text = BASE + FILES["block"]
    assert reworded(text, "he", "en", Words()) == text
    assert campaign(reworded(text, "en", "en", Words(text="new"))).mail.content["en"]["paragraphs"] == ["new", "b"]


def test_a_variant_with_words_of_its_own_gets_them() -> None:
    text = BASE + "subject: s\nvariants:\n  - {name: a, subject: s1}\n  - name: b\n    subject: s2\n"
    found = campaign(reworded(text, "he", "en", Words("ב"), "b"))
    assert [each.subject for each in (found.mail, *found.variants)] == [{"": "s"}, {"": "s1"}, {"en": "s2", "he": "ב"}]
