"""The logo that lies beside brand.toml, as readers of mail fetch it."""

import struct
from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer
from clock import FakeChance, FakeClock
from mail_shop import make_composer, open_store

from engine.web.routes import build_app

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", 320, 96) + b"rest"


async def test_a_logo_is_served_under_an_address_of_its_own_for_good_and_nothing_else_is(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(PNG)
    (tmp_path / "secret.txt").write_text("x")
    (tmp_path / "brand.toml").write_text('[logo]\nimage = "logo.png"\n')
    composer = make_composer(tmp_path)
    (logo, _) = composer.brand.logos
    clock = FakeClock()
    app = build_app(open_store(tmp_path, clock), clock, FakeChance(), composer)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get(logo.path)
        assert (answer.status, answer.content_type, await answer.read()) == (200, "image/png", PNG)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        for path in ("/brand/secret.txt", "/brand/logo.png", "/brand/..%2fbrand.toml"):
            assert (await client.get(path)).status == 404
