INSERT INTO entries (movement, ledger_account, sats)
SELECT $1, ledger_accounts.id, line.sats
FROM unnest($2::text[], $3::text[], $4::bigint[]) AS line (kind, address, sats)
LEFT JOIN accounts ON accounts.address = line.address
JOIN ledger_accounts
  ON ledger_accounts.kind = line.kind AND ledger_accounts.account IS NOT DISTINCT FROM accounts.id;
