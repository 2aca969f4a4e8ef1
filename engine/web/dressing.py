"""The brand's pictures, for readers of mail: a logo that lies beside brand.toml, under an address that names its octets."""

from typing import Final

from aiohttp import web

from engine.web.desk import Desk

FOREVER: Final = "public, max-age=31536000, immutable"
"""Another picture has another address."""


def add(app: web.Application, desk: Desk) -> None:
    """The routes of this group."""
    known = {logo.path: logo.picture for logo in desk.composer.brand.logos}

    async def show(request: web.Request) -> web.Response:
        picture = known.get(request.path)
        if picture is None:
            raise web.HTTPNotFound
        # Readers of webmail fetch it from their provider's pages.
        headers = {"Cross-Origin-Resource-Policy": "cross-origin", "Cache-Control": FOREVER}
        return web.Response(body=picture.octets, content_type=f"image/{picture.kind}", headers=headers)

    app.router.add_get("/brand/{file}", show)
