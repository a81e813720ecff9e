-- recsys: the objects of a fresh installation, put together by make from
-- src/*/*.sql.  Each object is declared once, beside the C that implements it.

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION recsys" to load this file. \quit
