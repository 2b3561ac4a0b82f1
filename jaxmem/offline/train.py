"""Fit sequence models: batches, and between them episodes that they play, logs, checkpoints."""

import math
import time
from dataclasses import dataclass

import jax
import numpy as np

from jaxmem import datasets
from jaxmem.networks import parameter_count
from jaxmem.offline.batches import Batches
from jaxmem.offline.learner import LearnState
from jaxmem.offline.options import LearnOptions, OfflineConfig
from jaxmem.offline.program import Compiled, OfflineProgram, compile_program
from jaxmem.training.checkpoint import Checkpoints, last_meta, restored
from jaxmem.training.folder import Row, RunFolder
from jaxmem.training.log import Board
from jaxmem.training.progress import Display
from jaxmem.training.recorder import Recorder, rows_so_far, tell_other_device
from jaxmem.training.stop import Interrupted, Stop, listen

# Compiled calls take this many batches at most, so that Ctrl-C is heard between them.
_MOST_IN_A_CALL = 10
COUNTER = "updates"


@dataclass
class _Session:
    """One process's share of a run, from its start or a checkpoint to a stop or the end."""

    config: OfflineConfig
    compiled: Compiled
    recorder: Recorder
    batches: Batches
    state: LearnState
    updates: int
    solved: int
    # What batches have shown since the last evaluation: loss and accuracy of all seeds, a pair for each call.
    shown: list[list[list[float]]]

    @property
    def finished(self) -> bool:
        """Whether all updates are made, or the run counts as solved."""
        return _is_finished(self.config.learn, self.updates, self.solved)

    def go(self, stop: Stop) -> list[Row]:
        """Train to the end and return all rows; asked to stop before, save and raise `Interrupted`."""
        with self.recorder.working(self.updates):
            while not self.finished and not stop.asked:
                self._to_evaluation(stop)
            self._save()
        if not self.finished:
            raise Interrupted
        return self.recorder.rows

    def _to_evaluation(self, stop: Stop) -> None:
        learn = self.config.learn
        end = min(self.updates + learn.eval_every - self.updates % learn.eval_every, learn.updates)
        while self.updates < end and not stop.asked:
            self.state, learned = self.compiled.learn(self.state, self.batches.take(self.compiled.calls))
            self.updates += self.compiled.calls
            self.shown.append([np.asarray(values).tolist() for values in learned])
            loss = float(np.mean(learned.loss))
            self._show(loss)
        if self.updates < end:
            return
        self._evaluate()
        self.recorder.save_if_due(learn.checkpoint_every, self._save)

    def _evaluate(self) -> None:
        outcome = self.compiled.program.played(self.state)
        loss, accuracy = np.mean(self.shown, axis=0)
        self.shown = []
        wall_s = self.recorder.wall_s
        rows = [
            {"seed": seed, "updates": self.updates, "epochs": self.batches.epoch, "wall_s": wall_s}
            | {"train/loss": float(loss[seed]), "train/accuracy": float(accuracy[seed])}
            | {f"eval/{name}": float(np.mean(values[seed])) for name, values in outcome.items()}
            for seed in range(self.config.seeds)
        ]
        bound = self.config.learn.stop_success
        reached = bound is not None and all(row["eval/success"] >= bound for row in rows)
        self.solved = self.solved + 1 if reached else 0
        self.recorder.record(rows)
        if not np.isfinite(loss).all():
            self.recorder.display.say("warning: learning has diverged, its loss is not finite")
        self._show(float(loss.mean()), force=True)

    def _show(self, loss: float, *, force: bool = False) -> None:
        text = f"updates {self.updates:,} | loss {loss:.4g}{self._last()}"
        self.recorder.display.advance(self.updates, text, force=force)

    def _last(self) -> str:
        """What the last evaluation said, over the seeds."""
        rows = self.recorder.rows[-self.config.seeds :]
        if not rows:
            return ""
        names = [name for name in rows[0] if name.startswith("eval/") and name != "eval/length"]
        means = {name.removeprefix("eval/"): np.mean([row[name] for row in rows]) for name in names}
        return "".join(f" | {name} {value:.3f}" for name, value in means.items() if value == value)

    def _save(self) -> None:
        batches = self.batches.state()
        meta = {"updates": self.updates, "solved": self.solved, "shown": self.shown, "batches": batches}
        self.recorder.save(self.updates, self.state, meta)


