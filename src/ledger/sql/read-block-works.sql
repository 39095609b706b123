SELECT accounts.address AS account, block_works.work, block_works.sats
FROM block_works JOIN accounts ON accounts.id = block_works.account WHERE block = $1;
