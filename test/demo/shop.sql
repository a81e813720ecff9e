-- A made-up shop: the tables customers, products, orders and order_lines, with
-- things hidden in them that an analysis has to find again.
--
--   psql -v customers=5000 -f test/demo/shop.sql
--
-- Variables, all with defaults:
--   customers  5000            1000000 gives about 10 million order lines
--   products   customers / 10  at least 200, rounded up to whole families
--   seed       1               another seed, another shop
--
-- Every choice is a hash of a key and the seed, so the same variables give the
-- same rows on every machine, whatever the plan.  Nothing uses random().
--
-- What is planted
--
--   Kinds of customers, in planted_customers (kind, taste):
--     loyal     15 %  6 to 14 orders, spread over both years up to the end
--     big        4 %  5 to 12 orders of three to six times the quantity
--     regular   20 %  2 to 6 orders at any time
--     seasonal  15 %  1 to 4 orders, all in November and December
--     once      31 %  one order
--     lapsed    15 %  3 to 10 orders, all in the first fifteen of 24 months
--   Taste: 70 % of what a customer looks for is in one category of ten.
--   Families of five products (family = (id + 4) / 5, role = (id - 1) % 5):
--     role 0      a main product
--     roles 1..3  its accessories, in the same order as the main product with
--                 probability 0.50, 0.35 and 0.20
--     role 4      the main product's substitute: bought in its place, with the
--                 same accessories, hardly ever in the same order
--   Popularity within a category falls as 1 / rank (Zipf): a long tail.
--   Season: three in ten orders fall into November and December; garden
--   goods sell from April to June, toys before Christmas.
--   Returns: 3 % of the lines are followed, 3 to 14 days later, by a line of
--   negative quantity with the status 'returned'.
--   Dirt: orders of guests (customer_id is NULL, 2 %), cancelled orders (2 %,
--   status 'cancelled', no revenue), lines with a price of 0 (0.5 %), lines
--   entered twice (0.3 %), customers without any order (1 %), customers
--   without gender (5 %) or birthday (8 %).
--
-- The view purchases holds the lines an analyst counts: paid, of a known
-- customer, with a quantity and a price.  Orders lie between 2024-07-01 and
-- 2026-06-30; the day to look back from is 2026-07-01.

\if :{?customers}
\else
  \set customers 5000
\endif
\if :{?seed}
\else
  \set seed 1
\endif
\if :{?products}
\else
  SELECT greatest(200, :customers / 10) AS products \gset
\endif
SELECT (:products + 4) / 5 AS families \gset

SET client_min_messages = warning;
SET timezone = 'UTC';
SET maintenance_work_mem = '256MB';
SET work_mem = '64MB';

-- Uniform in [0, 1): the k-th choice about the thing with this key.
SELECT format('CREATE FUNCTION pg_temp.u(key bigint, k int) RETURNS float8
  LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$SELECT ((hashint8extended(key, %s::bigint * 1000 + k) >> 11) & 9007199254740991) / 9007199254740992.0::float8$$',
  :seed) \gexec

CREATE TABLE categories (
  id int PRIMARY KEY,
  name text NOT NULL,
  price numeric NOT NULL,   -- of a typical main product
  roles text[] NOT NULL     -- main product, three accessories, substitute
);
INSERT INTO categories VALUES
  (1, 'coffee', 180, '{espresso machine,tamper,milk jug,descaler,french press}'),
  (2, 'tea', 45, '{teapot,tea strainer,tea tin,honey dipper,glass infuser}'),
  (3, 'kitchen', 70, '{cast iron pan,pan scraper,spice rack,oven glove,steel pan}'),
  (4, 'garden', 90, '{raised bed,plant labels,watering can,seed mix,planter box}'),
  (5, 'bath', 35, '{bath towel,soap dish,bath salts,hand cream,bath robe}'),
  (6, 'stationery', 25, '{fountain pen,ink bottle,notebook,pen case,rollerball pen}'),
  (7, 'toys', 40, '{train set,extra tracks,tunnel,station house,racing track}'),
  (8, 'pets', 50, '{dog bed,chew toy,dog blanket,treat jar,dog basket}'),
  (9, 'lighting', 110, '{desk lamp,light bulbs,dimmer,extension cord,floor lamp}'),
  (10, 'textiles', 60, '{duvet cover,pillow case,fitted sheet,lavender bag,quilt}');

CREATE TABLE products (
  id bigint PRIMARY KEY,
  title text NOT NULL,
  category text NOT NULL,
  price numeric(10,2) NOT NULL,
  available boolean NOT NULL
);
INSERT INTO products
SELECT (f - 1) * 5 + role + 1,
       (ARRAY['Alma','Birk','Cleo','Dune','Elba','Fjord','Gala','Haze','Iris','Juno','Kilo','Luna','Mira',
              'Nova','Onyx','Pico','Quill','Rhea','Sol','Tess','Umbra','Vega','Wren','Xeno','Yara','Zeno'])
         [1 + (f - 1) / 10 % 26]
         || CASE WHEN f > 260 THEN ' ' || (f - 1) / 260 + 1 ELSE '' END || ' ' || c.roles[role + 1],
       c.name,
       ceil(c.price * CASE role WHEN 0 THEN 1 WHEN 4 THEN 0.9 ELSE 0.1 + 0.05 * role END
            * (0.6 + 1.2 * pg_temp.u(f, 1))::numeric(6,3)) - 0.05,
       pg_temp.u((f - 1) * 5 + role + 1, 2) >= 0.03
