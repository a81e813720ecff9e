-- First step of the import of a file of orders: which column plays which role.
--
-- Variables: header (the file's first line), delimiter, and the names given by
-- the user, each possibly empty: customer, item, order, time, quantity, price,
-- amount, title.  Leaves the tables file_columns (position, name), roles (role,
-- name; NULL when the file has no such column) and the empty table file_lines.

SET client_min_messages = warning;

CREATE TABLE file_columns AS
SELECT n::int AS position, replace(trim(both '"' from trim(m[1])), '""', '"') AS name
FROM regexp_matches(:'header' || :'delimiter',
                    '("(?:[^"]|"")*"|[^' || :'delimiter' || '"]*)' || CASE :'delimiter' WHEN '|' THEN '\|' ELSE :'delimiter' END,
                    'g') WITH ORDINALITY r(m, n);

-- The names that are understood, lower case and without _ - . and spaces.
CREATE TABLE roles (place int, role text, given text, guesses text[], name text);
INSERT INTO roles VALUES
  (1, 'customer', :'customer', '{customerid,customer,customerno,customernumber,custid,userid,user,memberid,member,clientid,
    client,buyerid,buyer,householdid,household,accountid,account,visitorid,masterid,email,客户id,用户id,会员id,客户,用户,会员}'),
  (2, 'item', :'item', '{stockcode,productid,productcode,itemid,itemcode,sku,articleid,articleno,goodsid,asin,movieid,gameid,
    artistid,doc,document,product,item,article,商品id,商品编号,商品}'),
  (3, 'order', :'order', '{invoiceno,invoice,invoiceid,orderid,orderno,ordernumber,order,transactionid,transactionno,transaction,
    basketid,basketno,basket,receiptid,receipt,sessionid,订单id,订单号,订单}'),
  (4, 'time', :'time', '{invoicedate,orderedat,orderdate,ordertime,purchasedate,purchasedat,transactiontimestamp,transactiondate,
    createdat,timestamp,datetime,ts,date,time,下单时间,日期,时间}'),
  (5, 'quantity', :'quantity', '{quantity,qty,units,pieces,count,weight,hours,数量}'),
  (6, 'price', :'price', '{unitprice,price,itemprice,priceeach,单价,价格}'),
  (7, 'amount', :'amount', '{amount,linetotal,total,totalprice,revenue,sales,salesvalue,value,dollarvalue,金额}'),
  (8, 'title', :'title', '{description,title,producttitle,productname,itemname,itemdescription,label,name,product,item,商品名称,名称}');

DO $$
DECLARE
  r record;
BEGIN
  FOR r IN SELECT * FROM roles WHERE given <> '' LOOP
    UPDATE roles SET name = (SELECT c.name FROM file_columns c WHERE lower(c.name) = lower(r.given) ORDER BY position LIMIT 1)
    WHERE role = r.role;
    IF NOT EXISTS (SELECT FROM roles WHERE role = r.role AND name IS NOT NULL) THEN
      RAISE EXCEPTION 'the file has no column "%" (--%)', r.given, r.role
        USING HINT = 'Its columns are: ' || (SELECT string_agg(name, ', ' ORDER BY position) FROM file_columns);
    END IF;
  END LOOP;
  -- in their order, each column for one role only
  FOR r IN SELECT * FROM roles WHERE name IS NULL ORDER BY place LOOP
    UPDATE roles SET name = (
      SELECT c.name
      FROM file_columns c
      JOIN unnest(r.guesses) WITH ORDINALITY g(guess, rank) ON g.guess = regexp_replace(lower(c.name), '[\s_.-]+', '', 'g')
      WHERE c.name NOT IN (SELECT name FROM roles WHERE name IS NOT NULL)
      ORDER BY g.rank, c.position LIMIT 1)
    WHERE role = r.role;
  END LOOP;
  IF NOT EXISTS (SELECT FROM roles WHERE role = 'customer' AND name IS NOT NULL)
     AND (SELECT count(*) FROM roles WHERE role IN ('order', 'item') AND name IS NOT NULL) < 2 THEN
    RAISE EXCEPTION 'could not tell who bought what'
      USING HINT = 'Name the columns with --customer and --item (or --order and --item). The file has: '
                   || (SELECT string_agg(name, ', ' ORDER BY position) FROM file_columns);
  END IF;
END $$;

SELECT format('CREATE TABLE file_lines (%s)', string_agg('c' || position || ' text', ', ' ORDER BY position))
FROM file_columns \gexec
