# Makefile of recsys. `make help` lists what it can do.
#
# A capability is a folder under src/: every .c in it is compiled, and its .sql
# files, listed below in the order in which they depend on each other, make up
# the install script.  The version stands in recsys.control and nowhere else.

EXTENSION = recsys
MODULE_big = recsys

here := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" $(here)recsys.control)

# three numbers, as PGXN wants it
DISTVERSION = $(shell sed -n 's/^  "version": "\(.*\)".*/\1/p' $(here)META.json)

SQL_PARTS = \
	src/install_head.sql \
	src/core/stream.sql \
	$(SQL_RFM) \
	$(SQL_LIFECYCLE) \
	$(SQL_TAGS) \
	$(SQL_AUDIENCE) \
	$(SQL_RULES) \
	$(SQL_SIMILARITY) \
	$(SQL_RECOMMEND)

SQL_RFM = src/rfm/rfm.sql src/rfm/table.sql src/rfm/pareto.sql src/rfm/scheme.sql src/rfm/migration.sql

SQL_LIFECYCLE = src/lifecycle/lifecycle.sql

SQL_TAGS = src/tags/tagset.sql src/tags/tagquery.sql src/tags/tagset_op.sql src/tags/tagset_gin.sql \
	src/tags/tagset_agg.sql src/tags/tag_portrait.sql

SQL_AUDIENCE = src/audience/audience.sql src/audience/cross.sql src/audience/measure.sql \
	src/audience/eval.sql
# loops over the words of a set, as the server does for its checksums
src/audience/container.o: CFLAGS += $(CFLAGS_VECTORIZE)

SQL_RULES = src/rules/types.sql src/rules/aggregates.sql src/rules/functions.sql
# finds the largest of many counters
src/rules/projection.o: CFLAGS += $(CFLAGS_VECTORIZE)

SQL_SIMILARITY = src/similarity/similarity.sql
# loops over the targets of a row
src/similarity/settings.o: CFLAGS += $(CFLAGS_VECTORIZE)

SQL_RECOMMEND = src/recommend/recommend.sql src/recommend/scenes.sql

sources := $(sort $(wildcard $(here)src/*.c $(here)src/*/*.c))
OBJS = $(patsubst $(here)%.c,%.o,$(sources))

DATA_built = sql/recsys--$(EXTVERSION).sql
DATA = $(patsubst $(here)%,%,$(wildcard $(here)sql/recsys--*--*.sql))

REGRESS = $(sort $(patsubst $(here)test/sql/%.sql,%,$(wildcard $(here)test/sql/*.sql)))
REGRESS_OPTS = --inputdir=$(here)test --outputdir=. --encoding=UTF8 --load-extension=recsys
ISOLATION = $(sort $(patsubst $(here)test/specs/%.spec,%,$(wildcard $(here)test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(here)test --load-extension=recsys

# Flags are added to what PostgreSQL was built with, never put in their place.
# Code is generated for the plain architecture: anything newer is chosen at run time.
PG_CPPFLAGS += -I$(here)src
PG_CFLAGS += -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
	-fvisibility=hidden -MMD -MP -DRECSYS_VERSION='"$(EXTVERSION)"'
# Equal formulas have equal bits wherever they stand: a processor that multiplies and
# adds in one step would round some of them once less.
PG_CFLAGS += -ffp-contract=off
# clang does not know all flags of a server that gcc built
ifneq (,$(findstring clang,$(CC)))
PG_CFLAGS += -Wno-ignored-optimization-argument -Wno-unknown-warning-option -Wno-unused-command-line-argument -Wno-ignored-attributes \
	-Wno-compound-token-split-by-macro
endif
SHLIB_LINK += -lm
EXTRA_CLEAN = $(OBJS:.o=.d) $(OBJS:.o=.gcda) $(OBJS:.o=.gcno) sql/recsys--$(EXTVERSION).sql

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

-include $(OBJS:.o=.d)

# A build tree outside the source needs the folders of the objects.
$(shell mkdir -p sql $(sort $(dir $(OBJS))))

sql/recsys--$(EXTVERSION).sql: $(addprefix $(here),$(SQL_PARTS)) $(here)Makefile $(here)recsys.control
	cat $(addprefix $(here),$(SQL_PARTS)) > $@

.PHONY: help check-all check-regress check-isolation check-tap check-symbols dist

help:
	@echo 'make                 build against PG_CONFIG (default: pg_config in the PATH)'
	@echo 'make install         install; DESTDIR=... stages it'
	@echo 'make installcheck    regression and isolation tests in the running server'
	@echo 'make check-all       every test, on a throw-away cluster (test/run.sh)'
	@echo 'make check-regress   only the regression tests, on a throw-away cluster'
	@echo 'make check-isolation only the isolation tests'
	@echo 'make check-tap       only the TAP tests'
	@echo 'make check-symbols   every exported symbol bears our prefix'
	@echo 'make dist            recsys-$(DISTVERSION).zip for PGXN'
	@echo 'Variables: PG_CONFIG, DESTDIR, PROFILE (extra flags, e.g. PROFILE=-Werror)'

check-all:
	bash $(here)test/run.sh
check-regress:
	bash $(here)test/run.sh --regress
check-isolation:
	bash $(here)test/run.sh --isolation
check-tap:
	bash $(here)test/run.sh --tap

check-symbols: $(shlib)
	@bad=$$(nm -D --defined-only $(shlib) | awk '{print $$3}' | \
		grep -vE '^(recsys_|pg_finfo_recsys_|Pg_magic_func$$|_PG_init$$|_init$$|_fini$$|__gcov|mangle_path$$)' || true); \
	if [ -n "$$bad" ]; then echo "exported without our prefix: $$bad" >&2; exit 1; fi

dist:
	git -C $(here) archive --format=zip --prefix=recsys-$(DISTVERSION)/ -o $(here)recsys-$(DISTVERSION).zip HEAD
