SELECT address AS account, sum(work) AS work
FROM pplns_works JOIN accounts ON accounts.id = pplns_works.account
WHERE slice BETWEEN $1 AND $2 GROUP BY address;
