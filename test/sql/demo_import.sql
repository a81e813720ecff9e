-- The import of a file of orders by test/demo.sh: which column is what, what is
-- left out, and the types of ids.
\set ECHO none
SET client_min_messages = warning;
CREATE SCHEMA demo_import;
SET search_path = demo_import, public;
\set dir `echo "${PG_ABS_SRCDIR:-test}"/demo`
\set customer ''
\set item ''
\set order ''
\set time ''
\set quantity ''
\set price ''
\set amount ''
\set title ''
\set QUIET on
\set columns :dir/columns.sql
\set import :dir/import.sql
\set ECHO all

-- names with spaces, capitals and quotes; every kind of dirt; text ids
\set delimiter ','
\set header '"Invoice No","StockCode","Description",Quantity,InvoiceDate,UnitPrice,"Customer ID","Country, ""state"""'
\set ECHO none
\i :columns
\set ECHO all
SELECT role, name FROM roles ORDER BY place;
SELECT name FROM file_columns WHERE position = 8;
COPY file_lines FROM STDIN (FORMAT csv);
536365,85123A,WHITE HEART,6,2010-12-01 08:26:00,2.55,17850,UK
536365,71053,"LANTERN, ""WHITE""",2,2010-12-01 08:26:00,3.39,17850.0,UK
536366,85123A,WHITE HEART,1,2010-12-02 09:00:00,2.55,NULL,UK
C536367,85123A,WHITE HEART,-1,2010-12-02 09:00:00,2.55,17850,UK
536368,85123A,wet?,1,2010-12-02 09:00:00,0,17851,UK
536368,,no code,1,2010-12-02 09:00:00,1,17851,UK
536368,85123A,WHITE HEART,one,2010-12-02 09:00:00,1,17851,UK
536368,85123A,WHITE HEART,1,2010-13-02,1,17851,UK
536368,85123A,WHITE HEART,1,2010-12-02 09:00:00,?,17851,UK
536368,85123A,HEART,1,2010-12-02 09:00:00,"1,234.50",17851,UK
\.
\set ECHO none
\i :import
\set ECHO all
SELECT * FROM purchases ORDER BY order_id, product_id;
SELECT * FROM products ORDER BY id;
SELECT * FROM left_out ORDER BY reason COLLATE "C";
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'purchases'::regclass AND attnum > 0 ORDER BY attnum;

-- semicolons, decimal commas, days first, a sum in place of a price, epoch seconds; ids are numbers
DROP TABLE file_columns, roles, left_out, purchases, products;
\set delimiter ';'
\set header 'user_id;item_id;item;qty;value;date'
\set title 'ITEM'
\set ECHO none
\i :columns
\set ECHO all
SELECT role, name FROM roles WHERE name IS NOT NULL ORDER BY place;
COPY file_lines FROM STDIN (FORMAT csv, DELIMITER ';');
1;10;cup;2;5,00 €;31.12.2010
1;11;pot;1;1.005,50 €;31.12.2010
2;10;mug;1,5;3,00 €;1.2.2011
2;10;cup;-1;-2,50 €;1293840000
2;10;cup;-2;5,00 €;1293840000
2;10;cup;1;2,50 €;1293840000
\.
\set ECHO none
\i :import
\set ECHO all
SELECT * FROM purchases ORDER BY order_id, product_id;
SELECT * FROM products ORDER BY id;
SELECT * FROM left_out;

-- baskets without customers
DROP TABLE file_columns, roles, left_out, purchases, products;
\set delimiter `printf '\t'`
\set header `printf 'basket\tproduct'`
\set title ''
\set ECHO none
\i :columns
\set ECHO all
COPY file_lines FROM STDIN;
a	1
a	2
b	1
\.
\set ECHO none
\i :import
\set ECHO all
SELECT * FROM purchases ORDER BY order_id, product_id;
\set ECHO none
DROP SCHEMA demo_import CASCADE;
