-- $1: a payout address, or null for the pool's fee.
SELECT movements.booked_at AS "time", movements.kind, blocks.hash AS block, blocks.height,
       coalesce(sum(entries.sats) FILTER (WHERE ledger_accounts.kind LIKE '%-immature'), 0) AS immature,
       coalesce(sum(entries.sats) FILTER (WHERE ledger_accounts.kind LIKE '%-payable'), 0) AS payable
FROM ledger_accounts
JOIN entries ON entries.ledger_account = ledger_accounts.id
JOIN movements ON movements.id = entries.movement
JOIN blocks ON blocks.hash = movements.block
LEFT JOIN accounts ON accounts.id = ledger_accounts.account
WHERE ledger_accounts.kind <> 'chain' AND accounts.address IS NOT DISTINCT FROM $1
GROUP BY movements.id, blocks.hash
ORDER BY movements.id
