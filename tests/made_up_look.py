"""A run's folder `look/` with made-up pictures and figures, as `jaxmem look` writes it."""

from pathlib import Path

import numpy as np

from jaxmem.analysis.looking import Look, write
from jaxmem.analysis.looking.maps import named_maps
from jaxmem.analysis.looking.rows import agreement_rows, object_rows

FRAMES = 12
NAMES = ("query 1", "query 2")


def made_up_look(run: Path, episodes: int = 6) -> Path:
    """Three pictures, one of them moving and one of them wide, the tables of attention, and none of cells taken away.

    Args:
        run: folder of the run.
        episodes: that the figures are from; of fewer than five there are no intervals.
    """
    rng = np.random.default_rng(0)
    maps, before = rng.random((2, FRAMES, len(NAMES), 4, 4))
    saliency = {"actor": maps[:, 0], "critic": rng.random((FRAMES, 4, 4))}
    episode = np.arange(FRAMES) % episodes
    looks, first = named_maps(maps, NAMES), named_maps(before, NAMES)
    frames = [np.full((20, 30, 3), shade, np.uint8) for shade in (0, 100, 200)]
    look = Look(
        checkpoint=270,
        core="mott",
        env="Breakout-MinAtar",
        frames=FRAMES,
        episodes=episodes,
        agreement=agreement_rows(looks, saliency, episode, 0, (first, saliency)),
        objects=object_rows(looks, first, {"<ball>": rng.random((FRAMES, 4, 4)) < 0.3}, episode, 0),
        causal=[],
        attention_picture=np.zeros((60, 900, 3), np.uint8),
        saliency_picture=np.full((300, 400, 3), 100, np.uint8),
        animation=frames,
    )
    write(look, run)
    return run / "look"
