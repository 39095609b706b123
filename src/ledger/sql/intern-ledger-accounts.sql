INSERT INTO ledger_accounts (kind, account)
SELECT line.kind, accounts.id
FROM unnest($1::text[], $2::text[]) AS line (kind, address)
LEFT JOIN accounts ON accounts.address = line.address
ORDER BY line.kind, accounts.id
ON CONFLICT DO NOTHING;
