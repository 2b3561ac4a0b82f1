"""Strips: some moments side by side, below each frame what is looked at and what matters; and the same as animation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jaxmem.analysis.looking.maps import named_maps
from jaxmem.analysis.looking.overlay import ACTOR, CRITIC, colours, enlarged, grey, overlay, picture

_READABLE = 150
_GAP, _TITLE, _FONT = 4, 20, 14
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_MEAN_COLOUR = (1.0, 1.0, 1.0)
_FAINTEST = 1000


@dataclass(frozen=True)
class Layer:
    """A row of a strip: maps of one kind over the frames, in one colour.

    Attributes:
        name: as it is written beside the row.
        maps: float [F, H, W].
        colour: red, green and blue, between 0 and 1.
    """

    name: str
    maps: np.ndarray
    colour: tuple[float, float, float]

    @property
    def tops(self) -> np.ndarray:
        """Where the colour is at its brightest, float [F]: at the highest place of each frame.

        Saliency differs by orders of magnitude between frames: one scale for all would show one of them. A frame whose
        highest place is below a thousandth of that of all frames stays as dark as it is.
        """
        return np.maximum(self.maps.max(axis=(1, 2)), self.maps.max() / _FAINTEST)


def attention_layers(maps: np.ndarray, names: Sequence[str]) -> list[Layer]:
    """A row for each of N maps, [F, N, H, W], and one for the mean of several."""
    shades = {name: tuple(colour) for name, colour in zip(names, colours(len(names)), strict=True)}
    return [Layer(name, one, shades.get(name, _MEAN_COLOUR)) for name, one in named_maps(maps, names).items()]


def highest(layers: Sequence[Layer], count: int = 4) -> list[Layer]:
    """Of `attention_layers`, the mean and the `count` maps with the highest peaks, averaged over frames, in order."""
    *rows, mean = layers
    peaks = [layer.maps.max(axis=(1, 2)).mean() for layer in rows]
    return [*(rows[index] for index in sorted(np.argsort(peaks)[-count:])), mean]


def saliency_layers(actor: np.ndarray, critic: np.ndarray) -> list[Layer]:
    """Rows of the saliency of policy and value, [F, H, W] each."""
    return [Layer("actor saliency", actor, ACTOR), Layer("critic saliency", critic, CRITIC)]


def strip(obs: np.ndarray, layers: Sequence[Layer], titles: Sequence[str]) -> np.ndarray:
    """The frames of F moments, [F, H, W, C], side by side, and below them each layer over them: uint8 [., ., 3]."""
    frames = [picture(frame) for frame in obs]
    rows = [("frame", frames)]
    for layer in layers:
        rows.append((layer.name, [_over(frame, layer, index) for index, frame in enumerate(frames)]))
    return _sheet(rows, titles)


def animation(obs: np.ndarray, layers: Sequence[Layer]) -> list[np.ndarray]:
    """For each of F moments, the frame and each layer over it, side by side: uint8 [., ., 3] each.

    Channels have 16 levels: of smooth colours, a GIF would be more than twice as large.
    """
    titles = ["frame", *(layer.name for layer in layers)]
    shown = []
    for index, frame in enumerate(picture(one) for one in obs):
        panels = [frame, *(_over(frame, layer, index) for layer in layers)]
        shown.append(17 * np.round(_sheet([("", panels)], titles) / 17).astype(np.uint8))
    return shown


def _over(frame: np.ndarray, layer: Layer, index: int) -> np.ndarray:
    one = slice(index, index + 1)
    return overlay(grey(frame), layer.maps[one], np.array([layer.colour]), layer.tops[one])


def _sheet(rows: Sequence[tuple[str, Sequence[np.ndarray]]], titles: Sequence[str]) -> np.ndarray:
    """Pictures [H, W, 3] in rows, with names on the left and titles above."""
    font = ImageFont.load_default(_FONT)
    height, width = rows[0][1][0].shape[:2]
    factor = max(1, round(_READABLE / height))
    height, width = height * factor + _GAP, width * factor + _GAP
    left = round(max(font.getlength(name) for name, _ in rows)) + 2 * _GAP
    sheet = Image.new("RGB", (left + width * len(titles), _TITLE + height * len(rows)), _WHITE)
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        draw.text((left + column * width, 1), title, _BLACK, font)
    for index, (name, pictures) in enumerate(rows):
        top = _TITLE + index * height
        draw.text((_GAP, top + height // 2), name, _BLACK, font, anchor="lm")
        for column, one in enumerate(pictures):
            sheet.paste(Image.fromarray(enlarged(one, factor)), (left + column * width, top))
    return np.asarray(sheet)
