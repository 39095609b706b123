-- The finder of a solo block may be known by that alone.
SELECT 1 FROM accounts WHERE address = $1 UNION ALL SELECT 1 FROM blocks WHERE account = $1 AND scheme = 'solo' LIMIT 1;
