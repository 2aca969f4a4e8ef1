"""A campaign file out of what a form asks: the least that makes sense, to be written on in an editor. Pure."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

_KEYS: Final = ("title", "list", "segment", "mail", "subject", "heading", "text", "goal", "holdout")
DEFAULT_GOAL: Final = "order.placed"
DEFAULT_MAIL: Final = "newsletter"
WITHIN: Final = "7d"
ASKED: Final = _KEYS
"""What is asked besides name and when; all of it may be left out but one of list and segment."""


def draft(name: str, said: Mapping[str, str], civil: datetime | None, zone: str, language: str) -> str:
    """The file's text. Whether all of it makes sense, its reader says. `language`: of subject, heading and text."""
    told = {key: said.get(key, "").strip() for key in _KEYS}
    lines = [f"name: {name}"]
    if told["title"]:
        lines.append(f"title: {_text(told['title'])}")
    lines.append(f"goal: {{event: {told['goal'] or DEFAULT_GOAL}, within: {WITHIN}}}")
    groups = [f"{key}s: [{_text(told[key])}]" for key in ("list", "segment") if told[key]]
    lines.append(f"audience: {{{', '.join(groups)}}}")
    lines.append(f"template: {told['mail'] or DEFAULT_MAIL}")
    if told["subject"]:
        lines.append(f"subject: {{{language}: {_text(told['subject'])}}}")
    lines += _content(told, language)
    if civil is not None:
        of_zone = f", zone: {zone}" if zone else ""
        lines.append(f"when: {{at: {civil.isoformat(timespec='minutes')}{of_zone}}}")
    if told["holdout"]:
        lines.append(f"holdout: {told['holdout']}")
    return "\n".join(lines) + "\n"


def _content(told: Mapping[str, str], language: str) -> list[str]:
    if not told["heading"] and not told["text"]:
        return []
    lines = ["content:", f"  {language}:"]
    if told["heading"]:
        lines.append(f"    heading: {_text(told['heading'])}")
    if told["text"]:
        lines.append("    paragraphs:")
        lines.append(f"      - {_text(told['text'])}")
    return lines


def _text(text: str) -> str:
    """A YAML scalar that means this text and nothing else: JSON's quotes are YAML's too."""
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
