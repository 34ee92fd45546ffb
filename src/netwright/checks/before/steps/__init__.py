"""What the first steps of training tell: rate, penalty, start, length, time; each proved by another trial."""
