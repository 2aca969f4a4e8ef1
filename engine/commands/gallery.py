"""A gallery on disk: every mail in every language, side by side, and a page with a diagram of every flow. Plain HTML
files that lead to each other; nothing is fetched from anywhere."""

import re
from collections.abc import Iterable, Iterator
from html import escape
from itertools import count
from pathlib import Path
from typing import Final

from engine.control.picture import drawing
from engine.control.protocol.flows import FlowNode, FlowPicture
from engine.flow.definition import Definition, check
from engine.flow.known import Known
from engine.lab.pictures import picture
from engine.proofs.proving import Proof, Prover
from engine.proofs.samples import Reader
from engine.sending.checking import mail_names
from mta.plain_file import read_text

_GOODS: Final = {"T-1": "teapot-2f6f8f", "D-1": "black-tea-8a5a2b", "W-1": "candle-b9803c", "C-2": "cup-6a7f4f",
                "T-2": "teapot-4a6d8c"}  # fmt: skip
WIDTHS: Final = (600, 320)
_STYLE: Final = """
:root { color-scheme: light dark; --ground: #f4f1ea; --card: #fff; --ink: #26231f; --soft: #6b645a; --rule: #ddd6c9; --tint: #1f5f52; }
@media (prefers-color-scheme: dark) { :root { --ground: #151412; --card: #211f1c; --ink: #f1ece3; --soft: #b9b1a5; --rule: #3a3731; --tint: #8fb8ae; } }
body { margin: 0; padding: 2rem; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
a { color: var(--tint); } h1 { margin: 0 0 .25rem; } h2 { margin: 2.5rem 0 .25rem; } p { margin: 0 0 1rem; color: var(--soft); max-width: 60rem; }
.recipe { display: flex; flex-wrap: wrap; gap: 1.5rem; margin: 0 0 1.5rem; }
.card { width: 15rem; color: inherit; text-decoration: none; } .card b { display: block; color: var(--tint); } .card small { color: var(--soft); }
.thumb { width: 15rem; height: 19rem; overflow: hidden; margin-bottom: .5rem; border: 1px solid var(--rule); border-radius: 10px; background: var(--card); box-shadow: 0 1px 6px #0001; }
.thumb iframe { width: 600px; height: 760px; border: 0; border-radius: 0; transform: scale(.4); transform-origin: 0 0; pointer-events: none; }
.card:hover .thumb { border-color: var(--tint); } h3 { margin: 2rem 0 .25rem; } h3 a { color: inherit; }
nav a { margin-inline-end: 1rem; } table { border-collapse: collapse; } td, th { padding: .4rem 1rem .4rem 0; text-align: start; border-bottom: 1px solid var(--rule); }
.row { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; margin-bottom: 2rem; } iframe { border: 1px solid var(--rule); border-radius: 8px; background: var(--card); }
pre { margin: 0; padding: 1rem; min-width: 36rem; max-width: 100%; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; white-space: pre-wrap; font: .8125rem/1.5 ui-monospace, monospace; }
.flow, .flow ol { list-style: none; margin: 0; padding: 0; } .flow li { position: relative; padding: 0 0 1.1rem 0; }
.flow li:not(:last-child)::before { content: ""; position: absolute; inset-inline-start: 1.2rem; top: 1rem; bottom: 0; border-inline-start: 2px solid var(--rule); }
.step { position: relative; display: inline-block; padding: .35rem .9rem; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; }
.step b { color: var(--tint); margin-inline-end: .5rem; } .send { border: 2px solid var(--tint); } .trigger { border-radius: 99px; }
.ways { display: flex; flex-wrap: wrap; gap: 1.5rem; margin: .6rem 0 0 2.6rem; } .way > span { display: block; margin-bottom: .4rem; color: var(--soft); font-size: .875rem; }
"""  # noqa: E501


def write(folder: Path, prover: Prover, flows: Path) -> list[Path]:
    """Write it; the pages of proofs. `flows`: a folder of flow files."""
    pages = []
    for each in (folder, folder / "mail", folder / "img"):
        each.mkdir(parents=True, exist_ok=True)
    for sku, name in _GOODS.items():
        (folder / "img" / f"{sku}.png").write_bytes(picture(name) or b"")
    mails = mail_names(prover.resources)
    for mail in mails:
        proofs = [prover.proof(mail, tag, Reader.USUAL) for tag in prover.languages(mail)]
        for proof in proofs:
            page = folder / "mail" / f"{mail}.{proof.words.tag}.html"
            page.write_text(
                _with_pictures(proof.html, prover.home) or f"<pre>{escape(str(proof.fault))}</pre>", encoding="utf-8"
            )
            pages.append(page)
        (folder / f"{mail}.html").write_text(_mail(prover, mail, proofs), encoding="utf-8")
    drawn = list(_drawn(flows))
    (folder / "flows.html").write_text(_page("Flows", "".join(map(_flow, drawn))), encoding="utf-8")
    (folder / "index.html").write_text(_index(prover, mails, drawn), encoding="utf-8")
    return pages


