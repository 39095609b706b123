SELECT ledger_accounts.kind, coalesce(accounts.address, '') AS account, sum(entries.sats) AS sats
FROM movements
JOIN entries ON entries.movement = movements.id
JOIN ledger_accounts ON ledger_accounts.id = entries.ledger_account
LEFT JOIN accounts ON accounts.id = ledger_accounts.account
WHERE movements.block = $1
GROUP BY ledger_accounts.kind, accounts.address
HAVING sum(entries.sats) <> 0;
