SELECT state, count(*)::int AS blocks FROM blocks GROUP BY state;
