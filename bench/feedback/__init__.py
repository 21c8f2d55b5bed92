"""``python -m bench.feedback``: what receivers that report cost a worker, beside the same receivers silent."""
