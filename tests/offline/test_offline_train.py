"""Offline runs: stopped and gone on with they end in the same bits, and wrong files are told in a line."""

import json

import numpy as np
import pytest
from offline_cases import small
from support import StopAfter, assert_same_bits, shared_offline_programs

from jaxmem import datasets
from jaxmem.config import ConfigError
from jaxmem.offline import train as training
from jaxmem.offline.batches import dataset_folder
from jaxmem.offline.options import DataOptions, LearnOptions, OfflineConfig, SequenceOptions
from jaxmem.offline.program import OfflineProgram, window_of
from jaxmem.training.folder import RunFolder
from jaxmem.training.progress import Display
from jaxmem.training.stop import Interrupted

# Two calls of six batches between evaluations: a stop can fall between them.
CONFIG = small("rmt", learn=LearnOptions(updates=24, batch=4, warmup=2, eval_every=12, learning_rate=1e-2))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    return datasets.collect(CONFIG.env, "oracle", CONFIG.data.episodes, dataset_folder(CONFIG, root), CONFIG.data.seed)


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    with shared_offline_programs():
        yield


def run(path, dataset, stop=None):
    folder = RunFolder(path)
    if not folder.config_file.exists():
        folder = RunFolder.create(path, "small", "best", CONFIG)
    return training.train(training.program_of(CONFIG, dataset), folder, dataset, Display(CONFIG.learn.updates), stop)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, dataset):
    path = tmp_path_factory.mktemp("whole") / "run"
    return path, run(path, dataset)


def learned(path, dataset):
    return training.load(RunFolder(path), training.program_of(CONFIG, dataset))


def without_time(rows):
    return [{name: value for name, value in row.items() if name != "wall_s"} for row in rows]


def test_rows_tell_how_it_went(whole):
    path, rows = whole
    assert [row["updates"] for row in rows] == [12, 12, 24, 24]
    assert all(0 <= row["eval/success"] <= 1 for row in rows)
    assert rows[-1]["train/loss"] < rows[0]["train/loss"]
    assert rows[-1]["epochs"] == pytest.approx(24 * 4 / 40)
    written = RunFolder(path).read_metrics()
    np.testing.assert_allclose([row["train/loss"] for row in written], [row["train/loss"] for row in rows], rtol=1e-6)
    assert list(path.glob("seed_1/*"))


# How often it is looked at before a call, and before each evaluation: after 6 batches, 12 and 18.
@pytest.mark.parametrize(("looks", "updates"), [(2, 6), (3, 12), (5, 18)])
def test_stopped_anywhere_and_gone_on_with_it_ends_in_the_same_bits(tmp_path, dataset, whole, looks, updates):
    with pytest.raises(Interrupted):
        run(tmp_path / "run", dataset, StopAfter(looks))
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir() if path.is_dir()] == [str(updates)]
    rows = run(tmp_path / "run", dataset)
    assert_same_bits(learned(tmp_path / "run", dataset), learned(whole[0], dataset))
    for row, other in zip(without_time(rows), without_time(whole[1]), strict=True):
        assert row == pytest.approx(other, rel=1e-6)


def test_seeds_differ_in_weights_and_batches(whole, dataset):
    import jax

    state = learned(whole[0], dataset)
    assert any(not np.array_equal(leaf[0], leaf[1]) for leaf in jax.tree.leaves(state.params))
    assert whole[1][0]["train/loss"] != whole[1][1]["train/loss"]


def test_playing_changes_nothing_and_is_the_same_again(whole, dataset):
    program = training.program_of(CONFIG, dataset)
    state = learned(whole[0], dataset)
    one, two = (program.play(state, program.task.params, 5)["return"] for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_the_best_return_of_the_dataset_is_asked_for(dataset):
    program = training.program_of(CONFIG, dataset)
    assert program.player(program.task.params).target == dataset.meta.metrics["return"]["max"] == 1.0


def test_a_configuration_survives_json_and_a_wrong_one_is_told():
    assert OfflineConfig.from_json(json.loads(json.dumps(CONFIG.to_json()))) == CONFIG
    with pytest.raises(ConfigError, match="not the configuration of an offline run"):
        OfflineConfig.from_json({"env": {}})
    with pytest.raises(ConfigError, match="not the configuration of an offline run"):
        OfflineConfig.from_json(3)
    with pytest.raises(ConfigError, match="learn.batch is 0: allowed is an integer >= 1"):
        LearnOptions(batch=0)
    with pytest.raises(ConfigError, match="model.tokens is 'both'"):
        SequenceOptions(tokens="both")


def test_windows_shorter_than_trajectories_need_a_stride():
    config = small(data=DataOptions(window=3))
    with pytest.raises(ConfigError, match="data.window is 3: trajectories have up to 5 steps"):
        OfflineProgram(config, 1.0)
    assert window_of(small(data=DataOptions(window=3, stride=2)), 5) == 3
    assert window_of(small(), 5) == 5


def test_datasets_are_shared_by_what_they_hold_and_not_by_how_they_are_read(tmp_path):
    folder = dataset_folder(small(), tmp_path)
    assert folder == dataset_folder(small("rmt", seeds=5, data=DataOptions(episodes=40, window=5, stride=1)), tmp_path)
    assert folder != dataset_folder(small(data=DataOptions(episodes=41)), tmp_path)
    assert folder.parent == tmp_path
