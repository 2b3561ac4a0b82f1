# Thin targets over the `jaxmem` command. `make` alone lists them.
#
# Every target works in .venv, which is made on first use and brought up to date when pyproject.toml changes.

.DEFAULT_GOAL := help
.PHONY: help run sweep ablation list bench test test-slow lint install clean FORCE
# Two targets at once would install into one environment at once.
.NOTPARALLEL:

EXP ?=
ARGS ?=
EXTRA ?=
export EXP ARGS

VENV := .venv
BIN := $(VENV)/bin
# As a module, so that a copied or moved clone runs its own code.
JAXMEM := $(BIN)/python -m jaxmem.cli.main
# One stamp for what it takes to run, one for the development tools as well; written only after a full install.
RUN_STAMP := $(VENV)/.jaxmem-run
DEV_STAMP := $(VENV)/.jaxmem-dev

help: ## show this
	@echo 'usage: make TARGET [EXP=name or file.py] [ARGS="..."] [EXTRA=cuda] [PYTHON=python3.12]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s  %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo 'examples:'
	@echo '  make run EXP=quickstart'
	@echo '  make run EXP=passive_tmaze_50 ARGS="--core lstm --seeds 4"'
	@echo '  make sweep EXP="passive_tmaze_{50,100}" ARGS="--core lstm gpt --seeds 4"'
	@echo '  make ablation EXP=credit ARGS="--one-factor --lengths 50"'
	@echo '  make run EXP=my_experiment.py'
	@echo '  make run ARGS="--resume runs/quickstart/FOLDER"'

run: $(RUN_STAMP) ## train an experiment: EXP=name or file.py, ARGS="options"
	@if [ -z "$$EXP$$ARGS" ]; then \
	  echo 'no experiment given: make run EXP=quickstart (`make list` shows them all)' >&2; exit 2; \
	fi
	@$(JAXMEM) run $${EXP:+"$$EXP"} $(ARGS)

sweep: $(RUN_STAMP) ## train several, one after another: EXP="pattern", ARGS="options"
	@$(JAXMEM) sweep $${EXP:+"$$EXP"} $(ARGS)

ablation: $(RUN_STAMP) ## train variations of a recipe: EXP=credit, ARGS="options"
	@$(JAXMEM) ablation $${EXP:+"$$EXP"} $(ARGS)

list: $(RUN_STAMP) ## show experiments; ARGS=environments, cores, agents or ablations shows those
	@$(JAXMEM) list $(ARGS)

bench: $(RUN_STAMP) ## measure environments and cores: ARGS="options"
	@$(JAXMEM) bench $(ARGS)

test: $(DEV_STAMP) ## run the tests: ARGS="options of pytest"
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

test-slow: $(DEV_STAMP) ## run the tests that train for minutes
	@$(BIN)/python -m pytest -m slow $(ARGS)

lint: $(DEV_STAMP) ## check style, formatting and types
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m pyright --pythonpath $(BIN)/python

install: $(RUN_STAMP) ## make .venv with jaxmem in it, as all targets do; EXTRA=cuda or tpu, brax, playground or atari

clean: ## remove .venv, builds and caches; runs stay
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
	find jaxmem experiments tests -name __pycache__ -type d -prune -exec rm -rf {} +

FORCE:

UV := $(shell command -v uv)
CANDIDATES := $(if $(PYTHON),'$(PYTHON)',python3 python3.13 python3.12 python3.11)
# Whether an interpreter can be used; with uv it needs no venv module of its own.
FITS := -c 'import sys$(if $(UV),,, ensurepip, venv); sys.exit(sys.version_info < (3, 11))'
# Where an environment's interpreter comes from: tells whether PYTHON names another one.
ORIGIN := -c 'import sys; print(sys.base_prefix)'

ifneq ($(PYTHON),)
ifneq ($(shell '$(PYTHON)' $(ORIGIN) 2>/dev/null),$(shell $(BIN)/python $(ORIGIN) 2>/dev/null))
$(RUN_STAMP) $(DEV_STAMP): FORCE
OTHER := yes
endif
endif
ifneq ($(EXTRA),)
$(RUN_STAMP): FORCE
endif

$(RUN_STAMP): pyproject.toml
	$(call install,.$(if $(EXTRA),[$(EXTRA)]))

$(DEV_STAMP): pyproject.toml
	$(call install,.[dev])
	@touch $(RUN_STAMP)

# $(call install,REQUIREMENT): an editable install into .venv, which is made first where there is none to use.
define install
@set -e; \
for python in $(CANDIDATES) none; do if "$$python" $(FITS) 2>/dev/null; then break; fi; done; \
if [ "$$python" = none ]; then \
  echo 'jaxmem needs Python 3.11 or newer$(if $(UV),, with its venv module): $(if \
    $(PYTHON),PYTHON=$(PYTHON) is not,name one with PYTHON=/path/to/python)' >&2; \
  exit 1; \
fi; \
echo 'installing jaxmem into $(VENV) ...'; \
rm -f $@; \
if [ -n '$(OTHER)' ] || ! $(BIN)/python $(FITS) 2>/dev/null; then rm -rf $(VENV); fi; \
if [ -n '$(UV)' ]; then \
  [ -d $(VENV) ] || '$(UV)' venv --quiet --python "$$python" $(VENV); \
  '$(UV)' pip install --quiet --python $(BIN)/python --editable '$1'; \
else \
  $(BIN)/python -m pip --version >/dev/null 2>&1 || "$$python" -m venv $(VENV); \
  $(BIN)/python -m pip install -qq --disable-pip-version-check --editable '$1'; \
fi
@touch $@
endef
