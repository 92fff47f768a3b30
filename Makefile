# rosim: `make help` lists what there is. Objects live in build/<variant>/, so no switch needs a clean.

VARIANT ?= release
ifeq ($(origin CC),default)    # make's own cc
CC = gcc
endif
BUILD = build/$(VARIANT)

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wdouble-promotion \
           -Wstrict-prototypes -Wmissing-prototypes -Wvla
CFLAGS_release = -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
CFLAGS_debug = -O0
CFLAGS_asan = -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan = -O1 -fsanitize=thread -fno-omit-frame-pointer
LDFLAGS_release = -Wl,-z,relro,-z,now

# VARIANT=small, for images: OpenBLAS in the binary, on x86-64 with the kernels of its core types for SSE3 and AVX2
# alone (the other types' names lead to these two): 3 MB of it instead of 40 with its libraries.
CFLAGS_small = $(CFLAGS_release)
LDFLAGS_small = $(LDFLAGS_release) -s -Wl,--gc-sections
ifneq ($(filter x86_64 amd64,$(shell uname -m)),)
BLAS_SSE3 = ATOM CORE2 PENRYN DUNNINGTON NEHALEM OPTERON OPTERON_SSE3 BARCELONA BOBCAT NANO BULLDOZER PILEDRIVER \
            STEAMROLLER SANDYBRIDGE
BLAS_AVX2 = EXCAVATOR ZEN SKYLAKEX COOPERLAKE
LDFLAGS_small += $(BLAS_SSE3:%=-Wl,--defsym=gotoblas_%=gotoblas_PRESCOTT) \
                 $(BLAS_AVX2:%=-Wl,--defsym=gotoblas_%=gotoblas_HASWELL)
endif

PACKAGES = libmicrohttpd libcjson gnutls
PACKAGE_CFLAGS = $(shell pkg-config --cflags $(PACKAGES) openblas)
PACKAGE_LIBS = $(shell pkg-config --libs $(PACKAGES)) $(BLAS_LIBS)
ifeq ($(VARIANT),small)
BLAS_LIBS = $(shell pkg-config --variable=libdir openblas)/libopenblas.a -Wl,-Bstatic -lgfortran -lquadmath \
            -Wl,-Bdynamic
else
BLAS_LIBS = $(shell pkg-config --libs openblas)
endif

