SELECT batch, node, epoch, first, last, checksum FROM batches WHERE batch > $1 ORDER BY batch LIMIT 10000;
