INSERT INTO pplns_works (slice, account, work)
SELECT $1, account, work FROM unnest($2::int[], $3::numeric[]) AS added (account, work)
ON CONFLICT (slice, account) DO UPDATE SET work = pplns_works.work + excluded.work;
