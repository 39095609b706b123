SELECT batch, node, epoch, first, last, checksum FROM batches ORDER BY batch DESC LIMIT 1;