def _is_finished(learn: LearnOptions, updates: int, solved: int) -> bool:
    return updates >= learn.updates or solved >= learn.stop_evals


def train(
    program: OfflineProgram,
    folder: RunFolder,
    dataset: datasets.Dataset,
    display: Display,
    stop: Stop | None = None,
) -> list[Row]:
    """Train in `folder` to the end, from its beginning or from the last checkpoint there.

    A run that was stopped ends in the same bits as one that was not, on the same machine.

    Args:
        program: what is trained.
        folder: the run's folder, which has its configuration.
        dataset: what is learned from.
        display: what a person sees.
        stop: told if a stop was asked for, even if too late.

    Returns:
        The rows of its metrics, one an evaluation and seed.

    Raises:
        ConfigError: for a damaged checkpoint.
        Interrupted: after a stop that was asked for; what was learned is saved.
        OSError: if the folder can no longer be written.
    """
    began = time.perf_counter()
    config = program.config
    checkpoints = Checkpoints(folder.checkpoints, config.learn.keep)
    batches = Batches(config, dataset, program.window)
    compiled = _compile(program, display)
    rows: list[Row] = []
    shown: list[list[list[float]]] = []
    updates = solved = 0
    steps = checkpoints.steps()
    if steps:
        state, meta = checkpoints.restore(compiled.template, steps[-1])
        rows = rows_so_far(folder, display, meta["rows"])
        batches.restore(meta["batches"])
        tell_other_device(meta["device"], display)
        shown = meta["shown"]
        updates, solved, began = meta["updates"], meta["solved"], began - meta["wall_s"]
    else:
        state = compiled.init()
    board = Board(folder.path, config.seeds, {row["seed"]: row[COUNTER] for row in rows} if steps else None, COUNTER)
    stop = stop or Stop()
    with listen(stop):
        recorder = Recorder(folder, display, checkpoints, board, rows, began)
        return _Session(config, compiled, recorder, batches, state, updates, solved, shown).go(stop)


def is_finished(folder: RunFolder, config: OfflineConfig) -> bool:
    """Whether a run has come to its end, as its last checkpoint knows; `CheckpointError` if that is damaged."""
    meta = last_meta(folder.checkpoints)
    return meta is not None and _is_finished(config.learn, meta["updates"], meta["solved"])


def program_of(config: OfflineConfig, dataset: datasets.Dataset) -> OfflineProgram:
    """The program of a configuration on its dataset, which says what return to ask for."""
    return OfflineProgram(config, dataset.meta.metrics["return"]["max"])


def load(folder: RunFolder, program: OfflineProgram) -> LearnState:
    """What a run has learned, from its last checkpoint.

    Raises:
        CheckpointError: if there is none, or it cannot be used.
    """
    template = jax.eval_shape(program.init, jax.random.key(program.config.seed))
    return restored(folder.checkpoints, "latest", template)[0]


def _compile(program: OfflineProgram, display: Display) -> Compiled:
    display.say("compiling ...")
    config = program.config
    steps = math.gcd(config.learn.eval_every, config.learn.updates)
    calls = max(n for n in range(1, _MOST_IN_A_CALL + 1) if steps % n == 0)
    compiled = compile_program(program, calls)
    parameters = parameter_count(compiled.template.params) // config.seeds
    display.say(
        f"compiled in {compiled.seconds:.1f} s | {parameters:,} parameters | {config.seeds} "
        f"seed{'s' if config.seeds > 1 else ''} | windows of {program.window} steps | {jax.default_backend()}"
    )
    return compiled
