"""Train: run chunks, and between them evaluate, log, draw and save."""

import time
from dataclasses import dataclass

import jax
import numpy as np

from jaxmem.config import ConfigError
from jaxmem.networks import parameter_count
from jaxmem.replay import nbytes
from jaxmem.training.checkpoint import Checkpoints, last_meta
from jaxmem.training.compiled import Compiled, compile_program
from jaxmem.training.devices import place
from jaxmem.training.folder import Row, RunFolder
from jaxmem.training.log import Board, rows_of, summary
from jaxmem.training.loop import Program
from jaxmem.training.options import LoopOptions, RunConfig
from jaxmem.training.progress import Display
from jaxmem.training.recorder import Recorder, rows_so_far, tell_other_device
from jaxmem.training.state import Run
from jaxmem.training.stop import Interrupted, Stop, listen

# A call into compiled code cannot be interrupted; calls are sized to about this, so that Ctrl-C is heard soon.
_CALL_SECONDS = 1.0


@dataclass
class _Session:
    """One process's share of a run, from its start or a checkpoint to a stop or the end."""

    config: RunConfig
    compiled: Compiled
    recorder: Recorder
    run: Run
    iteration: int
    solved: int
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
        recorder = self.recorder
        with recorder.working(self.iteration):
            if not recorder.rows:
                self._evaluate()
            while not self.finished and not stop.asked:
                self._chunk()
                if self._evaluation_due():
                    self._evaluate()
                    recorder.save_if_due(self.config.loop.checkpoint_every, self._save)
            self._save()
        if not self.finished:
            raise Interrupted
        return recorder.rows

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
        self.recorder.display.advance(self.iteration, self._text())

    def _evaluate(self) -> None:
        rows = rows_of(self.run, self.compiled.report(self.run), self.recorder.wall_s)
        self._tell_divergence(rows)
        self.run = self.compiled.clear_window(self.run)
        self.solved = self.solved + 1 if self.config.loop.is_solved(rows) else 0
        self.recorder.record(rows)
        self.recorder.display.advance(self.iteration, self._text(), force=self.finished)

    def _tell_divergence(self, rows: list[Row]) -> None:
        """Say once that what updates report is not finite: an empty cell would look like no update at all."""
        updated = np.asarray(self.run.window.updates) > 0
        names = [f"train/{name}" for name in self.run.window.metrics]
        seeds = [row["seed"] for row in rows if updated[row["seed"]] and not np.isfinite([row[n] for n in names]).all()]
        if seeds and not self._diverged:
            self._diverged = True
            self.recorder.display.say(f"warning: learning has diverged, its losses are not finite: seeds {seeds}")

    def _env_steps(self) -> float:
        return float(np.sum(np.asarray(self.run.env_steps), dtype=np.float64))

    def _text(self) -> str:
        seconds = time.perf_counter() - self._first_time
        return summary(self.recorder.rows[-self.config.seeds :], (self._env_steps() - self._first_steps) / seconds)

    def _save(self) -> None:
        self.recorder.save(self.iteration, self.run, {"iteration": self.iteration, "solved": self.solved})


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
        recorder = Recorder(folder, display, checkpoints, board, [], began)
        return _Session(config, compiled, recorder, run, iteration=0, solved=0).go(stop)


def resume(folder: RunFolder, display: Display, checkpoint: str = "latest", stop: Stop | None = None) -> list[Row]:
    """Go on with a run from a checkpoint: "latest", "previous" or a number; see `start`.

    On the same machine with as many devices, the run ends in the same bits as if it had never stopped, but for games,
    which no checkpoint holds: they begin anew.

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
    tell_other_device(meta["device"], display)
    if checkpoints.steps()[-1] > step:
        display.say(f"the checkpoints after {step} are dropped")
        checkpoints.forget_after(step)
    board = Board(folder.path, config.seeds, {row["seed"]: row["env_steps"] for row in rows})
    stop = stop or Stop()
    with listen(stop):
        recorder = Recorder(folder, display, checkpoints, board, rows, began - meta["wall_s"])
        run = place(run, compiled.sharding)
        session = _Session(config, compiled, recorder, run, meta["iteration"], meta["solved"])
        if compiled.program.begins_anew and not session.finished:
            display.say(
                "the games begin anew: emulators cannot be restored, so this run will not end in the same bits as one "
                "never stopped"
            )
            session.run = compiled.begin_anew(run)
        return session.go(stop)


def finished_rows(folder: RunFolder) -> list[Row] | None:
    """The rows of a run that has come to its end, as its last checkpoint knows; None if it has not.

    Raises:
        ConfigError: if the checkpoint is damaged, or rows are lost.
    """
    meta = last_meta(folder.checkpoints)
    if meta is None or not _is_finished(folder.read_loop(), meta["iteration"], meta["solved"]):
        return None
    rows = folder.read_metrics()[: meta["rows"]]
    if len(rows) < meta["rows"]:
        raise ConfigError(f"{folder.metrics_file} has lost {meta['rows'] - len(rows)} of its {meta['rows']} rows")
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
