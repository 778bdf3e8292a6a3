PRAGMA synchronous = FULL;
PRAGMA cache_size = -16384;
