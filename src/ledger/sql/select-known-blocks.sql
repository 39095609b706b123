SELECT hash FROM blocks WHERE hash = ANY ($1::bytea[]);
