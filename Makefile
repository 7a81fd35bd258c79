# ocitar: one header. This file builds its examples and tests; `make help`.
.POSIX:
.SUFFIXES:

CC = cc
CFLAGS = -O2 -g
PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
INCLUDEDIR = $(PREFIX)/include
PKGCONFIGDIR = $(PREFIX)/lib/pkgconfig
DESTDIR =
VERSION = 0.1.0

WARN = -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow \
       -Wundef -Wcast-qual -Wcast-align
CSTD = -std=c99
COMPILE = $(CC) $(CSTD) $(WARN) $(WERROR) $(CPPFLAGS) $(CFLAGS) -I.

EXAMPLES = build/ocitar build/hello_image build/to_stdout build/fixed_memory \
           build/uart_image build/firmware build/ota_verify
TOOLS = build/replay build/headers build/model build/faults \
        build/fuzz_reader build/fuzz_json build/fuzz_check build/fuzz_import
TESTS = build/test_errors build/test_digest build/test_tar build/test_archive \
        build/test_spool build/test_layout build/test_image build/test_layer \
        build/test_hosted build/test_system build/test_artifact \
        build/test_codec build/test_index build/test_rules \
        build/test_decoder build/test_json build/test_check build/test_kernels \
        build/test_move build/test_check_read

.PHONY: test-programs cross size profiles help all programs demo test install install-header lint format clean coverage model deep stack fuzz \
        bench bench-keep instructions

help:
	@echo 'make all      build the command and the examples'
	@echo 'make demo     pack a root file system into an image, and say what to do with it'
	@echo 'make test     run every test; ends with "N passed, N failed"'
	@echo 'make install  header, pkg-config file and command under $$(DESTDIR)$$(PREFIX)'
	@echo 'make install-header   the same without the command'
	@echo 'make lint     strict compilers and line lengths (gcc and clang, as found)'
	@echo 'make format   clang-format over examples and tests'
	@echo 'make coverage what the tests reach of ocitar.h (gcov, python3)'
	@echo 'make model    five million random call sequences'
	@echo 'make fuzz     the fuzz targets, a minute each (clang with libFuzzer)'
	@echo 'make bench    how fast it is, against others, on this machine (python3);'
	@echo '              BENCH=--quick, BENCH=--peers, BENCH=--help: how'
	@echo 'make bench-keep   the last result becomes what the README shows'
	@echo 'make instructions   counts of instructions against tests/instructions.txt'
	@echo '              (gcc, valgrind); UPDATE=1 writes that'
	@echo 'make size     bytes by target and profile, against tests/size.txt (cross gccs, python3)'
	@echo 'make profiles each configuration macro alone and each pair of them'
	@echo 'make stack    the deepest path through the stack of the core (gcc, python3)'
	@echo 'make deep     analyzers, valgrind, MemorySanitizer, 32 bits (as .ci/run does)'
	@echo 'make cross    other compilers and processors, emulated, as they are installed'
	@echo 'make clean    remove build/'
	@echo 'Set CC, CFLAGS, LDFLAGS, PREFIX, BINDIR, INCLUDEDIR, PKGCONFIGDIR, DESTDIR as'
	@echo 'usual; make clean when you change the compiler.'

all: $(EXAMPLES)

test-programs: $(TOOLS) $(TESTS)

programs: $(EXAMPLES) test-programs

# Two jobs at a time: nearly all of the time is the compiler's.
demo:
	@$(MAKE) -j2 all
	sh tests/demo.sh '$(CC)' build

test:
	@$(MAKE) -j2 programs
	@CC='$(CC)' sh tests/run.sh build

# gzip and zstd are built in where pkg-config knows their libraries and the
# compiler links with them; `make PKG_CONFIG=false` leaves them out.
PKG_CONFIG = pkg-config
LINKS = echo 'int main(void) { return 0; }' | \
        $(CC) $(CFLAGS) $(LDFLAGS) -x c -o build/links -
ZLIB = $$(f=$$($(PKG_CONFIG) --cflags --libs zlib 2>/dev/null) && \
       $(LINKS) $$f 2>/dev/null && echo "-DOCITAR_WITH_ZLIB $$f")
ZSTD = $$(f=$$($(PKG_CONFIG) --cflags --libs libzstd 2>/dev/null) && \
       $(LINKS) $$f 2>/dev/null && echo "-DOCITAR_WITH_ZSTD $$f")

build/ocitar: examples/ocitar.c examples/ocitar_read.h examples/ocitar_docker.h \
              examples/codec_zlib.h examples/codec_zstd.h ocitar.h
	@mkdir -p build
	$(COMPILE) $(LDFLAGS) -o $@ examples/ocitar.c $(ZLIB) $(ZSTD) $(LDLIBS)
	@rm -f build/links
