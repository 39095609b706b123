-- $1: a payout address, or null for the pool's fee. A solo block has no movement on its miner's account, which its coinbase
-- paid: it stands among them by the time at which it was found, and its sum beside them.
WITH lines AS (
  SELECT movements.id, movements.booked_at AS "time", movements.kind, blocks.hash AS block, blocks.height,
         coalesce(sum(entries.sats) FILTER (WHERE ledger_accounts.kind LIKE '%-immature'), 0) AS immature,
         coalesce(sum(entries.sats) FILTER (WHERE ledger_accounts.kind LIKE '%-payable'), 0) AS payable,
         0 AS coinbase
  FROM ledger_accounts
  JOIN entries ON entries.ledger_account = ledger_accounts.id
  JOIN movements ON movements.id = entries.movement
  JOIN blocks ON blocks.hash = movements.block
  LEFT JOIN accounts ON accounts.id = ledger_accounts.account
  WHERE ledger_accounts.kind <> 'chain' AND accounts.address IS NOT DISTINCT FROM $1
  GROUP BY movements.id, blocks.hash
  UNION ALL
  SELECT NULL, found_at, CASE state WHEN 'orphaned' THEN 'orphaned' ELSE 'paid' END, hash, height, 0, 0,
         CASE state WHEN 'orphaned' THEN 0 ELSE reward_sats - fee_sats END
  FROM blocks
  WHERE scheme = 'solo' AND account = $1 AND state IN ('immature', 'mature', 'orphaned')
)
SELECT "time", kind, block, height, immature, payable, coinbase
FROM lines
ORDER BY coalesce(id, max(id) OVER (ORDER BY "time"), 0), id NULLS LAST, "time", block
