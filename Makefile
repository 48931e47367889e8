# `make demo` and `make test` need git, make and Python 3.11 or later; they install the rest.
PYTHON ?= python3
VENV := .venv
APPLICANTS := 30000
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# LightGBM and XGBoost spin idle threads otherwise, which starves a machine that does two things at once.
export OMP_WAIT_POLICY := PASSIVE
# No program of this project reports home.
export DO_NOT_TRACK := 1
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint bench bench-full bench-serving bench-batch ui simulate images stack audit sbom drills drills-sample lock clean

help: ## List what this file can do
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(VENV)/pipeline ## Generate a portfolio, run the whole pipeline, print its results
	@started=$$(date +%s); \
	dvc repro && \
	creditrisk show-results --seconds $$(( $$(date +%s) - started ))

test: $(VENV)/dev lint ## Check style, types, SQL, imports; run the tests but for the slow ones
	pytest --numprocesses 2 -m 'not slow'

test-slow: $(VENV)/dev ## Run the tests that take whole pipelines; CI runs both
	pytest --numprocesses 2 --dist loadfile -m slow

lint: $(VENV)/dev
	ruff check
	ruff format --check
	mypy
	sqlfluff lint src --disable-progress-bar
	lint-imports

drills: $(VENV)/dev ## Play 100 nights with faults drawn from a seed; fifty minutes and more. Needs libfaketime
	python tests/drills/run.py --nights 100

drills-sample: $(VENV)/dev ## The first ten of these nights
	python tests/drills/run.py --nights 10

bench: $(VENV)/dev ## Measure generator, feature store and chain on APPLICANTS=30000
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	python benchmarks/generator.py --applicants $(APPLICANTS) --out $$folder && \
	python benchmarks/feature_store.py --raw $$folder/raw && \
	python benchmarks/pipeline.py --raw $$folder/raw --truth $$folder/truth

bench-full: ## The same at Kaggle's scale: 307,511 applicants, 58 million rows
	$(MAKE) bench APPLICANTS=307511

bench-batch: $(VENV)/dev ## Measure batch scoring beside the bare booster, on the last run's table and model
	python benchmarks/batch.py --input data/processed/feature_store.parquet --bundle models/credit_risk_pd

bench-serving: $(VENV)/dev ## Measure the API beside MLflow's own server; needs a finished make demo
	python benchmarks/serving.py

ui: $(VENV)/pipeline ## Open the MLflow UI on the runs of this folder
	mlflow ui --backend-store-uri sqlite:///mlflow.db

simulate: $(VENV)/pipeline ## Play twelve months with a concept shift in reports/simulation and draw their timeline
	rm -rf reports/simulation && creditrisk simulate

audit: $(VENV)/dev ## Check locks and sources: advisories, insecure code, licences
	python requirements/audit.py

sbom: $(VENV)/dev ## Write the bill of materials of both images to reports/sbom
	python requirements/sbom.py

stack: $(VENV)/pipeline ## Start API, MLflow, PostgreSQL, store, Prometheus and Grafana by Docker; after make demo
	deploy/compose/prepare.sh
	docker compose --env-file deploy/compose/secrets/stack.env up --build --detach --wait api mlflow inference prometheus grafana

images: $(VENV)/dev ## Build both container images, start them, check what they answer; needs buildah and podman
	deploy/images/build.sh
	CREDITRISK_TEST_IMAGES=1 pytest --timeout 1200 tests/images

lock: ## Resolve the lock files anew (needs uv)
	requirements/compile.sh --upgrade

clean: ## Remove what the pipeline and the tools wrote; .venv and the DVC cache stay
	rm -rf data models reports mlruns mlartifacts mlflow.db* .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "creditrisk needs Python 3.11 or later, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/pipeline: requirements/pipeline.lock pyproject.toml | $(VENV)/bin/python
	pip install --quiet --require-hashes --requirement requirements/pipeline.lock
	pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/dev: requirements/dev.lock pyproject.toml | $(VENV)/bin/python
	pip install --quiet --require-hashes --requirement requirements/dev.lock
	pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@ $(VENV)/pipeline
