SELECT id, span, minute, work FROM pplns_slices ORDER BY id;
