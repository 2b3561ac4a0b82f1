"""A study's models, trained and played one after another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxmem import datasets, envs
from jaxmem.analysis.curves import draw_curves
from jaxmem.config import ConfigError
from jaxmem.datasets.showing import collect_showing
from jaxmem.offline.batches import dataset_folder
from jaxmem.offline.options import OfflineConfig
from jaxmem.offline.program import OfflineProgram
from jaxmem.offline.study_folder import Played, StudyFolder
from jaxmem.offline.train import COUNTER, is_finished, load, program_of, train
from jaxmem.training.checkpoint import last_meta
from jaxmem.training.progress import Display
from jaxmem.training.stop import Interrupted, Stop, listen

Say = Callable[[str], None]


@dataclass(frozen=True)
class StudyRun:
    """What it takes to go on with a study.

    Attributes:
        folder: where it is.
        configs: the models' configurations, by name, in the order in which they are trained.
        data: where datasets are.
        say: tells a line.
    """

    folder: StudyFolder
    configs: Mapping[str, OfflineConfig]
    data: Path
    say: Say

    def go(self, write: Callable[[Mapping[str, list[Played]]], None]) -> dict[str, list[Played]]:
        """Train and play whatever is not done yet, model by model.

        Args:
            write: what writes tables of all that was played so far; called after each model.

        Returns:
            What was played, by model.

        Raises:
            ConfigError: for what does not fit together, or a damaged dataset or checkpoint.
            Interrupted: after a stop that was asked for; everything that was computed is saved.
        """
        results: dict[str, list[Played]] = {}
        for number, (model, config) in enumerate(self.configs.items()):
            self.say(f"model {model} ({number + 1} of {len(self.configs)}, core {config.core.name})")
            results[model] = self._model(model, config)
            write(results)
        return results

    def _model(self, model: str, config: OfflineConfig) -> list[Played]:
        played = self._played_before(model)
        wanted = config.play.lengths or (None,)
        if {one.steps for one in played} >= set(wanted):
            return played
        dataset = dataset_of(config, self.data, self.say)
        program = program_of(config, dataset)
        run = self.folder.run(model)
        if run.metrics_file.exists() and last_meta(run.checkpoints) is None:
            self.say(f"warning: {run.checkpoints} has no checkpoint: {model} is trained from its beginning")
        if not is_finished(run, config):
            display = Display(config.learn.updates)
            with run.locked():
                train(program, run, dataset, display)
        if not run.curve.is_file():
            self._draw(model)
        return self._play(model, program, played)

    def _played_before(self, model: str) -> list[Played]:
        """What was played so far, at lengths of which all seeds are there; a file that cannot be read is told."""
        try:
            played = self.folder.read_played(model)
        except ConfigError as error:
            self.say(f"warning: {error}; all lengths of {model} are played again")
            return []
        seeds = list(range(self.configs[model].seeds))
        whole = {steps for steps in {one.steps for one in played} if _seeds_of(played, steps) == seeds}
        return [one for one in played if one.steps in whole]

    def _draw(self, model: str) -> None:
        """Draw what training reported; what the disk or lost rows refuse is told."""
        run = self.folder.run(model)
        try:
            draw_curves({model: run.read_metrics()}, run.curve, COUNTER)
        except (OSError, ConfigError) as error:
            self.say(f"warning: {run.curve} not drawn: {error}")

    def _play(self, model: str, program: OfflineProgram, played: list[Played]) -> list[Played]:
        """Play at each length that is not there yet, with what was learned."""
        config = program.config
        state = load(self.folder.run(model), program)
        done = {one.steps for one in played}
        stop = Stop()
        with listen(stop):
            for steps in config.play.lengths or (None,):
                if steps in done:
                    continue
                means = {name: values.mean(axis=1) for name, values in program.played(state, steps).items()}
                played = played + [
                    Played(steps, seed, {name: float(value[seed]) for name, value in means.items()})
                    for seed in range(config.seeds)
                ]
                self.folder.write_played(model, played)
                told = ", ".join(
                    f"{name} {value.mean():.3f}" for name, value in means.items() if np.isfinite(value).all()
                )
                self.say(f"  {'as trained' if steps is None else f'{steps} steps'}: {told}")
                if stop.asked:
                    raise Interrupted
        return played


def _seeds_of(played: list[Played], steps: int | None) -> list[int]:
    return [one.seed for one in played if one.steps == steps]


def dataset_of(config: OfflineConfig, root: Path, say: Say) -> datasets.Dataset:
    """The dataset of a configuration, collected below `root` where it is not there yet, or not whole.

    Raises:
        ConfigError: if it is damaged, or cannot be collected.
    """
    folder, wanted = dataset_folder(config, root), config.data.episodes
    if (folder / "dataset.json").is_file():
        dataset = datasets.open(folder)
        if len(dataset) >= wanted:
            return dataset
    say(f"collecting {wanted:,} episodes of {config.env.id} -> {folder}")
    return collect_showing(config.env, config.data.policy, wanted, folder, config.data.seed, noise=config.data.noise)[0]


def check(config: OfflineConfig) -> None:
    """Raise `ConfigError` for what does not fit together, before anything is collected, trained or written."""
    program = OfflineProgram(config, best_return=0.0)
    envs.scripted_policy(program.task.env, program.task.params, config.data.policy)
    for steps in config.play.lengths:
        config.env.with_horizon(steps)
