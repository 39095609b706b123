SELECT shares.hash, accounts.address AS account, workers.name AS worker, shares.target, shares.work, shares.protocol,
       shares.block, shares.solo, journal_cursors.node, shares.epoch, shares.sequence, shares."time"
FROM shares
JOIN workers ON workers.id = shares.worker
JOIN accounts ON accounts.id = workers.account
JOIN journal_cursors ON journal_cursors.id = shares.journal
ORDER BY shares.journal, shares.epoch, shares.sequence
