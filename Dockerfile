# PostgreSQL with recsys, on the official image.
#
#   docker build -t recsys .                                  PostgreSQL 15
#   docker build -t recsys --build-arg PG_MAJOR=17 .          another major, 13 to 18
#   docker run -d -e POSTGRES_PASSWORD=... -p 5432:5432 recsys
#
# Then CREATE EXTENSION recsys in each database that wants it.
ARG PG_MAJOR=15

FROM postgres:${PG_MAJOR} AS build
ARG PG_MAJOR
RUN apt-get update && \
    apt-get install -y --no-install-recommends gcc make libc6-dev postgresql-server-dev-${PG_MAJOR}
COPY . /src
RUN make -C /src -j"$(nproc)" with_llvm=no && \
    make -C /src with_llvm=no DESTDIR=/staged install

FROM postgres:${PG_MAJOR}
COPY --from=build /staged/ /
