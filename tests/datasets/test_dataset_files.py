"""What is written is read back, and what is wrong with a file is told in one line that names it."""

import json
import resource
import shutil
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from made_up import assert_same, content, source, trajectory, write

from jaxmem import datasets, envs
from jaxmem.datasets.record import arrays_of, decode, encode
from jaxmem.training import folder as run_folder

DTYPES = ["bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))]
DTYPES += ["float16", "float32", "float64", "complex64", "complex128", "bfloat16", ">f4", ">i2"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("datasets") / "whole"
    write(folder, 20)
    return folder


@pytest.fixture
def copy(whole, tmp_path) -> Path:
    shutil.copytree(whole, tmp_path / "copy")
    return tmp_path / "copy"


def refused(folder: Path, **options) -> str:
    with pytest.raises(datasets.DatasetError) as caught:
        datasets.open(folder, **options).verify()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", DTYPES)
def test_a_record_keeps_every_dtype(name):
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    values = np.random.default_rng(0).integers(0, 2, (4, 3, 2)).astype(dtype)
    # As a transposed view, whose elements do not lie one after another.
    one = trajectory(0, steps=3)._replace(obs=values.swapaxes(1, 2), info={"a": values[0, 0, 0], "empty": np.int8(3)})
    found = decode(encode(arrays_of(one)))
    np.testing.assert_array_equal(found.obs, one.obs)
    assert found.obs.dtype == dtype.newbyteorder("<")
    assert found.info == one.info
    assert found.steps == 3
    with pytest.raises(ValueError, match="read-only"):
        found.obs[0] = 0


RECORD = encode(arrays_of(trajectory(3)))


@pytest.mark.parametrize("record", [b"", b"JMT1", b"pickle" * 20, RECORD[:-1], RECORD[:40]])
def test_what_is_no_record_is_a_value_error(record):
    with pytest.raises(ValueError, match=r"\w"):
        decode(record)


def test_a_dataset_is_read_back(whole):
    dataset = datasets.open(whole)
    assert len(dataset) == 20
    for number in (0, 7, 8, 19, -1):
        assert_same(dataset[number], trajectory(number % 20))
    for number, one in enumerate(dataset):
        assert_same(one, trajectory(number))
    for number in (20, -21):
        with pytest.raises(IndexError, match="has 20"):
            dataset[number]
    dataset.verify()


def test_its_description(whole):
    record = json.loads((whole / "dataset.json").read_text())
    assert record["version"] == 1
    assert record["policy"] == {"name": "made up"}
    assert record["fields"]["obs"] == {"dtype": "int16", "shape": [2]}
    meta = datasets.open(whole).meta
    assert [shard.trajectories for shard in meta.shards] == [8, 8, 4]
    assert meta.played == 20
    assert meta.lengths().tolist() == [number % 5 + 1 for number in range(20)]
    returns = [float(trajectory(number).reward.sum(dtype="float64")) for number in range(20)]
    told = meta.metrics
    assert told["return"] == pytest.approx({"mean": np.mean(returns), "min": min(returns), "max": max(returns)})
    assert told["length"] == {"mean": 3, "min": 1, "max": 5}
    assert told["success"] == pytest.approx({"mean": 7 / 20, "min": 0, "max": 1})
    assert record["metrics"] == told


def test_the_environment_of_a_dataset(tmp_path, whole):
    options = envs.options("KeyToDoor-v0", max_frames=(3, 3, 3))
    written = write(tmp_path / "a", 1, env=json.loads(json.dumps(vars(options))))
    assert written.env() == options
    with pytest.raises(datasets.DatasetError, match="imported"):
        datasets.open(whole).env()


def test_a_shard_that_is_cut_short(copy):
    path = next(copy.glob("shard-00001*"))
    path.write_bytes(path.read_bytes()[:-1])
    for verify in (True, False):
        assert "shard-00001-8.array_record is cut short" in refused(copy, verify=verify)


def test_a_shard_with_a_flipped_byte(copy):
    path = next(copy.glob("shard-00002*"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    for verify in (True, False):
        assert "shard-00002-4.array_record is damaged" in refused(copy, verify=verify)


def test_a_flipped_byte_of_a_trajectory_is_found_when_it_is_read(copy):
    path = next(copy.glob("shard-00000*"))
    data = bytearray(path.read_bytes())
    for place in range(100, 4000):
        data[place] ^= 255
    path.write_bytes(data)
    with pytest.raises(datasets.DatasetError, match="shard-00000-8.array_record is damaged"):
        list(datasets.open(copy, verify=False))


def test_a_missing_shard(copy):
    next(copy.glob("shard-00000*")).unlink()
    for verify in (True, False):
        assert "shard-00000-8.array_record is missing" in refused(copy, verify=verify)


def test_a_shard_in_the_place_of_another(copy):
    first, second = (next(copy.glob(f"shard-0000{number}*")) for number in (0, 1))
    first.write_bytes(second.read_bytes())
    assert "shard-00000-8.array_record is damaged: its content is not what was written" in refused(copy)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "cannot be read"),
        ("[]", "is not the description of a dataset"),
        ('{"format": "jaxmem trajectories", "version": 2}', "has the format version 2: allowed is 1"),
        ('{"format": "jaxmem trajectories", "version": 1}', "is not the description of a dataset"),
    ],
)
def test_a_broken_description(copy, text, says):
    (copy / "dataset.json").write_text(text)
    message = refused(copy)
    assert says in message
    assert "dataset.json" in message


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"file": "../other.array_record"}, "no name of a file"),
        ({"trajectories": 0}, "empty"),
        ({"steps": 1}, "other steps"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_description_that_contradicts_itself(copy, change, says):
    record = json.loads((copy / "dataset.json").read_text())
    record["shards"][0] |= change
    (copy / "dataset.json").write_text(json.dumps(record))
    assert says in refused(copy)


def test_no_dataset(tmp_path):
    assert "no dataset at" in refused(tmp_path)


@pytest.mark.parametrize("cuts", [[8], [3, 9, 10], [16, 17]])
def test_writing_that_was_stopped_ends_in_the_same_bytes(whole, tmp_path, cuts):
    for count in [*cuts, 20]:
        assert len(write(tmp_path / "cut", count)) == count
    assert content(tmp_path / "cut") == content(whole)


@pytest.mark.parametrize("when", ["before the description", "after it"])
@pytest.mark.parametrize("count", [8, 11])
def test_a_crash_between_a_shard_and_its_description(whole, tmp_path, monkeypatch, when, count):
    folder = tmp_path / "crashed"
    write(folder, count - 3)

    def crash(path: Path, text: str) -> None:
        if when == "after it":
            run_folder.write_atomically(path, text)
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("jaxmem.datasets.writer.write_atomically", crash)
        with pytest.raises(MemoryError):
            write(folder, count)
    # What had been there can be read at any time.
    found = datasets.open(folder)
    found.verify()
    assert len(found) == (count if when == "after it" else count - 3)
    write(folder, 20)
    assert content(folder) == content(whole)


def stopped_after_eleven(folder: Path, error: type[BaseException]) -> None:
    with datasets.Writer(folder, source()) as writer:
        for number in range(11):
            writer.add(trajectory(number))
        raise error


def test_an_error_leaves_what_counts_and_ctrl_c_all_that_was_added(tmp_path):
    for error, left in ((RuntimeError, 8), (KeyboardInterrupt, 11)):
        folder = tmp_path / error.__name__
        with pytest.raises(error):
            stopped_after_eleven(folder, error)
        assert len(datasets.open(folder)) == left
        assert not (folder / "shard.part").exists()


def test_a_full_disk_is_one_line_and_what_was_written_stays(tmp_path, whole):
    folder = tmp_path / "full"
    write(folder, 8)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(datasets.DatasetError) as caught:
            write(folder, 20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "cannot be written: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(datasets.open(folder)) == 8
    write(folder, 20)
    assert content(folder) == content(whole)


def test_one_writer_at_a_time(tmp_path):
    with (
        datasets.Writer(tmp_path, source()),
        pytest.raises(ValueError, match="in use by another process"),
        datasets.Writer(tmp_path, source()),
    ):
        pass


def test_folders_of_something_else(copy, tmp_path):
    with pytest.raises(datasets.DatasetError, match="another seed: 3, now 4"):
        write(copy, 30, seed=4)
    with pytest.raises(datasets.DatasetError, match=r"another policy\.name: 'made up', now 'oracle'"):
        write(copy, 30, policy={"name": "oracle"})
    (tmp_path / "file").write_text("")
    with pytest.raises(datasets.DatasetError, match="holds 'copy'"):
        write(tmp_path, 1)
    with pytest.raises(datasets.DatasetError, match="file/a cannot be written"):
        write(tmp_path / "file" / "a", 1)
    next(copy.glob("shard-00000*")).unlink()
    with pytest.raises(datasets.DatasetError, match=r"shard-00000-8\.array_record is missing"):
        write(copy, 30)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"obs": np.zeros((3, 2), np.int16)}, "one more observation than actions and rewards"),
        ({"obs": np.zeros((2, 2), np.int32)}, r"has obs int32\[2\]: the dataset's is int16\[2\]"),
        ({"obs": np.zeros((2, 2), object)}, "the dtype object cannot be stored"),
        ({"obs": np.zeros((2, 2), np.longdouble)}, "cannot be stored"),
        ({"reward": np.zeros(0, np.float32)}, "one more observation than actions and rewards"),
        ({"info": {}}, "has info/success none"),
        ({"info": {"success": np.zeros(2, np.float32)}}, "info/success of the shape"),
    ],
)
def test_trajectories_that_do_not_fit(tmp_path, change, says):
    with datasets.Writer(tmp_path, source()) as writer:
        writer.add(trajectory(0))
        with pytest.raises(datasets.DatasetError, match=says):
            writer.add(trajectory(0)._replace(**change))
    assert len(datasets.open(tmp_path)) == 1
