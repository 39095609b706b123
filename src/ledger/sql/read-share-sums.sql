SELECT floor(extract(epoch FROM shares."time") / 86400)::int AS day, accounts.address AS account,
       workers.name AS worker, shares.solo, count(*) AS shares, sum(shares.work) AS work
FROM shares
JOIN workers ON workers.id = shares.worker
JOIN accounts ON accounts.id = workers.account
GROUP BY 1, 2, 3, 4;
