# auth-portal. `make run` and `make test` are all a newcomer needs; `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help run demo test lint format bench attack fuzz screenshots catalogue types lock clean

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-11s %s\n", $$1, $$2}'

.venv/installed: requirements.txt setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make run PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# Relying parties that others wrote. Without Node.js the tests that need them say so.
.venv/installed-node: tests/node/package.json tests/node/package-lock.json .venv/installed-dev
	@if ! command -v npm >/dev/null; then exit 0; fi; \
	(cd tests/node && npm ci --silent --no-audit --no-fund --ignore-scripts) && touch $@ || echo "npm ci failed in tests/node"

run: .venv/installed ## start the portal for development on http://127.0.0.1:8000 (PORT=... changes it)
	@AUTH_PORTAL_ENV=development PORT=$(PORT) $(BIN)/gunicorn wsgi:app

.venv/installed-demo: examples/requirements.txt .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r examples/requirements.txt
	@touch $@

demo: .venv/installed-demo ## start the portal with three example apps that sign in through it
	@PORT=$(PORT) $(BIN)/python examples/demo.py

# A worker for each core; the tests of a file stay together, since they share a portal or a browser.
test: .venv/installed-node ## run all tests, on SQLite and PostgreSQL and in a browser
	@$(BIN)/python -m pytest --numprocesses logical --dist loadfile

lint: .venv/installed-dev ## check format, code, types and import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: .venv/installed-dev ## format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: .venv/installed-dev ## measure CPU per sign-in, beside a bare program that does only the unavoidable
	@$(BIN)/python -m bench

attack: .venv/installed-dev ## play attackers against a running portal for simulated years, and hold them against the bounds
	@$(BIN)/python -m attack

fuzz: .venv/installed-dev ## hold a running portal against its OpenAPI document (FUZZ="--seconds 600" plays longer)
	@$(BIN)/python -m fuzz $(FUZZ)

screenshots: .venv/installed-dev ## take pictures of every page into docs/screenshots
	@$(BIN)/python -m gallery

catalogue: .venv/installed ## collect texts for translation and compile the catalogues
	@$(BIN)/pybabel -q extract -F babel.cfg --no-location --sort-output --project auth-portal -k _ -o auth_portal/translations/messages.pot .
	@$(BIN)/pybabel -q update -i auth_portal/translations/messages.pot -d auth_portal/translations --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	@sed -i.old -E '/^"(Report-Msgid-Bugs-To|POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team|Generated-By):/d' auth_portal/translations/*/LC_MESSAGES/messages.po
	@rm -f auth_portal/translations/*/LC_MESSAGES/messages.po.old
	@$(BIN)/pybabel compile -d auth_portal/translations --statistics

types: export AUTH_PORTAL_ENV = development
types: .venv/installed ## write the types of the client libraries and the tables of settings anew
	@$(BIN)/auth-portal openapi --as typescript > clients/typescript/src/types.ts
	@$(BIN)/auth-portal openapi --as python > clients/python/src/auth_portal_client/types.py
	@for language in en tr; do page=docs/$${language#en}/settings.md; \
	(sed '/^|/,$$d' $$page && $(BIN)/auth-portal settings --locale $$language) > $$page.new && mv $$page.new $$page; done

lock: ## pin the newest releases of all dependencies
	rm -rf .venv/lock && $(PYTHON) -m venv .venv/lock
	.venv/lock/bin/pip install --quiet .
	(echo '# What the portal runs on: everything pinned, direct and indirect. `make lock` writes it anew.' && .venv/lock/bin/pip freeze --exclude auth-portal) > requirements.txt
	.venv/lock/bin/pip freeze --exclude auth-portal > .venv/lock/runtime.txt
	.venv/lock/bin/pip install --quiet $$(sed -n 's/^# direct: //p' requirements-dev.txt)
	(sed -n '/^[#-]/p' requirements-dev.txt && .venv/lock/bin/pip freeze --exclude auth-portal | grep -vxFf .venv/lock/runtime.txt) > .venv/lock/dev.txt && mv .venv/lock/dev.txt requirements-dev.txt

clean: ## remove what make made, the development database too
	rm -rf clients/typescript/dist clients/typescript/node_modules clients/python/build clients/python/src/*.egg-info
	rm -rf .venv instance build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
