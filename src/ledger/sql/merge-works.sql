-- Slices $1 to $2 become slice $2.
WITH gone AS (
  DELETE FROM pplns_works WHERE slice BETWEEN $1 AND $2 RETURNING account, work
)
INSERT INTO pplns_works (slice, account, work)
SELECT $2, account, sum(work) FROM gone GROUP BY account;
