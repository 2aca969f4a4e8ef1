# Every target sets up what it needs: `make run` and `make test` work on a fresh clone.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# A worker more than processors (tests/conftest.py); a file's tests stay with one of them, in their order.
PYTEST := $(BIN)/python -m pytest --numprocesses logical --dist loadfile --no-loadscope-reorder
STAMP  := $(VENV)/.installed

.PHONY: help run test e2e check fuzz torture torture-flows restarts season bench corpus snapshots gallery wheel install audit clean

help:  ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "the virtual environment could not be made: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

run: $(STAMP)  ## Start a lab and a Posthouse in ./var, play a day of a sample shop, open the terminal (HEADLESS=1: print a report)
	@HEADLESS=$(HEADLESS) $(BIN)/posthouse lab run --state var

test: $(STAMP)  ## Run every test, real peers and crashes included
	$(PYTEST)

e2e: $(STAMP)  ## Run the tests against real daemons and real peers alone
	$(PYTEST) -m e2e

check: $(STAMP)  ## Style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

torture: $(STAMP)  ## kill -9 200 times (KILLS) while 8,000 messages pass (7 min); the books must balance
	$(BIN)/python -m tests.e2e.torture --kills $(or $(KILLS),200)

torture-flows: $(STAMP)  ## kill -9 200 times (KILLS) while 100,000 people (ENROLMENTS) pass a flow; prints its audit
	$(BIN)/python -m tests.e2e.torture_flows --kills $(or $(KILLS),200) --enrolments $(or $(ENROLMENTS),100000)

restarts: $(STAMP)  ## Stop, kill -9 and reload 30 times (ROUNDS) under load while a supervisor holds the sockets (90 s)
	$(BIN)/python -m tests.e2e.restarts --rounds $(or $(ROUNDS),30)

fuzz: $(STAMP)  ## Give every parser changed octets, led by what they reach, for 10 minutes (MINUTES); finds go to build/fuzz
	$(BIN)/python -m tests.fuzz.guided --minutes $(or $(MINUTES),10)

season: $(STAMP)  ## Live ninety days of a shop in the lab's time (10 min): its history must be bounded, its memory may not grow
	$(BIN)/python -m tests.e2e.season

bench: $(STAMP)  ## Measure beside Postfix + OpenDKIM on this machine, and say which bars are met (10 min)
	$(BIN)/python -m bench

corpus: $(STAMP)  ## Read real bounces, complaints and reports (CORPUS=folder) and print how well, beside the bars
	$(BIN)/python -m bench.corpus $(CORPUS)

snapshots: $(STAMP)  ## Draw the terminal's pictures anew
	$(BIN)/python tests/tui/make_snapshots.py

gallery: $(STAMP)  ## Write build/gallery: all mails in all languages, flow diagrams, and Chromium's pictures of each
	$(BIN)/python -m tests.gallery

wheel: $(STAMP)  ## Build the wheel, install it in an environment of its own, and try it
	rm -rf dist build/wheel-venv
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(PYTHON) -m venv build/wheel-venv
	build/wheel-venv/bin/python -m pip install --quiet dist/*.whl
	cd build && wheel-venv/bin/posthouse --help >/dev/null && HEADLESS=1 wheel-venv/bin/posthouse lab run --state wheel-var

install:  ## As root: install this checkout as a service, or upgrade the one that is there (PREFIX=/opt/posthouse)
	PREFIX=$(or $(PREFIX),/opt/posthouse) PYTHON=$(PYTHON) systemd/install .

audit: $(STAMP)  ## Ask PyPI's list of known weaknesses about every package of the environment; fails where it can't be asked
	test -x build/audit/bin/pip-audit || { $(PYTHON) -m venv build/audit && build/audit/bin/python -m pip install --quiet pip-audit; }
	$(BIN)/python -m pip freeze --exclude-editable > build/audit/frozen.txt
	build/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement build/audit/frozen.txt

clean:  ## Remove what the other targets made (not ./var)
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
