"""Every architecture fits together at both sizes, and the benchmark tells what it costs."""

import jax
import pytest

from jaxmem.benchmarks import architectures
from jaxmem.benchmarks.timing import Repeats
from jaxmem.cli.main import main
from jaxmem.networks import parameter_count
from jaxmem.networks.architectures import ARCHITECTURES

BENCH = architectures.ArchitectureBench(tuple(ARCHITECTURES), tuple(architectures.PICTURES), 1, 2, Repeats(1, 0.0))


@pytest.fixture(scope="module")
def parameters():
    """Parameters of each case, from shapes alone."""
    found = {}
    for picture, name in BENCH.cases():
        agent = architectures.make_agent(BENCH, picture, name)
        found[picture, name] = parameter_count(jax.eval_shape(agent.init, jax.random.key(0)).params)
    return found


def test_every_architecture_is_there_at_both_sizes(parameters):
    assert set(parameters) == {(picture, name) for picture in architectures.PICTURES for name in ARCHITECTURES}
    for picture in architectures.PICTURES:
        # The control has all of Mott's but what asks.
        assert parameters[picture, "mean_pool"] < parameters[picture, "mott"]


def test_the_published_sizes(parameters):
    # 4 x 72 numbers ask, of which 8 are for content and 64 for places: 256 -> 128 -> 288 -> 288.
    asks = (256 + 1) * 128 + (128 + 1) * 288 + (288 + 1) * 288
    # Four answers of 184 and four queries into 512 units, where the control has one answer.
    answers = 4 * (120 + 64) + 4 * 72 - (120 + 64)
    assert parameters["84 x 84 x 4", "mott"] - parameters["84 x 84 x 4", "mean_pool"] == asks + answers * 512


def test_the_command_prints_parameters_and_what_acting_and_learning_cost(capsys):
    assert main(["bench", "architectures", "--quick", "--architectures", "mott"]) == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if "10 x 10 x 4" in line and "mott" in line and "│" not in line)
    assert "303,063" in row
    assert "learning steps/s" in out


def test_an_unknown_architecture_is_one_line(capsys):
    assert main(["bench", "architectures", "--architectures", "nobody"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
