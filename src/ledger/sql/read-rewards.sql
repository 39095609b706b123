-- What the coinbases of blocks in the chain paid to the pool; those of solo blocks paid the rest to their miners.
SELECT count(*) AS blocks,
       coalesce(sum(CASE WHEN scheme = 'solo' THEN fee_sats ELSE reward_sats END), 0) AS sats,
       count(*) FILTER (WHERE scheme = 'solo') AS solo_blocks,
       coalesce(sum(reward_sats - fee_sats) FILTER (WHERE scheme = 'solo'), 0) AS solo_sats
FROM blocks WHERE state IN ('immature', 'mature');
