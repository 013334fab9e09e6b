"""Letters out: what they say, which relay takes them, and the mailbox that catches them in development."""
