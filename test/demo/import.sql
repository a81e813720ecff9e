-- Second step of the import: from file_lines (see columns.sql) to the tables
-- products and purchases, and left_out with what was not taken and why.
--
-- Ids become bigint when all of them are plain numbers, else they stay text.

SET client_min_messages = warning;
SET work_mem = '128MB';
SET maintenance_work_mem = '256MB';
SET timezone = 'UTC';

-- NULL for what cannot be read as a number; "1.234,50 €" can.
CREATE FUNCTION pg_temp.to_number(t text) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN n ~ '^-?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,2})?$' THEN n::numeric END
  FROM (SELECT CASE
                 WHEN s ~ ',\d{1,2}$' AND s !~ ',.*,' THEN replace(replace(s, '.', ''), ',', '.')
                 ELSE replace(s, ',', '') END AS n
        FROM (SELECT regexp_replace(t, '[^-+0-9.,eE]', '', 'g') AS s) a) b
$$;
CREATE FUNCTION pg_temp.to_time(t text) RETURNS timestamp LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF t ~ '^\d{9,10}(\.\d+)?$' THEN
    RETURN to_timestamp(t::float8);
  ELSIF t ~ '^\d{13}$' THEN
    RETURN to_timestamp(t::float8 / 1000);
  END IF;
  RETURN t::timestamp;
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END $$;

SELECT 'CREATE TEMP TABLE texts AS SELECT '
       || string_agg(CASE WHEN position IS NULL THEN format('NULL::text AS %I', role)
                          ELSE format('CASE WHEN upper(trim(c%s)) NOT IN (%L, %L, %L, %L) THEN trim(c%1$s) END AS %6$I',
                                      position, '', 'NULL', 'NA', '\N', role) END, ', ' ORDER BY place)
       || ' FROM file_lines'
FROM (SELECT DISTINCT ON (place) place, role, position
      FROM roles LEFT JOIN file_columns USING (name) ORDER BY place, position) r \gexec

-- 31/12/2010: if a first number is above 12, days come first
SELECT set_config('datestyle', CASE WHEN bool_or(time ~ '^(1[3-9]|2\d|3[01])[/.-]\d{1,2}[/.-]\d{4}') THEN 'ISO, DMY'
                                    ELSE 'ISO, MDY' END, false) AS datestyle
FROM texts \gset
CREATE TEMP TABLE times AS
SELECT time, pg_temp.to_time(time) AS at FROM (SELECT DISTINCT time FROM texts WHERE time IS NOT NULL) t;

SELECT coalesce(bool_and(CASE WHEN every_customer IS NULL THEN "order" ELSE customer END ~ '^[0-9]{1,18}(\.0)?$'), false) AS customer_is_number,
       coalesce(bool_and(item ~ '^(0|[1-9][0-9]{0,17})$'), false) AS item_is_number,
       coalesce(bool_and(quantity ~ '^-?[0-9]{1,9}$' OR pg_temp.to_number(quantity) IS NULL), false) AS quantity_is_integer,
       count(customer) > 0 AS has_customer, count(item) > 0 AS has_item, count("order") > 0 AS has_order,
       count(time) > 0 AS has_time, count(quantity) > 0 AS has_quantity,
       count(price) > 0 AS has_price, count(amount) > 0 AS has_amount
FROM texts CROSS JOIN (SELECT max(customer) AS every_customer FROM texts) c \gset

-- Every line with what is wrong with it; without an order's number, what a
-- customer buys at one time is an order.
CREATE TEMP TABLE judged AS
SELECT *,
       CASE
         WHEN who IS NULL THEN 'no customer'
         WHEN :'has_item' AND item IS NULL THEN 'no product'
         WHEN :'has_time' AND at IS NULL THEN 'no readable time'
         WHEN :'has_quantity' AND number IS NULL THEN 'no readable quantity'
         WHEN number <= 0 THEN 'quantity of zero or less: a return, a cancellation or a correction'
         WHEN (:'has_price' OR :'has_amount') AND money IS NULL THEN 'no readable price'
         WHEN (:'has_price' OR :'has_amount') AND money <= 0 THEN 'price of zero or less'
       END AS reason
FROM (
  SELECT t.*, times.at,
         CASE WHEN :'customer_is_number' THEN regexp_replace(buyer, '\.0$', '') ELSE buyer END AS who,
         coalesce("order", time, '') AS what,
         CASE WHEN :'has_price' THEN pg_temp.to_number(price) * number
              WHEN :'has_amount' THEN pg_temp.to_number(amount) * CASE WHEN number < 0 AND amount !~ '-' THEN -1 ELSE 1 END
              ELSE number END AS money
  FROM (SELECT *, CASE WHEN :'has_customer' THEN customer ELSE "order" END AS buyer,
               CASE WHEN :'has_quantity' THEN pg_temp.to_number(quantity) ELSE 1 END AS number
        FROM texts) t
  LEFT JOIN times USING (time)
) j;

CREATE TABLE left_out AS
SELECT reason, count(*) AS lines, coalesce(sum(money), 0) AS amount FROM judged WHERE reason IS NOT NULL GROUP BY reason;

SELECT CASE WHEN :'customer_is_number' THEN 'bigint' ELSE 'text' END AS customer_type,
       CASE WHEN :'item_is_number' THEN 'bigint' ELSE 'text' END AS item_type,
       CASE WHEN :'quantity_is_integer' THEN 'int' ELSE 'float8' END AS quantity_type \gset
CREATE TABLE purchases AS
SELECT dense_rank() OVER (ORDER BY what COLLATE "C", who COLLATE "C") AS order_id,
       who:: :customer_type AS customer_id,
       item:: :item_type AS product_id, number:: :quantity_type AS quantity,
       round(money / number, 4) AS price, money AS amount, at AS ordered_at
FROM judged WHERE reason IS NULL;

-- the title that a product is sold under most often
CREATE TABLE products AS
SELECT item:: :item_type AS id, coalesce(mode() WITHIN GROUP (ORDER BY regexp_replace(title, '\s+', ' ', 'g') COLLATE "C"), item) AS title
FROM judged WHERE reason IS NULL AND item IS NOT NULL GROUP BY item;
ALTER TABLE products ADD PRIMARY KEY (id);
CREATE INDEX ON purchases (customer_id);
CREATE INDEX ON purchases (product_id);
DROP TABLE texts, times, judged, file_lines;
DROP FUNCTION pg_temp.to_number(text), pg_temp.to_time(text);
ANALYZE;
RESET client_min_messages;
RESET work_mem;
RESET maintenance_work_mem;
