SELECT previous_hash, height, bits, reward_sats, fee_millionths, window_thousandths, window_work, fee_sats,
       account, worker, node, epoch, sequence, scheme, state
FROM blocks WHERE hash = $1;