ALL_CFLAGS = -std=c17 -D_POSIX_C_SOURCE=200809L -g -fPIE -pthread -ffp-contract=off $(WARNINGS) \
             $(CFLAGS_$(VARIANT)) -I. -I$(BUILD) $(PACKAGE_CFLAGS) $(FILE_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -pthread $(CFLAGS_$(VARIANT)) $(LDFLAGS_$(VARIANT)) $(LDFLAGS)
ALL_LIBS = $(PACKAGE_LIBS) -lm

# One archive per room. A test named check_<room>_*.c links only its room and the rooms below it, so an upward call
# fails.
ROOMS = server model score encoder kernels text weights
DIR_server = server server/routes server/cli
DIR_model = model
DIR_score = model/score
DIR_encoder = model/encoder
DIR_kernels = model/kernels
DIR_text = model/text
DIR_weights = weights
BELOW_server = server model score encoder kernels text weights
BELOW_model = model score encoder kernels text weights
BELOW_score = score weights
BELOW_encoder = encoder kernels weights
BELOW_kernels = kernels weights
BELOW_text = text weights
BELOW_weights = weights

sources = $(filter-out server/main.c,$(wildcard $(addsuffix /*.c,$(DIR_$(1)))))
objects = $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(1)))
archives = $(patsubst %,$(BUILD)/lib%.a,$(BELOW_$(1)))
room_of = $(word 2,$(subst _, ,$(notdir $(1))))

# What runs on one thread cannot race.
LEFT_OUT_tsan = check_encoder_approx check_encoder_attention check_encoder_config check_encoder_cost \
                check_encoder_dropout check_encoder_golden check_encoder_default check_kernels_dense \
                check_kernels_math check_kernels_peak check_model_diagnosis check_model_precision check_score_% \
                check_text_% check_weights_%
CHECKS = $(filter-out $(addprefix $(BUILD)/tests/,$(LEFT_OUT_$(VARIANT))), \
           $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/check_*.c)))
E2E = $(patsubst tests/e2e/%.c,$(BUILD)/tests/e2e/%,$(wildcard tests/e2e/check_*.c))

.DEFAULT_GOAL = all
.PHONY: all help setup run test check asan tsan e2e e2e-page e2e-openapi lint fuzz models parity bench bench-cost \
        bench-peers bench-trust docker clean built train train-test eval distill neon install uninstall deb
.SECONDARY:
.SECONDEXPANSION:

all: $(BUILD)/rosim                             ## the binary build/<VARIANT>/rosim

$(BUILD)/rosim: $(BUILD)/server/main.o $(call archives,server)
	$(CC) $(ALL_LDFLAGS) -o $@ $< $(filter %.a,$^) $(ALL_LIBS)

$(BUILD)/lib%.a: $$(call objects,$$*)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Each level of kernels is compiled for its own instruction set and chosen when the program runs.
MACHINE = $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
ifneq ($(filter x86_64 amd64,$(MACHINE)),)
AVX512 = -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma
$(BUILD)/model/kernels/avx2.o: FILE_CFLAGS = -mavx2 -mfma
$(BUILD)/model/kernels/avxvnni.o: FILE_CFLAGS = -mavx2 -mfma -mavxvnni
$(BUILD)/model/kernels/avx512vnni256.o: FILE_CFLAGS = -mavx2 -mfma -mavx512vl -mavx512vnni
AVX512_OBJECTS = $(patsubst %,$(BUILD)/model/kernels/%.o,avx512 avx512vnni avx512bf16)
$(AVX512_OBJECTS): FILE_CFLAGS = $(AVX512)
$(BUILD)/model/kernels/avx512bf16.o: FILE_CFLAGS = $(AVX512) -mavx512bf16
else ifeq ($(MACHINE),aarch64)
$(BUILD)/model/kernels/neon.o: FILE_CFLAGS = -march=armv8.2-a+dotprod
endif

# Plain loops over rows, which gcc turns into vectors from -O3 on.
ROW_LOOPS = $(patsubst %,$(BUILD)/model/encoder/%.o,attention_linear forward pooling rope)
$(ROW_LOOPS): FILE_CFLAGS = -O3

$(BUILD)/server/cli/bench_machine.o: FILE_CFLAGS = -DBENCH_COMPILER_FLAGS='"$(strip $(CFLAGS_$(VARIANT)))"'

# The playground's files are parts of this object.
$(BUILD)/server/routes/page.o: $(wildcard server/page/*)

# libcheck's float macros widen silently, hence the one warning less.
$(BUILD)/tests/%.o: tests/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Wno-double-promotion $(shell pkg-config --cflags check) -MMD -MP -c -o $@ $<

$(BUILD)/tests/check_%: $(BUILD)/tests/check_%.o $$(call archives,$$(firstword $$(subst _, ,$$*)))
	$(CC) $(ALL_LDFLAGS) -o $@ $< $(filter %.a,$^) $(shell pkg-config --libs check) $(ALL_LIBS)

$(BUILD)/tests/e2e/%: $(BUILD)/tests/e2e/%.o $(BUILD)/tests/e2e/support.o $(call archives,server)
	$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(shell pkg-config --libs check) $(ALL_LIBS)

help:                                           ## this list
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup:                                          ## install the missing system packages (sudo only when not root)
	@docker/setup.sh

MODEL ?= weights/default
PORT ?= 8080
run: setup                                      ## build, and serve MODEL on 127.0.0.1:PORT; more options in ARGS
	@$(MAKE) --no-print-directory all
	$(BUILD)/rosim serve --model $(MODEL) --port $(PORT) $(ARGS)

test: setup                                     ## set-up, then every test that needs no network and no Python
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory tests

tests: all $(CHECKS) $(E2E)
	@tests/run.sh $(VARIANT) $(CHECKS) $(E2E)

built: all $(CHECKS) $(E2E)                     # compiles every test, and runs none

check: $(CHECKS)                                ## unit tests (VARIANT=asan: the same; VARIANT=tsan: those with threads)
	@tests/run.sh $(VARIANT) $(CHECKS)

asan:                                           ## unit tests under address and undefined-behaviour sanitizers
	@$(MAKE) VARIANT=asan check

tsan:                                           ## unit tests under the thread sanitizer
	@$(MAKE) VARIANT=tsan check

e2e: all $(E2E)                                 ## a real server under raw sockets and curl
	@tests/run.sh $(VARIANT) $(E2E)

e2e-page: all                                   ## the playground in a headless Chromium (chromium, Python)
	@tests/e2e/page/run.sh $(BUILD)/rosim

.PHONY: e2e-haproxy
e2e-haproxy: all                                ## RESTARTS=100 rolling restarts behind a real HAProxy (Python)
	@docker/setup.sh haproxy
	@python3 tests/haproxy/rolling.py $(BUILD)/rosim

e2e-openapi: all                                ## schemathesis against a running server (Python, network)
	@tests/e2e/openapi/run.sh $(BUILD)/rosim

lint:                                           ## house rules: arrows between rooms, banned calls, header contracts
	@tests/lint_rules.sh && tests/lint.sh

FUZZERS = $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 60
fuzz:                                           ## libFuzzer, FUZZ_SECONDS on each target
	@$(MAKE) --no-print-directory CC=clang VARIANT=fuzz $(addprefix build/fuzz/tests/fuzz/,$(FUZZERS))
	@tests/fuzz/run.sh build/fuzz/tests/fuzz $(FUZZ_SECONDS) $(FUZZERS)

CFLAGS_fuzz = -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(call archives,server)
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $< $(filter %.a,$^) $(ALL_LIBS)

.PHONY: soak
REQUESTS ?= 100000
soak: all $(BUILD)/tests/e2e/soak               ## REQUESTS requests of every kind: memory at start, middle, end
	@REQUESTS=$(REQUESTS) MODEL=$(MODEL) $(BUILD)/tests/e2e/soak

neon:                                           ## kernels and encoder for 64-bit ARM, their tests under qemu-user
	@tests/cross/neon.sh

models:                                         ## real third-party models into weights/cache, pinned by SHA-256
	@weights/fetch.sh

$(BUILD)/tests/parity/%: $(BUILD)/tests/parity/%.o $(call archives,text)
	$(CC) $(ALL_LDFLAGS) -o $@ $< $(filter %.a,$^) $(ALL_LIBS)

parity: all $(BUILD)/tests/parity/tokenize_stream  ## against torch, onnxruntime, tokenizers on real models (Python)
	@tests/parity/run.sh $(BUILD)

bench: all                                      ## kernels, whole forwards, server; QUICK=1 to try it out
	@tests/bench/run.sh $(BUILD)/rosim

bench-cost: all                                 ## predicted against measured time by length, into docs/cost.svg
	$(BUILD)/rosim bench --cost --model $(MODEL) --max-length 8192 --measure-ms 1000 -o docs/cost.svg

bench-trust: all                                ## calibration, heads, drift on public sets: DATA=folder (Python)
	@tests/bench/trust/run.sh $(BUILD)/rosim $(MODEL)

bench-peers: all                                ## beside other engines and servers (Python, network); options in ARGS
	@tests/bench/peers/run.sh $(BUILD)/rosim $(ARGS)

STEP ?=
train: all                                      ## the default model's recipe; STEP=teachers|prepare|train|export|long
	@weights/train/run.sh train $(STEP)

train-test: all                                 ## the recipe's own tests: student against the C encoder, losses, data
	@weights/train/run.sh test $(BUILD)/rosim

STS ?= ../shared/data/sts
eval: all                                       ## Spearman of MODEL on the sets of STS, through the real server
	@PYTHONDONTWRITEBYTECODE=1 python3 weights/train/evaluate.py $(MODEL) $(STS) --binary $(BUILD)/rosim $(ARGS)

OUT ?= weights/cache/distilled
distill: all                                    ## your own student: TEACHER=folder DATA=texts, one a line; OUT=folder
	@weights/train/run.sh distill "$(TEACHER)" "$(DATA)" "$(OUT)" $(ARGS)

.PHONY: clients-test e2e-clients
clients-test: all                               ## clients/ against a server of its own (Python with NumPy, Node)
	@clients/run.sh $(BUILD)/rosim

e2e-clients: all                                ## official clients of other servers (Python, Node, network)
	@tests/e2e/clients/run.sh $(BUILD)/rosim

docker:                                         ## the container image
	docker build -f docker/Dockerfile -t rosim .

PREFIX ?= /usr/local
INSTALLED = bin/rosim share/man/man1/rosim.1 share/bash-completion/completions/rosim lib/systemd/system/rosim.service \
            share/doc/rosim/LICENSE share/doc/rosim/NOTICE
install: all                                    ## into DESTDIR and PREFIX (/usr/local): binary, model, manual, unit
	install -d $(dir $(INSTALLED:%=$(DESTDIR)$(PREFIX)/%)) $(DESTDIR)$(PREFIX)/share/rosim/default
	install -m 755 $(BUILD)/rosim $(DESTDIR)$(PREFIX)/bin/rosim
	$(BUILD)/rosim help --man >$(DESTDIR)$(PREFIX)/share/man/man1/rosim.1
	$(BUILD)/rosim help --bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/rosim
	sed 's|/usr/bin/rosim|$(PREFIX)/bin/rosim|' docker/systemd/rosim.service \
	    >$(DESTDIR)$(PREFIX)/lib/systemd/system/rosim.service
	install -m 644 LICENSE NOTICE $(DESTDIR)$(PREFIX)/share/doc/rosim/
	install -m 644 weights/default/* $(DESTDIR)$(PREFIX)/share/rosim/default/

uninstall:                                      ## what install has put there
	rm -f $(INSTALLED:%=$(DESTDIR)$(PREFIX)/%)
	rm -rf $(DESTDIR)$(PREFIX)/share/rosim/default
	rmdir $(DESTDIR)$(PREFIX)/share/rosim $(DESTDIR)$(PREFIX)/share/doc/rosim

.PHONY: check-install chart-lint
check-install: all                              ## install and uninstall, manual, completion, unit, HAProxy's settings
	@tests/install/run.sh $(BUILD)/rosim

chart-lint: all                                 ## the Helm chart against helm and Kubernetes' schemas (go, Python)
	@tests/chart/run.sh $(BUILD)/rosim

deb:                                            ## Debian packages of the server and of its model, in build/deb
	@docker/debian/build.sh

clean:                                          ## remove build/
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
