DELETE FROM pplns_slices WHERE id >= $1 AND id < $2;
