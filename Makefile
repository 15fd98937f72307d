# The commands of this project. What they do stands in scripts/.

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench faults fuzz stress soak clean

help:
	@echo 'make demo     set up .venv and start the example chat'
	@echo 'make test     everything: lint, the suite on the oldest and the newest versions, coverage'
	@echo 'make lint     ruff, mypy, pyright, tsc'
	@echo 'make format   let ruff format the code and fix what it can'
	@echo 'make bench    measure chanx beside its peers; CASE=name for one case, QUICK=1 for a smoke run'
	@echo 'make faults   bring faults about at chanx and its peers; CASE=name for one case'
	@echo 'make fuzz     send a million frames, good and bad, to a live server; SEED=n repeats a run'
	@echo 'make stress   storms, floods, resets, a dying Redis; SEED=n repeats, DURATION=s goes on'
	@echo 'make soak     ten minutes of mixed load and faults; MINUTES=1 for a smoke run'
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

faults:
	@scripts/faults $(CASE)

fuzz:
	@scripts/fuzz

stress:
	@scripts/stress $(SCENARIO)

soak:
	@scripts/soak

clean:
	@scripts/clean