FROM generate_series(1, :families) f
JOIN categories c ON c.id = (f - 1) % 10 + 1
CROSS JOIN generate_series(0, 4) role
ORDER BY 1;

CREATE TABLE planted_customers AS
SELECT id AS customer_id,
       CASE WHEN pg_temp.u(id, 10) < 0.15 THEN 'loyal'
            WHEN pg_temp.u(id, 10) < 0.19 THEN 'big'
            WHEN pg_temp.u(id, 10) < 0.39 THEN 'regular'
            WHEN pg_temp.u(id, 10) < 0.54 THEN 'seasonal'
            WHEN pg_temp.u(id, 10) < 0.85 THEN 'once'
            ELSE 'lapsed' END AS kind,
       1 + floor(10 * pg_temp.u(id, 11))::int AS taste
FROM generate_series(1::bigint, :customers) id;

CREATE TABLE customers (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  gender text,
  birthday date,
  region text NOT NULL,
  channel text NOT NULL,
  newsletter boolean NOT NULL,
  registered_on date NOT NULL
);
INSERT INTO customers
SELECT customer_id,
       (ARRAY['Ada','Ben','Chen','Dora','Emil','Fei','Grace','Hugo','Ines','Jan','Kira','Liam','Mei','Noor',
              'Olga','Paul','Rosa','Sami','Tara','Uma','Victor','Wang','Yusuf','Zoe'])
         [1 + floor(24 * pg_temp.u(customer_id, 12))::int] || ' ' || chr(65 + floor(26 * pg_temp.u(customer_id, 13))::int) || '.',
       CASE WHEN pg_temp.u(customer_id, 14) < 0.53 THEN 'female'
            WHEN pg_temp.u(customer_id, 14) < 0.95 THEN 'male' END,
       CASE WHEN pg_temp.u(customer_id, 15) >= 0.08
            THEN date '2008-06-30' - floor(365.25 * 60 * pg_temp.u(customer_id, 16) ^ 1.3)::int END,
       (ARRAY['north','east','east','south','south','west'])[1 + floor(6 * pg_temp.u(customer_id, 17))::int],
       (ARRAY['web','web','app','app','store'])[1 + floor(5 * pg_temp.u(customer_id, 18))::int],
       pg_temp.u(customer_id, 19) < 0.6,
       date '2024-06-30' - floor(400 * pg_temp.u(customer_id, 20) ^ 2)::int
FROM planted_customers
ORDER BY 1;

-- Orders, numbered in the order of time.
CREATE TEMP TABLE planned AS
SELECT row_number() OVER (ORDER BY at, key) AS order_id, *
FROM (
  SELECT customer_id, kind, taste, key,
         date '2024-07-01'
         + CASE
             -- November and December of the first or the second year
             WHEN kind = 'seasonal' OR pg_temp.u(key, 30) < 0.10
               THEN 123 + floor(61 * pg_temp.u(key, 31))::int
                    + CASE WHEN kind <> 'lapsed' AND pg_temp.u(key, 32) < 0.5 THEN 365 ELSE 0 END
             WHEN kind = 'lapsed' THEN floor(456 * pg_temp.u(key, 31))::int
             WHEN kind IN ('loyal', 'big')
               THEN floor(730 * (k - pg_temp.u(key, 31)) / n)::int
             ELSE floor(730 * pg_temp.u(key, 31))::int
           END
         + (interval '1 second' * floor(3600 * (8 + 7.5 * (pg_temp.u(key, 33) + pg_temp.u(key, 34))))) AS at
  FROM (SELECT *, CASE kind WHEN 'loyal' THEN 6 + floor(9 * x) WHEN 'big' THEN 5 + floor(8 * x)
                            WHEN 'regular' THEN 2 + floor(5 * x) WHEN 'seasonal' THEN 1 + floor(4 * x)
                            WHEN 'once' THEN 1 ELSE 3 + floor(8 * x) END::int AS n
        FROM (SELECT *, pg_temp.u(customer_id, 21) AS x FROM planted_customers
              WHERE pg_temp.u(customer_id, 22) >= 0.01) c) c
  CROSS JOIN LATERAL generate_series(1, n) k
  CROSS JOIN LATERAL (SELECT customer_id * 16 + k AS key) i
) o;
ANALYZE planned;

-- What an order is about: one to three needs, each a family of products.
CREATE TEMP TABLE needs AS
SELECT order_id, customer_id, kind, at, cancelled, guest, need_key,
       -- the category's popular families come first: rank r with probability ~ 1/r
       category + 10 * (floor(exp(pg_temp.u(need_key, 42) * ln((:families - category) / 10 + 2)))::int - 1) AS family,
       pg_temp.u(need_key, 43) AS choice
