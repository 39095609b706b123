INSERT INTO batches (batch, node, epoch, first, last, checksum) VALUES ($1, $2, $3, $4, $5, $6);
