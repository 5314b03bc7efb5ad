"""The engine: a job is its key; results in a run folder, each with a record; workers, shards."""
