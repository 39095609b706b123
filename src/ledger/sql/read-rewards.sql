SELECT count(*) AS blocks, coalesce(sum(reward_sats), 0) AS sats FROM blocks WHERE state IN ('immature', 'mature');
