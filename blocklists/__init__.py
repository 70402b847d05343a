"""What may be seen, by whom, when: lists in, an index out, and one pure decision."""
