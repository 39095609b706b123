INSERT INTO movements (kind, block, number) VALUES ($1, $2, $3) RETURNING id;
