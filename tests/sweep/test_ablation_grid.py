"""Cells of a grid, and what is read off their rows."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from jaxmem import ablation
from jaxmem.ablation import Quantity
from jaxmem.config import ConfigError
from jaxmem.sweep.results import steps_to_solution
from jaxmem.training import LoopOptions

CREDIT = ablation.find("credit")


@pytest.mark.parametrize(
    ("chosen", "one_factor", "count"),
    [
        ({}, False, 3240),
        ({}, True, 45),
        ({"length": ["50"]}, True, 15),
        # The base is of another core: of gpt's cells one differs from it in nothing else.
        ({"core": ["gpt"]}, True, 3),
        ({"exploration": ["first", "entropy", "first"], "discount": ["1"]}, False, 3 * 3 * 2 * 2 * 4 * 3),
    ],
)
def test_a_grid_and_its_parts(chosen, one_factor, count):
    cells = CREDIT.cells(chosen, one_factor)
    assert len(cells) == len({tuple(cell.items()) for cell in cells}) == count
    names = [CREDIT.choice(cell).cell for cell in cells[:4]]
    assert [CREDIT.cell_of(name) for name in names] == cells[:4]


def test_the_factors_are_fields_of_the_configuration():
    levels = {"length": "100", "core": "lstm", "exploration": "epsilon", "input": "raw"}
    levels |= {"target": "lambda", "baseline": "value", "discount": "0.999"}
    choice = CREDIT.choice(levels)
    assert (choice.experiment, choice.preset, choice.config.seeds) == ("active_tmaze_100", "best", 3)
    made = choice.config.to_json()
    assert (made["env"]["length"], made["core"]["name"]) == (100, "lstm")
    assert (made["agent"]["td_lambda"], made["agent"]["discount"]) == (0.95, 0.999)
    assert (made["agent"]["policy_lambda"], made["agent"]["step_baseline"]) == (None, False)
    assert not made["agent"]["relative_values"]
    recipe = CREDIT.choice(levels | {"target": "recipe", "baseline": "rows"}).config.to_json()["agent"]
    assert not recipe["relative_values"]
    assert CREDIT.choice(levels | {"baseline": "relative"}).config.to_json()["agent"]["relative_values"]
    assert (recipe["td_lambda"], recipe["policy_lambda"], recipe["step_baseline"]) == (1, 0.95, True)
    assert not made["network"]["centre"]
    assert CREDIT.choice(levels | {"input": "centred"}).config.network.centre
    assert (made["deviation"]["kind"], made["deviation"]["chance"]) == ("each", 1 / 103)
    assert CREDIT.choice(levels | {"exploration": "entropy"}).config.deviation.kind == "none"
    assert CREDIT.choice(levels | {"exploration": "any"}).config.deviation.kind == "any"


def test_a_picture_has_room_for_one_factor_along_x():
    along = [replace(factor, role="x") if factor.name == "input" else factor for factor in CREDIT.factors]
    with pytest.raises(ConfigError, match="ablation credit has 2 factors in the role x: allowed is 1"):
        replace(CREDIT, factors=tuple(along))
    with pytest.raises(ConfigError, match="has no factor in the role y"):
        replace(CREDIT, factors=CREDIT.factors[:3])


def test_labels_say_what_is_not_the_bases():
    base = {"length": "50", "core": "lru", "exploration": "rare", "input": "centred"}
    base |= {"target": "recipe", "baseline": "relative", "discount": "1"}
    text = "base: core lru, exploration rare, input centred, target recipe, baseline relative, discount 1"
    assert CREDIT.label(base) == text
    assert CREDIT.label(base | {"length": "100", "core": "gpt", "discount": "0.99"}) == "core gpt, discount 0.99"


def test_a_quantity_is_a_column_or_a_ratio():
    row = {"train/recalled": 0.3, "train/oracle": 0.4, "eval/return": 1.0}
    assert Quantity("return", "", "eval/return").of(row) == 1
    accuracy = Quantity("accuracy", "", "train/recalled", per="train/oracle")
    assert accuracy.of(row) == pytest.approx(0.75)
    assert math.isnan(accuracy.of(row | {"train/oracle": 0.0}))
    with pytest.raises(ConfigError, match="unknown column of metrics.csv 'eval/retrun'.*did you mean 'eval/return'"):
        Quantity("return", "", "eval/retrun").of(row)


def test_a_seed_is_solved_once_it_was_often_enough_in_a_row():
    loop = LoopOptions(stop_return=0.98, stop_evals=2)

    def steps(*returns: float) -> int | None:
        return steps_to_solution(loop, [{"env_steps": 10 * i, "eval/return": r} for i, r in enumerate(returns)])

    assert steps(0.0, 1.0, 0.5, 0.98, 1.0, 0.0) == 40
    assert steps(1.0, 0.97, 1.0) is None


def test_a_level_that_cannot_be_part_of_a_name_is_one_line(tmp_path: Path):
    file = tmp_path / "own.py"
    source = (Path(__file__).parents[1] / "data" / "grid.py").read_text()
    source = source.replace("Path(__file__)", repr(Path(__file__).parents[1] / "data" / "grid.py").replace("Posix", ""))
    file.write_text(source.replace('"20")', '"2_0")'))
    with pytest.raises(ConfigError, match="is '2_0': allowed are letters, digits and . \\+ -"):
        ablation.find(f"{file}:grid")
