SELECT hash, height, state FROM blocks WHERE height >= $1 ORDER BY height DESC, hash;