def _with_pictures(html: str, home: str) -> str:
    """What is sold is made up, and so are its pictures: they lie in the gallery."""
    return re.sub(rf"{re.escape(home)}/img/([A-Z0-9-]+)\.jpg", r"../img/\1.png", html)


def _drawn(folder: Path) -> Iterator[FlowPicture]:
    for path in sorted(folder.glob("*.yaml")):
        if not path.name.endswith(".test.yaml"):
            found = check(read_text(path), path.name, Known())
            if isinstance(found, Definition):
                yield drawing(found)


def _index(prover: Prover, mails: Iterable[str], flows: Iterable[FlowPicture]) -> str:
    """Every mail as a small picture of itself below the recipe that sends it, in another language each."""
    left = dict.fromkeys(mails)
    numbers = count()
    parts = ["<p>Each picture leads to the mail in all its languages, at two widths and as plain text.</p>"]
    for flow in flows:
        sent = [mail for mail in _sent(flow.nodes) if mail in left]
        for mail in sent:
            left.pop(mail)
        head = f'<h3><a href="flows.html#{flow.name}">{escape(flow.title)}</a></h3><p>{escape(flow.about)}</p>'
        parts.append(f'{head}<div class="recipe">{"".join(_card(prover, mail, next(numbers)) for mail in sent)}</div>')
    cards = "".join(_card(prover, mail, next(numbers)) for mail in left)
    parts.append(f'<h3>Of no recipe</h3><p>For lists, campaigns and staff.</p><div class="recipe">{cards}</div>')
    return _page("Mails and flows", "".join(parts))


def _sent(nodes: Iterable[FlowNode]) -> Iterator[str]:
    """The mails that these steps send, each once."""
    told: dict[str, None] = {}
    for node in nodes:
        if node.kind == "send":
            told[node.label] = None
        for way in node.branches:
            told |= dict.fromkeys(_sent(way.nodes))
    yield from told


def _card(prover: Prover, mail: str, number: int) -> str:
    tags = prover.languages(mail)
    tag = tags[number % len(tags)] if tags else "en"
    shown = f'<iframe src="mail/{mail}.{tag}.html" loading="lazy" scrolling="no" tabindex="-1" title="{mail}, {tag}"></iframe>'
    about = escape(prover.file(mail).about)
    return f'<a class="card" href="{mail}.html"><div class="thumb">{shown}</div><b>{mail}</b><small>{about}</small></a>'


def _mail(prover: Prover, mail: str, proofs: Iterable[Proof]) -> str:
    parts = [f"<p>{escape(prover.file(mail).about)}</p>"]
    for proof in proofs:
        words, made = proof.words, proof.composed
        subject = made.subject if made else str(proof.fault)
        parts.append(f'<h2 lang="{words.tag}" dir="auto">{escape(subject)}</h2><p>{words.name}</p><div class="row">')
        source = f"mail/{mail}.{words.tag}.html"
        parts += [f'<iframe src="{source}" width="{width}" height="900" title="{words.tag}, {width} px"></iframe>'
                  for width in WIDTHS]  # fmt: skip
        parts.append(f'<pre lang="{words.tag}" dir="{words.direction}">{escape(made.text if made else "")}</pre></div>')
    return _page(mail, "".join(parts))


def _flow(flow: FlowPicture) -> str:
    head = f'<h2 id="{flow.name}">{escape(flow.title)}</h2><p>{escape(flow.about)} ({flow.stream})</p>'
    goal = f"<p>It ends when its goal is reached: {escape(flow.goal)}</p>" if flow.goal else ""
    return f'{head}{goal}<ol class="flow">{_steps(flow.nodes)}</ol>'


def _steps(nodes: Iterable[FlowNode]) -> str:
    return "".join(f"<li>{_step(node)}{_ways(node)}</li>" for node in nodes)


def _step(node: FlowNode) -> str:
    kind = node.kind if node.kind in ("send", "trigger") else "other"
    shown = f'<a href="{node.label}.html">{escape(node.label)}</a>' if node.kind == "send" else escape(node.label)
    return f'<span class="step {kind}"><b>{escape(node.kind)}</b>{shown}</span>'


def _ways(node: FlowNode) -> str:
    if not node.branches:
        return ""
    ways = "".join(
        f'<div class="way"><span>{escape(way.label)}</span><ol>{_steps(way.nodes)}</ol></div>' for way in node.branches
    )
    return f'<div class="ways">{ways}</div>'


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f'<nav><a href="index.html">Mails and flows</a><a href="flows.html">Diagrams</a></nav><h1>{escape(title)}</h1>'
        f"{body}</body></html>\n"
    )
