"""What is shipped to users: experiments that are found, and configurations that hold for every preset and core."""

import json
import tomllib
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

import jaxmem
from jaxmem import ablation, agents, experiment, study
from jaxmem.config import ConfigError
from jaxmem.cores import registered_cores
from jaxmem.offline.options import OfflineConfig
from jaxmem.training import RunConfig

ROOT = Path(jaxmem.__file__).parents[1]
SHIPPED = experiment.shipped()


def test_every_file_gives_experiments_under_names_of_their_own():
    files = [experiment.from_file(path) for path in experiment.shipped_folder().glob("[!_]*.py")]
    names = [item.name for items in files for item in items]
    others = [
        [*ablation.from_file(path), *study.from_file(path)] for path in experiment.shipped_folder().glob("[!_]*.py")
    ]
    assert all(one or other for one, other in zip(files, others, strict=True))
    assert len(names) == len(set(names)) == len(SHIPPED)
    assert {"quickstart", "passive_tmaze_50", "active_tmaze_20"} <= SHIPPED.keys()


@pytest.mark.parametrize("name", SHIPPED)
def test_every_preset_and_core_makes_a_configuration_that_survives_json(name: str):
    item = SHIPPED[name]
    assert next(iter(item.presets)) == "best"
    assert item.description
    assert set(item.cores) <= set(registered_cores)
    for preset in item.presets:
        # Presets besides these two may be about one core alone.
        for core in registered_cores if preset in ("best", "paper", "vtrace") else item.cores:
            config = item.config(preset, core)
            assert config.core.name == core
            assert RunConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize("core", ["lru", "lstm", "gpt"])
def test_one_recipe_is_for_all_published_lengths_of_both_tasks(core: str):
    mazes = [f"active_tmaze_{length}" for length in (20, 50, 100, 250, 500)]
    rooms = [f"key_to_door_{length}" for length in (60, 120, 250, 500)]
    recipes = [SHIPPED[name].config("best", core) for name in (*mazes, *rooms)]
    for part in ("agent", "core", "network", "deviation"):
        assert all(getattr(recipe, part) == getattr(recipes[0], part) for recipe in recipes), part
    loops = [replace(recipe.loop, stop_return=None, stop_success=None) for recipe in recipes]
    assert all(loop == loops[0] for loop in loops)
    longer = SHIPPED["active_tmaze_1500"].config("best", core)
    assert replace(longer, env=recipes[0].env, agent=recipes[0].agent) == recipes[0]
    assert longer.agent == replace(recipes[0].agent, entropy_cost=0.001)


def test_every_cell_of_every_ablation_is_a_configuration_of_its_own():
    for item in ablation.shipped().values():
        configs = [item.choice(cell).config for cell in item.cells({})]
        assert len({json.dumps(config.to_json()) for config in configs}) == len(configs)


@pytest.mark.parametrize("agent", ["ddqn", "sac_discrete"])
def test_a_configuration_from_before_there_were_traces_is_read(agent: str):
    config = replace(SHIPPED["quickstart"].config(), agent=agents.options(agent, td_lambda=0.5))
    data = config.to_json()
    for name in ("trace", "n_step"):
        del data["agent"][name]
    assert RunConfig.from_json(data) == config


@pytest.mark.parametrize(
    ("part", "field", "kind"), [("env", "id", "environment"), ("core", "name", "core"), ("agent", "name", "agent")]
)
def test_a_run_of_a_users_parts_asks_for_the_file_that_registers_them(part: str, field: str, kind: str):
    data = SHIPPED["quickstart"].config().to_json()
    data[part][field] = "mine"
    with pytest.raises(ConfigError, match=f"^the run's {kind} 'mine' is not registered: --file names the file"):
        RunConfig.from_json(data)


def test_a_configuration_from_before_there_were_some_groups_has_none_of_them():
    config = SHIPPED["quickstart"].config()
    data = config.to_json()
    for group in ("deviation", "balance", "auxiliary", "redistribution"):
        del data[group]
    assert RunConfig.from_json(data) == config


def test_a_run_from_before_an_option_has_its_default():
    config = SHIPPED["quickstart"].config()
    data = config.to_json()
    for name in list(data["agent"]):
        if name.startswith("act_temperature") or name == "epsilon_shape":
            del data["agent"][name]
    assert len(data["agent"]) == len(config.to_json()["agent"]) - 5
    assert RunConfig.from_json(data) == config


def test_version_is_the_same_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert metadata.version("jaxmem") == jaxmem.__version__ == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("name", study.shipped())
def test_every_preset_and_model_of_a_study_makes_a_configuration_that_survives_json(name: str):
    item = study.shipped()[name]
    assert item.default_preset == "best"
    assert item.description
    assert name not in SHIPPED
    assert set(item.published) <= set(item.models)
    for preset in item.presets:
        for model in item.models:
            config = item.config(model, preset)
            assert OfflineConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
            for steps in config.play.lengths:
                config.env.with_horizon(steps)
