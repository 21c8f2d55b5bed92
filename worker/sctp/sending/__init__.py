"""Messages on their way out, until they are acknowledged or given up."""
