"""Frames as pictures, and maps laid over them in colour."""

import colorsys

import numpy as np

ACTOR = (0.25, 0.45, 1.0)
CRITIC = (1.0, 0.2, 0.15)
"""Colours of saliency: as in Greydanus et al. 2018, blue for the policy and red for the value."""

_DIM, _STRENGTH = 0.6, 0.75
_LUMINANCE = (0.299, 0.587, 0.114)


def colours(count: int) -> np.ndarray:
    """That many colours, as far from each other as they can be: float64 [count, 3]."""
    return np.array([colorsys.hsv_to_rgb((0.12 + i / max(1, count)) % 1, 0.85, 1.0) for i in range(count)])


def picture(obs: np.ndarray) -> np.ndarray:
    """An observation [H, W, C] as colours, float64 [H, W, 3] between 0 and 1.

    Bytes are brightness: three channels are red, green and blue, and of any other number, such as a stack of frames,
    the last and newest one is shown. Other numbers say where something is, one kind of object a channel: each has its
    colour, and where objects meet the first one is on top.
    """
    if obs.dtype == np.uint8:
        shown = obs if obs.shape[-1] == 3 else np.repeat(obs[..., -1:], 3, axis=-1)
        return shown / 255
    drawn = np.zeros((*obs.shape[:2], 3))
    palette = colours(obs.shape[-1])
    for channel in reversed(range(obs.shape[-1])):
        drawn[obs[..., channel] > 0] = palette[channel]
    return drawn


def grey(picture: np.ndarray) -> np.ndarray:
    """Brightness of a picture [H, W, 3]: float64 [H, W]."""
    return picture @ _LUMINANCE


def overlay(frame: np.ndarray, maps: np.ndarray, colours: np.ndarray, tops: np.ndarray) -> np.ndarray:
    """Maps over a frame: its brightness, dimmed, plus each map's colour, as bright as the map is high.

    At its brightest a colour leaves room for the frame, since a map that is high everywhere should not hide it.

    Args:
        frame: float [H, W] between 0 and 1.
        maps: float [N, H, W], at least 0.
        colours: float [N, 3] between 0 and 1.
        tops: float [N], where a map's colour is at its brightest; 0 leaves a map out.

    Returns:
        float64 [H, W, 3] between 0 and 1.
    """
    heights = np.divide(maps, tops[:, None, None], out=np.zeros(maps.shape), where=tops[:, None, None] > 0)
    colour = np.einsum("nhw,nc->hwc", np.minimum(heights, 1), colours)
    return np.minimum(_DIM * frame[..., None] + _STRENGTH * colour, 1)


def enlarged(picture: np.ndarray, factor: int) -> np.ndarray:
    """A picture [H, W, 3] between 0 and 1, each pixel a square: uint8 [H * factor, W * factor, 3]."""
    pixels = np.round(255 * picture).astype(np.uint8)
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
