"""A study of two models that learn for a second, and an experiment file's other lists left out."""

from jaxmem import cores, envs
from jaxmem.offline.options import DataOptions, LearnOptions, OfflineConfig, PlayOptions
from jaxmem.study import Study


def config(model: str) -> OfflineConfig:
    options = {"segment": 3, "tokens": 2, "layers": 1, "heads": 1, "dropout": 0.0} if model == "rmt" else {}
    return OfflineConfig(
        env=envs.options("RateTMaze-v0", length=3, shortest=1),
        core=cores.options(model, width=8, **options),
        data=DataOptions(episodes=30),
        learn=LearnOptions(updates=8, batch=4, eval_every=4),
        play=PlayOptions(episodes=4, lengths=(5, 7)),
        seeds=2,
    )


STUDIES = [
    Study(
        name="small",
        description="imitate for a moment",
        presets={"best": config},
        models=("lstm", "rmt"),
        source="A. Body 2026",
        published={"rmt": {7: "0.5"}, "lstm": {90: "1"}},
    )
]
