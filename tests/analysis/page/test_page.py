"""The page's parts: escaping, pictures, what `jaxmem look` left, drawings, tables."""

import io
import json
import re

import numpy as np
import pytest
from made_up_look import made_up_look
from matplotlib.colors import to_hex
from PIL import Image

from jaxmem.analysis.curves import Curve, Panel
from jaxmem.analysis.page.curves import draw_rows
from jaxmem.analysis.page.document import Html, element, note, page, table
from jaxmem.analysis.page.look import Look
from jaxmem.analysis.page.pictures import DamagedPicture, Picture
from jaxmem.analysis.page.scores import finals
from jaxmem.analysis.tables import figure
from jaxmem.config import ConfigError


def test_what_is_no_html_is_escaped():
    assert element("p", "<b>&", Html("<i></i>")) == "<p>&lt;b&gt;&amp;<i></i></p>"
    assert element("img", alt='"><script>', class_=None, tabindex=0) == (
        '<img alt="&quot;&gt;&lt;script&gt;" tabindex="0">'
    )
    assert note("see `a < b`, `c") == '<p class="note">See <code>a &lt; b</code>, `c</p>'
    # The name of a folder that is not Unicode.
    document = page("run \udcff", Html(""), [("one", "<One>", [element("p", "\udcff")])])
    assert document.encode("utf-8").count(b"<p>?</p>") == 1
    assert "<h2>&lt;One&gt;</h2>" in document
    assert '<a href="#one">&lt;One&gt;</a>' in document


def test_columns_of_numbers_are_set_right():
    found = table("Runs", ["run", "steps", "mixed"], [["a", "4,000", "1"], ["b", "", "x"]])
    assert found.count('class="number"') == 3
    assert re.findall(r'<th scope="(\w+)"', found) == ["col", "col", "col", "row", "row"]
    assert '<th scope="col" class="number">steps</th>' in found
    assert "<caption>Runs</caption>" in found


def test_pictures_are_checked_to_their_last_byte(tmp_path):
    folder = made_up_look(tmp_path)
    moving, wide = Picture.read(folder / "attention.gif"), Picture.read(folder / "attention.png")
    assert (moving.kind, moving.width, moving.height) == ("image/gif", 30, 20)
    with Image.open(io.BytesIO(moving.still or b"")) as still:
        assert (still.format, still.size, still.getpixel((0, 0))) == ("PNG", (30, 20), (0, 0, 0))
    shown = moving.figure("what", "is seen")
    assert 'src="data:image/gif;base64,R0lGOD' in shown
    assert 'media="(prefers-reduced-motion: reduce)" srcset="data:image/png;base64,' in shown
    assert 'alt="what" width="300" height="200" class="pixels"' in shown
    assert wide.still is None
    assert wide.figure("", "").startswith('<figure class="wide">')
    content = (folder / "saliency.png").read_bytes()
    jpeg = io.BytesIO()
    Image.new("RGB", (9, 9)).save(jpeg, "JPEG")
    broken = bytearray((folder / "attention.gif").read_bytes())
    for name, wrong in {
        "cut.png": content[: len(content) // 2],
        "cut.gif": bytes(broken[: len(broken) - 30]),
        "other.png": jpeg.getvalue(),
        "text.gif": b"GIF89a, said nobody",
        "empty.png": b"",
    }.items():
        (folder / name).write_bytes(wrong)
        with pytest.raises(DamagedPicture, match="."):
            Picture.read(folder / name)
    look = Look.read(tmp_path)
    assert look is not None
    assert [picture.name for picture in look.pictures] == ["attention.png", "attention.gif", "saliency.png"]
    assert len(look.damaged) == 5
    assert f"left out: {folder / 'other.png'}, which is damaged: it is no PNG or GIF" in look.damaged
    assert str(folder / "cut.png") in look.html("run")


@pytest.mark.parametrize("episodes", [3, 6], ids=["without intervals", "with intervals"])
def test_what_was_measured_is_shown(tmp_path, episodes):
    assert Look.read(tmp_path) is None
    folder = made_up_look(tmp_path, episodes)
    look = Look.read(tmp_path)
    assert look is not None
    shown = look.html("<run>")
    assert f"Checkpoint 270, core mott, env Breakout-MinAtar, frames 12, episodes {episodes}" in shown
    record = json.loads((folder / "look.json").read_text())
    # Two maps and their mean, two kinds of saliency, two statistics; one object.
    assert (len(record["agreement"]), len(record["objects"]), record["causal"]) == (12, 3, [])
    for name in ("agreement", "objects"):
        for row in record[name]:
            numbers = [value for value in row.values() if not isinstance(value, str)]
            assert (row["low"] is None) == (episodes == 3)
            written = ["" if value is None else figure(value) for value in numbers]
            assert "".join(f'<td class="number">{value}</td>' for value in written) in shown
    for column in ("difference", "lift", "untrained", "low"):
        assert f'<th scope="col" class="number">{column}</th>' in shown
    assert '<th scope="row">query 1</th><td>&lt;ball&gt;</td>' in shown
    assert "Not measured: causal." in shown
    assert shown.index("<caption>Attention beside") < shown.index("<caption>Attention on objects")
    assert shown.count(", run &lt;run&gt;") == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("{", "cannot be read"),
        ("[]", "it is not the record of `jaxmem look`"),
        ({"objects": [1]}, "objects is no table"),
        ({"causal": [{"cells": {"a": 1}}]}, "causal is no table"),
        ({"agreement": {"a": 1}}, "agreement is neither a value nor a table"),
    ],
)
def test_a_damaged_record_is_refused(tmp_path, change, reason):
    file = made_up_look(tmp_path) / "look.json"
    record = file.read_text()
    file.unlink()
    look = Look.read(tmp_path)
    assert look is not None
    assert look.facts == {}
    file.write_text(change if isinstance(change, str) else json.dumps(json.loads(record) | change))
    with pytest.raises(ConfigError) as error:
        Look.read(tmp_path)
    assert reason in str(error.value)
    assert str(file) in str(error.value)


