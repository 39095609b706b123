SELECT 1 FROM accounts WHERE address = $1;
