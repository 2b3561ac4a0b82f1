"""Train: run chunks, and between them evaluate, log, draw and save."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import numpy as np

from jaxmem.config import ConfigError
from jaxmem.networks import parameter_count
from jaxmem.replay import nbytes
from jaxmem.training.checkpoint import CheckpointError, Checkpoints
from jaxmem.training.compiled import Compiled, compile_program
from jaxmem.training.devices import device_name, place
from jaxmem.training.folder import Row, RunFolder
from jaxmem.training.log import Board, rows_of, summary
from jaxmem.training.loop import Program
from jaxmem.training.options import LoopOptions, RunConfig
from jaxmem.training.progress import Display
from jaxmem.training.state import Run
from jaxmem.training.stop import Interrupted, Stop, listen

# A call into compiled code cannot be interrupted; calls are sized to about this, so that Ctrl-C is heard soon.
_CALL_SECONDS = 1.0


@dataclass
class _Session:
    """One process's share of a run, from its start or a checkpoint to a stop or the end."""

    config: RunConfig
    folder: RunFolder
    display: Display
    compiled: Compiled
    checkpoints: Checkpoints
    board: Board
    run: Run
    rows: list[Row]
    iteration: int
    solved: int
    # The moment at which the run would have begun, had it never been stopped.
    began: float
    _metrics_behind: bool = True
    _saved_at: float = field(default_factory=time.perf_counter)
    _iteration_seconds: float = 0.0
    _diverged: bool = False
    _first_steps: float = 0.0
    _first_time: float = 0.0

    @property
    def finished(self) -> bool:
        """Whether the budget is spent or the run counts as solved."""
        return _is_finished(self.config.loop, self.iteration, self.solved)

    def go(self, stop: Stop) -> list[Row]:
        """Train to the end and return all rows; asked to stop before, save and raise `Interrupted`."""
        self._first_steps, self._first_time = self._env_steps(), time.perf_counter()
        self.display.begin(self.iteration)
        with contextlib.ExitStack() as closing:
            closing.callback(self.checkpoints.close)
            closing.callback(self.board.close)
            closing.callback(self.display.end)
            if not self.rows:
                self._evaluate()
            while not self.finished and not stop.asked:
                self._chunk()
                if self._evaluation_due():
                    self._evaluate()
                    if time.perf_counter() - self._saved_at > self.config.loop.checkpoint_every:
                        self._attempt("checkpoint", self._save)
            self._save()
            if self._metrics_behind:
                self.folder.write_metrics(self.rows)
        if not self.finished:
            raise Interrupted
        return self.rows

    def _attempt(self, what: str, action: Callable[[], None]) -> bool:
        """Do something that the disk may refuse; what was learned is worth more than a record of it."""
        try:
            action()
        except (OSError, CheckpointError) as error:
            self.display.say(f"warning: {what} not written, training goes on: {error}")
            return False
        return True

    def _evaluation_due(self) -> bool:
        loop = self.config.loop
        return self.iteration % loop.eval_iterations == 0 or self.iteration >= loop.iterations

    def _chunk(self) -> None:
        loop = self.config.loop
        to_evaluation = loop.eval_iterations - self.iteration % loop.eval_iterations
        fits = int(_CALL_SECONDS / self._iteration_seconds) if self._iteration_seconds else 1
        count = min(to_evaluation, loop.iterations - self.iteration, max(1, fits))
        began = time.perf_counter()
        self.run = self.compiled.iterate(self.run, count)
        self._iteration_seconds = (time.perf_counter() - began) / count
        self.iteration += count
        self.display.advance(self.iteration, self._text())

    def _evaluate(self) -> None:
        rows = rows_of(self.run, self.compiled.report(self.run), time.perf_counter() - self.began)
        self._tell_divergence(rows)
        self.rows += rows
        self.run = self.compiled.clear_window(self.run)
        self.solved = self.solved + 1 if self.config.loop.is_solved(rows) else 0
        self._attempt("TensorBoard events", lambda: self.board.write(rows))
        self._metrics_behind = not self._attempt("metrics.csv", lambda: self._write_metrics(rows))
        self.display.advance(self.iteration, self._text(), force=self.finished)

    def _tell_divergence(self, rows: list[Row]) -> None:
        """Say once that what updates report is not finite: an empty cell would look like no update at all."""
        updated = np.asarray(self.run.window.updates) > 0
        names = [f"train/{name}" for name in self.run.window.metrics]
        seeds = [row["seed"] for row in rows if updated[row["seed"]] and not np.isfinite([row[n] for n in names]).all()]
        if seeds and not self._diverged:
            self._diverged = True
            self.display.say(f"warning: learning has diverged, its losses are not finite: seeds {seeds}")

    def _write_metrics(self, rows: list[Row]) -> None:
        # Whole where there is no sound beginning to add to: at first, after a resume, after a failure.
        if self._metrics_behind:
            self.folder.write_metrics(self.rows)
        else:
            self.folder.append_metrics(rows)

    def _env_steps(self) -> float:
        return float(np.sum(np.asarray(self.run.env_steps), dtype=np.float64))

    def _text(self) -> str:
        seconds = time.perf_counter() - self._first_time
        return summary(self.rows[-self.config.seeds :], (self._env_steps() - self._first_steps) / seconds)

    def _save(self) -> None:
        meta = {
            "iteration": self.iteration,
            "wall_s": time.perf_counter() - self.began,
            "solved": self.solved,
            "rows": len(self.rows),
            "device": device_name(),
        }
        self._saved_at = time.perf_counter()
        self.checkpoints.save(self.iteration, self.run, meta)


