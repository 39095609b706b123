INSERT INTO blocks (
  hash, previous_hash, height, bits, reward_sats, fee_millionths, window_thousandths, window_work, fee_sats,
  found_at, account, worker, node, epoch, sequence, scheme
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, to_timestamp($10::numeric / 1000), $11, $12, $13, $14, $15, $16);
