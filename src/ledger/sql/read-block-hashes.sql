SELECT hash FROM blocks;
