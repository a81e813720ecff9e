-- The generated shop of test/demo/shop.sql: the same on every machine, and what
-- is said to be planted in it can be found with plain SQL.
\set ECHO none
CREATE SCHEMA shop;
SET search_path = shop, public;
\set dir `echo "${PG_ABS_SRCDIR:-test}"`
\set customers 2000
\i :dir/demo/shop.sql
\set ECHO all

-- one sum over all rows: another plan, machine or major must not change it
SELECT count(*), md5(string_agg(l::text, E'\n' ORDER BY order_id, line))
FROM (SELECT order_id, line, customer_id, product_id, quantity, price, amount, status,
             extract(epoch FROM ordered_at)::bigint AS at FROM order_lines) l;
SELECT md5(string_agg(p::text, E'\n' ORDER BY id)) FROM products p;
SELECT md5(string_agg(concat_ws(',', id, name, gender, extract(epoch FROM birthday)::bigint, region, channel,
                                newsletter, extract(epoch FROM registered_on)::bigint), E'\n' ORDER BY id))
FROM customers;

-- kinds of customers: share, orders each, last month with an order
SELECT kind, round(100.0 * count(*) / 2000) AS percent, round(avg(n), 1) AS orders,
       to_char(max(last), 'YYYY-MM') AS until
FROM planted_customers
JOIN (SELECT customer_id, count(*) AS n, max(ordered_at AT TIME ZONE 'UTC') AS last
      FROM orders GROUP BY 1) o USING (customer_id)
GROUP BY 1 ORDER BY 1;

-- accessories and the substitute, by the share of a main product's orders that hold them
SELECT role, round(count(*)::numeric / mains, 2) AS together
FROM (SELECT DISTINCT m.order_id, (a.product_id - 1) % 5 AS role,
             (SELECT count(DISTINCT (order_id, product_id)) FROM order_lines WHERE product_id % 5 = 1) AS mains
      FROM order_lines m
      JOIN order_lines a ON a.order_id = m.order_id AND a.product_id BETWEEN m.product_id + 1 AND m.product_id + 4
      WHERE m.product_id % 5 = 1) x
GROUP BY role, mains ORDER BY role;

-- taste: the share of lines in the customer's own category
SELECT round(avg((c.id = t.taste)::int), 2) AS own_category
FROM purchases p
JOIN planted_customers t USING (customer_id)
JOIN products d ON d.id = p.product_id
JOIN categories c ON c.name = d.category;

-- season, and the long tail: share of November and December, of the ten best products, of the lower half
SELECT round(avg((extract(month FROM ordered_at AT TIME ZONE 'UTC') >= 11)::int), 2) AS nov_dec
FROM purchases;
SELECT round(sum(n) FILTER (WHERE rank <= 10) / sum(n), 2) AS top_ten,
       round(sum(n) FILTER (WHERE rank > 100) / sum(n), 2) AS lower_half
FROM (SELECT count(p.order_id) AS n, row_number() OVER (ORDER BY count(p.order_id) DESC, d.id) AS rank
      FROM products d LEFT JOIN purchases p ON p.product_id = d.id GROUP BY d.id) x;

-- dirt, and that returns and orders agree with their lines
SELECT status, count(*), count(*) FILTER (WHERE customer_id IS NULL) AS guests,
       count(*) FILTER (WHERE price = 0) AS no_price, min(quantity) < 0 AS negative
FROM order_lines GROUP BY 1 ORDER BY 1;
SELECT count(*) AS without_orders FROM customers c
WHERE NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id);
SELECT count(*) AS odd_orders
FROM orders o
JOIN (SELECT order_id, sum(amount) FILTER (WHERE status <> 'cancelled') AS amount, min(ordered_at) AS ordered_at
      FROM order_lines GROUP BY 1) l ON l.order_id = o.id
WHERE o.amount <> coalesce(l.amount, 0) OR o.ordered_at <> l.ordered_at;
SELECT count(*) AS odd_returns FROM order_lines r
WHERE status = 'returned' AND NOT EXISTS (
  SELECT FROM order_lines l WHERE l.order_id = r.order_id AND l.product_id = r.product_id
    AND l.quantity = -r.quantity AND l.ordered_at < r.ordered_at);

\set ECHO none
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
