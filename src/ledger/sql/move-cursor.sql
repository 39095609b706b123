-- No row is moved unless the journal stands where the ledger believes: another writer would be noticed here.
UPDATE journal_cursors SET epoch = $2, sequence = $3 WHERE node = $1 AND epoch = $4 AND sequence = $5;