def panel(task: str, **ends: tuple[float, ...]) -> Panel:
    steps = np.array([0.0, 1000.0, 2000.0])
    scores = {label: np.outer(seeds, [0.0, 0.5, 1.0]) for label, seeds in ends.items()}
    return Panel(task, "eval/return", [Curve(label, steps, (seeds,)) for label, seeds in scores.items()])


def test_drawings_keep_to_themselves_and_an_algorithm_to_its_colour():
    rows = [[panel("first", lstm=(1.0, 0.5), gpt=(0.2, 0.4))], [panel("<second> $x$", gpt=(1.0, 1.0))]]
    legend, title, first, second_title, second = draw_rows(rows)
    assert re.findall(r"</svg>([^<]*)</li>", legend) == ["lstm", "gpt"]
    assert (title, second_title) == ("<h3>first</h3>", "<h3>&lt;second&gt; $x$</h3>")
    colours = [to_hex(f"C{number}") for number in range(2)]
    assert re.findall(r'stroke="(#\w+)"', legend) == colours
    assert [colour in first for colour in colours] == [True, True]
    assert [colour in second for colour in colours] == [False, True]
    assert 'aria-label="first: greedy return over environment steps. At the end: lstm 0.75, gpt 0.3."' in first
    ids = re.findall(r' id="([^"]+)"', first + second)
    assert ids
    assert len(set(ids)) == len(ids)
    used = re.findall(r'(?:url\(#|href="#)([\w-]+)', first + second)
    assert set(used) == set(ids)
    for drawing in (first, second):
        assert "currentColor" in drawing
        # Ticks are text that can be found and copied.
        assert ">2 k</text>" in drawing
        assert not re.search(r"<style|<!--|<metadata|<\?xml|<!DOCTYPE|#010203", drawing)
        assert re.search(r"<svg [^>]*viewBox=", drawing)
        assert not re.search(r"<svg [^>]*width=", drawing)
    assert draw_rows(rows) == [legend, title, first, second_title, second]


def test_final_scores_have_their_intervals():
    several = panel("task", lstm=(0.25, 0.75), gpt=(0.5,))
    other = Panel("task", "eval/success", [panel("", lstm=(1.0, 1.0)).curves[0]])
    shown = finals([[several, other]])
    cells = [re.findall(r"<t[hd][^>]*>([^<]*)</t", row) for row in shown.split("<tr>")[1:]]
    assert cells == [
        ["line", "task", "seeds", "steps a seed", "greedy return", "95 % interval", "greedy success", "95 % interval"],
        ["lstm", "task", "2", "2,000", "0.5", "0.25 to 0.75", "1", "1 to 1"],
        ["gpt", "task", "1", "2,000", "0.5", "", "", ""],
    ]
