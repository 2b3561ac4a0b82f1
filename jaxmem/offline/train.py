"""Fit sequence models: batches, and between them episodes that they play, logs, checkpoints."""

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import numpy as np

from jaxmem import datasets
from jaxmem.networks import parameter_count
from jaxmem.offline.batches import Batches
from jaxmem.offline.learner import LearnState
from jaxmem.offline.options import LearnOptions, OfflineConfig
from jaxmem.offline.program import Compiled, OfflineProgram, compile_program
from jaxmem.training.checkpoint import CheckpointError, Checkpoints
from jaxmem.training.devices import device_name
from jaxmem.training.folder import Row, RunFolder
from jaxmem.training.log import Board
from jaxmem.training.progress import Display
from jaxmem.training.stop import Interrupted, Stop, listen
from jaxmem.training.train import rows_so_far, tell_other_device

# Compiled calls take this many batches at most, so that Ctrl-C is heard between them.
_MOST_IN_A_CALL = 10
COUNTER = "updates"


@dataclass
class _Session:
    """One process's share of a run, from its start or a checkpoint to a stop or the end."""

    config: OfflineConfig
    folder: RunFolder
    display: Display
    compiled: Compiled
    batches: Batches
    checkpoints: Checkpoints
    board: Board
    state: LearnState
    rows: list[Row]
    updates: int
    solved: int
    # The moment at which the run would have begun, had it never been stopped.
    began: float
    # What batches have shown since the last evaluation: loss and accuracy of all seeds, a pair for each call.
    shown: list[list[list[float]]]
    _saved_at: float = field(default_factory=time.perf_counter)
    _metrics_behind: bool = True

    @property
    def finished(self) -> bool:
        """Whether all updates are made, or the run counts as solved."""
        return _is_finished(self.config.learn, self.updates, self.solved)

    def go(self, stop: Stop) -> list[Row]:
        """Train to the end and return all rows; asked to stop before, save and raise `Interrupted`."""
        self.display.begin(self.updates)
        with contextlib.ExitStack() as closing:
            closing.callback(self.checkpoints.close)
            closing.callback(self.board.close)
            closing.callback(self.display.end)
            while not self.finished and not stop.asked:
                self._to_evaluation(stop)
            self._save()
            if self._metrics_behind and self.rows:
                self.folder.write_metrics(self.rows)
        if not self.finished:
            raise Interrupted
        return self.rows

    def _to_evaluation(self, stop: Stop) -> None:
        learn = self.config.learn
        end = min(self.updates + learn.eval_every - self.updates % learn.eval_every, learn.updates)
        while self.updates < end and not stop.asked:
            self.state, learned = self.compiled.learn(self.state, self.batches.take(self.compiled.calls))
            self.updates += self.compiled.calls
            self.shown.append([np.asarray(values).tolist() for values in learned])
            loss = float(np.mean(learned.loss))
            self.display.advance(self.updates, f"updates {self.updates:,} | loss {loss:.4g}{self._last()}")
        if self.updates < end:
            return
        self._evaluate()
        if time.perf_counter() - self._saved_at > learn.checkpoint_every:
            self._attempt("checkpoint", self._save)

    def _evaluate(self) -> None:
        outcome = self.compiled.play(self.state)
        loss, accuracy = np.mean(self.shown, axis=0)
        self.shown = []
        wall_s = time.perf_counter() - self.began
        rows = [
            {"seed": seed, "updates": self.updates, "epochs": self.batches.epoch, "wall_s": wall_s}
            | {"train/loss": float(loss[seed]), "train/accuracy": float(accuracy[seed])}
            | {f"eval/{name}": float(np.mean(values[seed])) for name, values in outcome.items()}
            for seed in range(self.config.seeds)
        ]
        self.rows += rows
        bound = self.config.learn.stop_success
        reached = bound is not None and all(row.get("eval/success", math.nan) >= bound for row in rows)
        self.solved = self.solved + 1 if reached else 0
        self._attempt("TensorBoard events", lambda: self.board.write(rows))
        self._metrics_behind = not self._attempt("metrics.csv", lambda: self._write_metrics(rows))
        if not np.isfinite(loss).all():
            self.display.say("warning: learning has diverged, its loss is not finite")
        text = f"updates {self.updates:,} | loss {loss.mean():.4g}{self._last()}"
        self.display.advance(self.updates, text, force=True)

    def _attempt(self, what: str, action: Callable[[], None]) -> bool:
        """Do something that the disk may refuse; what was learned is worth more than a record of it."""
        try:
            action()
        except (OSError, CheckpointError) as error:
            self.display.say(f"warning: {what} not written, training goes on: {error}")
            return False
        return True

    def _write_metrics(self, rows: list[Row]) -> None:
        if self._metrics_behind:
            self.folder.write_metrics(self.rows)
        else:
            self.folder.append_metrics(rows)

    def _last(self) -> str:
        """What the last evaluation said, over the seeds."""
        rows = self.rows[-self.config.seeds :]
        if not rows:
            return ""
        names = [name for name in rows[0] if name.startswith("eval/") and name != "eval/length"]
        means = {name.removeprefix("eval/"): np.mean([row[name] for row in rows]) for name in names}
        return "".join(f" | {name} {value:.3f}" for name, value in means.items() if value == value)

    def _save(self) -> None:
        meta = {
            "updates": self.updates,
            "wall_s": time.perf_counter() - self.began,
            "solved": self.solved,
            "rows": len(self.rows),
            "shown": self.shown,
            "batches": self.batches.state(),
            "device": device_name(),
        }
        self._saved_at = time.perf_counter()
        self.checkpoints.save(self.updates, self.state, meta)


