SELECT closed, next_id, largest_window FROM pplns_state;
