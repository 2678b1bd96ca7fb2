"""What leaves the folder: data sets, shards, tables."""
