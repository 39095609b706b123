SELECT address AS account, sats FROM block_works JOIN accounts ON accounts.id = block_works.account
WHERE block = $1 ORDER BY address COLLATE "C";
