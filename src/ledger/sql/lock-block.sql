SELECT state, movements, scheme, reward_sats, fee_sats FROM blocks WHERE hash = $1 FOR UPDATE;