def _is_finished(learn: LearnOptions, updates: int, solved: int) -> bool:
    return updates >= learn.updates or solved >= learn.stop_evals


def train(
    config: OfflineConfig, folder: RunFolder, dataset: datasets.Dataset, display: Display, stop: Stop | None = None
) -> list[Row]:
    """Train in `folder` to the end, from its beginning or from the last checkpoint there.

    A run that was stopped ends in the same bits as one that was not, on the same machine.

    Args:
        config: what is trained.
        folder: the run's folder, which has its configuration.
        dataset: what is learned from.
        display: what a person sees.
        stop: told if a stop was asked for, even if too late.

    Returns:
        The rows of its metrics, one an evaluation and seed.

    Raises:
        ConfigError: for a configuration that does not fit together, or a damaged checkpoint.
        Interrupted: after a stop that was asked for; what was learned is saved.
        OSError: if the folder can no longer be written.
    """
    began = time.perf_counter()
    program = program_of(config, dataset)
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
        session = _Session(
            config, folder, display, compiled, batches, checkpoints, board, state, rows, updates, solved, began, shown
        )
        return session.go(stop)


def is_finished(folder: RunFolder, config: OfflineConfig) -> bool:
    """Whether a run has come to its end, as its last checkpoint knows; `CheckpointError` if that is damaged."""
    if not folder.checkpoints.is_dir():
        return False
    checkpoints = Checkpoints(folder.checkpoints, keep=None)
    try:
        steps = checkpoints.steps()
        meta = checkpoints.meta(steps[-1]) if steps else None
    finally:
        checkpoints.close()
    return meta is not None and _is_finished(config.learn, meta["updates"], meta["solved"])


def program_of(config: OfflineConfig, dataset: datasets.Dataset) -> OfflineProgram:
    """The program of a configuration on its dataset, which says what return to ask for."""
    return OfflineProgram(config, dataset.meta.metrics["return"]["max"])


def load(folder: RunFolder, config: OfflineConfig, program: OfflineProgram) -> LearnState:
    """What a run has learned, from its last checkpoint.

    Raises:
        CheckpointError: if there is none, or it cannot be used.
    """
    checkpoints = Checkpoints(folder.checkpoints, keep=None)
    try:
        template = jax.eval_shape(program.init, jax.random.key(config.seed))
        return checkpoints.restore(template, checkpoints.choose("latest"))[0]
    finally:
        checkpoints.close()


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
