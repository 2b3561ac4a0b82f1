"""Key-to-Door and Visual Match by spatial attention: does it look at the key, and at the colour?"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from jaxmem.experiment import Experiment, from_file
from jaxmem.networks.architectures import small
from jaxmem.training import RunConfig

ROOMS = {item.name: item for item in from_file(Path(__file__).with_name("rooms.py"))}
_CORES = ("mott", "spatio_temporal", "mean_pool")


def looking(core: str, task: str) -> RunConfig:
    """The best recipe that is known for a room, behind attention to a cell for each of the view's 25 pixels.

    Heads do not read what is seen beside what is remembered: what the policy knows of the view has been looked at.
    """
    config = ROOMS[task].config("best", "lstm")
    made = small(core)
    network = replace(
        config.network,
        cnn_channels=made.network.cnn_channels,
        cnn_kernel=made.network.cnn_kernel,
        action_embed=made.network.action_embed,
        skip=False,
    )
    return replace(config, core=made.core, network=network)


EXPERIMENTS = [
    Experiment(
        name=f"look_{task}",
        description=f"{title} by spatial attention",
        presets={"best": partial(looking, task=task)},
        difference="not of the paper",
        cores=_CORES,
    )
    for task, title in (
        ("key_to_door_60", "Key-to-Door with 60 steps between key and door,"),
        ("visual_match_60", "Visual Match over 60 steps,"),
    )
]
