# Two commands do everything on a fresh machine that has Python 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3
# Extra words for `pip install torch`, e.g. TORCH_PIP="--index-url ..." for a build of your own choice.
TORCH_PIP ?=
# What ours is tested with, in a folder of its own and without its dependencies: see benchmarks/peers.py.
PEERS := timm torchvision
# Triton's interpreter runs the GPU's kernels on a CPU, for their tests alone; torch's builds for a GPU bring their own.
TRITON := "triton; platform_system == 'Linux' and platform_machine == 'x86_64'"
BIN := .venv/bin
# Most tests wait for a fresh interpreter or compute in one thread: two processes of them take half the time.
PYTEST = $(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile
TEST_PROCESSES ?= 2
STAMP := .venv/.installed

.PHONY: help demo demo-photos test test-slow test-gpu test-nightly bench lint format clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

# torch goes first and alone: installed together with the rest, a range could bring another build of it.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "batchnorm needs Python 3.11 or newer; \`$(PYTHON)\` is older. Say which one to use: make PYTHON=python3.11 ..."; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt $(TORCH_PIP) torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps --upgrade --target .venv/peers $(PEERS)
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps --upgrade --target .venv/triton $(TRITON)
	@touch $@

demo: $(STAMP) ## train ConvBNNet on the bundled images, evaluate, recalibrate and fold it, predict a few
	rm -rf runs/demo
	$(BIN)/batchnorm train --out runs/demo
	$(BIN)/batchnorm evaluate runs/demo
	$(BIN)/batchnorm recalibrate runs/demo
	$(BIN)/batchnorm fold runs/demo --out runs/demo/folded.safetensors
	$(BIN)/batchnorm predict runs/demo/folded.safetensors --test-images 30 --sheet runs/demo/contact_sheet.png
	@echo "look at runs/demo/contact_sheet.png: green is right, red is wrong"

PHOTOS := runs/demo-photos
# Small enough that two processors train it in about a minute.
SMALL_NET := --image-size 48 --model resnet20 --model-args width 8 --batch-size 32 --crop 0.7 --val-fraction 0

demo-photos: $(STAMP) ## write folders of images, train on few of them from scratch and with features of others
	rm -rf $(PHOTOS)
	$(BIN)/python tools/write_photos.py $(PHOTOS)/images
	$(BIN)/batchnorm train --data $(PHOTOS)/images/many $(SMALL_NET) --epochs 25 --out $(PHOTOS)/features
	$(BIN)/batchnorm train --data $(PHOTOS)/images/few $(SMALL_NET) --epochs 40 --out $(PHOTOS)/scratch
	$(BIN)/batchnorm train --data $(PHOTOS)/images/few $(SMALL_NET) --epochs 40 --init $(PHOTOS)/features --out $(PHOTOS)/transfer
	$(BIN)/batchnorm plot $(PHOTOS)/scratch $(PHOTOS)/transfer -o $(PHOTOS)/curves.svg
	$(BIN)/batchnorm predict $(PHOTOS)/transfer/model.safetensors --test-images 30 --sheet $(PHOTOS)/contact_sheet.png
	@echo "look at $(PHOTOS)/contact_sheet.png and curves.svg: with features of other classes, and without"

test: $(STAMP) ## every quick test and doctest
	$(PYTEST)

test-slow: $(STAMP) ## the trainings over several seeds that the documented accuracies come from
	$(PYTEST) -m slow --timeout 2400

test-gpu: $(STAMP) ## what a GPU computes, on a machine that has one (and a torch for it: see TORCH_PIP)
	$(PYTEST) -m gpu --numprocesses 0

test-nightly: $(STAMP) ## folding on every public net of benchmarks/zoo.py, half an hour and more
	$(PYTEST) -m nightly --timeout 2400

bench: $(STAMP) ## time batch norm against PyTorch's, about an hour on a quiet machine, and write what it says
	$(BIN)/batchnorm bench --out benchmarks/results
	$(BIN)/python tools/write_speed.py

lint: $(STAMP) ## formatting, lint rules and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP) ## write the formatting and the safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove the environment, the caches and the demos' runs
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis runs/demo $(PHOTOS)
