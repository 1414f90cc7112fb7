# Everything from a fresh checkout to results; `make` lists the targets.
#
# libtorch comes from the PyPI wheel into .libtorch/, a virtual environment to which
# .cargo/config.toml points cargo, here and outside of make. A LIBTORCH in the environment is used
# as it is and nothing is installed; build.rs checks its version.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

TORCH := 2.13.0
# What libtorch_cpu.so loads. The other CUDA libraries (3.5 GB) serve CUDA=1 only.
TORCH_NEEDS := nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85
DENY := 0.20.2

PIP := -m pip --disable-pip-version-check install --quiet
# One profile everywhere, so that torch-sys (minutes) is compiled once.
CARGO_FLAGS := --locked --release

# The mark that an installation is written last; without it, the folder is made anew.
CPU := .libtorch/installed-$(TORCH)-cpu
CUDA_TOO := .libtorch/installed-$(TORCH)-cuda
ifneq ($(LIBTORCH),)
  INSTALLED :=
else
  # An empty LIBTORCH would hide the one of .cargo/config.toml.
  unexport LIBTORCH
  INSTALLED := $(if $(filter 1,$(CUDA)),$(CUDA_TOO),$(or $(wildcard $(CUDA_TOO)),$(CPU)))
endif
PEERS := .python/installed-$(TORCH)
# The others are imported by these.
SCRIPTS := $(filter-out %/fixture.py %/record.py %/releases.py,$(wildcard tests/parity/*.py))

.PHONY: help tools libtorch python build study test bench parity audit clean distclean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "CUDA=1 installs libtorch with all CUDA libraries; ARGS='...' is passed on by study and bench;"
	@echo "bench reads pictures with DATA=DIR (mnist/, Tiny ImageNet) and IMAGES=DIR (JPEG files)."

tools:
	@command -v cargo >/dev/null || { echo "make: cargo not found: install Rust 1.88 or later" >&2; exit 1; }
	@command -v c++ >/dev/null || { echo "make: c++ not found: install a C++ compiler (Debian: g++)" >&2; exit 1; }

libtorch: tools $(INSTALLED) ## Install libtorch into .libtorch/

$(CPU): PACKAGES := --no-deps torch==$(TORCH) $(TORCH_NEEDS)
$(CUDA_TOO): PACKAGES := torch==$(TORCH)
$(CPU) $(CUDA_TOO):
	@command -v python3 >/dev/null || { echo "make: python3 not found (Debian: python3-venv)" >&2; exit 1; }
	python3 -m venv --clear .libtorch
	.libtorch/bin/python $(PIP) $(PACKAGES)
	cd .libtorch && ln -sfn lib/python3.*/site-packages/torch torch
	.libtorch/bin/python -c 'import ctypes; ctypes.CDLL(".libtorch/torch/lib/libtorch_cpu.so")'
	touch $@

python: $(PEERS) ## Install the Python peers that benchmarks and parity fixtures run

$(PEERS): tests/parity/requirements.txt
	python3 -m venv --clear .python
	.python/bin/python $(PIP) -r $<
	touch $@

build: libtorch ## Build target/release/rtscript
	cargo build $(CARGO_FLAGS)

study: build ## Run the main study: noise or adversarial noise?
	target/release/rtscript scripts/first_study.rhai $(ARGS)

test: libtorch ## Pass every check and every test
	cargo fmt --check
	cargo clippy $(CARGO_FLAGS) --lib --no-default-features -- -D warnings
	cargo clippy $(CARGO_FLAGS) --all-targets -- -D warnings
	cargo test $(CARGO_FLAGS)

bench: build $(PEERS) ## Compare speed with the Python peers
	.python/bin/python benches/compare.py $(ARGS)
	.python/bin/python benches/compare.py --task evaluate $(ARGS)
	.python/bin/python benches/compare.py --task features $(ARGS)
	.python/bin/python benches/compare.py --precision bf16 $(ARGS)
	.python/bin/python benches/compare.py --precision bf16 --peer autocast $(ARGS)
	.python/bin/python benches/compare.py --task evaluate --precision bf16 $(ARGS)
	.python/bin/python benches/load.py
	.python/bin/python benches/transforms.py $(if $(IMAGES),--images $(IMAGES))
	$(if $(DATA),.python/bin/python benches/loader.py --data $(DATA) $(if $(IMAGES),--images $(IMAGES)))
	$(if $(DATA),.python/bin/python benches/transfer.py --data $(DATA))

parity: build $(PEERS) ## Regenerate the parity fixtures; one that is not reproduced fails
	@failed=; for script in $(SCRIPTS); do \
	  echo "$$script"; .python/bin/python $$script || failed+=" $$script"; \
	done; if [ "$$failed" ]; then echo "make: not reproduced by:$$failed" >&2; exit 1; fi

audit: tools ## Check licences, sources and advisories of all dependencies
	cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny --version $(DENY)
	cargo deny --locked check

clean: ## Remove what was built of rtscript; keep its dependencies
	cargo clean --release -p rtscript

distclean: ## Remove all that make made: target/, .libtorch/ and .python/
	rm -rf target .libtorch .python
