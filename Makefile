# Schoolgate: `make run` starts the demo school, `make test` runs the tests; each sets up all that it needs.

SHELL := /bin/sh
BIN := .venv/bin
READY := .venv/.installed
LISTS ?= ../shared/lists
# Several processes with tests (tests/conftest.py says how many), which take file after file in the order of conftest.py;
# the tests of one file stay together, as some share ports.
AT_ONCE ?= -n auto --dist loadfile --no-loadscope-reorder
# What a bench is to measure: make bench-dns BENCH="--only mixes --rounds 1"; --help says what there is.
BENCH ?=
export LISTS
# Tests start some thousand processes: what Python has compiled is kept, whatever the shell around us says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check lint types imports format demo e2e bench-dns bench-faults bench-journal bench-lists bench-pages bench-proxy bench-reporting lock test-programs clean

run: $(READY)
	@exec $(BIN)/schoolgate demo

demo: $(READY)
	@$(BIN)/schoolgate demo --exit

test: $(READY) test-programs
	@$(BIN)/python -m pytest $(AT_ONCE) $(TESTS)

check: $(READY) lint types imports test-programs
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m pytest $(AT_ONCE) --cov --cov-report= $(TESTS)
	@$(BIN)/coverage report --fail-under=90 --format=total | sed 's/^/Coverage: /;s/$$/%/'
	@$(BIN)/coverage report --fail-under=90 >build/coverage.txt || { cat build/coverage.txt; exit 1; }
	@$(BIN)/coverage report --fail-under=100 --include="$$(tests/pure_modules.sh)" || { echo "A pure module must be covered wholly, branches too."; exit 1; }

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY)
	@$(BIN)/mypy

imports: $(READY)
	@$(BIN)/lint-imports --no-cache

format: $(READY)
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

e2e: $(READY) test-programs
	@$(BIN)/python -m pytest tests/end_to_end

bench-dns: $(READY)
	@tests/install_programs.sh gcc dnsperf unbound pdns_recursor kresd dnsdist dnsmasq
	@$(BIN)/python -m tests.bench.dns $(BENCH)

bench-lists: $(READY)
	@tests/install_programs.sh unbound
	@$(BIN)/python -m tests.bench.lists

bench-proxy: $(READY)
	@tests/install_programs.sh gcc nginx squid e2guardian openssl-headers
	@$(BIN)/python -m tests.bench.proxy $(BENCH)

bench-reporting: $(READY)
	@$(BIN)/python -m tests.bench.alerts
	@$(BIN)/python -m tests.bench.replay

bench-journal: $(READY)
	@$(BIN)/python -m tests.bench.journal $(BENCH)

bench-pages: $(READY)
	@$(BIN)/python -m tests.bench.pages $(BENCH)

bench-faults: $(READY)
	@$(BIN)/python -m tests.bench.faults $(BENCH)

# The programs that tests need beyond Python: installed where we may, named where we may not.
test-programs:
	@mkdir -p build
	@tests/install_programs.sh dig kdig curl nft systemd-analyze ip chromium chromedriver certutil clamd postgresql zbarimg dejavu amiri

$(READY): requirements.lock pyproject.toml
	@python=$$(deploy/find_python.sh) || exit 1; \
	echo "Setting up .venv with $$python (first time only, a minute or two) ..."; \
	"$$python" -m venv --clear .venv && \
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --require-hashes -r requirements.lock && \
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --no-deps --no-build-isolation -e . && \
	touch $(READY)

# Resolve pyproject.toml anew into requirements.lock: hashed, for every supported Python and processor, without an index line.
lock:
	@uv pip compile --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header \
	    --group dev pyproject.toml -o requirements.lock

clean:
	@rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
