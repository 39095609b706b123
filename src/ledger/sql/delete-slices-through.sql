DELETE FROM pplns_slices WHERE id <= $1;
