# The commands of this project. What they do stands in scripts/.

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench clean

help:
	@echo 'make demo     set up .venv and start the example chat'
	@echo 'make test     everything: lint, the suite on the oldest and the newest versions, coverage'
	@echo 'make lint     ruff, mypy, pyright'
	@echo 'make format   let ruff format the code and fix what it can'
	@echo 'make bench    measure chanx beside its peers; CASE=name for one case, QUICK=1 for a smoke run'
	@echo 'make clean    remove environments, caches and coverage data'

demo:
	@scripts/demo

test:
	@scripts/lint
	@scripts/test

lint:
	@scripts/lint

format:
	@scripts/format

bench:
	@scripts/bench $(CASE)

clean:
	@scripts/clean
