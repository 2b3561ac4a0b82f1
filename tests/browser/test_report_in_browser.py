"""The page of `jaxmem report` in a browser."""

import os
import shutil

import pytest
from made_up_look import made_up_look
from made_up_runs import made_up

from jaxmem.cli.main import main

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


@pytest.fixture
def browser():
    """Path of a Chromium; without one the test is skipped, or fails where `JAXMEM_REQUIRE_BROWSER` is set."""
    named = os.environ.get("JAXMEM_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        reason = f"no browser: none of {', '.join(BROWSERS)} is installed, and JAXMEM_CHROMIUM names none"
        if os.environ.get("JAXMEM_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def test_the_page_shows_all_that_is_in_it(tmp_path, browser):
    from playwright.sync_api import sync_playwright

    # Were it to run, it would be heard of as an error.
    nasty = tmp_path / "runs" / "<script>nosuch()"
    made_up_look(made_up(nasty, core="gpt", seeds=3, score=lambda seed, part: part / (1 + seed)).path)
    others = [made_up(tmp_path / "runs" / f"lstm_{length}", f"passive_tmaze_{length}") for length in (50, 100)]
    out = tmp_path / "report.html"
    assert main(["report", str(nasty), *(str(run.path) for run in others), "--out", str(out)]) == 0
    said, asked = [], []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=OPTIONS)
        page = chromium.new_page(viewport={"width": 1200, "height": 900})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(out.as_uri())
        title = page.title()
        headings = page.locator("h1, h2").all_inner_texts()
        pictures = page.eval_on_selector_all("img", "found => found.map(one => [one.naturalWidth, one.alt])")
        boxes = page.eval_on_selector_all(
            "svg", "found => found.map(one => one.getBoundingClientRect()).map(box => [box.width, box.height])"
        )
        inks = []
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            inks.append(
                page.eval_on_selector_all(
                    "body, .curve text", "found => [...new Set(found.map(one => getComputedStyle(one).color))]"
                )
            )
        papers = page.evaluate("getComputedStyle(document.body).backgroundColor")
        # A link in the overview opens what is folded.
        page.locator("th a").first.click()
        opened = page.locator("details").first.locator("pre").is_visible()
        widths = []
        for width in (1200, 400):
            page.set_viewport_size({"width": width, "height": 800})
            widths.append(page.evaluate("document.documentElement.scrollWidth"))
        narrow = page.eval_on_selector_all(".curve svg", "found => found.map(one => one.getBoundingClientRect().width)")
        chromium.close()
    assert title == "passive_tmaze_50, passive_tmaze_100: gpt, lstm"
    assert headings == [title, "Overview", "Learning curves", "Final scores", "Where the agent looks", "Configuration"]
    assert said == []
    # Chromium counts pictures that are data among what is asked for.
    assert [url for url in asked if not url.startswith("data:")] == [out.as_uri()]
    assert len(pictures) == 3
    assert all(width > 0 and alt for width, alt in pictures)
    # Two lines in the legend, and two metrics of each of two tasks.
    assert len(boxes) == 6
    assert all(width > 0 and height > 0 for width, height in boxes)
    assert [len(colours) for colours in inks] == [1, 1]
    assert inks[0] != inks[1]
    assert papers not in (inks[1][0], "rgb(255, 255, 255)")
    assert opened
    assert widths == [1200, 400]
    assert all(300 < width <= 400 for width in narrow)
