SELECT coalesce(accounts.address, 'pool fee') AS account,
       coalesce(sum(entries.sats) FILTER (WHERE ledger_accounts.kind LIKE '%-immature'), 0) AS immature,
       coalesce(sum(entries.sats) FILTER (WHERE ledger_accounts.kind LIKE '%-payable'), 0) AS payable
FROM ledger_accounts
JOIN entries ON entries.ledger_account = ledger_accounts.id
LEFT JOIN accounts ON accounts.id = ledger_accounts.account
WHERE ledger_accounts.kind <> 'chain'
GROUP BY accounts.address
ORDER BY accounts.address IS NULL, accounts.address COLLATE "C";
