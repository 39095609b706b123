INSERT INTO journal_cursors (node, epoch, sequence) VALUES ($1, $2, $3) RETURNING id;
