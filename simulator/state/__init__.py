"""What a machine is: the records of its state, the words for their codes, and how compiled code reaches them."""
