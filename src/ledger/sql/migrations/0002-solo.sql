-- Solo work: the block's coinbase pays its miner, and the pool no more than its fee.
ALTER TABLE shares ADD COLUMN solo boolean NOT NULL DEFAULT false;

-- A solo block has no window, and its fee is known in satoshi.
ALTER TABLE blocks
  ADD COLUMN scheme text NOT NULL DEFAULT 'pplns' CHECK (scheme IN ('pplns', 'solo')),
  ALTER COLUMN fee_millionths DROP NOT NULL,
  ALTER COLUMN window_thousandths DROP NOT NULL,
  ALTER COLUMN window_work DROP NOT NULL,
  ADD CHECK (num_nulls(fee_millionths, window_thousandths, window_work) = CASE scheme WHEN 'solo' THEN 3 ELSE 0 END);
