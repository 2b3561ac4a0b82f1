"""Sequence models with and without recurrent memory on the T-Maze of RATE (Cherepanov et al. 2023, arXiv:2306.09459).

All models imitate the same oracle in corridors of at most the training length, and then walk through longer ones.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from jaxmem import cores, envs
from jaxmem.cores import CoreOptions
from jaxmem.offline.options import DataOptions, LearnOptions, OfflineConfig, PlayOptions, SequenceOptions
from jaxmem.study import Study

SEGMENTS = 3
BEYOND = (480, 900, 2400, 4800, 9600)
MODELS = ("dt", "trxl", "rmt", "rate", "bits", "lstm", "lru")
TOKENS = (1, 5, 15, 30)

SOURCE = "Cherepanov et al. 2023"
# Success, where tables or the text give it. Those of 90 are of K_eff 90.
PUBLISHED = {
    "dt": {90: "1.00", 480: "0.50", 900: "0.50"},
    "rate": {90: "1.00", 480: "0.90 ± 0.07", 900: "0.90 ± 0.07"},
}
PUBLISHED_VALVES = {
    "none": {150: "1.00", 360: "0.66 ± 0.08", 600: "0.65 ± 0.07", 900: "0.61 ± 0.07"},
    "ca2": {150: "1.00", 360: "0.95 ± 0.05", 600: "0.90 ± 0.07", 900: "0.90 ± 0.07"},
    "gate": {150: "0.86", 360: "0.77", 600: "0.66", 900: "0.65"},
    "gru": {150: "0.99", 360: "0.74", 600: "0.56", 900: "0.55"},
    "lstm": {150: "0.85", 360: "0.64", 600: "0.51", 900: "0.47"},
    "ca1": {150: "0.51", 360: "0.51", 600: "0.49", 900: "0.49"},
}

DIFFERENCE = (
    "one token a step in place of three; two pre-norm layers of width 32 and two heads with sine positions, in place "
    "of eight of RATE's of width 64; 5 memory tokens, not 10; no dropout nor weight decay; 400 to 1000 batches of 32 "
    "at step sizes of 1e-3 to 3e-3 instead of 200 epochs at 1e-4; gradients cross all segments, where RATE's code lets "
    "none cross; LSTM and 'lru' begin with memories of 20 horizons; 'bits' and 'lru' are not of the paper"
)

# Blocks of transformers; a step of the first two looks back as far as trained episodes are long.
_BLOCKS: dict[str, Any] = {"width": 32, "layers": 2, "heads": 2, "dropout": 0.0}
# Memories that last, from the first update on: what was seen once is there after twenty horizons.
_LASTING: dict[str, Any] = {"width": 64, "reach": 20.0}


def recurrent(steps: int, segments: int = SEGMENTS, tokens: int = 5, **options: Any) -> CoreOptions:
    """A recurrent-memory transformer whose segments are a part of the trained episodes."""
    return cores.options("rmt", segment=steps // segments, tokens=tokens, **({**_BLOCKS, "init_std": 0.1} | options))


def best_core(model: str, steps: int, tokens: int = 5) -> CoreOptions:
    """The core of a model that learns from episodes of up to `steps` steps, a token each."""
    made: dict[str, Callable[[], CoreOptions]] = {
        "dt": lambda: cores.options("gpt", positions="rotary", **_BLOCKS),
        "trxl": lambda: cores.options("trxl", memory=steps, **_BLOCKS),
        "rmt": lambda: recurrent(steps, tokens=tokens),
        "rate": lambda: recurrent(steps, tokens=tokens, valve="ca2"),
        "bits": lambda: recurrent(steps, tokens=tokens, bits=True),
        "lstm": lambda: cores.options("lstm", forget_bias=None, candidate_bias=False, **_LASTING),
        "lru": lambda: cores.options("lru", max_phase=0.0, block="bare", gain="unit", **_LASTING),
    }
    return made[model]()


# What learns slowly is what has to find out first that something was handed on.
_UPDATES = {"dt": 400, "trxl": 400, "lstm": 800, "lru": 800}
_STEP_SIZES = {"lstm": 3e-3, "lru": 3e-3}


def best(model: str, steps: int) -> OfflineConfig:
    """The cheapest recipe known with which each model learns its task; all see the same data."""
    return _config(
        best_core(model, steps),
        steps,
        BEYOND,
        learn=LearnOptions(
            updates=_UPDATES.get(model, 1000),
            batch=32,
            learning_rate=_STEP_SIZES.get(model, 2e-3),
            eval_every=200,
        ),
    )


def paper(model: str, steps: int) -> OfflineConfig:
    """The published settings (table 8, and the code for what tables leave out), as far as the cores can be set so.

    Three tokens a step; of models with segments a gradient step for each segment, whose memory is a constant to the
    next; all transformers have the blocks of RATE's code, Decision Transformer in one piece. What differs: heads are
    width / heads = 8 wide where the scripts have 32, so that RATE has 0.18 million parameters of the published 1.72;
    attention drops out as often as all else (0.2 for 0.1); the 6000 trajectories are all different, where the code
    reads 2000 three times; fewer lengths are played. Of LSTM and linear recurrence no sizes are published: they are
    those of the other preset, on the same tokens.
    """
    core = _paper_core(model, steps, SEGMENTS) if model in ("dt", "trxl", "rmt", "rate", "bits") else None
    return _paper(core or best_core(model, steps), steps, BEYOND, SEGMENTS if core and model != "dt" else None)


def paper_valves(model: str) -> OfflineConfig:
    """The published settings of the valves' ablation, five segments of 30 steps; what differs: see `paper`."""
    return _paper(_paper_core("rate", 150, 5, model), 150, (360, 600, 900), 5)


