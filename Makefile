# make            builds everything into build/, the tools into build/bin/
# make demo       installs what is missing, builds, and takes a small model through the whole tool chain
# make test       installs what is missing, builds (plain, sanitised, cross) and runs all tests
# make evidence   prints the ladder of evidence over ../shared/corpus and writes docs/evidence.md
# make bench      prints speed ratios
# make fuzz       runs every fuzz target for FUZZ_SECONDS
FUZZ_SECONDS ?= 600

.PHONY: all deps demo test evidence bench fuzz docs clean
all: build/build.ninja
	@ninja -C build --quiet

build/build.ninja:
	@cmake -S . -B build -G Ninja -DEDGETPU_TESTS=$$(test -f /usr/include/cmocka.h && echo ON || echo OFF) >/dev/null

demo:
	@scripts/install-deps build
	@$(MAKE) --no-print-directory build/build.ninja
	@ninja -C build --quiet make_model edgetpu_compiler edgetpu_objdump edgetpu_run
	@scripts/demo build

test:
	@scripts/install-deps test
	@scripts/test

evidence: all
	@build/bin/evidence ../shared/corpus docs/evidence.md

bench: all
	@scripts/bench build

fuzz:
	@scripts/install-deps test
	@scripts/fuzz $(FUZZ_SECONDS)

docs: all
	@build/bin/isa_doc > docs/isa.md
	@build/bin/operator_doc > docs/operators.md

clean:
	rm -rf build build-*
