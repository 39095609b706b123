UPDATE blocks SET state = $2, confirmations = $3, reason = $4, movements = $5 WHERE hash = $1;