def _is_finished(loop: LoopOptions, iteration: int, solved: int) -> bool:
    return solved >= loop.stop_evals or iteration >= loop.iterations


def start(config: RunConfig, folder: RunFolder, display: Display, stop: Stop | None = None) -> list[Row]:
    """Train a new run in `folder`, to its end; `stop` is told if that was asked for, even if too late.

    Returns:
        The rows of its metrics.

    Raises:
        ConfigError: for a configuration that does not fit together.
        Interrupted: after a stop that was asked for; the run is saved and can be resumed.
        OSError: if the folder can no longer be written.
    """
    began = time.perf_counter()
    compiled = _compile(config, display, resume=False)
    checkpoints = Checkpoints(folder.checkpoints, config.loop.keep)
    board = Board(folder.path, config.seeds)
    stop = stop or Stop()
    with listen(stop):
        run = compiled.init(jax.random.key(config.seed))
        session = _Session(config, folder, display, compiled, checkpoints, board, run, [], 0, 0, began)
        return session.go(stop)


def resume(folder: RunFolder, display: Display, checkpoint: str = "latest", stop: Stop | None = None) -> list[Row]:
    """Go on with a run from a checkpoint: "latest", "previous" or a number; see `start`.

    On the same machine with as many devices, the run ends in the same bits as if it had never stopped.

    Raises:
        CheckpointError: if there is no such checkpoint, or it cannot be used.
    """
    began = time.perf_counter()
    config = folder.read_config()
    checkpoints = Checkpoints(folder.checkpoints, config.loop.keep)
    if checkpoint == "latest" and not checkpoints.steps():
        checkpoints.close()
        display.say("no checkpoint yet: it starts from its beginning")
        return start(config, folder, display, stop)
    step = checkpoints.choose(checkpoint)
    compiled = _compile(config, display, resume=True)
    run, meta = checkpoints.restore(compiled.template, step)
    rows = rows_so_far(folder, display, meta["rows"])
    if meta["device"] != device_name():
        display.say(
            f"note: it was written on {meta['device']}, this is {device_name()}: the bits may differ from here on"
        )
    if checkpoints.steps()[-1] > step:
        display.say(f"the checkpoints after {step} are dropped")
        checkpoints.forget_after(step)
    board = Board(folder.path, config.seeds, {row["seed"]: row["env_steps"] for row in rows})
    stop = stop or Stop()
    with listen(stop):
        session = _Session(
            config,
            folder,
            display,
            compiled,
            checkpoints,
            board,
            place(run, compiled.sharding),
            rows,
            meta["iteration"],
            meta["solved"],
            began - meta["wall_s"],
        )
        return session.go(stop)


def finished_rows(folder: RunFolder) -> list[Row] | None:
    """The rows of a run that has come to its end, as its last checkpoint knows; None if it has not.

    Raises:
        ConfigError: if the checkpoint is damaged, or rows are lost.
    """
    if not folder.checkpoints.is_dir():
        return None
    checkpoints = Checkpoints(folder.checkpoints, keep=None)
    try:
        steps = checkpoints.steps()
        meta = checkpoints.meta(steps[-1]) if steps else None
    finally:
        checkpoints.close()
    if meta is None or not _is_finished(folder.read_loop(), meta["iteration"], meta["solved"]):
        return None
    rows = folder.read_metrics()[: meta["rows"]]
    if len(rows) < meta["rows"]:
        raise ConfigError(f"{folder.metrics_file} has lost {meta['rows'] - len(rows)} of its {meta['rows']} rows")
    return rows


def tell_other_device(device: str, display: Display) -> None:
    """Say so if a run that goes on was written on another kind of device than this."""
    here = device_name()
    if device != here:
        display.say(f"note: it was written on {device}, this is {here}: the bits may differ from here on")


def rows_so_far(folder: RunFolder, display: Display, count: int) -> list[Row]:
    """The rows that a checkpoint knows of; a loss is told, since it does not stop the run from going on."""
    try:
        rows = folder.read_metrics()[:count]
    except ConfigError as error:
        display.say(f"warning: {error}")
        rows = []
    if len(rows) < count:
        display.say(f"warning: {folder.metrics_file} has lost {count - len(rows)} of the {count} rows so far")
    return rows


def _compile(config: RunConfig, display: Display, *, resume: bool) -> Compiled:
    display.say("compiling ...")
    compiled = compile_program(Program(config), resume=resume)
    megabytes = nbytes(compiled.template.experience) / 1e6
    kept = "rows" if config.agent.on_policy else "replay"
    parameters = parameter_count(compiled.template.agent.params) // config.seeds
    display.say(
        f"compiled in {compiled.seconds:.1f} s | {parameters:,} parameters | {config.seeds} "
        f"seed{'s' if config.seeds > 1 else ''} | {kept} {megabytes:,.1f} MB | {jax.default_backend()}"
    )
    return compiled
