"""Work that outlives the request that asks for it: queues of jobs, their handlers, dead letters."""
