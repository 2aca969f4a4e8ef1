"""The brand: name, the shop's address and pages, logo, colours, fonts, voice and postal address, from one file, `brand.toml`.

The user's own file is laid over ours entry by entry. A wrong value is BrandError with the entry's name; what can be sent
all the same (a logo that is not there, a colour that is hard to read) is told by `brand_faults` and stops nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from deliverability.toml_text import TomlFault, read_toml
from engine.sending.colours import AA, contrast, is_colour, readable, upon
from engine.sending.pictures import Picture, PictureError, read_picture
from engine.sending.resources import ResourceError, Resources

FILE: Final = "brand.toml"
LOGO_MAX: Final = 280  # pixels wide: more does not fit beside the edges of a phone
_ADDRESS: Final = re.compile(r"https?://[^/\s\"<>]+(?:/[^\s\"<>]*)?", re.IGNORECASE)
_PATH: Final = re.compile(r"/?[^/:\s\"<>][^:\s\"<>]*")
_SAMPLES: Final = ("example", "example.com", "example.net", "example.org")  # kept for examples (RFC 2606)
_COLOURS: Final = ("accent", "ground", "card", "note", "rule", "ink", "soft")
_READ: Final = (("ink", "card"), ("ink", "ground"), ("ink", "note"), ("soft", "card"), ("soft", "ground"),
                ("soft", "note"), ("link", "card"), ("link", "note"), ("on_accent", "accent"))  # fmt: skip
"""Which colour is read upon which."""


class BrandError(ValueError):
    """The file of the brand is wrong; the words name the entry."""


@dataclass(frozen=True, slots=True)
class Logo:
    """`address` is where readers fetch it; `octets` are there where it is a file of ours."""

    name: str
    address: str = ""
    picture: Picture | None = None

    @property
    def path(self) -> str:
        """Below `base_url`, where it is ours to serve; a new picture has a new one."""
        return f"/brand/{self.picture.digest}.{self.picture.kind}" if self.picture else ""


@dataclass(frozen=True, slots=True)
class Brand:
    """How a shop looks and sounds."""

    name: str
    url: str  # "" where the file has none
    pages: Mapping[str, str]  # where buttons lead: an address, a path below the shop's, or ""
    postal_address: str
    colours: Mapping[str, str]
    dark: Mapping[str, str]
    logo: Logo | None
    logo_on_dark: Logo | None
    logo_width: int
    heading_font: str
    text_font: str
    about: str
    signed: str
    avoid: tuple[str, ...]
    keep: tuple[str, ...]  # names that stay in Latin letters in every language
    social: Mapping[str, str]
    faults: tuple[str, ...] = field(default=())  # what is missing and stops nothing

    @property
    def logos(self) -> list[Logo]:
        """Those that are files of ours."""
        return [each for each in (self.logo, self.logo_on_dark) if each is not None and each.picture is not None]

    def places(self, sender_domain: str) -> dict[str, Any]:
        """Where mail leads to, as templates see it in `shop`: `url`, and `pages` by their names. Each is an address."""
        url = self.url or f"https://{sender_domain}/"
        return {"url": url, "pages": {name: urljoin(url, told) for name, told in self.pages.items()}}

    def as_facts(self, base_url: str) -> dict[str, Any]:
        """What templates see as `brand`."""
        facts: dict[str, Any] = dict(self.colours)
        facts["dark"] = dict(self.dark)
        facts["logo"] = self._shown(self.logo, base_url)
        facts["logo_on_dark"] = self._shown(self.logo_on_dark, base_url)
        facts["signed"] = self.signed
        facts["social"] = [{"name": name, "url": address} for name, address in self.social.items()]
        return facts

    def _shown(self, logo: Logo | None, base_url: str) -> dict[str, Any] | None:
        if logo is None:
            return None
        width, height = self.logo_width, 0
        if logo.picture is not None:
            width = width or min(logo.picture.width // 2 or 1, LOGO_MAX)
            height = max(round(width * logo.picture.height / logo.picture.width), 1)
        return {"url": logo.address or f"{base_url}{logo.path}", "width": width or LOGO_MAX // 2, "height": height}


def read_brand(resources: Resources) -> Brand:
    """The brand of these folders. BrandError."""
    told: dict[str, Any] = {}
    try:
        for layer in resources.read_all(FILE):
            _lay_over(told, read_toml(layer), "")
    except (ResourceError, TomlFault) as err:
        raise BrandError(f"{FILE}: {err}") from None
    colours = _colours(told["colours"], "colours")
    faults: list[str] = []
    logo = _logo(resources, told["logo"], "image", faults)
    voice, font = told["voice"], told["font"]
    return Brand(
        name=" ".join(told["name"].split()), url=_url(told["url"]), pages=_pages(told["pages"]),
        postal_address=told["postal_address"], colours=_light(colours),
        dark=_dark(colours, told["colours"]["dark"]), logo=logo,
        logo_on_dark=_logo(resources, told["logo"], "on_dark", faults) or logo, logo_width=_width(told["logo"]["width"]),
        heading_font=_font(font["heading"]), text_font=_font(font["text"]), about=voice["about"],
        signed=voice["signed"], avoid=tuple(map(str, voice["avoid"])),
        keep=tuple(map(str, voice["keep"])), social=_social(told["social"]),
        faults=tuple(faults),
    )  # fmt: skip


def unfinished(brand: Brand, sender_domain: str) -> Iterator[str]:
    """What a shop has to say for itself before it writes to anybody: where it still says nothing, or what our sample says."""
    if not brand.postal_address.strip():
        yield f"{FILE}: there is no postal address, which most laws ask for (postal_address)"
    host = urlsplit(brand.places(sender_domain)["url"]).hostname or ""
    if any(host == each or host.endswith(f".{each}") for each in _SAMPLES):
        yield f"{FILE}: buttons lead to {host}, which nobody can reach: name your shop (url)"


def brand_faults(brand: Brand) -> Iterator[str]:
    """What readers will not see well, or not at all."""
    yield from brand.faults
    for mode, colours in (("", brand.colours), (" in dark mode", brand.dark)):
        for text, ground in _READ:
            found = contrast(colours[text], colours[ground])
            if found < AA:
                yield (f"{FILE}: {text} {colours[text]} is hard to read upon {ground} {colours[ground]}{mode}: contrast "
                       f"{found:.1f}, but WCAG AA asks for {AA}")  # fmt: skip


def _lay_over(below: dict[str, Any], above: Mapping[str, Any], path: str) -> None:
    """The first layer is ours and knows every entry; the next ones may say nothing else."""
    is_first = not below and not path
    for key, value in above.items():
        name = f"{path}.{key}" if path else key
        if is_first or path == "social":
            below[key] = value
        elif key not in below:
            raise BrandError(f"{FILE}: there is no {name[:60]} (there are: {', '.join(below)})")
        elif type(value) is not type(below[key]):
            raise BrandError(f"{FILE}: {name} is a {_kind(value)}, but must be a {_kind(below[key])}")
        elif isinstance(value, dict):
            _lay_over(below[key], value, name)
        else:
            below[key] = value


def _kind(value: Any) -> str:
    return {str: "text", int: "number", list: "list", dict: "table"}.get(type(value), type(value).__name__)


def _colours(told: Mapping[str, Any], where: str) -> dict[str, str]:
    found = {}
    for name in _COLOURS:
        if not is_colour(told[name]):
            raise BrandError(f'{FILE}: {where}.{name} "{told[name][:20]}" is not a colour (try "#1f5f52")')
        found[name] = told[name].lower()
    return found


def _light(colours: dict[str, str]) -> dict[str, str]:
    link = readable(colours["accent"], colours["card"], colours["note"])
    return {**colours, "on_accent": upon(colours["accent"]), "link": link}


def _dark(light: Mapping[str, str], told: Mapping[str, Any]) -> dict[str, str]:
    colours = _colours({**told, "accent": told["accent"] or light["accent"]}, "colours.dark")
    link = colours["accent"] if told["accent"] else readable(light["accent"], colours["card"], colours["note"])
    # A button keeps the brand's own colour: it is a shape with words of its own upon it.
    return {**colours, "link": link, "accent": light["accent"], "on_accent": upon(light["accent"])}


def _logo(resources: Resources, told: Mapping[str, Any], key: str, faults: list[str]) -> Logo | None:
    """None where there is none, or it can't be read: then the name stands there as text."""
    name = told[key]
    if not name or name.startswith("https://"):
        return Logo(name, name) if name else None
    try:
        return Logo(name, picture=read_picture(resources.octets(name)))
    except (ResourceError, PictureError) as err:
        faults.append(f"{FILE}: logo.{key}: {err}; the name stands there as text")
        return None