build/hello_image: examples/hello_image.c ocitar.h
	@mkdir -p build
	$(COMPILE) $(LDFLAGS) -o $@ examples/hello_image.c $(LDLIBS)
build/to_stdout: examples/to_stdout.c ocitar.h
	@mkdir -p build
	$(COMPILE) $(LDFLAGS) -o $@ examples/to_stdout.c $(LDLIBS)
build/fixed_memory: examples/fixed_memory.c ocitar.h
	@mkdir -p build
	$(COMPILE) $(LDFLAGS) -o $@ examples/fixed_memory.c $(LDLIBS)
build/uart_image: examples/uart_image.c ocitar.h
	@mkdir -p build
	$(COMPILE) $(LDFLAGS) -o $@ examples/uart_image.c $(LDLIBS)
build/firmware: examples/firmware.c ocitar.h
	@mkdir -p build
	$(COMPILE) $(LDFLAGS) -o $@ examples/firmware.c $(LDLIBS)

build/ota_verify: examples/ota_verify.c ocitar.h
	@mkdir -p build
	$(COMPILE) $(LDFLAGS) -o $@ examples/ota_verify.c $(LDLIBS)

# The test programs share one copy of the library.
build/implementation.o: tests/implementation.c ocitar.h
	@mkdir -p build
	$(COMPILE) -c -o $@ tests/implementation.c
build/replay: tests/replay.c ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/replay.c build/implementation.o $(LDLIBS)
build/headers: tests/headers.c ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/headers.c build/implementation.o $(LDLIBS)
build/model: tests/model.c ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/model.c build/implementation.o $(LDLIBS)
build/faults: tests/faults.c tests/check.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/faults.c build/implementation.o $(LDLIBS)
# The fuzz targets, over their corpus and without a fuzzer.
build/fuzz_reader: tests/fuzz/reader.c tests/fuzz/fuzz.h tests/fuzz/archive.h \
                   tests/fuzz/replay.c ocitar.h build/implementation.o
	$(COMPILE) -Itests/fuzz $(LDFLAGS) -o $@ tests/fuzz/reader.c \
	    tests/fuzz/replay.c build/implementation.o $(LDLIBS)
build/fuzz_json: tests/fuzz/json.c tests/fuzz/fuzz.h tests/fuzz/archive.h \
                   tests/fuzz/replay.c ocitar.h build/implementation.o
	$(COMPILE) -Itests/fuzz $(LDFLAGS) -o $@ tests/fuzz/json.c \
	    tests/fuzz/replay.c build/implementation.o $(LDLIBS)
build/fuzz_check: tests/fuzz/check.c tests/fuzz/fuzz.h tests/fuzz/archive.h \
                   tests/fuzz/replay.c ocitar.h build/implementation.o
	$(COMPILE) -Itests/fuzz $(LDFLAGS) -o $@ tests/fuzz/check.c \
	    tests/fuzz/replay.c build/implementation.o $(LDLIBS)
build/fuzz_import: tests/fuzz/import.c tests/fuzz/fuzz.h tests/fuzz/archive.h \
                   tests/fuzz/replay.c ocitar.h build/implementation.o
	$(COMPILE) -Itests/fuzz $(LDFLAGS) -o $@ tests/fuzz/import.c \
	    tests/fuzz/replay.c build/implementation.o $(LDLIBS)
build/test_errors: tests/test_errors.c tests/check.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_errors.c build/implementation.o $(LDLIBS)
build/test_digest: tests/test_digest.c tests/check.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_digest.c build/implementation.o $(LDLIBS)
build/test_tar: tests/test_tar.c tests/check.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_tar.c build/implementation.o $(LDLIBS)
build/test_decoder: tests/test_decoder.c tests/check.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_decoder.c build/implementation.o $(LDLIBS)
build/test_json: tests/test_json.c tests/check.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_json.c build/implementation.o $(LDLIBS)
build/test_archive: tests/test_archive.c tests/check.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_archive.c build/implementation.o $(LDLIBS)
build/test_spool: tests/test_spool.c tests/check.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_spool.c build/implementation.o $(LDLIBS)
build/test_layout: tests/test_layout.c tests/check.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_layout.c build/implementation.o $(LDLIBS)
build/test_image: tests/test_image.c tests/check.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_image.c build/implementation.o $(LDLIBS)
build/test_layer: tests/test_layer.c tests/check.h tests/tar_reader.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_layer.c build/implementation.o $(LDLIBS)
build/test_artifact: tests/test_artifact.c tests/check.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_artifact.c build/implementation.o $(LDLIBS)
build/test_check: tests/test_check.c tests/check.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_check.c build/implementation.o $(LDLIBS)
build/test_check_read: tests/test_check.c tests/check.h ocitar.h
	@mkdir -p build
	$(COMPILE) -DTEST_BY_READING $(LDFLAGS) -o $@ tests/test_check.c $(LDLIBS)