FROM (
  SELECT order_id, customer_id, kind, at, need_key,
         pg_temp.u(key, 35) < 0.02 AS cancelled,
         pg_temp.u(key, 36) < 0.02 AS guest,
         CASE WHEN pg_temp.u(need_key, 40) < 0.7 THEN taste
              WHEN pg_temp.u(need_key, 40) < 0.8 AND extract(month FROM at) BETWEEN 4 AND 6 THEN 4
              WHEN pg_temp.u(need_key, 40) < 0.8 AND extract(month FROM at) BETWEEN 11 AND 12 THEN 7
              ELSE 1 + floor(10 * pg_temp.u(need_key, 41))::int END AS category
  FROM planned
  CROSS JOIN LATERAL generate_series(1, CASE WHEN pg_temp.u(key, 37) < 0.72 THEN 1
                                             WHEN pg_temp.u(key, 37) < 0.94 THEN 2 ELSE 3 END) need
  CROSS JOIN LATERAL (SELECT key * 4 + need AS need_key) i
) n;

CREATE TABLE order_lines (
  order_id bigint NOT NULL,
  line int NOT NULL,
  customer_id bigint,
  product_id bigint NOT NULL,
  quantity int NOT NULL,
  price numeric(10,2) NOT NULL,
  amount numeric(12,2) NOT NULL,
  status text NOT NULL,
  ordered_at timestamptz NOT NULL
);
INSERT INTO order_lines
SELECT order_id, (row_number() OVER (PARTITION BY order_id ORDER BY key, copy))::int,
       CASE WHEN NOT guest THEN customer_id END,
       product_id,
       CASE copy WHEN 1 THEN -quantity ELSE quantity END,
       price,
       CASE copy WHEN 1 THEN -quantity ELSE quantity END * price,
       CASE WHEN cancelled THEN 'cancelled' WHEN copy = 1 THEN 'returned' ELSE 'paid' END,
       (at + CASE copy WHEN 1 THEN interval '1 day' * (3 + floor(12 * pg_temp.u(key, 54))) ELSE interval '0' END)
         AT TIME ZONE 'UTC'
FROM (
  SELECT n.order_id, n.customer_id, n.at, n.cancelled, n.guest, i.key, p.id AS product_id,
         CASE WHEN n.kind = 'big' THEN 3 + floor(4 * pg_temp.u(i.key, 51))::int
              WHEN r.role IN (0, 4) THEN 1
              ELSE 1 + floor(3 * pg_temp.u(i.key, 51) ^ 2)::int END AS quantity,
         CASE WHEN pg_temp.u(i.key, 52) < 0.005 THEN 0 ELSE p.price END AS price
  FROM needs n
  CROSS JOIN generate_series(0, 4) AS r(role)
  CROSS JOIN LATERAL (SELECT n.need_key * 8 + r.role AS key) i
  JOIN products p ON p.id = (n.family - 1) * 5 + r.role + 1
  WHERE CASE
          -- one family in five needs is only about a refill of one accessory
          WHEN n.choice < 0.2 THEN r.role = 1 + floor(n.choice / 0.2 * 3)
          WHEN r.role = 0 THEN n.choice < 0.8
          WHEN r.role = 4 THEN n.choice >= 0.8
          ELSE pg_temp.u(i.key, 50) < (ARRAY[0.50, 0.35, 0.20])[r.role]
        END
) l
-- copy 0 is the line itself, 1 its return, 2 the line entered once more
CROSS JOIN LATERAL generate_series(0, 2) copy
WHERE copy = 0
   OR (copy = 1 AND NOT cancelled AND at < '2026-06-15' AND pg_temp.u(key, 53) < 0.03)
   OR (copy = 2 AND pg_temp.u(key, 55) < 0.003)
ORDER BY 1, 2;

CREATE TABLE orders AS
SELECT order_id AS id, max(customer_id) AS customer_id, min(ordered_at) AS ordered_at,
       CASE WHEN bool_or(l.status = 'cancelled') THEN 'cancelled' ELSE 'paid' END AS status,
       coalesce(sum(amount) FILTER (WHERE l.status <> 'cancelled'), 0)::numeric(12,2) AS amount
FROM order_lines l
GROUP BY order_id
ORDER BY order_id;

ALTER TABLE planted_customers ADD PRIMARY KEY (customer_id);
ALTER TABLE orders ADD PRIMARY KEY (id);
ALTER TABLE order_lines ADD PRIMARY KEY (order_id, line);
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON orders (ordered_at);
CREATE INDEX ON order_lines (customer_id);
CREATE INDEX ON order_lines (product_id);

CREATE VIEW purchases AS
SELECT order_id, customer_id, product_id, quantity, price, amount, ordered_at
FROM order_lines
WHERE status = 'paid' AND customer_id IS NOT NULL AND quantity > 0 AND price > 0;

DROP TABLE planned, needs;
DROP FUNCTION pg_temp.u(bigint, int);
ANALYZE categories, products, customers, planted_customers, orders, order_lines;
RESET client_min_messages;
RESET timezone;
RESET maintenance_work_mem;
RESET work_mem;
