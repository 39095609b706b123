INSERT INTO block_works (block, account, work, sats)
SELECT $1, accounts.id, line.work, line.sats
FROM unnest($2::text[], $3::numeric[], $4::bigint[]) AS line (address, work, sats)
JOIN accounts USING (address);
