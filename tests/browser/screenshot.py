"""Makes the README's picture of a room: ``python -m tests.browser.screenshot [FILE]``.

Everything in it is real but the cameras: three pages in a room of a running server, with drawn people for faces.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from playwright.async_api import async_playwright, expect

from tests.browser.page_build import build_page
from tests.browser.people import ARRIVAL_TIMEOUT, CHROMIUM, FLAGS, Crowd
from tests.browser.server import ROOT, DemoServer, running

PICTURE = ROOT / "docs" / "images" / "room.jpg"
SIZE = {"width": 1200, "height": 700}

CAST = {
    "Ines Duarte": {
        "wall": ["#e9c9a3", "#b77f58"],
        "skin": "#c98b63",
        "hair": "#2c1d16",
        "shirt": "#2f6f73",
        "x": 0.52,
    },
    "Emi Sato": {"wall": ["#9fb8c9", "#4f6d85"], "skin": "#f0c7a4", "hair": "#20202a", "shirt": "#d9634c"},
    "Chidi Okafor": {
        "wall": ["#c7cfae", "#6d7f5a"],
        "skin": "#7b4a2e",
        "hair": "#15110f",
        "shirt": "#e3b04b",
        "x": 0.5,
    },
}

LINES = [
    (2, "Morning! The notes are at https://example.org/notes"),
    (1, "Thanks. I am muted, the kettle is loud."),
    (0, "Five minutes, then we begin?"),
    (0, "@bot are you there?"),
]
"""Who says what in the chat, by the place in the cast."""

CAMERA = """
(look) => {
    const canvas = document.createElement("canvas");
    canvas.width = 1280; canvas.height = 720;
    const pen = canvas.getContext("2d");
    const disc = (x, y, rx, ry, colour) => {
        pen.fillStyle = colour; pen.beginPath(); pen.ellipse(x, y, rx, ry, 0, 0, 2 * Math.PI); pen.fill();
    };
    const draw = () => {
        const t = performance.now() / 1000, x = 640 + 8 * Math.sin(t), y = 330 + 5 * Math.sin(1.7 * t);
        const wall = pen.createLinearGradient(0, 0, 900, 720);
        wall.addColorStop(0, look.wall[0]); wall.addColorStop(1, look.wall[1]);
        pen.fillStyle = wall; pen.fillRect(0, 0, 1280, 720);
        pen.fillStyle = "rgb(255 255 255 / 22%)"; pen.fillRect(90, 70, 250, 300);
        pen.fillStyle = "rgb(0 0 0 / 14%)"; pen.fillRect(980, 0, 18, 720); pen.fillRect(940, 250, 340, 16);
        disc(x, y - 30, 150, 175, look.hair);
        pen.fillStyle = look.skin; pen.fillRect(x - 45, y + 80, 90, 140);
        disc(x, y + 400, 290, 235, look.shirt);
        disc(x, y + 190, 62, 40, look.skin);
        disc(x, y + 10, 115, 140, look.skin);
        pen.fillStyle = look.hair; pen.beginPath();
        pen.ellipse(x, y - 75, 120, 75, 0, Math.PI, 2 * Math.PI); pen.fill();
        const blink = Math.sin(0.9 * t) > 0.97 ? 2 : 11;
        disc(x - 42, y, 10, blink, "#221a16"); disc(x + 42, y, 10, blink, "#221a16");
        pen.strokeStyle = "#6e2f2a"; pen.lineWidth = 7; pen.lineCap = "round";
        pen.beginPath(); pen.arc(x, y + 42, 38, 0.2 * Math.PI, 0.8 * Math.PI); pen.stroke();
    };
    draw(); setInterval(draw, 40);
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => wanted.video ? canvas.captureStream(25) : open(wanted);
}
"""


async def take(file: Path) -> None:
    """Fills a room and writes its picture."""
    build_page()
    server = DemoServer()
    async with running(server), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        crowd = Crowd(browser)
        people = [
            # one version of each picture: nobody sees the others, and three pages share this machine
            await crowd.join(
                server.url,
                "monday-tea",
                name,
                script=f"({CAMERA})({json.dumps(look)})",
                enableWebcamLayers="false",
            )
            for name, look in CAST.items()
        ]
        first, *others = people
        await first.page.set_viewport_size({"width": SIZE["width"], "height": SIZE["height"]})
        await others[0].click("Mute")
        await first.wait_for_media(*others)
        await first.click("Chat")
        for person in people:
            await person.page.wait_for_function("() => miso.state.chat.status === 'open'")
        for number, text in LINES:
            await people[number].page.evaluate("text => miso.client.chat.send(text)", text)
            await expect(first.page.get_by_role("log")).to_contain_text(text)
        await expect(first.page.get_by_role("log")).to_contain_text("said me")
        await expect(first.page.locator("article.tile.speaking")).to_have_count(1, timeout=ARRIVAL_TIMEOUT * 1000)
        file.parent.mkdir(parents=True, exist_ok=True)
        await first.page.screenshot(path=file, type="jpeg", quality=88)
        await crowd.close()
        await browser.close()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshot", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=PICTURE, help="JPEG to write (default: %(default)s)")
    asyncio.run(take(parser.parse_args().file))


if __name__ == "__main__":
    main()
