INSERT INTO pplns_slices (id, span, minute, work) VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO UPDATE SET span = excluded.span, minute = excluded.minute, work = excluded.work;
