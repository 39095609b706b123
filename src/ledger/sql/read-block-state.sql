SELECT state FROM blocks WHERE hash = $1;
