"""Questions to tables: units that were mixed, columns that share a loss, and copies across the split."""
