"""Rows that stay where they are: memory-mapped arrays, Parquet files, datasets, folders of images."""
