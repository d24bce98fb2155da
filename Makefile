# Everything goes through here; `make help` lists it all.
.DEFAULT_GOAL := help
.PHONY: help up doctor stage advance rollback rejoin upgrade status verify logs drift preview-report graph report down env tools check format lint types unit preview contract e2e faults test bench prune

STACK ?= dev
SHELL := /bin/sh

# The Python of the project's own environment, which is made at first use, outside the checkout.
python = venv=$$(sh toolchain/venv.sh) && "$$venv/bin/python"
vmmesh = @$(python) -m vmmesh
# Tools and tests find pulumi, kind, kubectl and the rest by this.
tooled = eval "$$($(python) -m toolchain env)" &&
# The Python package of it holds no program, but fetches one.
actionlint = github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2} /^## / {printf "\n%s\n", substr($$0, 4)}' $(MAKEFILE_LIST)

## Run it (STACK=dev)
up: ## From nothing to the mesh with the VM in it; again: changes nothing (GONE=vm1: it is gone for good)
	$(vmmesh) up --stack $(STACK) $(addprefix --gone ,$(GONE))

doctor: ## What must hold on this machine, in the clusters and on the VMs, and what to do where it does not
	$(vmmesh) doctor --stack $(STACK)

stage: ## SERVICE=details STAGE=canary: edit the config, show the preview, apply, verify
	@test -n "$(SERVICE)" -a -n "$(STAGE)" || { echo "usage: make stage SERVICE=details STAGE=canary" >&2; exit 2; }
	$(vmmesh) stage --stack $(STACK) "$(SERVICE)" "$(STAGE)"

advance: ## SERVICE=details (TO=STAGE or ALL=1): one stage further, kept if it holds its gate, else rolled back
	$(vmmesh) advance --stack $(STACK) $(if $(TO),--to "$(TO)") $(if $(ALL),--all) $(if $(SERVICE),"$(SERVICE)")

rollback: ## SERVICE=details: back to the stage before
	$(vmmesh) rollback --stack $(STACK) $(if $(SERVICE),"$(SERVICE)")

logs: ## SERVICE=details: the access logs of machines and clusters, followed in one window
	$(vmmesh) logs --stack $(STACK) --follow $(if $(SERVICE),"$(SERVICE)")

status: ## Each route's stage, shares, errors and latency; each VM's health (WATCH=1: refreshed in place)
	$(vmmesh) status --stack $(STACK) $(if $(WATCH),--watch)

verify: ## Send requests from the real callers and judge where they were served
	$(vmmesh) verify --stack $(STACK)

rejoin: ## Bring machines back that were away too long (MACHINE=vm1; default: all)
	$(vmmesh) rejoin --stack $(STACK) $(MACHINE)

upgrade: ## VM=vm1: apply what was edited of a VM while nobody calls it
	@test -n "$(VM)" || { echo "usage: make upgrade VM=vm1" >&2; exit 2; }
	$(vmmesh) upgrade --stack $(STACK) "$(VM)"

graph: ## Draw the mesh, STAGE=canary as it would be, or OVER=30m as it was (SERVICE=details OUTPUT=picture.svg|.png|.html)
	$(vmmesh) graph --stack $(STACK) $(SERVICE) $(if $(STAGE),--stage $(STAGE)) $(if $(OVER),--over $(OVER)) --output $(or $(OUTPUT),topology.html)

report: ## Figures and verdict for a ticket (SERVICE=details OUTPUT=report.md|.html)
	$(vmmesh) report --stack $(STACK) $(SERVICE) --output $(or $(OUTPUT),report.md)

drift: ## Where the mesh differs from the config; fails if it does
	$(vmmesh) drift --stack $(STACK)

REPORT ?= /dev/stdout
preview-report: ## What an update would do, as a comment for a pull request (REPORT=file)
	$(vmmesh) report --preview --stack $(STACK) --output "$(REPORT)"

down: ## Leave nothing behind (GONE=vm1: it is gone for good)
	$(vmmesh) down --stack $(STACK) $(addprefix --gone ,$(GONE))

env: ## Print what a shell needs for vmmesh, and for pulumi by hand: eval "$(make -s env)"
	@$(python) -m toolchain env

## Build and test it
tools: ## Get every tool and image: from PATH, official release, or package registries
	@$(python) -m toolchain ensure --stack $(STACK)

check: format lint types unit preview ## The fast part: format, types, unit and preview tests

format: ## Is the code formatted?
	@$(python) -m ruff format --check .

lint: ## ruff, shellcheck, gofmt, go vet, and the checks of CI's own files
	@$(python) -m ruff check .
	@$(python) -m check_jsonschema --builtin-schema vendor.github-workflows docs/ci/github/*.yml
	@$(python) -m check_jsonschema --builtin-schema vendor.gitlab-ci docs/ci/gitlab/gitlab-ci.yml
	@go run $(actionlint) -config-file docs/ci/actionlint.yaml -shellcheck "$$(sh toolchain/venv.sh)/bin/shellcheck" docs/ci/github/*.yml
	@"$$(sh toolchain/venv.sh)/bin/shellcheck" --external-sources --shell=sh $$(git ls-files --cached --others --exclude-standard '*.sh' bin)
	@cd apps/bookinfo && test -z "$$(gofmt -l . ../../tests/e2e/wasm ../../tests/e2e/page)" && go vet ./...

types: ## The strict type checker
	@$(python) -m basedpyright --pythonpath "$$venv/bin/python"

unit: ## Unit tests, of the sample application too
	@$(python) -m pytest --numprocesses=auto tests/unit
	@cd apps/bookinfo && go test ./...

preview: tools ## Previews through the real engine, without any cluster
	@$(tooled) $(python) -m pytest --numprocesses=auto tests/preview

contract: tools ## Hold whichever Pulumi plugins are found to the official behaviour
	@$(tooled) $(python) -m pytest tests/contract

e2e: tools ## The real clusters, the real VM, real traffic
	@$(tooled) $(python) -m pytest tests/e2e -m "not long"

FAULT ?=
faults: tools ## The long form: everything dies, is cut off, comes back, with traffic (FAULT="killed and not vm": some of it)
	@$(tooled) $(python) -m pytest tests/e2e -s -v --durations=40 --durations-min=20 -m long -k "$(FAULT)"

test: check contract e2e ## All of it, real clusters too; but for the long form, which is `make faults`

bench: $(if $(CHECKOUT),,tools) ## Measure beside what a user would do instead (ONLY=stage SHORT=1 COLD=1 CHECKOUT=dir: of what is up)
	@$(tooled) $(python) -m bench $(ONLY) $(if $(SHORT),--short) $(if $(COLD),--cold) \
		$(if $(CHECKOUT),--checkout "$(CHECKOUT)" --stack $(STACK)) --output "$(or $(OUTPUT),$(if $(SHORT),.state/bench.md,docs/numbers.md))"

prune: ## Remove from the cache what no stack of this checkout uses
	@$(python) -m toolchain prune