def _paper_core(model: str, steps: int, segments: int, valve: str = "ca2") -> CoreOptions:
    # Segments are counted in tokens. Xavier's spread at this width is 0.125.
    blocks: dict[str, Any] = {"width": 64, "layers": 8, "heads": 8, "dropout": 0.2, "init_std": 0.125}
    blocks |= {"block": "rate", "memory_gradient": "detach", "segment": 3 * steps // segments}
    memory = blocks | {"tokens": 10, "equal_rows": True}
    made: dict[str, Callable[[], CoreOptions]] = {
        "dt": lambda: cores.options("rmt", **(blocks | {"segment": 3 * steps}), tokens=0, inner=64),
        "trxl": lambda: cores.options("rmt", **blocks, tokens=0, cache=450, inner=64),
        "rmt": lambda: cores.options("rmt", **memory, inner=64),
        "rate": lambda: cores.options("rmt", **memory, valve=valve, valve_heads=2, ffn=False),
        "bits": lambda: cores.options("rmt", **memory, bits=True, inner=64),
    }
    return made[model]()


def _paper(core: CoreOptions, steps: int, beyond: tuple[int, ...], segments: int | None) -> OfflineConfig:
    return _config(
        core,
        steps,
        beyond,
        model=SequenceOptions(tokens="interleaved", squash=True),
        learn=LearnOptions(
            updates=200 * 6000 // 64,
            batch=64,
            learning_rate=1e-4,
            warmup=1000,
            end_factor=0.01,
            weight_decay=1e-3,
            segment=None if segments is None else steps // segments,
            eval_every=1875,
        ),
        seeds=4,
    )


def gradients(model: str) -> OfflineConfig:
    """RATE's valve and none, with gradients across no border of segments, one, or all."""
    valve, _, gradient = model.partition("_")
    crossing = int(gradient) if gradient.isdigit() else gradient
    core = recurrent(90, valve="none" if valve == "rmt" else "ca2", memory_gradient=crossing)
    return _config(core, 90, BEYOND[:2], learn=_RECURRENT)


def valves(model: str) -> OfflineConfig:
    """Each way to make the new memory of the old one, over five segments of 30 steps."""
    return _config(recurrent(150, segments=5, valve=model), 150, (360, 600, 900), learn=_RECURRENT)


def by_tokens(model: str, tokens: int) -> OfflineConfig:
    """A model of the family with so many memory tokens."""
    return _config(best_core(model, 90, tokens), 90, BEYOND, learn=_RECURRENT)


_RECURRENT = LearnOptions(updates=1000, batch=32, learning_rate=2e-3, eval_every=200)


def _config(core: CoreOptions, steps: int, beyond: tuple[int, ...], **changes: Any) -> OfflineConfig:
    lengths = (steps, *(more for more in beyond if more > steps))
    settings: dict[str, Any] = {"seeds": 3} | changes
    return OfflineConfig(
        env=envs.options("RateTMaze-v0", length=steps - 2, shortest=1),
        core=core,
        data=DataOptions(policy="oracle", episodes=6000),
        play=PlayOptions(episodes=100, lengths=lengths),
        **settings,
    )


STUDIES = [
    *(
        Study(
            name=f"rate_tmaze_{steps}",
            description=f"imitate an oracle in corridors of up to {steps} steps, then walk through longer ones",
            presets={"best": partial(best, steps=steps), "paper": partial(paper, steps=steps)},
            models=MODELS,
            difference=DIFFERENCE,
            source=SOURCE,
            published=PUBLISHED if steps == 90 else {},
        )
        for steps in (90, 150, 900)
    ),
    Study(
        name="mrv_ablation",
        description="what makes the new memory of the old one: none, and each published variant of RATE's valve",
        presets={"best": valves, "paper": paper_valves},
        models=tuple(PUBLISHED_VALVES),
        difference=DIFFERENCE,
        source=SOURCE,
        published=PUBLISHED_VALVES,
    ),
    Study(
        name="memory_gradient",
        description="gradients across no border of segments, as in RATE's code, across one, or all",
        presets={"best": gradients},
        models=tuple(f"{valve}_{crossing}" for valve in ("rmt", "rate") for crossing in ("detach", "1", "full")),
        difference="a study of our own",
    ),
    *(
        Study(
            name=f"memory_tokens_{tokens}",
            description=f"models of rate_tmaze_90 with {tokens} memory token{'s' if tokens > 1 else ''}",
            presets={"best": partial(by_tokens, tokens=tokens)},
            models=("rmt", "rate", "bits"),
            difference="a study of our own",
        )
        for tokens in TOKENS
    ),
]