build/test_codec: tests/test_codec.c tests/check.h tests/tar_reader.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_codec.c build/implementation.o $(LDLIBS)
build/test_index: tests/test_index.c tests/check.h tests/tar_reader.h tests/layout_reader.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_index.c build/implementation.o $(LDLIBS)
build/test_rules: tests/test_rules.c tests/check.h tests/tar_reader.h tests/layout_reader.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_rules.c build/implementation.o $(LDLIBS)
build/test_system: tests/test_system.c tests/check.h ocitar.h
	@mkdir -p build
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_system.c $(LDLIBS)
build/test_kernels: tests/test_kernels.c tests/check.h ocitar.h
	@mkdir -p build
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_kernels.c $(LDLIBS)
build/test_move: tests/test_move.c tests/check.h ocitar.h
	@mkdir -p build
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_move.c $(LDLIBS)
build/test_hosted: tests/test_hosted.c tests/check.h ocitar.h build/implementation.o
	$(COMPILE) $(LDFLAGS) -o $@ tests/test_hosted.c build/implementation.o $(LDLIBS)

install: build/ocitar install-header
	mkdir -p '$(DESTDIR)$(BINDIR)'
	cp build/ocitar '$(DESTDIR)$(BINDIR)/ocitar'
	chmod 755 '$(DESTDIR)$(BINDIR)/ocitar'

install-header:
	mkdir -p '$(DESTDIR)$(INCLUDEDIR)' '$(DESTDIR)$(PKGCONFIGDIR)'
	cp ocitar.h '$(DESTDIR)$(INCLUDEDIR)/ocitar.h'
	sed 's|@PREFIX@|$(PREFIX)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|' \
	    ocitar.pc.in >'$(DESTDIR)$(PKGCONFIGDIR)/ocitar.pc'
	chmod 644 '$(DESTDIR)$(INCLUDEDIR)/ocitar.h' \
	    '$(DESTDIR)$(PKGCONFIGDIR)/ocitar.pc'

lint:
	sh tests/grid.sh

format:
	clang-format -i examples/*.c tests/*.c tests/*.h

coverage:
	sh tests/coverage.sh build

fuzz:
	sh tests/fuzz.sh 60

cross:
	sh tests/cross.sh

size:
	python3 tests/size.py $(UPDATE)

profiles:
	sh tests/profiles.sh build

stack:
	python3 tests/stack.py $(CC)

model: build/model
	build/model 5000000 1000000

# Each ratio of two compilers' code is of fixed options, whatever CFLAGS are.
BENCH =
BENCHED = $(CSTD) $(WARN) -O2 -g -I.
EVP = $$(f=$$($(PKG_CONFIG) --cflags --libs libcrypto 2>/dev/null) && \
      echo "-DBENCH_EVP $$f")
bench:
	@$(MAKE) -j2 build/ocitar build/bench build/bench_peak \
	    $$(for c in gcc clang; do if command -v $$c >/dev/null; then \
	    echo build/bench_$$c build/bench_portable_$$c; fi; done)
	python3 tests/bench.py $(BENCH)
bench-keep:
	python3 tests/bench.py --keep
build/bench: tests/bench.c ocitar.h
	@mkdir -p build
	$(COMPILE) $(LDFLAGS) -o $@ tests/bench.c $(LDLIBS)
build/bench_peak: tests/peak.c
	@mkdir -p build
	$(COMPILE) $(LDFLAGS) -o $@ tests/peak.c $(LDLIBS)
build/bench_gcc: tests/bench.c ocitar.h
	@mkdir -p build
	gcc $(BENCHED) -o $@ tests/bench.c $(EVP)
build/bench_clang: tests/bench.c ocitar.h
	@mkdir -p build
	clang $(BENCHED) -o $@ tests/bench.c $(EVP)
build/bench_portable_gcc: tests/bench.c ocitar.h
	@mkdir -p build
	gcc $(BENCHED) -DOCITAR_NO_INTRINSICS -o $@ tests/bench.c
build/bench_portable_clang: tests/bench.c ocitar.h
	@mkdir -p build
	clang $(BENCHED) -DOCITAR_NO_INTRINSICS -o $@ tests/bench.c

UPDATE =
instructions: build/instructions
	sh tests/instructions.sh build $(UPDATE)
build/instructions: tests/instructions.c ocitar.h
	@mkdir -p build
	gcc $(CSTD) $(WARN) -O2 -DOCITAR_NO_INTRINSICS -I. -o $@ \
	    tests/instructions.c

deep:
	sh tests/deep.sh analyze
	sh tests/deep.sh valgrind
	sh tests/deep.sh msan
	sh tests/deep.sh m32
	sh tests/deep.sh options

clean:
	rm -rf build