def _width(width: int) -> int:
    if not 0 <= width <= LOGO_MAX:
        raise BrandError(f"{FILE}: logo.width is {width}, but must be 0 to {LOGO_MAX} (pixels)")
    return width


def _font(name: str) -> str:
    if not all(each.isalnum() or each in " -," for each in name):
        raise BrandError(f'{FILE}: "{name[:40]}" is no name of a font (letters, digits, spaces and hyphens)')
    return name


def _url(told: str) -> str:
    url = told.strip()
    if url and not _ADDRESS.fullmatch(url):
        raise BrandError(
            f'{FILE}: url "{ascii(url[:60])[1:-1]}" is no address of a shop (try "https://www.shop.example/")'
        )
    return url if not url or url.endswith("/") else f"{url}/"


def _pages(told: Mapping[str, Any]) -> dict[str, str]:
    """Relative ones are below the shop's address, whether they begin with a slash or not."""
    found = {}
    for name, value in told.items():
        page = value.strip()
        if page and not (_ADDRESS.fullmatch(page) or _PATH.fullmatch(page)):
            raise BrandError(
                f'{FILE}: pages.{name} "{ascii(page[:60])[1:-1]}" is neither an address nor a path such as "gifts"'
            )
        found[name] = page if _ADDRESS.fullmatch(page) else page.lstrip("/")
    return found


def _social(told: Mapping[str, Any]) -> dict[str, str]:
    for name, address in told.items():
        if not isinstance(address, str) or not address.startswith("https://"):
            raise BrandError(f'{FILE}: social.{name[:40]} must be an address that begins with "https://"')
    return dict(told)
