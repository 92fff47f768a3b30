"""Screenshots of the playground for the README: SHOTS=docs/images tests/e2e/page/run.sh BINARY."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from visit import Server, Visit, chromium


def shoot(visit: Visit, path: Path) -> None:
    visit.page.wait_for_timeout(4000)    # two looks at the server's numbers
    visit.page.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(128).save(path, optimize=True)
    visit.close()


def main() -> int:
    binary, browser_path, folder = sys.argv[1:]
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    server = Server(binary)
    try:
        server.fill()
        with chromium(browser_path) as browser:
            visit = Visit(browser, server, 1180, 1000, color_scheme="light")
            page = visit.open()
            page.get_by_role("button", name="Paraphrase").click()
            page.select_option("#calibration", "questions")
            visit.settled()
            page.wait_for_timeout(3500)
            page.get_by_role("button", name="Who did it").click()
            shoot(visit, out / "playground-compare.png")

            visit = Visit(browser, server, 1180, 860, color_scheme="dark")
            visit.open("matrix").locator("#matrix-grid td[tabindex]").nth(10).hover()
            shoot(visit, out / "playground-matrix.png")

            visit = Visit(browser, server, 390, 860, color_scheme="light", device_scale_factor=2)
            visit.open("rank").get_by_role("button", name="退货").click()
            visit.page.wait_for_selector("#verdict")
            visit.page.evaluate("document.getElementById('ranking').scrollIntoView()")
            shoot(visit, out / "playground-phone.png")
    finally:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
