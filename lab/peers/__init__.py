"""relais beside what people use instead: the programs, the runs, the table. lab/bench-failover starts it."""
