INSERT INTO pplns_state (closed, next_id, largest_window) VALUES ($1, $2, $3)
ON CONFLICT (one) DO UPDATE
SET closed = excluded.closed, next_id = excluded.next_id, largest_window = excluded.largest_window;
