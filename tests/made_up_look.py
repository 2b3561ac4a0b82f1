"""A run's folder `look/` with made-up pictures and figures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

RECORD: dict[str, Any] = {
    "checkpoint": 270,
    "core": "mott",
    "env": "MinAtar/Breakout",
    "frames": 512,
    "episodes": 16,
    "agreement": [
        {"map": "query 0", "saliency": "actor", "statistic": "rank", "value": 0.3125, "low": 0.25, "frames": 512},
        {"map": "query 1", "saliency": "critic", "statistic": "rank", "value": None, "low": None, "frames": 512},
    ],
    "objects": [{"object": "<ball>", "top_tenth": 0.5}],
    "causal": [],
}


def made_up_look(run: Path, record: dict[str, Any] | None = RECORD) -> Path:
    """Three pictures, one of them moving and one of them wide, and the record, in the folder of a run."""
    folder = run / "look"
    folder.mkdir()
    frames = [Image.fromarray(np.full((20, 30, 3), shade, np.uint8)) for shade in (0, 100, 200)]
    frames[0].resize((900, 60)).save(folder / "attention.png")
    frames[0].save(folder / "attention.gif", save_all=True, append_images=frames[1:], duration=100, loop=0)
    frames[1].resize((400, 300)).save(folder / "saliency.png")
    if record is not None:
        (folder / "look.json").write_text(json.dumps(record))
    return folder
