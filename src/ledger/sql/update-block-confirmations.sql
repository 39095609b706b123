UPDATE blocks SET confirmations = $2, reason = coalesce($3, reason) WHERE hash = $1;
