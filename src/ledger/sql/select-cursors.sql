SELECT id, node, epoch, sequence FROM journal_cursors;
