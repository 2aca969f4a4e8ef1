"""`make gallery`: the gallery of mails and flows in build/gallery, and Chromium's pictures of every mail in it.

    python -m tests.gallery [--keep] [MAIL ...]

Each mail in each language at 320 and 600 px, in light and in dark mode, in build/gallery/pictures. --keep makes the sheets
in docs/pictures/mail anew: for each of KEPT two pictures, light and dark, with all languages at both widths.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from browser import Browser  # noqa: E402

from engine.commands.gallery import WIDTHS, write  # noqa: E402
from engine.proofs.linting import judged  # noqa: E402
from engine.proofs.proving import Prover  # noqa: E402
from engine.proofs.spam import judge  # noqa: E402
from engine.sending.checking import mail_names  # noqa: E402
from engine.sending.resources import Resources, packaged_folder  # noqa: E402

GALLERY: Final = ROOT / "build" / "gallery"
SHEETS: Final = ROOT / "docs" / "pictures" / "mail"
KEPT: Final = ("confirm", "order-thanks", "cart-coupon", "review-request", "newsletter", "still-there")
ZOOM: Final = 0.22


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gallery", description=__doc__)
    parser.add_argument("mails", nargs="*", help="of these only")
    parser.add_argument("--keep", action="store_true", help="make the sheets in docs/pictures anew")
    options = parser.parse_args()
    prover = Prover(Resources())
    pages = write(GALLERY, prover, packaged_folder() / "flows")
    print(f"{len(pages)} mails in {GALLERY / 'index.html'}")
    print(_spam(prover))
    if shutil.which("chromium") is None:
        print("no pictures: `apt-get install chromium fonts-noto-core fonts-noto-cjk`")
        return 0
    chosen = [each for each in pages if not options.mails or each.name.split(".")[0] in options.mails]
    print(f"{_pictures(chosen)} pictures in {GALLERY / 'pictures'}")
    if options.keep:
        _keep(prover)
    return 0


def _spam(prover: Prover) -> str:
    """What SpamAssassin or rspamd gives each mail in each language, signed, the worst first, in spam.txt."""
    who = judge()
    if who is None:
        return "no spam scores: `apt-get install spamassassin`"
    found = sorted(judged(prover, mail_names(prover.resources), who), key=lambda pair: -pair[1].points)
    lines = [
        f"{verdict.points:4.1f}  {proof.mail} {proof.words.tag}  {' '.join(verdict.rules)}" for proof, verdict in found
    ]
    (GALLERY / "spam.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    none = sum(verdict.points <= 0 for _, verdict in found)
    return f"{who.program}: {len(found)} mails, {none} without a point, {found[0][1].points} at most ({GALLERY / 'spam.txt'})"


def _pictures(pages: list[Path]) -> int:
    folder = GALLERY / "pictures"
    folder.mkdir(exist_ok=True)
    made = 0
    for mode in ("light", "dark"):
        with tempfile.TemporaryDirectory() as home, Browser(Path(home), dark=mode == "dark") as browser:
            for page in pages:
                browser.open(page.as_uri())
                for width in WIDTHS:
                    browser.resize(width, 400)
                    browser.picture(folder / f"{page.stem}.{width}.{mode}.png")
                    made += 1
    return made


def _keep(prover: Prover) -> None:
    SHEETS.mkdir(parents=True, exist_ok=True)
    for mode in ("light", "dark"):
        with tempfile.TemporaryDirectory() as home, Browser(Path(home), dark=mode == "dark") as browser:
            for mail in KEPT:
                sheet = GALLERY / f"sheet-{mail}.html"
                sheet.write_text(_sheet(mail, prover.languages(mail), mode), encoding="utf-8")
                browser.resize(1120, 600)
                browser.open(sheet.as_uri())
                print(browser.picture(SHEETS / f"{mail}-{mode}.png"))


def _sheet(mail: str, tags: list[str], mode: str) -> str:
    """All languages at both widths, from the pictures that were taken."""
    shown = "".join(
        f'<img src="pictures/{mail}.{tag}.{width}.{mode}.png" width="{width * ZOOM}" alt="">'
        for width in WIDTHS
        for tag in tags
    )
    ground = "#d8d4cc" if mode == "light" else "#000000"
    return (
        f'<!doctype html><html><body style="margin:0;padding:12px;background:{ground};display:flex;gap:10px;'
        f'align-items:flex-start;flex-wrap:wrap">{shown}</body></html>'
    )


if __name__ == "__main__":
    raise SystemExit(main())
